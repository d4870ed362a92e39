package image

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/build"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
)

// logTail is how much of a failed step's log an error shows.
const logTail = 15

// build makes the image of a recipe. The caller holds its lock.
func (r *recipe) build(ctx context.Context, cli *client.Client) error {
	if r.ours && r.name == baseName {
		return buildBase(ctx, cli, r)
	}
	args := map[string]string{}
	if r.onBase {
		base, err := Ensure(ctx, cli, Recipe(baseName))
		if err != nil {
			return err
		}
		args["BASE"] = base.Ref
	}
	files := r.files
	if r.pinned() && len(r.servers) > 0 {
		binaries, clean, err := r.compile(ctx)
		defer clean()
		if err != nil {
			return err
		}
		files = append(slices.Clone(files), binaries...)
	}
	return docker(ctx, cli, order{recipe: r, files: files, dockerfile: "Dockerfile", tag: r.tag(), args: args})
}

// compile builds the recipe's servers for the engine, into a directory that clean removes.
func (r *recipe) compile(ctx context.Context) (binaries []file, clean func(), err error) {
	work, err := workDir(r.name)
	if err != nil {
		return nil, func() {}, fmt.Errorf("build image %s: %w", r.name, err)
	}
	clean = func() { _ = os.RemoveAll(work) }
	for i, s := range r.servers {
		binary := file{path: s.file, mode: 0o755, from: filepath.Join(work, strconv.Itoa(i))}
		if err := r.goBuild(ctx, s.pkg, binary.from, work); err != nil {
			return nil, clean, err
		}
		info, err := os.Stat(binary.from)
		if err != nil {
			return nil, clean, fmt.Errorf("build image %s: %w", r.name, err)
		}
		binary.size = info.Size()
		binaries = append(binaries, binary)
	}
	return binaries, clean, nil
}

// goBuild compiles a package of the recipe's to the file out. The same sources give the same bytes, wherever they lie.
func (r *recipe) goBuild(ctx context.Context, pkg, out, work string) error {
	var log bytes.Buffer
	// What GOFLAGS has for tests is taken back: a static server cannot be compiled with a race detector.
	cmd := exec.CommandContext(ctx, "go", "build", "-race=false", "-msan=false", "-asan=false", "-cover=false",
		"-buildmode=exe", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Dir = r.serversDir()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+r.arch, "GOTMPDIR="+work, "PWD="+cmd.Dir)
	if r.ours {
		// The module pins Assay's servers: neither a workspace nor flags of the user's may choose others. -mod is spelt out
		// because an empty GOFLAGS would let a setting of go env -w through.
		cmd.Env = append(cmd.Env, "GOWORK=off", "GOFLAGS=-mod=readonly")
	}
	if r.pinned() {
		say("building image %s (first use; go build %s)", r.name, pkg)
	} else {
		// Compiled again by every process, as a rule from Go's cache and at once.
		defer sayUnlessSoon("image %s: go build %s", r.name, pkg)()
	}
	cmd.Stdout, cmd.Stderr = &log, &log
	// Interrupted, the go command ends its compilers before itself; killed, it would leave them writing.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("build image %s: go build %s: %w", r.name, pkg, context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("build image %s: its server is compiled on this host: %w; put the go command on the PATH, or set %s to an image that you have", r.name, err, override(r.name))
	}
	return failure{recipe: r, step: "go build " + pkg, reason: err.Error(), log: lines(log.String())}
}

// stepLine is how the classic builder announces a step, and (in capitals) Podman's in its place.
var stepLine = regexp.MustCompile(`^(?i:step) \d+/\d+ ?: `)

// order is one build by the engine.
type order struct {
	recipe     *recipe
	files      []file
	dockerfile string
	tag        string
	args       map[string]string
}

// docker has the engine's classic builder carry out an order. It is the builder that every engine has without a
// client-side session; BuildKit would need one.
func docker(ctx context.Context, cli *client.Client, o order) error {
	args := proxies()
	for name, value := range o.args {
		args[name] = &value
	}

	body, w := io.Pipe()
	go func() { w.CloseWithError(pack(w, o.files)) }()
	defer body.Close()

	var step string
	var log []string
	failed := func(err error) error {
		if ctx.Err() != nil {
			return fmt.Errorf("build image %s: %s: %w", o.recipe.name, cmp.Or(step, "send the build context"), context.Cause(ctx))
		}
		return failure{recipe: o.recipe, dockerfile: o.dockerfile, step: step, reason: err.Error(), log: log}
	}
	result, err := cli.ImageBuild(ctx, body, client.ImageBuildOptions{
		Version:     build.BuilderV1,
		Tags:        []string{o.tag},
		Dockerfile:  o.dockerfile,
		BuildArgs:   args,
		Labels:      map[string]string{"assay.recipe": o.recipe.name},
		Remove:      true,
		ForceRemove: true,
	})
	if err != nil {
		return failed(err)
	}
	err = follow(ctx, result.Body, func(message jsonstream.Message) {
		for _, line := range lines(message.Stream) {
			if stepLine.MatchString(line) {
				step, log = line, nil
				if strings.Contains(line, ": RUN ") {
					say("building image %s (first use; %s)", o.recipe.name, short(line))
				}
				continue
			}
			log = append(log, line)
		}
	})
	if err != nil {
		return failed(err)
	}
	return nil
}

// proxies are the build arguments that every builder knows: what the host needs to reach the network its containers
// need too. A proxy on the host's own loopback they cannot reach; the engine's settings stand then.
func proxies() map[string]*string {
	args := map[string]*string{}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
		value := os.Getenv(name)
		proxy, err := url.Parse(value)
		local := err == nil && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, proxy.Hostname())
		if value != "" && !local {
			args[name] = &value
		}
	}
	return args
}

// short is a step as progress shows it: its first line's beginning.
func short(step string) string {
	step = "step" + strings.Replace(strings.Join(strings.Fields(step), " ")[len("step"):], " : ", ": ", 1)
	if runes := []rune(step); len(runes) > 80 {
		return string(runes[:79]) + "…"
	}
	return step
}

// failure is a build that failed, told so that the reader needs nothing else: recipe, step, log, and what to do.
type failure struct {
	recipe     *recipe
	dockerfile string // "" for Dockerfile
	step       string
	reason     string
	log        []string
}

func (f failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "build image %s: recipe %s: ", f.recipe.name, filepath.Join(f.recipe.dir, cmp.Or(f.dockerfile, "Dockerfile")))
	if f.step != "" {
		fmt.Fprintf(&b, "%s: ", f.step)
	}
	b.WriteString(f.reason)
	if tail := f.log[max(0, len(f.log)-logTail):]; len(tail) > 0 {
		b.WriteString("\nthe last lines of its log:\n\t" + strings.Join(tail, "\n\t"))
	}
	b.WriteString(hintFor(f.reason+"\n"+strings.Join(f.log, "\n"), f.recipe.name))
	return b.String()
}

// hintFor says what to do about an image's failure, going by what it printed.
func hintFor(text, name string) string {
	text = strings.ToLower(text)
	contains := func(needles ...string) bool {
		return slices.ContainsFunc(needles, func(needle string) bool { return strings.Contains(text, needle) })
	}
	instead := fmt.Sprintf(", or set %s to an image that you have", override(name))
	switch {
	case contains("no space left on device", "disk quota exceeded", "not enough free space"):
		return "\nthe disk is full: docker system df shows what the engine keeps, go clean -cache empties the compiler's cache" + instead
	case contains("temporary failure resolving", "could not resolve", "unable to connect", "network is unreachable", "no such host",
		"i/o timeout", "connection timed out", "connection refused", "dial tcp", "unable to fetch", "could not connect"):
		return "\nthe network did not answer: check it, and the proxy settings (HTTP_PROXY); " + mirrorVariable + " names another Debian mirror, GOPROXY another Go module proxy" + instead
	case contains("do not trust this mirror", "the mirror "):
		return "\nname another Debian mirror with " + mirrorVariable + instead
	}
	return "\nmend the recipe" + instead
}

// noise is what the builder adds to a step's own output: its bookkeeping, and the red it paints errors in.
var noise = regexp.MustCompile(`^ ---> .*|^Removing intermediate container .*|\x1b\[[0-9;]*m`)

// lines splits output into lines, without noise and blank ones.
func lines(output string) []string {
	var kept []string
	for _, line := range strings.FieldsFunc(output, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if line = noise.ReplaceAllString(line, ""); strings.TrimSpace(line) != "" {
			kept = append(kept, line)
		}
	}
	return kept
}
