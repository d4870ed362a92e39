//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
)

// again stands for a scenario: its body returns what is in the record of the run, whose number is i, from 1 on.
func again(id, body string) string {
	return `package s_test

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"testing"
	"time"

	"assay/harness"
)

var _, _ = signal.Notify, time.Now

func TestClaim(t *testing.T) {
	claim := harness.Claim{ID: "` + id + `", Says: "x"}
	log, _ := os.OpenFile("runs", os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	fmt.Fprint(log, ".")
	runs, _ := os.ReadFile("runs")
	i := len(runs)
	t.Log("run ", i)
	record := func() string {
		` + body + `
	}()
	dir := filepath.Join(os.Getenv("ASSAY_EVIDENCE"), "20260101T000000-1")
	os.MkdirAll(dir, 0o755)
	text := fmt.Sprintf("{\"schema\": \"assay/evidence/v2\", \"claim\": {\"id\": %q}, \"duration_s\": 2.5, %s}", claim.ID, record)
	os.WriteFile(filepath.Join(dir, claim.ID+".json"), []byte(text), 0o600)
}
`
}

const (
	proven      = "`\"verdict\": \"holds\", \"measurements\": [{\"name\": \"age\", \"unit\": \"s\", \"low\": 0, \"high\": 9, \"ok\": true, \"value\": ` + fmt.Sprint(i) + `}], `+" + "\"" + seen + "\""
	undecidable = "`\"verdict\": \"undecided here\", \"undecided\": [{\"what\": \"age\", \"noise_s\": 1, \"message\": \"0 s or 1 s\"}]`"
	repeated    = " + `, \"repeats\": [{\"undecided\": [{\"what\": \"age\", \"noise_s\": 1, \"message\": \"0 s or 1 s\"}]}]`"
	lie         = "`\"verdict\": \"holds\"`"
	unproven    = "`\"verdict\": \"failed\", \"failures\": [{\"kind\": \"vacuous\", \"message\": \"nobody felt drop\\nx\"}]`"
)

// repeatable is a module with such a scenario, and returns where its runs are kept.
func repeatable(t *testing.T, body string) (kept string) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	root := module(t, map[string]string{
		"go.mod":                 "module assay\n\ngo 1.26\n",
		"harness/harness.go":     "package harness\n\ntype Claim struct{ ID, Says string }\n",
		"scenarios/a/s_test.go":  again("12.1", body),
		"scenarios/b/s_test.go":  again("9.1", `return `+proven),
		"scenarios/c/s_test.go":  "package c_test\n\nimport \"assay/harness\"\n\nvar outside = harness.Claim{ID: \"8.5\", Says: \"x\"}\n",
		"scenarios/d/nothing.go": "package d\n",
	})
	return filepath.Join(root, ".assay", "evidence", "repeated")
}

// keptIn returns the folder of the one repetition in there, and requires that nothing else was left.
func keptIn(t *testing.T, kept string) string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(kept, "*"))
	require.NoError(t, err)
	require.Len(t, folders, 1)
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "assay-*"))
	require.NoError(t, err)
	assert.Empty(t, left)
	return folders[0]
}

func TestRun(t *testing.T) {
	kept := repeatable(t, `return `+proven)
	status, stdout, stderr := assay(t, "run", "-n", "3", "12.1")
	assert.Equal(t, 0, status, stderr)
	assert.Equal(t, "assay: claim 12.1: x\n", stderr)
	folder := keptIn(t, kept)
	assert.Regexp(t, `12\.1-\d{8}T\d{6}-\d+$`, folder)
	assert.Equal(t, `run 1 of 3: holds (2.5 s); age 1 s in [0, 9]
run 2 of 3: holds (2.5 s); age 2 s in [0, 9], so far 1 s to 2 s
run 3 of 3: holds (2.5 s); age 3 s in [0, 9], so far 1 s to 3 s
claim 12.1 after 3 runs
  holds             100 % [44, 100], n = 3
  age: median 2 s, 1 s to 3 s
the evidence and the notebook of each run are in `+folder+"\n", stdout)
	for _, run := range []string{"run-1", "run-2", "run-3"} {
		runs, err := evidence.Runs(filepath.Join(folder, run))
		require.NoError(t, err)
		require.Len(t, runs, 1)
		records, refused := evidence.Load(runs[0])
		assert.Empty(t, refused)
		assert.Len(t, records, 1)
		notebook, err := os.ReadFile(filepath.Join(folder, run, "notebook.txt"))
		require.NoError(t, err)
		assert.Contains(t, string(notebook), "run  "+run[4:])
	}
}

func TestRunOfAHeadlineThatStaysTheSame(t *testing.T) {
	repeatable(t, `i = 1; return `+proven)
	status, stdout, stderr := assay(t, "run", "12.1", "-n", "2", "./scenarios/a")
	assert.Equal(t, 0, status, stderr)
	assert.Contains(t, stdout, "run 2 of 2: holds (2.5 s); age 1 s in [0, 9], so far always 1 s\n")
	assert.Contains(t, stdout, "  age: median 1 s, always 1 s\n")
}

func TestRunThatDoesNotAlwaysProve(t *testing.T) {
	kept := repeatable(t, `
		switch i {
		case 2:
			t.Fail()
			return `+unproven+`
		case 4:
			t.Fatal("no engine")
		}
		return `+proven)
	status, stdout, stderr := assay(t, "run", "-n", "5", "12.1", "./scenarios/a")
	assert.Equal(t, 1, status)
	assert.Equal(t, "assay: claim 12.1: x\n", stderr)
	assert.Equal(t, `run 1 of 5: holds (2.5 s); age 1 s in [0, 9]
run 2 of 5: failed (2.5 s): vacuous: nobody felt drop
run 3 of 5: holds (2.5 s); age 3 s in [0, 9], so far 1 s to 3 s
run 4 of 5: no evidence (exit status 1)
run 5 of 5: holds (2.5 s); age 5 s in [0, 9], so far 1 s to 5 s
claim 12.1 after 5 runs
  holds             60 % [23, 88], n = 5
  failed            20 % [4, 62], n = 5
    run 2: vacuous: nobody felt drop
  no evidence       20 % [4, 62], n = 5
    run 4: exit status 1
  age: median 3 s, 1 s to 5 s
the evidence and the notebook of each run are in `+keptIn(t, kept)+"\n", stdout)
}

func TestRunStopsWhenItIsCertain(t *testing.T) {
	for name, c := range map[string]struct {
		body, want string
		args       []string
		status     int
		runs       int
	}{
		"7 alike, of more than half": {
			`return ` + proven, "stopped after 7 of 20: it is certain (95 %, however often one looks) that more than 50 % of runs end with \"holds\"\n",
			[]string{"-stop", "0.5"}, 0, 7,
		},
		"18 alike, by default": {`return ` + unproven, "stopped after 18 of 20: it is certain (95 %, however often one looks) that more than 75 % of runs end with \"failed\"\n", nil, 1, 18},
		"never":                {`i = 1; return ` + proven, "", []string{"-stop", "1", "-n", "21"}, 0, 21},
		"not before its last":  {`return ` + proven, "", []string{"-stop", "0.5", "-n", "7"}, 0, 7},
		"not provable here":    {"return `\"verdict\": \"not provable here\", \"unprovable\": \"no loop devices\"`", "run  1 of 20: not provable here (2.5 s): no loop devices\n", nil, 3, 1},
		"undecided":            {`return ` + undecidable, "  undecided here    100 % [34, 100], n = 2\n    run 1: age: 0 s or 1 s\n", []string{"-n", "2"}, 3, 2},
		"undecided, then not":  {`if i == 1 { return ` + undecidable + `}; return ` + proven + repeated, "run 2 of 2: holds (2.5 s), in attempt 2; age 2 s in [0, 9]\n", []string{"-n", "2"}, 3, 2},
		"undecided, or failed": {`if i == 1 { return ` + undecidable + `}; return ` + unproven, "run 2 of 2: failed (2.5 s): vacuous: nobody felt drop\n", []string{"-n", "2"}, 1, 2},
		"a lie":                {`return ` + lie, "run 1 of 2: no evidence (exit status 0: ", []string{"-n", "2"}, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			kept := repeatable(t, c.body)
			status, stdout, stderr := assay(t, append(append([]string{"run"}, c.args...), "12.1")...)
			assert.Equal(t, c.status, status, stderr)
			if c.want != "" {
				assert.Contains(t, stdout, c.want)
			} else {
				assert.NotContains(t, stdout, "stopped")
			}
			runs, err := filepath.Glob(filepath.Join(keptIn(t, kept), "run-*"))
			require.NoError(t, err)
			assert.Len(t, runs, c.runs)
		})
	}
}

func TestRunOfWhat(t *testing.T) {
	repeatable(t, `return 1`)
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"no claim":          {nil, 2, "assay: name a claim by its id, such as 12.1; assay list has them\n\nusage: assay run [-n 20] [-stop 0.75] claim [packages]"},
		"unknown":           {[]string{"12.9"}, 2, "assay: there is no claim 12.9 there; there are 8.5, 9.1, 12.1\n\nusage: assay run"},
		"unknown there":     {[]string{"12.1", "./scenarios/b"}, 2, "assay: there is no claim 12.1 there; there are 9.1\n\nusage: assay run"},
		"none there":        {[]string{"12.1", "./scenarios/d"}, 2, "assay: there is no claim 12.1 there, nor any other\n\nusage: assay run"},
		"no such package":   {[]string{"12.1", "./scenarios/e"}, 1, "assay: go list ./scenarios/e: exit status 1\n"},
		"outside of a test": {[]string{"8.5"}, 1, "assay: claim 8.5 is stated outside of a test, at scenarios/c/s_test.go:5, so nobody knows which to run\n"},
		"two claims":        {[]string{"12.1", "9.1"}, 2, "assay: one claim at a time: 9.1 is no package\n\nusage: assay run"},
		"a flag at the end": {[]string{"12.1", "-n", "0"}, 2, "assay: -n 0 -stop 0.75: at least one run, and a share from 0.5 to 1\n\nusage: assay run"},
		"no run":            {[]string{"-n", "0", "12.1"}, 2, "assay: -n 0 -stop 0.75: at least one run, and a share from 0.5 to 1\n\nusage: assay run"},
		"too little":        {[]string{"-stop", "0.4", "12.1"}, 2, "assay: -n 20 -stop 0.4: at least one run, and a share from 0.5 to 1\n\nusage: assay run"},
		"no number":         {[]string{"-stop", "NaN", "12.1"}, 2, "assay: -n 20 -stop NaN: at least one run, and a share from 0.5 to 1\n\nusage: assay run"},
		"does not compile":  {[]string{"12.1"}, 1, "assay: go test -c ./scenarios/a: exit status 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := assay(t, append([]string{"run"}, c.args...)...)
			assert.Equal(t, c.status, status)
			assert.Empty(t, stdout)
			assert.True(t, strings.HasPrefix(stderr, c.want), stderr)
		})
	}
}

// Ctrl-C reaches the test itself. One that cleans up has done so when the command ends; one that does not is
// gone at once, and what it had in the engine is removed by the reaper. What was seen till then is told.
func TestRunIsInterrupted(t *testing.T) {
	kept := repeatable(t, `
		if i == 1 {
			return `+proven+`
		}
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
		return `+proven)
	file := func(name string) string {
		return filepath.Join(kept, "..", "..", "..", "scenarios", "a", name)
	}
	var out, err bytes.Buffer
	assert.Equal(t, 1, run(until(t, file("started")), []string{"run", "12.1"}, nil, &out, &err))
	assert.Equal(t, "assay: claim 12.1: x\nassay: interrupted\n", err.String())
	assert.Regexp(t, `^run  1 of 20: holds .*\nclaim 12.1 after 1 run\n  holds +100 % \[21, 100\], n = 1\n  age: median 1 s\n`, out.String())
	assert.FileExists(t, file("cleaned"))
	keptIn(t, kept)
}

func TestWorst(t *testing.T) {
	record := func(id, verdict string) *evidence.Record {
		return &evidence.Record{Claim: evidence.Claim{ID: id}, Verdict: verdict}
	}
	other, holds, failed, later := record("1", evidence.Failed), record("2", evidence.Holds), record("2", evidence.Failed), record("2", evidence.NotProvable)
	assert.Same(t, failed, worst([]*evidence.Record{other, holds, failed, later}, "2"))
	undecided := record("2", evidence.Undecided)
	assert.Same(t, failed, worst([]*evidence.Record{undecided, holds, failed}, "2"))
	assert.Same(t, undecided, worst([]*evidence.Record{holds, undecided}, "2"))
	assert.Same(t, holds, worst([]*evidence.Record{other, holds}, "2"))
	assert.Nil(t, worst([]*evidence.Record{other}, "2"))
}
