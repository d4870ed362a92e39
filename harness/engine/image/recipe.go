package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/moby/moby/client"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// recipe is a directory with a Dockerfile, read: everything its image depends on is in its hash.
type recipe struct {
	name    string
	dir     string
	arch    string // GOARCH of the engine
	hash    string
	files   []file
	servers []server
	ours    bool // one of Assay's own, and not a user's
	onBase  bool // stands on Assay's Debian
}

// file is one entry of the build context. Its mode is normalized to what git keeps, the executable bit, so that the
// umask of a checkout does not make another image.
type file struct {
	path string // slash separated, relative
	mode fs.FileMode
	link string
	from string // where its content is read
	size int64
}

// server is a binary that is compiled into the build context: package of its module → file in the context.
type server struct{ pkg, file string }

// The directive in a Dockerfile's comments, and what marks a recipe that stands on the base.
const (
	goDirective = "# assay:go "
	ownPackages = "assay/"
	baseArg     = "ARG BASE=" + baseImage
	baseName    = "base"
)

func (r *recipe) tag() string        { return "assay/" + r.name + ":" + r.hash }
func (r *recipe) dockerfile() string { return filepath.Join(r.dir, "Dockerfile") }

func dockerfileIn(root, name string) string { return filepath.Join(root, name, "Dockerfile") }

// pinned tells whether the recipe's servers are those of others that the nested module pins: what they are compiled from cannot
// change under a recipe that stays the same. A user's, and the services of Assay's own module, change as they are written.
func (r *recipe) pinned() bool {
	return r.ours && !slices.ContainsFunc(r.servers, func(s server) bool { return strings.HasPrefix(s.pkg, ownPackages) })
}

// load reads the recipe of a source for an engine of the given architecture. One with servers that are not pinned is incomplete
// until [recipe.complete].
func load(src Source, arch string) (*recipe, error) {
	r := &recipe{name: src.Name, arch: arch, ours: src.Dir == ""}
	if r.ours {
		root, err := recipes()
		if err != nil {
			return nil, err
		}
		r.dir = filepath.Join(root, src.Name)
	} else {
		dir, err := filepath.Abs(src.Dir)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", src.Name, err)
		}
		r.dir = dir
	}
	dockerfile, err := os.ReadFile(r.dockerfile())
	if errors.Is(err, fs.ErrNotExist) && r.ours {
		names, _ := Names()
		return nil, fmt.Errorf("image %s: there is no such recipe; there are %s", src.Name, strings.Join(names, ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("image %s: read its recipe: %w", src.Name, err)
	}
	lines := bufio.NewScanner(bytes.NewReader(dockerfile))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if spec, ok := strings.CutPrefix(line, goDirective); ok {
			words := strings.Fields(spec)
			if len(words) != 2 || !fs.ValidPath(words[1]) {
				return nil, fmt.Errorf("image %s: %q in %s: want %q, a Go package to compile and where in the build context its binary goes", r.name, line, r.dockerfile(), goDirective+"PACKAGE FILE")
			}
			r.servers = append(r.servers, server{words[0], words[1]})
		}
		r.onBase = r.onBase || line == baseArg && !(r.ours && r.name == baseName)
	}

	if r.files, err = contextOf(r.dir); err != nil {
		return nil, fmt.Errorf("image %s: read its build context: %w", r.name, err)
	}
	// A binary that somebody has compiled by hand is not what the image gets.
	r.files = slices.DeleteFunc(r.files, func(f file) bool {
		return slices.ContainsFunc(r.servers, func(s server) bool { return s.file == f.path })
	})
	h := sha256.New()
	fmt.Fprintf(h, "recipe 1 linux/%s\n", arch)
	if err := hashFiles(h, r.files); err != nil {
		return nil, fmt.Errorf("image %s: read its build context: %w", r.name, err)
	}
	if r.onBase {
		base := replacement(baseName)
		if base == "" {
			recipe, err := load(Recipe(baseName), arch)
			if err != nil {
				return nil, err
			}
			base = recipe.hash
		}
		fmt.Fprintf(h, "base %s\n", base)
	}
	if r.pinned() && len(r.servers) > 0 {
		for _, name := range []string{"go.mod", "go.sum"} {
			content, err := os.ReadFile(filepath.Join(r.serversDir(), name))
			if errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("image %s: read the module of its server: %w; it is a module of its own, which a downloaded copy of assay lacks: use a checkout (replace assay => …), or set %s to an image that you have",
					r.name, err, override(r.name))
			}
			if err != nil {
				return nil, fmt.Errorf("image %s: read the module of its server: %w", r.name, err)
			}
			fmt.Fprintf(h, "%s %x\n", name, sha256.Sum256(content))
		}
	}
	r.hash = shortened(h)
	return r, nil
}

func shortened(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil))[:12] }

// complete compiles servers that are not pinned, and adds them to the build context and to the hash. They lie in a
// directory that clean removes.
func (r *recipe) complete(ctx context.Context) (clean func(), err error) {
	if r.pinned() || len(r.servers) == 0 {
		return func() {}, nil
	}
	binaries, clean, err := r.compile(ctx)
	if err != nil {
		return clean, err
	}
	h := sha256.New()
	fmt.Fprintln(h, r.hash)
	if err := hashFiles(h, binaries); err != nil {
		return clean, fmt.Errorf("image %s: read what was compiled for it: %w", r.name, err)
	}
	r.files, r.hash = append(r.files, binaries...), shortened(h)
	return clean, nil
}

// serversDir is where the servers written in Go are compiled: in the nested module that pins them, others in the recipe itself,
// with the module it lies in.
func (r *recipe) serversDir() string {
	if r.pinned() {
		return filepath.Join(filepath.Dir(r.dir), "servers")
	}
	return r.dir
}

// evidence is what tests write where dir is the root of a module. It would make another image of every run.
const evidence = ".assay"

// contextOf lists the build context in dir, sorted by path, without evidence and what its .dockerignore leaves out.
func contextOf(dir string) ([]file, error) {
	var patterns []string
	ignore, err := os.Open(filepath.Join(dir, ".dockerignore"))
	if err == nil {
		patterns, err = ignorefile.ReadAll(ignore)
		_ = ignore.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf(".dockerignore: %w", err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf(".dockerignore: %w", err)
	}

	var files []file
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || rel == "." {
			return err
		}
		// The builder itself needs these two, ignored or not.
		if rel != "Dockerfile" && rel != ".dockerignore" {
			if out, err := ignored.MatchesOrParentMatches(rel); err != nil || out {
				return err
			}
		}
		if rel == evidence && entry.IsDir() {
			return fs.SkipDir
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		f := file{path: filepath.ToSlash(rel), mode: info.Mode().Type(), from: path}
		switch {
		case info.IsDir():
			f.mode |= 0o755
		case info.Mode().IsRegular():
			f.size = info.Size()
			f.mode |= 0o644
			if info.Mode()&0o100 != 0 {
				f.mode |= 0o111
			}
		case info.Mode()&fs.ModeSymlink != 0:
			f.mode |= 0o777
			if f.link, err = os.Readlink(path); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%s is neither a file nor a directory nor a symbolic link", path)
		}
		files = append(files, f)
		return nil
	})
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return files, err
}

func hashFiles(h io.Writer, files []file) error {
	for _, f := range files {
		sum := sha256.New()
		if f.mode.IsRegular() {
			if err := f.copyTo(sum); err != nil {
				return err
			}
		}
		fmt.Fprintf(h, "%q %s %q %x\n", f.path, f.mode, f.link, sum.Sum(nil))
	}
	return nil
}

func (f file) copyTo(w io.Writer) error {
	content, err := os.Open(f.from)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(w, content)
	return err
}

// pack writes files as the tar that the engine takes as a build context. Owners and times are left out: they are not
// in the hash, and the builder's cache must not depend on them.
func pack(w io.Writer, files []file) error {
	archive := tar.NewWriter(w)
	for _, f := range files {
		header := &tar.Header{Name: f.path, Linkname: f.link, Mode: int64(f.mode.Perm()), Size: f.size, Typeflag: tar.TypeReg}
		switch {
		case f.mode.IsDir():
			header.Typeflag, header.Name = tar.TypeDir, f.path+"/"
		case f.link != "":
			header.Typeflag = tar.TypeSymlink
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if f.mode.IsRegular() {
			if err := f.copyTo(archive); err != nil {
				return err
			}
		}
	}
	return archive.Close()
}

// recipes is the directory of Assay's own recipes: next to this source file, wherever the module is. A binary built with -trimpath does
// not know that, and `go mod vendor` leaves out what is no package (golang/go#57529); then the go command does.
var recipes = sync.OnceValues(func() (string, error) {
	_, self, _, _ := runtime.Caller(0)
	return findRecipes(self, "")
})

// findRecipes looks next to the source file, and then where the go command finds the module from the working directory.
func findRecipes(self, work string) (string, error) {
	under := func(module string) (string, bool) {
		root := filepath.Join(module, "fixtures", "images")
		_, err := os.Stat(root)
		return root, filepath.IsAbs(root) && err == nil
	}
	if root, there := under(filepath.Join(filepath.Dir(self), "..", "..", "..")); there {
		return root, nil
	}
	var errs []error
	for _, question := range [][]string{
		{"list", "-mod=readonly", "-m", "-f", "{{.Dir}}", "assay"}, // the module itself, and not what was vendored of it
		{"mod", "download", "-json", "assay"},                      // whoever has vendored it may have no other copy
	} {
		var problem bytes.Buffer
		cmd := exec.Command("go", question...)
		cmd.Dir, cmd.Stderr = work, &problem
		out, err := cmd.Output()
		if err != nil {
			said := strings.Join(strings.Fields(problem.String()), " ")
			errs = append(errs, fmt.Errorf("go %s: %w: %.200q", strings.Join(question, " "), err, said))
			continue
		}
		dir := strings.TrimSpace(string(out))
		if question[0] == "mod" {
			var module struct{ Dir string }
			if err := json.Unmarshal(out, &module); err != nil {
				errs = append(errs, err)
				continue
			}
			dir = module.Dir
		}
		if root, there := under(dir); there {
			return root, nil
		}
		errs = append(errs, fmt.Errorf("go %s: it is in %q, and has no recipes there", strings.Join(question, " "), dir))
	}
	return "", fmt.Errorf("find Assay's image recipes, which are no part of a test binary: they are not beside %s, where this package was compiled, and the go command does not find the module assay:\n  %w\n"+
		"  what to do: run the tests with the go command in a module that requires assay; elsewhere, have images built before (assay images) and name each, as ASSAY_IMAGE_LINKS=assay/links:<tag>", self, errors.Join(errs...))
}

var targets sync.Map // daemon host → GOARCH

// targetOf is the architecture of the engine, for which everything is built, whatever this process runs on.
func targetOf(ctx context.Context, cli *client.Client) (string, error) {
	if arch, ok := targets.Load(cli.DaemonHost()); ok {
		return arch.(string), nil
	}
	version, err := cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", fmt.Errorf("ask the engine for its architecture: %w", err)
	}
	if version.Os != "linux" {
		return "", fmt.Errorf("the engine runs %s containers; Assay's images are linux: switch the engine to linux containers", version.Os)
	}
	targets.Store(cli.DaemonHost(), version.Arch)
	return version.Arch, nil
}
