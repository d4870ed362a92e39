//go:build unix

package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leaving is a harness that leaves the record that a test asks for where the real one does: in the folder of its go command's run.
const leaving = `package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

type Claim struct{ ID, Says string }

func Leave(t *testing.T, c Claim, rest string) {
	dir := filepath.Join(os.Getenv("ASSAY_EVIDENCE"), fmt.Sprintf("20260101T000000-%d", os.Getppid()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("{\"schema\": \"assay/evidence/v2\", \"claim\": {\"id\": %q, \"says\": %q}, %s}", c.ID, c.Says, rest)
	if err := os.WriteFile(filepath.Join(dir, c.ID+".json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
`

func TestTest(t *testing.T) {
	root := module(t, map[string]string{
		"go.mod":                    "module assay\n\ngo 1.26\n",
		"harness/harness.go":        leaving,
		"scenarios/good/s_test.go":  scenario("12.1", leave(`\"verdict\": \"holds\", `+seen)),
		"scenarios/bad/s_test.go":   scenario("9.1", leave(`\"verdict\": \"failed\", \"failures\": [{\"kind\": \"violated\"}]`)+`; t.Fatal("not proven")`),
		"scenarios/busy/s_test.go":  scenario("8.6", leave(`\"verdict\": \"undecided here\", \"undecided\": [{\"what\": \"lag\", \"noise_s\": 1, \"message\": \"0 s or 1 s\"}]`)+`; t.Skip("undecided")`),
		"scenarios/liar/s_test.go":  scenario("8.7", leave(`\"verdict\": \"holds\", \"failures\": [{\"kind\": \"violated\"}], `+seen)),
		"scenarios/torn/s_test.go":  scenario("8.5", "t.Fatal(nothing)"),
		"scenarios/plain/s_test.go": "package s\nimport \"testing\"\nfunc TestPlain(t *testing.T) {}\n",
	})
	page := filepath.Join(root, ".assay", "evidence", "report.html")

	status, stdout, stderr := assay(t, "test", "./scenarios/good")
	require.Equal(t, 0, status, stderr)
	assert.Equal(t, "assay: go test -count=1 -timeout=30m0s ./scenarios/good\n", stderr)
	assert.Regexp(t, `^ok  \tassay/scenarios/good\t\S+\n\n`+root+`/\.assay/evidence/20260101T000000-\d+\nid `, stdout)
	assert.Contains(t, stdout, "\nclaims: 1 proven (1 holds), 0 failed, 0 not run\nto look at: file://"+page+"\n", "what was not asked for is not missed")
	assert.FileExists(t, page)

	status, stdout, _ = assay(t, "test", "./scenarios/good", "./scenarios/bad")
	assert.Equal(t, 1, status)
	assert.Contains(t, stdout, "--- FAIL: TestClaim")
	assert.Contains(t, stdout, "not proven\n")
	assert.Contains(t, stdout, "\nclaims: 1 proven (1 holds), 1 failed, 0 not run\n")

	status, stdout, stderr = assay(t, "test", "./scenarios/good", "./scenarios/busy")
	assert.Equal(t, 0, status, stderr)
	assert.Contains(t, stdout, "\nclaims: 1 proven (1 holds), 0 failed, 1 undecided here, 0 not run\n")
	t.Run("all claims are asked for", func(t *testing.T) {
		t.Setenv("ASSAY_REQUIRE_ALL", "1")
		status, _, _ := assay(t, "test", "./scenarios/good", "./scenarios/busy")
		assert.Equal(t, 1, status)
	})

	status, stdout, stderr = assay(t, "test", "./scenarios/good", "./scenarios/liar")
	assert.Equal(t, 1, status, "though go test is content")
	assert.Contains(t, stdout, "\nclaims: 1 proven (1 holds), 0 failed, 1 not run\n")
	assert.Contains(t, stderr, "8.7.json contradicts itself: it is proven, and names a failure (violated)\n")

	status, stdout, _ = assay(t, "test", "./scenarios/good", "./scenarios/torn")
	assert.Equal(t, 1, status, "that the rest is well does not make up for it")
	assert.Contains(t, stdout, "undefined: nothing")
	assert.Contains(t, stdout, "\nclaims: 1 proven (1 holds), 0 failed, 1 not run\n")

	status, stdout, stderr = assay(t, "test", "./scenarios/torn")
	assert.Equal(t, 1, status)
	assert.Equal(t, "assay: go test -count=1 -timeout=30m0s ./scenarios/torn\n", stderr, "go test has said why")
	assert.NotContains(t, stdout, "claims:", "an older run is not this one's result")

	status, _, stderr = assay(t, "test", "./scenarios/plain")
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "assay: no test of ./scenarios/plain put a claim to the test\n")

	status, stdout, _ = assay(t, "test", "-run", "Pla", "./scenarios/...")
	assert.Equal(t, 1, status, "a package that does not compile is none that was left out")
	assert.NotContains(t, stdout, "claims:")

	status, _, stderr = assay(t, "test", "-run", "(")
	assert.Equal(t, 2, status)
	assert.Contains(t, stderr, "assay: -run: error parsing regexp: missing closing ): `(`\n")

	status, stdout, _ = assay(t, "test", "-run", "Nothing", "./scenarios/bad", "./scenarios/good")
	assert.Equal(t, 1, status)
	assert.Contains(t, stdout, "[no tests to run]")
}

func TestTestIsInterrupted(t *testing.T) {
	assert.Equal(t, "assay: go test -count=1 -timeout=30m0s ./scenarios/...\nassay: interrupted\n", interrupted(t, "test"))
}
