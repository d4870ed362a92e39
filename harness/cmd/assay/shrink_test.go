//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
)

// storm stands for a scenario with a nemesis: it fails as the body says that it does under a schedule.
func storm(body string) string {
	return `package s_test

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var _, _, _ = signal.Notify, time.Now, strings.Contains

func TestClaim(t *testing.T) {
	text, err := os.ReadFile(os.Getenv("ASSAY_SCHEDULE"))
	if err != nil || os.Getenv("ASSAY_SEED") != "42" {
		t.Fatal("not run as a schedule is: ", err)
	}
	schedule := string(text)
	_ = schedule
	failures := func() string {
		` + body + `
	}()
	dir := filepath.Join(os.Getenv("ASSAY_EVIDENCE"), "20260101T000000-1")
	os.MkdirAll(dir, 0o755)
	record := fmt.Sprintf("{\"schema\": \"assay/evidence/v2\", \"claim\": {\"id\": \"9.3\"}, \"test\": \"TestClaim\", \"verdict\": \"failed\", \"failures\": [%s]}", failures)
	switch {
	case failures == "":
		record = "{\"schema\": \"assay/evidence/v2\", \"claim\": {\"id\": \"9.3\"}, \"test\": \"TestClaim\", \"verdict\": \"holds\", ` + seen + `}"
	case failures == "undecided":
		record = "{\"schema\": \"assay/evidence/v2\", \"claim\": {\"id\": \"9.3\"}, \"test\": \"TestClaim\", \"verdict\": \"undecided here\", \"undecided\": [{\"what\": \"age\", \"noise_s\": 1}]}"
	}
	os.WriteFile(filepath.Join(dir, "9.3.json"), []byte(record), 0o600)
}
`
}

const violated = "`{\"kind\": \"vacuous\"}, {\"kind\": \"violated\"}`"

// stormy is a module with that scenario, and the file of a schedule of six windows under which it was violated.
func stormy(t *testing.T, body string) string {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	root := module(t, map[string]string{"go.mod": "module assay\n\ngo 1.26\n", "scenarios/s/s_test.go": storm(body)})
	f := &evidence.ScheduleFile{
		Claim: "9.3", Test: "TestClaim", Package: "assay/scenarios/s", Failure: evidence.Violated,
		Schedule: evidence.Schedule{Seed: 42, Draws: 20},
	}
	for i := range 6 {
		f.Windows = append(f.Windows, evidence.Window{
			Fault: fmt.Sprintf("fault-%d", i+1), Begin: evidence.Span(time.Duration(i) * time.Second), Length: evidence.Span(time.Second / 2),
		})
	}
	require.NoError(t, evidence.WriteSchedule(root, "run", f))
	return f.Path
}

func leftovers(t *testing.T) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "assay-shrink-*"))
	require.NoError(t, err)
	return left
}

func TestShrink(t *testing.T) {
	path := stormy(t, `
		if strings.Contains(schedule, "fault-2") && strings.Contains(schedule, "fault-5") {
			return `+violated+`
		}
		if strings.Contains(schedule, "fault-4") {
			return "{\"kind\": \"vacuous\"}" // fails, and not as is looked for
		}
		return ""`)
	status, stdout, stderr := assay(t, "shrink", path)
	assert.Equal(t, 0, status, stderr)
	small := strings.TrimSuffix(path, ".json") + ".shrunk.json"
	assert.Regexp(t, `^violated under windows 2, 5 of 6 \(after \d+ runs\)\n`+
		`   2  fault-2, from 1s for 500ms\n   5  fault-5, from 4s for 500ms\n`+
		`follow it: ASSAY_SCHEDULE=`+small+` go test -count=1 -v -run '\^TestClaim\$' assay/scenarios/s\n$`, stdout)
	for _, line := range []string{
		"assay: claim 9.3 was violated under 6 windows; 2 of 3 runs must be so again (10m0s in all)\n",
		"assay: windows 1, 2, 3, 4, 5, 6: fails (vacuous and violated; vacuous and violated)\n",
		"assay: no window at all: not this one (passed; passed)\n",
		"assay: windows 4, 5, 6: not this one (vacuous; vacuous)\n",
	} {
		assert.Contains(t, stderr, line)
	}
	f, err := evidence.ReadSchedule(small)
	require.NoError(t, err)
	assert.Equal(t, "windows 2, 5 of 6 in 9.3.schedule.json", f.Shrunk)
	assert.Len(t, f.Windows, 2)
	assert.Equal(t, uint64(42), f.Seed)
	assert.Empty(t, leftovers(t))
}

func TestShrinkWhatFailsNowAndThen(t *testing.T) {
	path := stormy(t, `
		log, _ := os.OpenFile("runs", os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
		fmt.Fprint(log, ".")
		runs, _ := os.ReadFile("runs")
		if len(runs) % 3 != 0 && strings.Contains(schedule, "fault-3") {
			return `+violated+`
		}
		return ""`)
	status, stdout, stderr := assay(t, "shrink", path)
	assert.Equal(t, 0, status, stderr)
	assert.Contains(t, stdout, "violated under window 3 of 6")
}

func TestShrinkInVain(t *testing.T) {
	t.Run("it passes", func(t *testing.T) {
		path := stormy(t, `return "{\"kind\": \"vacuous\"}"`)
		status, stdout, stderr := assay(t, "shrink", "-k", "2", "-n", "4", path)
		assert.Equal(t, 1, status)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, "assay: "+path+" does not fail again: 3 of 3 runs passed (a run passes that is not violated)\n")
		assert.Empty(t, leftovers(t))
	})
	t.Run("it is undecided", func(t *testing.T) {
		path := stormy(t, `return "undecided"`)
		status, _, stderr := assay(t, "shrink", path)
		assert.Equal(t, 1, status)
		assert.Contains(t, stderr, "assay: windows 1, 2, 3, 4, 5, 6: not this one (undecided here; undecided here)\n")
	})
	t.Run("it fails without", func(t *testing.T) {
		path := stormy(t, `return `+violated)
		status, stdout, stderr := assay(t, "shrink", path)
		assert.Equal(t, 0, status, stderr)
		assert.Equal(t, "violated without any of its 6 windows: the schedule has nothing to do with it (after 4 runs)\n", stdout)
	})
	t.Run("it leaves no evidence", func(t *testing.T) {
		path := stormy(t, `t.Fatal("no engine"); return ""`)
		status, _, stderr := assay(t, "shrink", path)
		assert.Equal(t, 1, status)
		assert.Contains(t, stderr, "the run under windows 1, 2, 3, 4, 5, 6 ended (exit status 1), and TestClaim left no evidence of claim 9.3\n")
		assert.Contains(t, stderr, "no engine")
	})
	t.Run("it does not compile", func(t *testing.T) {
		path := stormy(t, `return 1`)
		status, _, stderr := assay(t, "shrink", path)
		assert.Equal(t, 1, status)
		assert.Contains(t, stderr, "assay: go test -c assay/scenarios/s: exit status 1\n")
		assert.Empty(t, leftovers(t))
	})
	t.Run("there is no time", func(t *testing.T) {
		path := stormy(t, `time.Sleep(time.Minute); return ""`)
		status, _, stderr := assay(t, "shrink", "-budget", "300ms", path)
		assert.Equal(t, 1, status)
		assert.Contains(t, stderr, "assay: the budget of 300ms did not suffice to see the whole schedule fail again\n")
		assert.Empty(t, leftovers(t))
	})
	t.Run("misuse", func(t *testing.T) {
		path := stormy(t, `return ""`)
		for _, args := range [][]string{{}, {path, path}, {"-k", "4", path}, {"-k", "0", path}, {"-budget", "0s", path}} {
			status, _, stderr := assay(t, append([]string{"shrink"}, args...)...)
			assert.Equal(t, 2, status)
			assert.Contains(t, stderr, "usage: assay shrink [-k 2] [-n 3] [-budget 10m] file")
		}
		status, _, stderr := assay(t, "shrink", filepath.Join(t.TempDir(), "none.json"))
		assert.Equal(t, 1, status)
		assert.Contains(t, stderr, "assay: read schedule: ")
	})
}

// Ctrl-C reaches the test itself, which has cleaned up when the command ends.
func TestShrinkIsInterrupted(t *testing.T) {
	path := stormy(t, `
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		os.WriteFile("started", nil, 0o600)
		select {
		case <-interrupted:
		case <-time.After(time.Minute):
			return ""
		}
		time.Sleep(200 * time.Millisecond)
		os.WriteFile("cleaned", nil, 0o600)
		return ""`)
	root := filepath.Dir(filepath.Dir(path))
	file := func(name string) string { return filepath.Join(root, "scenarios", "s", name) }
	var out, err bytes.Buffer
	assert.Equal(t, 1, run(until(t, file("started")), []string{"shrink", path}, nil, &out, &err))
	assert.Contains(t, err.String(), "assay: interrupted\n")
	assert.FileExists(t, file("cleaned"))
	assert.Empty(t, leftovers(t))
}

// The whole way on a real server, which forgets what it has acknowledged when it is killed: its test fails under a schedule of
// five kinds of faults, leaves the schedule behind, and the window in which the server was killed is found to be enough.
func TestShrinkOnARealServer(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what needs containers")
	}
	t.Setenv("HARNESS_TEST_CHILD", "1")
	kept := t.TempDir()
	test := exec.Command("go", "test", "-count=1", "-run", "^TestForgetfulServer$", "assay/harness")
	test.Env = append(os.Environ(), "ASSAY_SEED=5", "ASSAY_EVIDENCE="+kept) // a seed under which it does each of the five
	output, err := test.CombinedOutput()
	require.Error(t, err)
	files, err := filepath.Glob(filepath.Join(kept, "*", "test.schedule.json"))
	require.NoError(t, err)
	require.Len(t, files, 1, string(output))
	whole, err := evidence.ReadSchedule(files[0])
	require.NoError(t, err)
	require.Equal(t, evidence.Violated, whole.Failure)
	require.Len(t, whole.Windows, 5)
	assert.Contains(t, string(output), "shrink its schedule: go run ./harness/cmd/assay shrink "+files[0])

	status, stdout, stderr := assay(t, "shrink", "-k", "1", "-n", "1", files[0])
	require.Equal(t, 0, status, stderr)
	assert.Contains(t, stdout, "violated under window 3 of 5 (after ", stderr)
	assert.Contains(t, stdout, "\n   3  kill, from ")
	small, err := evidence.ReadSchedule(strings.TrimSuffix(files[0], ".json") + ".shrunk.json")
	require.NoError(t, err)
	require.Len(t, small.Windows, 1)
	assert.Equal(t, "kill", small.Windows[0].Fault)
	assert.NotContains(t, stderr, "budget")
}
