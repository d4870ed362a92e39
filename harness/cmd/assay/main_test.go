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
		"two runs":        {[]string{"report", "a", "b"}, "assay: one run at a time\n\nusage: assay report [-dir folder] [run folder]"},
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
	harness.New(t, harness.Claim{ID: "12.1", Says: "what lost its acknowledgement | comes <twice>"})
}
`

func TestList(t *testing.T) {
	everyByte := strings.TrimSpace(strings.Repeat("every byte arrives ", 9))
	module(t, map[string]string{
		"go.mod":                                "module assay\n",
		"scenarios/messaging/redeliver_test.go": messaging,
		"scenarios/networks/tcp_test.go":        `package n; import "assay/harness"; func TestTCP(t *testing.T) { harness.New(t, harness.Claim{ID: "1.1", Says: "` + everyByte + `"}) }`,
		"scenarios/shop/shop_test.go":           `package s; import "assay/harness"; func TestShop(t *testing.T) { harness.New(t, harness.Claim{ID: "shop", Says: "it sells"}) }`,
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

func keep(t *testing.T, dir, run, id, verdict string) string {
	t.Helper()
	path, err := evidence.Write(dir, &evidence.Record{
		Run: run, Claim: evidence.Claim{ID: id, Says: "it works"}, Verdict: verdict, Started: time.Unix(1, 0),
		Failures: []evidence.Failure{{Kind: evidence.Violated, Message: "it does not"}},
	})
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

func TestInterrupted(t *testing.T) {
	module(t, map[string]string{"go.mod": "module assay\n", "scenarios/messaging/redeliver_test.go": messaging})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, err bytes.Buffer
	assert.Equal(t, 1, run(ctx, []string{"sabotage"}, nil, &out, &err))
	assert.Equal(t, "assay: interrupted\n", err.String())
}
