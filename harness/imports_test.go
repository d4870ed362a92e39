package harness_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A ban says who must not import what, and why. A ban without a graph that breaks it proves nothing, so each brings some.
type ban struct {
	says  string
	why   string
	from  func(importer string) bool
	to    func(importer, imported string) bool
	binds binds
	bad   []graph // each breaks the ban
	good  []graph // near to it, and allowed
}

// binds tells which imports of a package a ban is about.
type binds int

const (
	all   binds = iota // those of its code and of its tests
	code               // those of its code
	deep               // those of its code, and through any number of other packages
	tests              // those of its tests
)

// The third parties of whom only one room may know.
var (
	docker    = []string{"github.com/testcontainers/...", "github.com/moby/...", "github.com/docker/..."}
	toxiproxy = []string{"github.com/Shopify/toxiproxy/..."}
	testers   = []string{"testing/...", "github.com/stretchr/testify/...", "pgregory.net/rapid/..."}
	outside   = []string{"net/...", "os/...", "syscall/...", "database/sql/...", "plugin", "unsafe"}
)

var bans = slices.Concat([]ban{
	{
		says: "the harness imports neither fixtures nor scenarios",
		why:  "it serves whoever tests a system of their own, and would bring them our fixtures and every driver along",
		from: in("assay/harness/..."),
		to:   these("assay/fixtures/...", "assay/scenarios/..."),
		bad: []graph{
			imports("assay/harness", "assay/fixtures/natstest"),
			testImports("assay/harness", "assay/fixtures/natstest"),
			imports("assay/harness/engine/image", "assay/fixtures/apptest/server"),
		},
		good: []graph{imports("assay/harness", "assay/harness/fault"), imports("assay/fixtures/natstest", "assay/harness")},
	},
	{
		says: "a fixture imports neither another fixture nor scenarios",
		why:  "a scenario links only the drivers of the systems it starts; what two fixtures share belongs to the harness",
		from: in("assay/fixtures/..."),
		to: func(importer, imported string) bool {
			return in("assay/scenarios/...")(imported) || in("assay/fixtures/...")(imported) && room(importer) != room(imported)
		},
		bad: []graph{
			imports("assay/fixtures/redistest", "assay/fixtures/pgtest"),
			testImports("assay/fixtures/pgtest", "assay/fixtures/pgtest2"),
			imports("assay/fixtures/natstest", "assay/scenarios/messaging"),
		},
		good: []graph{
			imports("assay/fixtures/pgtest", "assay/fixtures/pgtest/internal/wal"),
			testImports("assay/fixtures/pgtest", "assay/fixtures/pgtest"),
		},
	},
	{
		says: "history imports the standard library only",
		why:  "every room imports it, and with it whatever it imports",
		from: in("assay/harness/history/..."), binds: code,
		to: anythingBut("std", "assay/harness/history/..."),
		bad: []graph{
			imports("assay/harness/history", "github.com/google/uuid"),
			imports("assay/harness/history", "assay/harness/check"),
		},
		good: []graph{imports("assay/harness/history", "time"), testImports("assay/harness/history", "pgregory.net/rapid")},
	},
	{
		says: "check imports history, porcupine, gonum and the standard library only",
		why:  "a checker knows histories, not where they come from, so that it can judge any history, also a made-up one",
		from: in("assay/harness/check/..."), binds: code,
		to: anythingBut("std", "assay/harness/check/...", "assay/harness/history", "github.com/anishathalye/porcupine", "gonum.org/v1/gonum/..."),
		bad: []graph{
			imports("assay/harness/check", "assay/harness/evidence"),
			imports("assay/harness/check", "assay/harness"),
			imports("assay/harness/check", "github.com/nats-io/nats.go"),
		},
		good: []graph{
			imports("assay/harness/check", "assay/harness/history"),
			imports("assay/harness/check", "gonum.org/v1/gonum/stat"),
			testImports("assay/harness/check", "github.com/stretchr/testify/assert"),
		},
	},
	{
		says: "history and check do not reach for the world outside",
		why:  "they are pure: the same history gives the same verdict on every machine and in any year",
		from: in("assay/harness/history/...", "assay/harness/check/..."), binds: code,
		to:   these(outside...),
		bad:  []graph{imports("assay/harness/check", "os"), imports("assay/harness/history", "net/http")},
		good: []graph{imports("assay/harness/check", "fmt"), testImports("assay/harness/history", "os")},
	},
	{
		says: "history and check know neither tests nor Docker nor Toxiproxy, nor does what they import",
		why:  "whoever judges the evidence of a run, perhaps on another machine, has neither a test nor an engine there",
		from: in("assay/harness/history/...", "assay/harness/check/..."), binds: deep,
		to: these(slices.Concat(testers, docker, toxiproxy)...),
		bad: []graph{
			imports("assay/harness/history", "testing"),
			imports("assay/harness/check", "github.com/anishathalye/porcupine", "testing"),
			imports("assay/harness/check", "assay/harness/history", "a.example/b", "github.com/moby/moby/client"),
			imports("assay/harness/check", "gonum.org/v1/gonum/stat", "github.com/Shopify/toxiproxy/v2"),
		},
		good: []graph{
			imports("assay/harness/check", "assay/harness/history", "time"),
			imports("assay/harness", "assay/harness/check", "fmt").and(imports("assay/harness", "testing")),
			testImports("assay/harness/check", "testing"),
		},
	},
	{
		says: "the tests of history and check need testify and rapid, and nothing that runs",
		why:  "a checker that is tested on histories of a real system is tested on the few that the system happened to produce",
		from: in("assay/harness/history/...", "assay/harness/check/..."), binds: tests,
		to: anythingBut("std", "assay/harness/history/...", "assay/harness/check/...", "github.com/stretchr/testify/...",
			"pgregory.net/rapid", "github.com/anishathalye/porcupine", "gonum.org/v1/gonum/..."),
		bad: []graph{
			testImports("assay/harness/check", "assay/harness"),
			testImports("assay/harness/check", "github.com/redis/go-redis/v9"),
		},
		good: []graph{testImports("assay/harness/check", "assay/harness/history"), testImports("assay/harness/check", "pgregory.net/rapid")},
	},
	{
		says: "fault, engine and evidence import no room but history, and what is internal to the harness",
		why:  "imports flow one way: harness → {fault, engine, evidence} → history; what needs two of them belongs to the harness",
		from: in("assay/harness/fault/...", "assay/harness/engine/...", "assay/harness/evidence/..."), binds: code,
		to: func(importer, imported string) bool {
			return in("assay/...")(imported) && !in("assay/harness/history", "assay/harness/internal/...", room(importer)+"/...")(imported)
		},
		bad: []graph{
			imports("assay/harness/fault", "assay/harness/engine"),
			imports("assay/harness/engine/image", "assay/harness"),
			imports("assay/harness/evidence", "assay/harness/check"),
		},
		good: []graph{
			imports("assay/harness/fault", "assay/harness/history"),
			imports("assay/harness/engine", "assay/harness/engine/image"),
			imports("assay/harness/engine", "assay/harness/internal/cache"),
			imports("assay/harness/fault", "github.com/rs/zerolog"),
			testImports("assay/harness/fault", "assay/harness/engine"),
		},
	},
	{
		says: "the search for a smaller schedule runs nothing, and knows of nothing that could be run",
		why:  "it is tested on made-up failures, which take no time and of which the answer is known",
		from: in("assay/harness/internal/shrink/..."), binds: code,
		to: func(_, imported string) bool {
			return !in("std")(imported) || in(outside...)(imported)
		},
		bad:  []graph{imports("assay/harness/internal/shrink", "os/exec"), imports("assay/harness/internal/shrink", "assay/harness/evidence")},
		good: []graph{imports("assay/harness/internal/shrink", "context"), testImports("assay/harness/internal/shrink", "pgregory.net/rapid")},
	},
	{
		says: "scenarios import the harness, fixtures and the standard library only",
		why:  "a scenario says what is proven, and detail goes to the fixture; its verdicts are the harness's, which sees that they can fail",
		from: in("assay/scenarios/..."),
		to:   anythingBut("std", "assay/harness/...", "assay/fixtures/..."),
		bad: []graph{
			testImports("assay/scenarios/messaging", "github.com/nats-io/nats.go/jetstream"),
			testImports("assay/scenarios/databases", "github.com/testcontainers/testcontainers-go"),
			testImports("assay/scenarios/databases", "github.com/moby/moby/client"),
			testImports("assay/scenarios/caching", "github.com/Shopify/toxiproxy/v2/client"),
			testImports("assay/scenarios/caching", "github.com/stretchr/testify/require"),
			imports("assay/scenarios/caching", "github.com/redis/go-redis/v9"),
		},
		good: []graph{
			testImports("assay/scenarios/messaging", "assay/fixtures/natstest"),
			testImports("assay/scenarios/messaging", "assay/harness/check"),
			testImports("assay/scenarios/messaging", "time"),
		},
	},
	{
		says: "a scenario does not reach past its Env for the world outside",
		why:  "what goes past the harness is neither recorded nor witnessed nor cleaned up",
		from: func(importer string) bool { return strings.HasPrefix(importer, "assay/scenarios/") },
		to:   these(outside...),
		bad: []graph{
			testImports("assay/scenarios/election", "net"),
			testImports("assay/scenarios/election", "os/exec"),
			testImports("assay/scenarios/databases", "database/sql"),
		},
		good: []graph{testImports("assay/scenarios/election", "testing"), testImports("assay/scenarios/election", "math")},
	},
	{
		says: "fixtures know nothing of tests",
		why:  "a fixture is given an Env, which any TB can make: also the fake one of a test that asserts how a fixture fails",
		from: in("assay/fixtures/..."), binds: code,
		to: these(testers...),
		bad: []graph{
			imports("assay/fixtures/natstest", "testing"),
			imports("assay/fixtures/natstest", "github.com/stretchr/testify/require"),
		},
		good: []graph{testImports("assay/fixtures/natstest", "testing"), imports("assay/fixtures/natstest", "assay/harness", "testing")},
	},
	{
		says: "only harness/engine imports testcontainers and Docker's client",
		why:  "labels, limits, ports on 127.0.0.1 and the cleanup hold for what is started there, and for nothing else",
		from: anyoneBut("assay/harness/engine/..."),
		to:   these(docker...),
		bad: []graph{
			imports("assay/harness", "github.com/moby/moby/client"),
			imports("assay/harness/fault", "github.com/docker/docker/client"),
			testImports("assay/fixtures/natstest", "github.com/testcontainers/testcontainers-go/modules/nats"),
		},
		good: []graph{
			imports("assay/harness/engine", "github.com/testcontainers/testcontainers-go"),
			testImports("assay/harness/engine/image", "github.com/moby/moby/client"),
		},
	},
	{
		says: "only harness/fault/wire imports Toxiproxy",
		why:  "its words (toxic, upstream) and its pitfalls stay behind Link, and so could another proxy one day",
		from: anyoneBut("assay/harness/fault/wire/..."),
		to:   these(toxiproxy...),
		bad: []graph{
			imports("assay/harness", "github.com/Shopify/toxiproxy/v2"),
			testImports("assay/harness", "github.com/Shopify/toxiproxy/v2/client"),
			imports("assay/harness/fault", "github.com/Shopify/toxiproxy/v2"),
		},
		good: []graph{imports("assay/harness/fault/wire", "github.com/Shopify/toxiproxy/v2")},
	},
},
	driver("github.com/nats-io/...", "assay/fixtures/natstest"),
	driver("github.com/jackc/...", "assay/fixtures/pgtest"),
	driver("github.com/redis/...", "assay/fixtures/redistest"),
	driver("go.etcd.io/...", "assay/fixtures/etcdtest"),
)

// driver bans a system's driver from everywhere but the system's fixture.
func driver(pattern, fixture string) []ban {
	one := strings.TrimSuffix(pattern, "...") + "client"
	return []ban{{
		says: "only " + fixture + " imports " + pattern,
		why:  "a system's driver is known in one place: where its calls become operations with an outcome",
		from: anyoneBut(fixture + "/..."),
		to:   these(pattern),
		bad: []graph{
			imports("assay/harness", one),
			imports("assay/fixtures/othertest", one),
			testImports("assay/fixtures/othertest", one),
			testImports("assay/scenarios/section", one),
		},
		good: []graph{imports(fixture, one), testImports(fixture, one), imports(fixture+"/internal/x", one)},
	}}
}

func TestImports(t *testing.T) {
	g := module(t)
	for _, b := range bans {
		for _, breach := range b.breaches(g) {
			t.Error(breach)
		}
	}
}

func TestEveryBanCanBeBroken(t *testing.T) {
	for _, b := range bans {
		require.NotEmpty(t, b.bad, b.says)
		for _, g := range b.bad {
			found := b.breaches(g)
			if assert.NotEmpty(t, found, "%s, but this went through: %v", b.says, g) {
				assert.Contains(t, found[0], b.says)
				assert.Contains(t, found[0], b.why)
			}
		}
		for _, g := range b.good {
			assert.Empty(t, b.breaches(g), b.says)
		}
	}
}

func TestBreachSaysWhoWhatAndWhy(t *testing.T) {
	b := ban{says: "x stays away from z", why: "it bites", from: in("assay/x"), to: these("z.example/..."), binds: all}
	assert.Equal(t, []string{
		"assay/x imports z.example/z\n\tx stays away from z: it bites",
		"a test of assay/x imports z.example/y\n\tx stays away from z: it bites",
	}, b.breaches(imports("assay/x", "z.example/z").and(testImports("assay/x", "z.example/y"))))

	b.binds = deep
	assert.Equal(t, []string{"assay/x imports a.example, which imports b.example, which imports z.example\n\tx stays away from z: it bites"},
		b.breaches(imports("assay/x", "a.example", "b.example", "z.example")))
}

// The names at the top level, each a thing that a newcomer has to understand first.
var topLevel = []string{
	"scenarios", "harness", "fixtures", // the code
	"go.mod", "go.sum", "Makefile", "README.md", "LICENSE",
	".github", ".ci", ".gitignore", ".golangci.yml",
}

func TestTopLevel(t *testing.T) {
	git := exec.Command("git", "-c", "safe.directory=*", "ls-files", "-z")
	git.Dir = ".."
	files, err := git.Output()
	if err != nil {
		t.Skipf("without Git nobody knows which files belong to the repository: %v", err)
	}
	assert.Empty(t, strays(strings.FieldsFunc(string(files), func(r rune) bool { return r == 0 })),
		"these stand at the top level, and are not among %v", topLevel)
}

func TestStrays(t *testing.T) {
	assert.Empty(t, strays([]string{"README.md", "harness/env.go", ".github/workflows/ci.yml"}))
	assert.Equal(t, []string{"docs", "main.go"}, strays([]string{"main.go", "docs/a.md", "docs/b.md", "harness/docs/a.md", "go.mod"}))
}

// strays returns the names at the top level that have no business there, given the paths of all files.
func strays(files []string) []string {
	found := map[string]bool{}
	for _, f := range files {
		name, _, _ := strings.Cut(f, "/")
		if !slices.Contains(topLevel, name) {
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// graph tells for each package what it imports.
type graph map[string]node

type node struct{ code, tests []string }

// imports returns the graph in which each package's code imports the next.
func imports(chain ...string) graph {
	g := graph{}
	for i := range chain[1:] {
		g[chain[i]] = node{code: chain[i+1 : i+2]}
	}
	return g
}

func testImports(importer, imported string) graph {
	return graph{importer: {tests: []string{imported}}}
}

// and returns the graph with the imports of both.
func (g graph) and(other graph) graph {
	both := maps.Clone(g)
	for importer, n := range other {
		both[importer] = node{union(both[importer].code, n.code), union(both[importer].tests, n.tests)}
	}
	return both
}

func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// breaches returns a sentence for each import that breaks the ban. It looks at nothing but the graph.
func (b ban) breaches(g graph) []string {
	var found []string
	for _, importer := range slices.Sorted(maps.Keys(g)) {
		if !b.from(importer) {
			continue
		}
		if b.binds != tests {
			for _, chain := range g.chains(importer, b.binds == deep) {
				if b.to(importer, chain[len(chain)-1]) {
					found = append(found, fmt.Sprintf("%s imports %s\n\t%s: %s", importer, strings.Join(chain, ", which imports "), b.says, b.why))
				}
			}
		}
		if b.binds == tests || b.binds == all {
			for _, imported := range g[importer].tests {
				// An external test imports the package that it tests.
				if imported != importer && b.to(importer, imported) {
					found = append(found, fmt.Sprintf("a test of %s imports %s\n\t%s: %s", importer, imported, b.says, b.why))
				}
			}
		}
	}
	return found
}

// chains returns for each package that the importer's code imports, if deep also through others, a shortest way there.
func (g graph) chains(importer string, deep bool) [][]string {
	var found [][]string
	seen := map[string]bool{importer: true}
	next := [][]string{{}}
	for len(next) > 0 {
		chain := next[0]
		next = next[1:]
		last := importer
		if len(chain) > 0 {
			last = chain[len(chain)-1]
		}
		for _, imported := range g[last].code {
			if seen[imported] {
				continue
			}
			seen[imported] = true
			longer := append(slices.Clip(chain), imported)
			found = append(found, longer)
			if deep {
				next = append(next, longer)
			}
		}
	}
	return found
}

// in says whether a package is among the patterns: an import path, one that ends in /... and stands for all below it too, or
// std for the standard library.
func in(patterns ...string) func(string) bool {
	return func(path string) bool {
		for _, p := range patterns {
			below, all := strings.CutSuffix(p, "/...")
			switch {
			case p == "std":
				// The go command keeps names without a dot for the standard library. Ours has none either.
				first, _, _ := strings.Cut(path, "/")
				if !strings.Contains(first, ".") && first != "assay" {
					return true
				}
			case path == below, all && strings.HasPrefix(path, below+"/"):
				return true
			}
		}
		return false
	}
}

// anyoneBut stands for the module's packages but those.
func anyoneBut(patterns ...string) func(string) bool {
	return func(importer string) bool { return in("assay/...")(importer) && !in(patterns...)(importer) }
}

func these(patterns ...string) func(string, string) bool {
	return func(_, imported string) bool { return in(patterns...)(imported) }
}

func anythingBut(patterns ...string) func(string, string) bool {
	return func(_, imported string) bool { return !in(patterns...)(imported) }
}

// room returns the room that a package is in, e.g. assay/fixtures/pgtest or assay/harness/engine.
func room(path string) string {
	parts := strings.Split(path, "/")
	return strings.Join(parts[:min(3, len(parts))], "/")
}

// module returns what the packages of this module import, and in turn what those import, on any system that we build for.
func module(t *testing.T) graph {
	t.Helper()
	// A test result is cached as long as the files stay the same that the test itself has looked at, and what the go command
	// reads does not count. So look at every folder.
	require.NoError(t, filepath.WalkDir("..", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == ".git" || d.Name() == ".assay") {
			return fs.SkipDir
		}
		return err
	}))

	g := graph{}
	for _, system := range []string{"linux", "darwin", "windows"} {
		// With -e a package that does not compile is listed all the same: the compiler says that better.
		list := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
		list.Dir = ".."
		list.Env = append(os.Environ(), "GOOS="+system)
		var stderr bytes.Buffer
		list.Stderr = &stderr
		listed, err := list.Output()
		require.NoError(t, err, "go list says\n%s", &stderr)
		one := graph{}
		for in := json.NewDecoder(bytes.NewReader(listed)); ; {
			var p struct {
				ImportPath                         string
				Imports, TestImports, XTestImports []string
			}
			err := in.Decode(&p)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			one[p.ImportPath] = node{code: p.Imports, tests: union(p.TestImports, p.XTestImports)}
		}
		g = g.and(one)
	}

	// No ban is broken in an empty graph.
	for _, must := range []string{"assay/harness", "assay/harness/history", "assay/harness/check", "assay/scenarios/messaging"} {
		require.Contains(t, g, must)
	}
	require.Contains(t, g["assay/harness/check"].code, "assay/harness/history")
	require.Contains(t, g["assay/scenarios/messaging"].tests, "assay/harness")
	require.Contains(t, g, "runtime", "what is imported from elsewhere is missing")
	return g
}
