package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
	"assay/harness/internal/settings"
)

// module writes the files, given by their slashed paths, as a module of their own and makes it the working directory.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	t.Setenv("ASSAY_EVIDENCE", "")
	t.Chdir(root)
	return root
}

// assay runs the command with these arguments.
func assay(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(t.Context(), args, nil, &out, &err)
	return status, out.String(), err.String()
}

func TestMisuse(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no command":      {nil, "assay: no command given\n\nusage: assay <command> [arguments]"},
		"unknown command": {[]string{"attack"}, "assay: there is no command \"attack\"\n\nusage: assay <command> [arguments]"},
		"unknown flag":    {[]string{"list", "-x"}, "flag provided but not defined: -x\nusage: assay list [-markdown]"},
		"stray argument":  {[]string{"list", "x"}, "assay: nothing is known to do with x\n\nusage: assay list [-markdown]"},
		"images of":       {[]string{"images", "nats"}, "assay: nothing is known to do with nats\n\nusage: assay images"},
		"clean what":      {[]string{"clean", "nats"}, "assay: nothing is known to do with nats\n\nusage: assay clean [-all]"},
		"help for what":   {[]string{"help", "attack"}, "assay: there is no command \"attack\"\n\nusage: assay help [command]"},
		"help for two":    {[]string{"help", "list", "clean"}, "assay: nothing is known to do with clean\n\nusage: assay help [command]"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := assay(t, c.args...)
			assert.Equal(t, 2, status)
			assert.Empty(t, stdout)
			assert.True(t, strings.HasPrefix(stderr, c.want), stderr)
		})
	}
}

func TestUnknownSetting(t *testing.T) {
	var out, err bytes.Buffer
	status := run(t.Context(), []string{"list"}, []string{"ASSAY_SEDE=1"}, &out, &err)
	assert.Equal(t, 2, status)
	assert.Contains(t, err.String(), "assay: ASSAY_SEDE is no setting; did you mean ASSAY_SEED?")

	status = run(t.Context(), []string{"help"}, []string{"ASSAY_SEDE=1"}, &out, &err)
	assert.Equal(t, 0, status, "help is what explains it")
}

func TestHelp(t *testing.T) {
	status, stdout, stderr := assay(t, "help")
	assert.Equal(t, 0, status)
	assert.Empty(t, stderr)
	for _, c := range commands() {
		assert.Contains(t, stdout, "\n  "+strings.TrimSpace(c.name+" "+c.args)+"\n")
	}
	for _, s := range settings.All {
		assert.Contains(t, stdout, "\n  "+s.Name+"\n")
		assert.Contains(t, stdout, "example: "+s.Example)
	}
	for l := range strings.Lines(stdout) {
		assert.LessOrEqual(t, ansi.StringWidth(strings.TrimSuffix(l, "\n")), 100, l)
	}

	_, same, _ := assay(t, "--help")
	assert.Equal(t, stdout, same)

	status, stdout, _ = assay(t, "help", "clean")
	assert.Equal(t, 0, status)
	assert.True(t, strings.HasPrefix(stdout, "usage: assay clean [-all]\n"), stdout)
	assert.Contains(t, stdout, "  -all\n")

	status, _, stderr = assay(t, "clean", "-h")
	assert.Equal(t, 0, status)
	assert.Equal(t, stdout, stderr)
}

const messaging = `package messaging_test

import "assay/harness"

func TestAtLeastOnce(t *testing.T) {
	harness.Prove(t, harness.Claim{ID: "12.1", Says: "what lost its acknowledgement | comes <twice>"}, func(env *harness.Env) {})
}
`

func TestList(t *testing.T) {
	everyByte := strings.TrimSpace(strings.Repeat("every byte arrives ", 9))
	module(t, map[string]string{
		"go.mod":                                "module assay\n",
		"scenarios/messaging/redeliver_test.go": messaging,
		"scenarios/networks/tcp_test.go":        `package n; import "assay/harness"; func TestTCP(t *testing.T) { harness.Prove(t, harness.Claim{ID: "1.1", Says: "` + everyByte + `"}, scenario) }`,
		"scenarios/shop/shop_test.go":           `package s; import "assay/harness"; func TestShop(t *testing.T) { harness.Prove(t, harness.Claim{ID: "shop", Says: "it sells"}, scenario) }`,
	})
	const guide = "https://www.freecodecamp.org/news/systems-design-for-interviews/"
	status, stdout, stderr := assay(t, "list")
	assert.Equal(t, 0, status)
	assert.Empty(t, stderr)
	assert.Equal(t, `1 Networks and protocols
`+guide+`#section-1-networks-and-protocols
  1.1   every byte arrives every byte arrives every byte arrives every byte arrives every byte
        arrives every byte arrives every byte arrives every byte arrives every byte arrives
        scenarios/networks/tcp_test.go:1 TestTCP

12 Messaging
`+guide+`#section-12-messaging-pub-sub
  12.1  what lost its acknowledgement | comes <twice>
        scenarios/messaging/redeliver_test.go:6 TestAtLeastOnce

Claims beyond the guide
  shop  it sells
        scenarios/shop/shop_test.go:1 TestShop
`, stdout)

	t.Chdir(filepath.Join("scenarios", "messaging"))
	status, stdout, stderr = assay(t, "list", "-markdown")
	assert.Equal(t, 0, status)
	assert.Empty(t, stderr)
	assert.Equal(t, `| id | claim | section | where |
|---|---|---|---|
| 1.1 | `+everyByte+` | [1 Networks and protocols](`+guide+`#section-1-networks-and-protocols) | [TestTCP](scenarios/networks/tcp_test.go) |
| 12.1 | what lost its acknowledgement \| comes &lt;twice> | [12 Messaging](`+guide+`#section-12-messaging-pub-sub) | [TestAtLeastOnce](scenarios/messaging/redeliver_test.go) |
| shop | it sells |  | [TestShop](scenarios/shop/shop_test.go) |
`, stdout)
}

func TestListWithoutClaims(t *testing.T) {
	root := module(t, map[string]string{"go.mod": "module shop\n"})
	status, stdout, stderr := assay(t, "list")
	assert.Equal(t, 0, status)
	assert.Empty(t, stdout)
	assert.Equal(t, "assay: no test in "+root+" states a claim\n", stderr)

	t.Chdir(t.TempDir())
	status, _, stderr = assay(t, "list")
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "assay: which module's claims? no go.mod in ")
}

// ended is the record of a run that ended with that verdict.
func ended(run, id, verdict string) *evidence.Record {
	r := &evidence.Record{
		Run: run, Claim: evidence.Claim{ID: id, Says: "it works", Refuted: verdict == evidence.Refuted}, Verdict: verdict, Started: time.Unix(1, 0),
		Checks: []evidence.Check{{Role: "holds", Verdict: "holds", OK: true}, {Role: "breaks", Verdict: "violated", OK: true}},
	}
	switch verdict {
	case evidence.OnlyIf:
		r.Claim.OnlyIf = "it is told to"
	case evidence.NotProvable:
		r.Unprovable = "no loop devices"
	case evidence.Undecided:
		r.Undecided = []evidence.Undecision{{What: "lag", Noise: 1, Message: "0 s or 1 s"}}
	case evidence.Failed:
		r.Failures = []evidence.Failure{{Kind: evidence.Violated, Message: "it does not"}}
	}
	return r
}

func keep(t *testing.T, dir, run, id, verdict string) string {
	t.Helper()
	path, err := evidence.Write(dir, ended(run, id, verdict))
	require.NoError(t, err)
	return filepath.Dir(path)
}

func TestReport(t *testing.T) {
	const older, newer = "20260101T000000-1", "20260201T000000-1"
	root := module(t, map[string]string{"go.mod": "module assay\n", "scenarios/messaging/redeliver_test.go": messaging})
	dir := filepath.Join(root, ".assay", "evidence")

	status, _, stderr := assay(t, "report")
	assert.Equal(t, 1, status)
	assert.Equal(t, "assay: no run has left evidence in "+dir+" yet: go test ./scenarios/... does\n", stderr)

	good := keep(t, dir, newer, "8.5", evidence.Holds)
	bad := keep(t, dir, older, "12.1", evidence.Failed)

	status, stdout, stderr := assay(t, "report")
	assert.Equal(t, 0, status, "the newest run holds")
	assert.Empty(t, stderr)
	assert.True(t, strings.HasPrefix(stdout, good+"\nid "), stdout)
	assert.Contains(t, stdout, "claims: 1 proven (1 holds), 0 failed, 1 not run")
	page := filepath.Join(dir, "report.html")
	assert.True(t, strings.HasSuffix(stdout, "\nto look at: file://"+filepath.ToSlash(page)+"\n"), stdout)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Contains(t, string(text), `id="claim-8.5"`)

	status, stdout, stderr = assay(t, "report", older, newer)
	assert.Equal(t, 1, status, "of both runs, one has a claim that failed")
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, "claims: 1 proven (1 holds), 1 failed, 0 not run")
	assert.Contains(t, stdout, "to look at: file://"+filepath.ToSlash(page)+"\n")

	status, stdout, _ = assay(t, "report", bad)
	assert.Equal(t, 1, status)
	assert.Contains(t, stdout, "to look at: file://"+filepath.ToSlash(filepath.Join(bad, "report.html"))+"\n")

	named := filepath.Join(t.TempDir(), "new", "page one.html")
	exports := map[string]string{"-junit": "<testsuites ", "-markdown": "| 8.5 |", "-json": `"schema": "assay/report/v2"`}
	for flag, says := range exports {
		file := filepath.Join(t.TempDir(), "new", "export")
		status, _, stderr = assay(t, "report", flag, file)
		assert.Equal(t, 0, status, stderr)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(text), says)
	}
	status, stdout, stderr = assay(t, "report", "-o", named)
	assert.Equal(t, 0, status, stderr)
	assert.Contains(t, stdout, "to look at: file://"+strings.ReplaceAll(filepath.ToSlash(named), " ", "%20")+"\n")
	assert.FileExists(t, named)

	for _, named := range []string{bad, older} {
		status, stdout, stderr = assay(t, "report", named)
		assert.Equal(t, 1, status)
		assert.Empty(t, stderr, "the table has said it")
		assert.Contains(t, stdout, "12.1 failed: it works\n  violated at 0.0 s:\n    it does not\n")
	}

	// Elsewhere, with the folder named and something in it that is no evidence.
	torn := filepath.Join(good, "9.1.json")
	require.NoError(t, os.WriteFile(torn, []byte("{"), 0o600))
	t.Chdir(t.TempDir())
	status, stdout, stderr = assay(t, "report", "-dir", dir)
	assert.Equal(t, 0, status)
	assert.Contains(t, stdout, "claims: 1 proven (1 holds), 0 failed, 0 not run")
	assert.Contains(t, stderr, "assay: left out: "+torn+" is torn")
	assert.Contains(t, stderr, "assay: claims that were not run are not shown: no go.mod in ")

	status, _, stderr = assay(t, "report", "-dir", dir, "none")
	assert.Equal(t, 1, status)
	assert.Equal(t, "assay: there is no run none, neither here nor in "+dir+"\n", stderr)

	empty := t.TempDir()
	status, _, stderr = assay(t, "report", empty)
	assert.Equal(t, 1, status)
	assert.Equal(t, "assay: no evidence in "+empty+"\n", stderr)
}

func TestCompare(t *testing.T) {
	root := module(t, map[string]string{"go.mod": "module assay\n"})
	dir := filepath.Join(root, ".assay", "evidence")
	record := func(run, verdict string, duration float64) {
		r := ended(run, "12.1", verdict)
		r.Started, r.Duration = time.Time{}, duration
		_, err := evidence.Write(dir, r)
		require.NoError(t, err)
	}
	const good, slow, bad = "20260101T000000-1", "20260102T000000-2", "20260103T000000-3"
	record(good, evidence.Holds, 1)
	record(slow, evidence.Holds, 1.4)
	record(bad, evidence.Failed, 1)
	header := func(a, b string) string {
		return "before: " + filepath.Join(dir, a) + "\nafter: " + filepath.Join(dir, b) + "\n\n"
	}
	const alike = "claims: 0 worse, 0 better, 0 changed, 0 new, 0 gone, 1 alike\n"

	status, stdout, stderr := assay(t, "compare", good, slow)
	assert.Equal(t, 0, status)
	assert.Empty(t, stderr)
	assert.Equal(t, header(good, slow)+alike, stdout)

	status, stdout, _ = assay(t, "compare", good, filepath.Join(dir, slow), "-by", "30")
	assert.Equal(t, 0, status)
	assert.Contains(t, stdout, "12.1 changed: it works\n  took: 1 s → 1.40 s\n")

	status, stdout, _ = assay(t, "compare", "-all", good, slow)
	assert.Equal(t, 0, status)
	assert.Contains(t, stdout, "12.1 alike: it works\n  = verdict: holds → holds\n  = took: 1 s → 1.40 s\n")

	status, stdout, stderr = assay(t, "compare", good, bad)
	assert.Equal(t, 1, status)
	assert.Empty(t, stderr, "it has been said")
	assert.Contains(t, stdout, "12.1 worse: it works\n  verdict: holds → failed (violated)\n")

	status, stdout, _ = assay(t, "compare", bad, good)
	assert.Equal(t, 0, status)
	assert.Contains(t, stdout, "12.1 better: it works\n")

	torn := filepath.Join(dir, good, "9.1\x1b[31m.json")
	require.NoError(t, os.WriteFile(torn, []byte("{"), 0o600))
	status, stdout, stderr = assay(t, "compare", good, slow)
	assert.Equal(t, 0, status)
	assert.Contains(t, stderr, "assay: left out: "+strings.ReplaceAll(torn, "\x1b", "")+" is torn")
	assert.Contains(t, stdout, alike)

	empty := t.TempDir()
	for want, args := range map[string][]string{
		"name two folders of evidence":           {good},
		"name two folders of evidence, or":       {good, slow, bad},
		"there is no run none, neither here nor": {good, "none"},
		"no evidence in " + empty:                {empty, good},
		"-by -1: a percentage":                   {"-by", "-1", good, slow},
		"-by NaN: a percentage":                  {"-by", "NaN", good, slow},
	} {
		status, _, stderr = assay(t, append([]string{"compare"}, args...)...)
		assert.Equal(t, 2, status, want)
		assert.Contains(t, stderr, "assay: "+want)
	}
}

func TestInterrupted(t *testing.T) {
	module(t, map[string]string{"go.mod": "module assay\n", "scenarios/messaging/redeliver_test.go": messaging})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, err bytes.Buffer
	assert.Equal(t, 1, run(ctx, []string{"sabotage"}, nil, &out, &err))
	assert.Equal(t, "assay: interrupted\n", err.String())
}
