package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"

	"assay/harness/engine/image/internal/debian"
)

const (
	baseImage = "debian:trixie-slim"
	baseSuite = "trixie"

	// mirrorVariable names a Debian mirror to use instead of the default one, and instead of asking a registry.
	mirrorVariable = "ASSAY_DEBIAN_MIRROR"
	defaultMirror  = "http://deb.debian.org/debian"
)

// buildBase makes the Debian that other recipes stand on: from the usual image where a registry has it, otherwise from
// Debian's archive. A mirror that the user names is where everything is to come from, so then no registry is asked.
func buildBase(ctx context.Context, cli *client.Client, r *recipe) error {
	mirror := os.Getenv(mirrorVariable)
	if mirror == "" {
		_, err := present(ctx, cli, baseImage)
		if err == nil {
			return r.step(ctx, cli, "Dockerfile", r.tag(), map[string]string{"ROOT": baseImage})
		}
		if ctx.Err() != nil {
			return fmt.Errorf("build image %s: %w", r.name, context.Cause(ctx))
		}
		say("building image %s: no %s (%v), so from Debian's archive", r.name, baseImage, err)
		mirror = defaultMirror
	}
	return bootstrap(ctx, cli, r, mirror)
}

// bootstrap makes the base of packages from a mirror, verified, with nothing but the engine to run them.
func bootstrap(ctx context.Context, cli *client.Client, r *recipe, mirror string) error {
	keys, err := os.ReadFile(filepath.Join(r.dir, "debian-archive.asc"))
	if err != nil {
		return fmt.Errorf("build image %s: read Debian's keys: %w", r.name, err)
	}
	root, err := debian.Archive{Mirror: mirror, Suite: baseSuite, Arch: r.arch, Keys: keys}.Fetch(ctx)
	if err != nil {
		return r.failed(ctx, "fetch Debian's essential packages", err)
	}
	say("building image %s (first use; %d packages, %d MB)", r.name, root.Packages(), root.Size()>>20)

	// Each step makes an image for the next. Their tags are of no use to anybody after that, and only the last one's
	// layers are still needed.
	unpacked, configured, flat := r.tag()+"-unpacked", r.tag()+"-configured", r.tag()+"-flat"
	defer remove(ctx, cli, unpacked, configured, flat)
	body, w := io.Pipe()
	go func() { w.CloseWithError(root.WriteTar(w)) }()
	defer body.Close()
	imported, err := cli.ImageImport(ctx, client.ImageImportSource{Source: body, SourceName: "-"}, unpacked, client.ImageImportOptions{})
	if err == nil {
		err = follow(ctx, imported, func(jsonstream.Message) {})
	}
	if err != nil {
		return r.failed(ctx, "import Debian's essential packages", err)
	}
	if err := r.step(ctx, cli, "bootstrap.Dockerfile", configured, map[string]string{"ROOT": unpacked, "MIRROR": mirror}); err != nil {
		return err
	}
	if err := r.step(ctx, cli, "flatten.Dockerfile", flat, map[string]string{"ROOT": configured}); err != nil {
		return err
	}
	return r.step(ctx, cli, "Dockerfile", r.tag(), map[string]string{"ROOT": flat})
}

// step builds one of the base's Dockerfiles.
func (r *recipe) step(ctx context.Context, cli *client.Client, dockerfile, tag string, args map[string]string) error {
	return docker(ctx, cli, order{recipe: r, files: r.files, dockerfile: dockerfile, tag: tag, args: args})
}

// failed is the error of a step that is not in a Dockerfile.
func (r *recipe) failed(ctx context.Context, step string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("build image %s: %s: %w", r.name, step, context.Cause(ctx))
	}
	return failure{recipe: r, step: step, reason: err.Error()}
}

// remove takes tags away, and the images that only they held, the last made first. It does so after ctx is done, too;
// one that was not made in the end is fine.
func remove(ctx context.Context, cli *client.Client, tags ...string) {
	for _, tag := range slices.Backward(tags) {
		_, _ = cli.ImageRemove(context.WithoutCancel(ctx), tag, client.ImageRemoveOptions{PruneChildren: true})
	}
}
