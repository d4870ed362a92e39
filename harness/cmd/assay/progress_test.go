package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Where there is no terminal it reads as if go test itself had been run, whatever befalls the tests.
func TestProgressIsAsQuietAsGoTest(t *testing.T) {
	module(t, map[string]string{
		"go.mod": "module example\n\ngo 1.26\n",
		"passes/passes_test.go": `package passes
import ("fmt"; "os"; "testing")
func TestSays(t *testing.T) { fmt.Println("loud"); fmt.Fprintln(os.Stderr, "louder"); t.Log("and logged") }
func TestLeftOut(t *testing.T) { t.Skip("not here") }
`,
		"fails/fails_test.go": `package fails
import ("fmt"; "testing")
func TestFine(t *testing.T) { t.Log("all is well") }
func TestFails(t *testing.T) { t.Log("it was"); fmt.Println("as it was"); t.Error("no good") }
func TestParts(t *testing.T) {
	t.Run("bad", func(t *testing.T) { t.Parallel(); t.Error("bad part") })
}
func TestAtOnce(t *testing.T) { t.Parallel(); t.Error("no good either") }
`,
		"exits/exits_test.go": `package exits
import ("fmt"; "os"; "testing")
func TestExits(t *testing.T) { fmt.Print("without an end"); os.Exit(3) }
`,
		"torn/torn_test.go":       "package torn\nfunc TestTorn(t *testing.T) {\n",
		"foreign/foreign_test.go": "package foreign\nimport \"testing\"\nfunc TestForeign(t *testing.T) { t.Fatal(nothing) }\n",
		"empty/empty.go":          "package empty\n",
	})
	same := func(packages string) {
		t.Helper()
		direct, err := exec.CommandContext(t.Context(), "go", "test", "-count=1", packages).CombinedOutput()
		var got bytes.Buffer
		p := newProgress(terminal{&got, io.Discard}, 0)
		followed := exec.CommandContext(t.Context(), "go", "test", "-json", "-count=1", packages)
		followed.Stdout, followed.Stderr = p.events(), p.remarks()
		done := p.begin()
		assert.Equal(t, err == nil, followed.Run() == nil)
		done()
		assert.Equal(t, normal(string(direct)), normal(got.String()))
	}
	for _, packages := range []string{"./passes", "./fails", "./exits", "./torn", "./foreign", "./empty", "./none", "./..."} {
		same(packages)
	}
}

var duration = regexp.MustCompile(`\d+\.\d+ ?s`)

// normal takes out of what go test printed what is another each time, durations and the order of packages, and what the output has
// otherwise: how far the parts of a test are indented, and the last word on all packages.
func normal(printed string) (lines []string) {
	for line := range strings.SplitSeq(duration.ReplaceAllString(printed, "…"), "\n") {
		if line = strings.TrimSpace(line); line != "" && line != "FAIL" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// screenOf is a progress on a terminal of that size, with its clock, and what the terminal was sent.
func screenOf(width, height, expected int) (p *progress, clock *time.Time, sent *bytes.Buffer) {
	sent, clock = &bytes.Buffer{}, new(time.Unix(0, 0))
	p = newProgress(terminal{sent, io.Discard}, expected)
	p.live, p.size, p.now = true, func() (int, int) { return width, height }, func() time.Time { return *clock }
	p.started = *clock
	return p, clock, sent
}

// play feeds events, of which those with an Output are of the kind that says so.
func play(t *testing.T, p *progress, events ...event) {
	t.Helper()
	for _, e := range events {
		if e.Output != "" {
			e.Action, e.Output = "output", e.Output+"\n"
		}
		text, err := json.Marshal(e)
		require.NoError(t, err)
		_, err = p.events().Write(append(text, '\n'))
		require.NoError(t, err)
	}
}

func TestProgressOnATerminal(t *testing.T) {
	p, clock, sent := screenOf(80, 24, 4)
	of := func(test, action, output string) event {
		return event{Action: action, Package: "s", Test: test, Output: output}
	}
	play(t, p,
		of("TestA", "run", ""), of("TestA", "", "=== RUN   TestA"), of("TestA", "", "    claim 2.1: the disk outlives the process"), of("TestA", "pause", ""),
		of("TestB", "run", ""), of("TestB", "", "    claim 9.1: leaders are elected"),
		of("TestB", "", "assay: building image etcd (first use; go build go.etcd.io/etcd)"),
		of("TestPlain", "run", ""), of("TestPlain", "", "    nothing that a notebook says"),
	)
	*clock = clock.Add(90 * time.Second)
	assert.Equal(t, []string{
		"  9.1   leaders are elected         starting                               90 s",
		"  image etcd                        go build go.etcd.io/etcd               90 s",
		"0 of 4 claims: 0 proven, 0 failed, 0 undecided, 0 not provable             90 s",
	}, p.bottom(), "what waits for its turn is not under way, nor is a test without a claim shown")

	sent.Reset()
	play(t, p,
		of("TestB", "", "assay: image etcd built in 91.2s"),
		of("TestB", "", "      0.440 s  ▸ steady state: \x1b[2Jall is well"),
		of("TestB", "", "      0.470 s    ⚡ sever on peers"),
		of("TestA", "cont", ""),
	)
	assert.Contains(t, ansi.Strip(sent.String()), "assay: image etcd built in 91.2s\n")
	assert.Equal(t, []string{
		"  2.1   the disk outlives the pro…  starting                                0 s",
		"  9.1   leaders are elected         steady state: all is well              90 s",
		"0 of 4 claims: 0 proven, 0 failed, 0 undecided, 0 not provable             90 s",
	}, p.bottom())

	sent.Reset()
	play(t, p,
		of("TestA", "", "    verdict: claim 2.1 holds (2.5 s, 9 operations, knobs none)"), of("TestA", "", "--- PASS: TestA (2.50s)"), of("TestA", "pass", ""),
		of("TestPlain", "pass", ""),
		of("TestB", "", "    verdict: claim 9.1 is NOT proven (2.5 s, 9 operations, knobs none)"), of("TestB", "", "--- FAIL: TestB (2.50s)"), of("TestB", "fail", ""),
		of("TestD", "run", ""), of("TestD", "", "    claim 8.5: replicas lag"),
		of("TestD", "", "    verdict: claim 8.5 is UNDECIDED HERE: the machine is too busy (2.5 s)"), of("TestD", "skip", ""),
		of("TestC", "run", ""), of("TestC", "", "    claim 1.5: order is restored"),
		of("TestC", "", "    verdict: claim 1.5 is NOT PROVABLE HERE: no netem"), of("TestC", "skip", ""),
		of("", "", "FAIL"), of("", "", "ok  \ts\t3.0s"), of("", "fail", ""),
	)
	assert.Equal(t, []string{"4 of 4 claims: 1 proven, 1 failed, 1 undecided, 1 not provable             90 s"}, p.bottom())
	stayed := ansi.Strip(sent.String())
	for _, want := range []string{
		"✓ 2.1   holds (2.5 s, 9 operations, knobs none)\n",
		"--- FAIL: TestB (2.50s)\n    claim 9.1: leaders are elected\n",
		"✗ 9.1   is NOT proven (2.5 s, 9 operations, knobs none)\n",
		"? 1.5   is NOT PROVABLE HERE: no netem\n",
		"? 8.5   is UNDECIDED HERE: the machine is too busy (2.5 s)\n",
		"FAIL\n",
	} {
		assert.Contains(t, stayed, want)
	}
	assert.NotContains(t, stayed, "ok  \ts", "the verdicts say it")
	assert.NotContains(t, stayed, "nothing that a notebook says")
}

// What is drawn again must be what was erased, so no line may be longer than the terminal is wide, nor be there more than it is high.
func TestProgressFitsTheTerminal(t *testing.T) {
	for _, width := range []int{1, 10, 40, 100, 300} {
		for _, height := range []int{1, 5, 50} {
			p, _, sent := screenOf(width, height, 30)
			for _, test := range []string{"A", "B", "C", "D", "E", "F", "G"} {
				play(t, p, event{Package: "s", Test: "Test" + test, Action: "run"},
					event{Package: "s", Test: "Test" + test, Output: "claim 1." + test + ": " + strings.Repeat("it is 長い so long ", 20)})
			}
			bottom := p.bottom()
			assert.LessOrEqual(t, len(bottom), max(height-1, 2))
			for _, l := range bottom {
				assert.LessOrEqual(t, ansi.StringWidth(l), width-1, "%d×%d: %q", width, height, l)
			}
			require.Equal(t, len(bottom), p.drawn)
			sent.Reset()
			p.erase()
			assert.Contains(t, sent.String(), ansi.CursorUp(len(bottom)))
			p.erase()
			assert.Equal(t, 1, strings.Count(sent.String(), ansi.EraseScreenBelow), "what is gone is not erased again")
		}
	}
}
