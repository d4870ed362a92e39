package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write makes the files of a recipe in a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return dir
}

func hashOf(t *testing.T, src Source, arch string) string {
	t.Helper()
	r, err := load(src, arch)
	require.NoError(t, err)
	assert.Regexp(t, `^assay/`+src.Name+`:[0-9a-f]{12}$`, r.tag())
	return r.hash
}

var server1 = map[string]string{"Dockerfile": "FROM scratch\nCOPY bin /bin\n", "bin/run": "one", "notes/a.txt": "a", ".dockerignore": "notes\n"}

func TestTagStaysWhileTheRecipeDoes(t *testing.T) {
	first, again := write(t, server1), write(t, server1)
	assert.Equal(t, hashOf(t, Dir("server", first), "amd64"), hashOf(t, Dir("server", again), "amd64"), "the same files elsewhere")

	require.NoError(t, os.Chmod(filepath.Join(again, "bin/run"), 0o600))
	assert.Equal(t, hashOf(t, Dir("server", first), "amd64"), hashOf(t, Dir("server", again), "amd64"), "another umask")

	require.NoError(t, os.WriteFile(filepath.Join(again, "notes/a.txt"), []byte("b"), 0o644))
	assert.Equal(t, hashOf(t, Dir("server", first), "amd64"), hashOf(t, Dir("server", again), "amd64"), "a file that .dockerignore leaves out")

	require.NoError(t, os.MkdirAll(filepath.Join(again, ".assay/evidence/1"), 0o755))
	assert.Equal(t, hashOf(t, Dir("server", first), "amd64"), hashOf(t, Dir("server", again), "amd64"), "the evidence of a run")
}

func TestTagChangesWithTheRecipe(t *testing.T) {
	changes := map[string]func(t *testing.T, dir string){
		"the Dockerfile": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY bin /sbin\n"), 0o644))
		},
		"a file's content": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "bin/run"), []byte("two"), 0o644))
		},
		"a file's name": func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(filepath.Join(dir, "bin/run"), filepath.Join(dir, "bin/ran")))
		},
		"a file's executable bit": func(t *testing.T, dir string) { require.NoError(t, os.Chmod(filepath.Join(dir, "bin/run"), 0o755)) },
		"an empty directory":      func(t *testing.T, dir string) { require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o755)) },
		"a link":                  func(t *testing.T, dir string) { require.NoError(t, os.Symlink("run", filepath.Join(dir, "bin/go"))) },
		"what is ignored": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, ".dockerignore"), nil, 0o644))
		},
	}
	before := hashOf(t, Dir("server", write(t, server1)), "amd64")
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			dir := write(t, server1)
			change(t, dir)
			assert.NotEqual(t, before, hashOf(t, Dir("server", dir), "amd64"))
		})
	}
	assert.NotEqual(t, before, hashOf(t, Dir("server", write(t, server1)), "arm64"), "the architecture")
}

// own makes a set of recipes like Assay's, and has Recipe find them there.
func own(t *testing.T) (root string) {
	root = write(t, map[string]string{
		"base/Dockerfile":   "ARG ROOT=x\nFROM ${ROOT}\n",
		"cache/Dockerfile":  baseArg + "\nFROM ${BASE}\n",
		"queue/Dockerfile":  "# assay:go example.org/queue queue\nFROM scratch\n",
		"alone/Dockerfile":  "FROM scratch\n",
		"servers/go.mod":    "module servers\n",
		"servers/go.sum":    "example.org/queue v1.0.0 h1:x\n",
		"wrong/Dockerfile":  "# assay:go example.org/queue\nFROM scratch\n",
		"no-recipe/go.work": "",
	})
	before, dirs := recipes, named.dirs
	t.Cleanup(func() { recipes, named.dirs = before, dirs })
	recipes, named.dirs = func() (string, error) { return root, nil }, nil
	return root
}

func TestTagFollowsTheBaseAndTheServersModule(t *testing.T) {
	root := own(t)
	hashes := func() map[string]string {
		out := map[string]string{}
		for _, name := range []string{"cache", "queue", "alone"} {
			out[name] = hashOf(t, Recipe(name), "amd64")
		}
		return out
	}
	before := hashes()

	require.NoError(t, os.WriteFile(filepath.Join(root, "base/extra"), []byte("x"), 0o644))
	base := hashes()
	assert.NotEqual(t, before["cache"], base["cache"])
	assert.Equal(t, before["queue"], base["queue"])
	assert.Equal(t, before["alone"], base["alone"])

	require.NoError(t, os.WriteFile(filepath.Join(root, "servers/go.sum"), []byte("example.org/queue v1.0.1 h1:y\n"), 0o644))
	module := hashes()
	assert.NotEqual(t, base["queue"], module["queue"])
	assert.Equal(t, base["cache"], module["cache"])
	assert.Equal(t, base["alone"], module["alone"])

	mine := Dir("base", filepath.Join(root, "cache"))
	before["mine"] = hashOf(t, mine, "amd64")
	t.Setenv("ASSAY_IMAGE_BASE", "my/debian:1")
	assert.NotEqual(t, module["cache"], hashes()["cache"], "a base of the user's own")
	assert.NotEqual(t, before["mine"], hashOf(t, mine, "amd64"), "a recipe of the user's on Assay's base")
}

func TestRecipeErrorsSayWhatThereIs(t *testing.T) {
	own(t)
	names, err := Names()
	require.NoError(t, err)
	assert.Equal(t, []string{"alone", "base", "cache", "queue", "wrong"}, names)

	_, err = load(Recipe("cash"), "amd64")
	assert.EqualError(t, err, "image cash: there is no such recipe; there are alone, base, cache, queue, wrong")
	_, err = load(Recipe("wrong"), "amd64")
	assert.ErrorContains(t, err, `image wrong: "# assay:go example.org/queue" in `)
	assert.ErrorContains(t, err, `want "# assay:go PACKAGE FILE", a Go package to compile and where in the build context its binary goes`)
	_, err = load(Dir("mine", write(t, map[string]string{"Dockerfile": "# assay:go . ../mine\nFROM scratch\n"})), "amd64")
	assert.ErrorContains(t, err, `image mine: "# assay:go . ../mine" in `, "outside of the build context")
	_, err = load(Dir("mine", filepath.Join(t.TempDir(), "none")), "amd64")
	assert.ErrorContains(t, err, "image mine: read its recipe: open ")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestServerThatDoesNotCompileIsShownWithItsLog(t *testing.T) {
	own(t)
	cache := t.TempDir()
	t.Setenv("GOCACHE", filepath.Join(cache, "go-build"))
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("GOPROXY", "off")
	said := capture(t)
	r, err := load(Recipe("queue"), "amd64")
	require.NoError(t, err)
	_, clean, err := r.compile(t.Context())
	assert.ErrorContains(t, err, "build image queue: recipe "+r.dockerfile()+": go build example.org/queue: exit status 1\nthe last lines of its log:\n\t")
	assert.Equal(t, "assay: building image queue (first use; go build example.org/queue)\n", said.String())
	clean()
	left, err := filepath.Glob(filepath.Join(cache, "assay", "build", "*"))
	require.NoError(t, err)
	assert.Empty(t, left)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, clean, err = r.compile(ctx)
	defer clean()
	assert.ErrorIs(t, err, context.Canceled)
}

// shop is a module whose server lies in the folder cmd/shop, with a package of it elsewhere.
var shop = map[string]string{
	"go.mod":                   "module shop.example\n\ngo 1.26\n",
	"till/till.go":             "package till\n\nconst Open = 8\n",
	"cmd/shop/main.go":         "package main\n\nimport \"shop.example/till\"\n\nfunc main() { println(till.Open) }\n",
	"cmd/shop/Dockerfile":      "# assay:go . bin/shop\nFROM scratch\nCOPY bin/shop /shop\n",
	"cmd/shop/bin/shop":        "compiled by hand",
	"cmd/library/library.go":   "package library\n",
	"cmd/library/Dockerfile":   "# assay:go . library\nFROM scratch\n",
	"cmd/not-there/Dockerfile": "# assay:go ./server server\nFROM scratch\n",
}

// completed is the recipe of a folder of a module, and the error of compiling its server.
func completed(t *testing.T, name, dir string) (*recipe, error) {
	t.Helper()
	r, err := load(Source{Name: name, Dir: dir}, "amd64")
	require.NoError(t, err)
	clean, err := r.complete(t.Context())
	t.Cleanup(clean)
	return r, err
}

func TestTagFollowsTheServerOfOnesOwnWhereverItsSourcesLie(t *testing.T) {
	compiles(t)
	aside(t)
	tag := func(module string) string {
		r, err := completed(t, "shop", filepath.Join(module, "cmd", "shop"))
		require.NoError(t, err)
		return r.tag()
	}
	module := write(t, shop)
	before := tag(module)
	assert.Regexp(t, `^assay/shop:[0-9a-f]{12}$`, before)
	assert.Equal(t, before, tag(module), "compiled again")
	assert.Equal(t, before, tag(write(t, shop)), "the same module elsewhere")

	require.NoError(t, os.WriteFile(filepath.Join(module, "cmd/shop/bin/shop"), []byte("compiled by hand again"), 0o755))
	assert.Equal(t, before, tag(module), "a binary in the place of the server's")

	require.NoError(t, os.WriteFile(filepath.Join(module, "till/till.go"), []byte("package till\n\nconst Open = 9\n"), 0o644))
	assert.NotEqual(t, before, tag(module), "a package of the module")
}

// What is exported for tests is for tests: under -race a static server does not compile, and -cover makes another image.
func TestFlagsOfTestsDoNotReachTheServer(t *testing.T) {
	compiles(t)
	dir := filepath.Join(write(t, shop), "cmd", "shop")
	plain, err := completed(t, "shop", dir)
	require.NoError(t, err)
	for _, flags := range []string{"-race", "-cover", "-coverpkg=./... -covermode=atomic", "-race -cover"} {
		t.Setenv("GOFLAGS", flags)
		r, err := completed(t, "shop", dir)
		require.NoError(t, err, flags)
		assert.Equal(t, plain.hash, r.hash, flags)
	}
}

func TestServerOfOnesOwnJoinsTheBuildContext(t *testing.T) {
	compiles(t)
	aside(t)
	t.Chdir(filepath.Join(write(t, shop), "cmd", "shop"))
	require.NoError(t, os.WriteFile(".dockerignore", []byte("*\n"), 0o644))
	r, err := completed(t, "shop", ".")
	require.NoError(t, err)
	var paths []string
	for _, f := range r.files {
		paths = append(paths, f.path)
	}
	assert.Equal(t, []string{".dockerignore", "Dockerfile", "bin/shop"}, paths, "also where .dockerignore leaves everything out")
	var packed bytes.Buffer
	require.NoError(t, pack(&packed, r.files))
	assert.Contains(t, packed.String(), "\x7fELF")
}

func TestServerOfOnesOwnThatDoesNotCompileIsShownWithItsLog(t *testing.T) {
	compiles(t)
	aside(t)
	module := write(t, shop)
	require.NoError(t, os.WriteFile(filepath.Join(module, "till/till.go"), []byte("package till\n"), 0o644))
	for name, want := range map[string]string{
		"shop":      "go build .: exit status 1\nthe last lines of its log:\n\t# shop.example/cmd/shop\n\t./main.go:5:28: undefined: till.Open\n",
		"library":   "go build .: exit status 1\nthe last lines of its log:\n\t-buildmode=exe requires exactly one main package\n",
		"not-there": "go build ./server: exit status 1\nthe last lines of its log:\n\tstat ",
	} {
		r, err := completed(t, name, filepath.Join(module, "cmd", name))
		assert.ErrorContains(t, err, "build image "+name+": recipe "+r.dockerfile()+": "+want)
	}

	t.Setenv("PATH", "")
	_, err := completed(t, "shop", filepath.Join(module, "cmd", "shop"))
	assert.ErrorContains(t, err, "put the go command on the PATH, or set ASSAY_IMAGE_SHOP to an image that you have")
}

// compiles has the go command go on using its cache when the test sets the user's aside.
func compiles(t *testing.T) {
	t.Helper()
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	require.NoError(t, err)
	t.Setenv("GOCACHE", strings.TrimSpace(string(cache)))
}

func TestWorkOfKilledProcessesIsRemovedOnceItIsNobodysAnyMore(t *testing.T) {
	aside(t)
	dead, err := workDir("nats")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dead, "0"), nil, 0o755))
	alive, err := workDir("nats")
	require.NoError(t, err)
	assert.NotEqual(t, dead, alive, "each build has its own")
	old := time.Now().Add(-abandoned - time.Minute)
	require.NoError(t, os.Chtimes(dead, old, old))

	_, err = workDir("etcd")
	require.NoError(t, err)
	assert.NoDirExists(t, dead)
	assert.DirExists(t, alive)
}

// A module that has vendored Assay has packages of it, and no recipes.
func TestRecipesOfAModuleThatWasVendored(t *testing.T) {
	compiles(t)
	here, err := recipes()
	require.NoError(t, err)
	root := filepath.Join(here, "..", "..")
	user := write(t, map[string]string{
		"go.mod":                               "module user.example\n\ngo 1.26\n\nrequire assay v0.0.0\n\nreplace assay => " + root + "\n",
		"vendor/modules.txt":                   "# assay v0.0.0 => " + root + "\n## explicit; go 1.26\nassay/harness\n# assay => " + root + "\n",
		"vendor/assay/harness/engine/image/at": "",
	})
	for name, self := range map[string]string{
		"beside the source, where they are not": filepath.Join(user, "vendor/assay/harness/engine/image/recipe.go"),
		"with -trimpath":                        "assay/harness/engine/image/recipe.go",
	} {
		got, err := findRecipes(self, user)
		require.NoError(t, err, name)
		require.Equal(t, filepath.Clean(here), filepath.Clean(got), name)
	}
}

func TestServerThatADownloadedCopyCannotMake(t *testing.T) {
	copied := write(t, map[string]string{"images/nats/Dockerfile": "# assay:go example.com/nats nats\nFROM scratch\n"})
	own := recipes
	recipes = func() (string, error) { return filepath.Join(copied, "images"), nil }
	t.Cleanup(func() { recipes = own })
	_, err := load(Recipe("nats"), "amd64")
	require.ErrorContains(t, err, "a module of its own, which a downloaded copy of assay lacks")
	require.ErrorContains(t, err, "ASSAY_IMAGE_NATS")
}

func TestRecipesThatAreNowhere(t *testing.T) {
	compiles(t)
	_, err := findRecipes("assay/harness/engine/image/recipe.go", t.TempDir())
	require.ErrorContains(t, err, "find Assay's image recipes, which are no part of a test binary")
	require.ErrorContains(t, err, "run the tests with the go command in a module that requires assay")
	require.ErrorContains(t, err, "ASSAY_IMAGE_LINKS=")
	t.Setenv("PATH", "")
	_, err = findRecipes("assay/harness/engine/image/recipe.go", t.TempDir())
	require.ErrorContains(t, err, "executable file not found")
}

func TestAssaysOwnRecipesLoad(t *testing.T) {
	names, err := Names()
	require.NoError(t, err)
	assert.Subset(t, names, []string{"base", "etcd", "links", "nats", "postgres", "redis"})
	for _, name := range names {
		r, err := load(Recipe(name), "amd64")
		require.NoError(t, err)
		assert.True(t, r.onBase || len(r.servers) > 0 || name == baseName, "%s stands on the base or is compiled", name)
	}
}

func TestBuildContextHoldsWhatTheRecipeNeedsAndNoMore(t *testing.T) {
	dir := write(t, map[string]string{
		"Dockerfile": "FROM scratch\n", ".dockerignore": "*\n!bin/run\n!data\ndata/.keep\n", "bin/run": "one", "bin/other": "x", "data/.keep": "",
	})
	require.NoError(t, os.Chmod(filepath.Join(dir, "bin/run"), 0o700))
	files, err := contextOf(dir)
	require.NoError(t, err)
	var packed bytes.Buffer
	require.NoError(t, pack(&packed, files))

	modes := map[string]int64{}
	for r := tar.NewReader(&packed); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		assert.Zero(t, header.Uid)
		assert.EqualValues(t, 0, header.ModTime.Unix())
		modes[header.Name] = header.Mode
	}
	assert.Equal(t, map[string]int64{"Dockerfile": 0o644, ".dockerignore": 0o644, "bin/run": 0o755, "data/": 0o755}, modes)
}

// The keys in the recipe are the root of all trust in what the base is made of: these two and no other.
func TestBaseTrustsDebiansKeysForTrixieOnly(t *testing.T) {
	root, err := recipes()
	require.NoError(t, err)
	armored, err := os.Open(filepath.Join(root, "base", "debian-archive.asc"))
	require.NoError(t, err)
	defer armored.Close()
	keys, err := openpgp.ReadArmoredKeyRing(armored)
	require.NoError(t, err)
	var prints []string
	for _, key := range keys {
		prints = append(prints, fmt.Sprintf("%X", key.PrimaryKey.Fingerprint))
	}
	assert.ElementsMatch(t, []string{
		"04B54C3CDCA79751B16BC6B5225629DF75B188BD", // Debian Archive Automatic Signing Key (13/trixie)
		"41587F7DB8C774BCCF131416762F67A0B2C39DE4", // Debian Stable Release Key (13/trixie)
	}, prints)
}

func TestServiceOfAssaysOwnModuleIsNotPinned(t *testing.T) {
	compiles(t)
	r, err := load(Recipe("netprobe"), "amd64")
	require.NoError(t, err)
	assert.False(t, r.pinned())
	loaded := r.tag()
	clean, err := r.complete(t.Context())
	t.Cleanup(clean)
	require.NoError(t, err)
	assert.NotEqual(t, loaded, r.tag(), "the tag follows what was compiled")
	nats, err := load(Recipe("nats"), "amd64")
	require.NoError(t, err)
	assert.True(t, nats.pinned())
}
