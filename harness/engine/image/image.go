// Package image is how an image comes to be: it finds a recipe, says which image it makes, and makes it when the
// engine does not have it yet.
//
// An image has one of three sources. A [Recipe] of Assay's own is a directory fixtures/images/<name> with a Dockerfile;
// a [Dir] is such a directory of the user's; a [Ref] is an image that somebody else made. What is built is tagged with
// a hash of all that goes into it, so that a changed recipe makes a new image and an unchanged one is never built
// twice, not even when several test binaries start together. Any image that has a name can be replaced without
// touching code: ASSAY_IMAGE_NATS=my/nats:tag.
//
// Go servers of Assay's recipes are pinned by a module of their own, whose go.sum stands for them in the hash. Those of a
// user's may come from anywhere in the user's module, so they are compiled first, and the binaries are hashed.
//
// No registry is needed. Servers written in Go are compiled on the host; the others stand on Debian, which is pulled
// where a registry answers and otherwise put together by the engine from Debian's archive, signature and checksums
// verified.
//
// What may not enter this room: containers other than those the builder makes for itself, networks, ports, anything a
// running server needs (package engine); what a server is told when it starts (fixtures); imports of fixtures, for the
// recipes are data. Nothing is installed on the host, and nothing asks for root.
package image

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"
)

// Source says where an image comes from. Make one with [Recipe], [Dir] or [Ref].
type Source struct {
	// Name is the short name of what is built, e.g. "nats": it names the tag assay/<name>:<hash> and the variable
	// ASSAY_IMAGE_<NAME> that replaces the image. Empty for an image that is only referred to.
	Name string
	// Dir is a directory with a Dockerfile. Empty with a Name: the recipe of that name that Assay brings.
	Dir string
	// Ref is an image reference to use as it is, pulled if the engine does not have it.
	Ref string
}

// Recipe is the image that Assay's own recipe fixtures/images/<name> makes.
func Recipe(name string) Source { return Source{Name: name} }

// Dir is the image that the Dockerfile in dir makes. Its name joins those that an ASSAY_IMAGE_<NAME> may replace. A relative
// dir counts from the working directory, which for a test is its package's.
//
// The Dockerfile may use what Assay's own use. A comment
//
//	# assay:go PACKAGE FILE
//
// has the host compile a Go package, "." say, with the module that dir lies in, statically for the engine's architecture,
// and puts the binary into the build context as FILE. In a recipe of Assay's own, a PACKAGE that begins with assay/ is one of this
// module, and any other is pinned by fixtures/images/servers. The lines
//
//	ARG BASE=debian:trixie-slim
//	FROM ${BASE}
//
// make the image stand on Assay's Debian, so that no registry is needed. A .dockerignore keeps out what the image does not
// need, .git say, and should not change with.
func Dir(name, dir string) Source {
	named.Lock()
	defer named.Unlock()
	if !slices.Contains(named.dirs, name) {
		named.dirs = append(named.dirs, name)
	}
	return Source{Name: name, Dir: dir}
}

// Ref is the image that ref refers to: "redis:8", "registry.example/team/server@sha256:…".
func Ref(ref string) Source { return Source{Ref: ref} }

// Built is an image that the engine has.
type Built struct {
	Name       string // the source's name, or the reference of a Ref
	Ref        string // what to start a container from
	ID         string // the engine's image ID, sha256:…
	Overridden bool   // the user's own image, from ASSAY_IMAGE_<NAME>
}

// Ensure returns the image of src, building or pulling it if the engine does not have it. It says on the terminal what
// takes its time, and nothing when the image is there. The first outcome of a source holds for the whole process, a
// failure too: a recipe that cannot be built is tried once, not by each of a hundred tests.
func Ensure(ctx context.Context, cli *client.Client, src Source) (Built, error) {
	return ensured.do(ctx, flight{cli.DaemonHost(), src, replacement(src.Name)}, func() (Built, error) { return ensure(ctx, cli, src) })
}

var ensured flights

func ensure(ctx context.Context, cli *client.Client, src Source) (Built, error) {
	if src.Ref != "" {
		if src.Name != "" || src.Dir != "" {
			return Built{}, fmt.Errorf("image source %+v: a reference excludes a name and a directory; use image.Ref, image.Dir or image.Recipe", src)
		}
		built, err := present(ctx, cli, src.Ref)
		if err != nil {
			return Built{}, fmt.Errorf("image %s: %w", src.Ref, err)
		}
		built.Name = src.Ref
		return built, nil
	}
	if err := checkName(src.Name); err != nil {
		return Built{}, err
	}
	if ref := replacement(src.Name); ref != "" {
		built, err := present(ctx, cli, ref)
		if err != nil {
			return Built{}, fmt.Errorf("%s=%s: %w", override(src.Name), ref, err)
		}
		built.Name, built.Overridden = src.Name, true
		return built, nil
	}
	target, err := targetOf(ctx, cli)
	if err != nil {
		return Built{}, err
	}
	r, err := load(src, target)
	if err != nil {
		return Built{}, err
	}
	ctx, finish := interruptible(ctx)
	defer finish()
	clean, err := r.complete(ctx)
	defer clean()
	if err != nil {
		return Built{}, err
	}
	return once(ctx, cli, r)
}

// once makes the image of a recipe unless the engine has it, and holds a lock between processes while it does.
func once(ctx context.Context, cli *client.Client, r *recipe) (Built, error) {
	if built, err := inspect(ctx, cli, r.tag()); err == nil || !cerrdefs.IsNotFound(err) {
		built.Name = r.name
		return built, err
	}
	unlock, err := lock(ctx, r)
	if err != nil {
		return Built{}, err
	}
	defer unlock()
	// Whoever held the lock before has built it, most likely.
	if built, err := inspect(ctx, cli, r.tag()); err == nil || !cerrdefs.IsNotFound(err) {
		built.Name = r.name
		return built, err
	}
	say("building image %s (first use)", r.name)
	start := time.Now()
	if err := r.build(ctx, cli); err != nil {
		return Built{}, err
	}
	built, err := inspect(ctx, cli, r.tag())
	if err != nil {
		return Built{}, fmt.Errorf("image %s was built, but %w", r.name, err)
	}
	say("image %s built in %s", r.name, time.Since(start).Round(time.Second/10))
	built.Name = r.name
	return built, nil
}

// inspect asks the engine for an image that it has.
func inspect(ctx context.Context, cli *client.Client, ref string) (Built, error) {
	found, err := cli.ImageInspect(ctx, ref)
	if err != nil {
		return Built{}, fmt.Errorf("the engine does not show image %s: %w", ref, err)
	}
	return Built{Ref: ref, ID: found.ID}, nil
}

// present returns an image that is not ours to build: the engine has it, or it is pulled.
func present(ctx context.Context, cli *client.Client, ref string) (Built, error) {
	if _, err := reference.ParseNormalizedNamed(ref); err != nil {
		return Built{}, fmt.Errorf("not an image reference: %w; write it like redis:8 or registry.example/team/server:tag", err)
	}
	if built, err := inspect(ctx, cli, ref); err == nil || !cerrdefs.IsNotFound(err) {
		return built, err
	}
	say("pulling image %s", ref)
	if err := pull(ctx, cli, ref, registryPatience); err != nil {
		return Built{}, fmt.Errorf("the engine does not have it and cannot pull it: %w", err)
	}
	return inspect(ctx, cli, ref)
}

// Names lists the recipes that Assay brings, sorted. The base that some of them stand on is one of them.
func Names() ([]string, error) {
	root, err := recipes()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("list the image recipes: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if _, err := os.Stat(dockerfileIn(root, entry.Name())); err == nil {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// A name is part of a tag, of a variable and of a file name; this is what all three take.
var validName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func checkName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("image name %q: use lower case letters, digits and single dashes, a letter first", name)
	}
	return nil
}
