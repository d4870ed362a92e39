//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// harness stands for the real one: it leaves the record that a scenario asks for, if the run is a sabotaged one.
const harness = `package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

type Claim struct{ ID, Says string }

func Leave(t *testing.T, c Claim, rest string) {
	mode := os.Getenv("ASSAY_SABOTAGE")
	if mode == "" {
		t.Fatal("not sabotaged")
	}
	dir := filepath.Join(os.Getenv("ASSAY_EVIDENCE"), "20260101T000000-1")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("{\"schema\": \"assay/evidence/v2\", \"sabotage\": %q, \"claim\": {\"id\": %q}, %s}", mode, c.ID, rest)
	if err := os.WriteFile(filepath.Join(dir, c.ID+".json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
`

func scenario(id, body string) string {
	return `package s_test

import (
	"os"
	"os/signal"
	"testing"
	"time"

	"assay/harness"
)

var _, _, _, _ = os.Getenv, signal.Notify, time.Now, testing.Short

func TestClaim(t *testing.T) {
	claim := harness.Claim{ID: "` + id + `", Says: "x"}
	_ = claim
	` + body + `
}
`
}

// seen is what the record of a claim that is proven shows, after its verdict.
const seen = `\"checks\": [{\"role\": \"calm\", \"verdict\": \"holds\", \"ok\": true}, {\"role\": \"holds\", \"verdict\": \"holds\", \"ok\": true}, {\"role\": \"breaks\", \"verdict\": \"violated\", \"ok\": true}]`

// leave is the call that leaves a record, of what JSON has in it.
func leave(rest string) string { return `harness.Leave(t, claim, "` + rest + `")` }

var (
	vacuous = leave(`\"verdict\": \"failed\", \"faults\": [{}], \"failures\": [{\"kind\": \"vacuous\", \"message\": \"nobody felt drop\"}]`) + "; t.Fail()"
	passed  = leave(`\"verdict\": \"holds\", \"faults\": [{\"to_s\": 1, \"witnesses\": [\"a\"]}], ` + seen)
	faulty  = leave(`\"verdict\": \"holds\", ` + seen) // it has no fault
	// What has a size to be halved notices both.
	sized = `if mode := os.Getenv("ASSAY_SABOTAGE"); mode == "half" { ` +
		leave(`\"verdict\": \"failed\", \"faults\": [{\"halved\": true}], \"failures\": [{\"kind\": \"off the law\", \"message\": \"half a lag\"}]`) + `; t.Fail() } else { ` + vacuous + ` }`
	// What does not care for the size.
	careless = `if mode := os.Getenv("ASSAY_SABOTAGE"); mode == "half" { ` +
		leave(`\"verdict\": \"holds\", \"faults\": [{\"kind\": \"delay\", \"target\": \"link\", \"halved\": true, \"to_s\": 1, \"witnesses\": [\"a\"]}], `+seen) + ` } else { ` + vacuous + ` }`
)

func TestSabotage(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	module(t, map[string]string{
		"go.mod":                       "module assay\n\ngo 1.26\n",
		"harness/harness.go":           harness,
		"scenarios/good/s_test.go":     scenario("12.1", vacuous),
		"scenarios/bad/s_test.go":      scenario("9.1", passed),
		"scenarios/ugly/s_test.go":     scenario("8.5", `t.Fatal("no engine")`),
		"scenarios/sized/s_test.go":    strings.ReplaceAll(scenario("8.6", sized), "TestClaim", "TestSized"),
		"scenarios/careless/s_test.go": scenario("8.9", careless),
		"scenarios/faulty/s_test.go":   strings.ReplaceAll(scenario("3.2", faulty), "TestClaim", "TestFaulty"),
	})
	left := func() []string {
		left, err := filepath.Glob(filepath.Join(tmp, "assay-sabotage-*"))
		require.NoError(t, err)
		return left
	}

	status, stdout, stderr := assay(t, "sabotage", "-mode", "faults", "./scenarios/good")
	assert.Equal(t, 0, status, stderr)
	assert.Equal(t, "12.1 failed as it should: nobody felt drop\nsabotage (faults): 1 failed as they should, 0 inject no fault, 0 not as they should be\n", stdout)
	assert.Equal(t, "assay: ASSAY_SABOTAGE=faults go test -count=1 ./scenarios/good\n", stderr)
	assert.Empty(t, left())

	status, stdout, stderr = assay(t, "sabotage", "./scenarios/sized", "./scenarios/faulty")
	assert.Equal(t, 0, status, stderr)
	assert.Equal(t, `3.2 injects no fault, and holds
8.6 failed as it should: nobody felt drop
sabotage (faults): 1 failed as they should, 1 inject no fault, 0 not as they should be
8.6 failed as it should: off the law: half a lag
sabotage (half): 1 failed as they should, 0 have nothing to halve, 0 not as they should be
`, stdout, "what injects no fault is not run a second time")
	assert.Equal(t, "assay: ASSAY_SABOTAGE=faults go test -count=1 ./scenarios/sized ./scenarios/faulty\n"+
		"assay: ASSAY_SABOTAGE=half go test -count=1 -run=^(TestSized)$ ./scenarios/sized ./scenarios/faulty\n", stderr)
	assert.Empty(t, left())

	status, stdout, _ = assay(t, "sabotage", "-mode", "half", "./scenarios/careless")
	assert.Equal(t, 1, status)
	assert.Equal(t, "8.9 PROVEN WITH HALF OF delay on link: its verdict does not depend on how large the fault is\n"+
		"sabotage (half): 0 failed as they should, 0 have nothing to halve, 1 not as they should be\n", stdout)
	require.Len(t, left(), 1)
	require.NoError(t, os.RemoveAll(left()[0]))

	status, stdout, _ = assay(t, "sabotage", "-mode", "half", "./scenarios/faulty")
	assert.Equal(t, 1, status, "it was to show something")
	assert.Contains(t, stdout, "; no scenario injected a fault that has a size, so nothing was shown\n")
	require.NoError(t, os.RemoveAll(left()[0]))

	status, stdout, stderr = assay(t, "sabotage", "-mode", "faults", "./scenarios/good", "./scenarios/bad", "./scenarios/ugly")
	assert.Equal(t, 1, status)
	assert.Equal(t, `8.5 LEFT NO EVIDENCE: its test did not run, or ended before it could tell anything
9.1 PASSED WITHOUT FAULTS: its verdict does not depend on the fault
12.1 failed as it should: nobody felt drop
sabotage (faults): 1 failed as they should, 0 inject no fault, 2 not as they should be
`, stdout)
	assert.Contains(t, stderr, "go test ended with exit status 1 and said\n")
	assert.Contains(t, stderr, "no engine")
	require.Len(t, left(), 1)
	assert.Contains(t, stderr, "assay: the evidence is kept in "+left()[0]+"\n")

	status, _, stderr = assay(t, "sabotage", "./scenarios/none")
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "assay: go list ./scenarios/none: exit status 1\n")

	status, _, stderr = assay(t, "sabotage", "-mode", "double")
	assert.Equal(t, 2, status)
	assert.Contains(t, stderr, "assay: -mode double: there are faults, half and both\n")
}

// Ctrl-C reaches the tests themselves, two processes further down, and they have cleaned up when the command ends.
func TestSabotageIsInterrupted(t *testing.T) {
	assert.Equal(t, "assay: ASSAY_SABOTAGE=faults go test -count=1 ./scenarios/...\nassay: interrupted\n", interrupted(t, "sabotage"))
}

// until is a context that ends when the file is there: when what is to be interrupted has begun.
func until(t *testing.T, path string) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(path); err == nil {
				return
			}
		}
	}()
	return ctx
}

// interrupted runs the command on a test that waits for an interrupt, and interrupts it. It returns what it said.
func interrupted(t *testing.T, command string) (said string) {
	t.Helper()
	root := module(t, map[string]string{
		"go.mod":             "module assay\n\ngo 1.26\n",
		"harness/harness.go": harness,
		"scenarios/slow/s_test.go": scenario("12.1", `
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	os.WriteFile("started", nil, 0o600)
	select {
	case <-interrupted:
	case <-time.After(time.Minute):
		return
	}
	time.Sleep(200 * time.Millisecond)
	os.WriteFile("cleaned", nil, 0o600)`),
	})
	file := func(name string) string { return filepath.Join(root, "scenarios", "slow", name) }
	var out, err bytes.Buffer
	assert.Equal(t, 1, run(until(t, file("started")), []string{command}, nil, &out, &err))
	assert.FileExists(t, file("cleaned"))
	return err.String()
}
