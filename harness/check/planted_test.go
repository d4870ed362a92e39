package check_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"assay/harness/check"
	"assay/harness/history"
)

// Whatever gives a report has a test that plants what it is to find, and is named for it.
func TestEachCheckerIsToFindWhatIsPlanted(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var checkers, tests []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		parsed, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !f.Name.IsExported() {
				continue
			}
			if strings.HasSuffix(file, "_test.go") {
				tests = append(tests, f.Name.Name)
			} else if results := f.Type.Results; results != nil && len(results.List) == 1 {
				if of, ok := results.List[0].Type.(*ast.Ident); ok && strings.HasSuffix(of.Name, "Report") {
					checkers = append(checkers, f.Name.Name)
				}
			}
		}
	}
	require.Len(t, checkers, 13)
	for _, c := range checkers {
		assert.True(t, slices.ContainsFunc(tests, func(name string) bool { return strings.HasPrefix(name, "Test"+c+"Find") }), c)
	}
}

func TestSetFindsTheOneElementThatIsPlanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var adds, look history.History
		var there, refused []int
		for i := range rapid.IntRange(1, 30).Draw(t, "elements") {
			op := history.Operation{
				Client: "w", Kind: history.Write, Key: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "set"), Value: int64(i + 1),
				Start: time.Duration(i), End: time.Duration(i + 5), Outcome: rapid.SampledFrom([]history.Outcome{history.OK, history.Failed, history.Unknown}).Draw(t, "outcome"),
			}
			if op.Outcome == history.OK || op.Outcome == history.Unknown && rapid.Bool().Draw(t, "happened") {
				if op.Outcome == history.OK {
					there = append(there, len(look))
				}
				look = append(look, readOf(op))
			}
			if op.Outcome == history.Failed {
				refused = append(refused, i)
			}
			adds = append(adds, op)
		}
		judge := func() check.Result {
			return check.Set(shuffled(adds, rapid.Uint64().Draw(t, "order")), shuffled(look, rapid.Uint64().Draw(t, "order"))).Complete()
		}
		pick(t, there, "acknowledged")
		honest := judge()
		assert.Equal(t, check.Holds, honest.Verdict, honest)
		assert.Equal(t, len(there), honest.Checked)

		var planted history.Operation
		switch rapid.SampledFrom([]string{"lost", "refused", "from nowhere"}).Draw(t, "what") {
		case "lost":
			at := pick(t, there, "acknowledged")
			planted = adds[look[at].Value-1]
			look = append(slices.Delete(look, at, at+1), history.Operation{Kind: history.Read, Key: planted.Key, Start: time.Hour, End: time.Hour, Outcome: history.OK})
		case "refused":
			planted = readOf(adds[pick(t, refused, "refused")])
			look = append(look, planted)
		default:
			planted = readOf(history.Operation{Key: "x", Value: 99})
			look = append(look, planted)
		}
		found := judge()
		assert.Equal(t, check.Violated, found.Verdict)
		assert.Equal(t, 1, found.Violations)
		assert.Equal(t, []history.Operation{planted}, found.Offending)
	})
}

// readOf reads, much later, what was written.
func readOf(write history.Operation) history.Operation {
	return history.Operation{Client: "r", Kind: history.Read, Key: write.Key, Value: write.Value, Start: time.Hour, End: 2 * time.Hour, Outcome: history.OK}
}

func TestCopiesFindTheOneItemThatIsPlanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var copies [2]history.History
		n := rapid.IntRange(1, 20).Draw(t, "items")
		for i := range n {
			op := readOf(history.Operation{Key: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "key"), Value: int64(i + 1)})
			for c := range copies {
				copies[c] = append(copies[c], slices.Repeat(history.History{op}, rapid.IntRange(1, 3).Draw(t, "times"))...)
			}
		}
		judge := func() check.Result {
			return check.Copies(shuffled(copies[0], rapid.Uint64().Draw(t, "order")), shuffled(copies[1], rapid.Uint64().Draw(t, "order"))).Same()
		}
		honest := judge()
		assert.Equal(t, check.Holds, honest.Verdict, honest)
		assert.Equal(t, n, honest.Checked)
		planted := readOf(history.Operation{Key: "x", Value: 99})
		in := rapid.IntRange(0, 1).Draw(t, "copy")
		copies[in] = append(copies[in], planted)
		found := judge()
		assert.Equal(t, check.Violated, found.Verdict)
		assert.Equal(t, 1, found.Violations)
		assert.Equal(t, []history.Operation{planted}, found.Offending)
		assert.Contains(t, found.Summary, "(first: x/99 read at 3600.000s)")
	})
}

func TestOrderFindsTheOneThatComesLate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 30).Draw(t, "messages")
		late := rapid.IntRange(0, n-2).Draw(t, "late")
		behind := rapid.IntRange(late+1, n-1).Draw(t, "behind")
		var sent, received history.History
		for i := range n {
			at := time.Duration(100 * i)
			op := history.Operation{Client: "p", Kind: history.Publish, Key: "k", Value: int64(i + 1), Start: at, End: at, Outcome: history.OK}
			sent = append(sent, op)
			for _, c := range []string{"c", "d"} {
				received = append(received, history.Operation{Client: c, Kind: history.Deliver, Key: "k", Value: op.Value, Start: at + 10, End: at + 10, Outcome: history.OK})
			}
		}
		judge := func() check.OrderReport {
			return check.Order(shuffled(sent, rapid.Uint64().Draw(t, "order")), shuffled(received, rapid.Uint64().Draw(t, "order")))
		}
		assert.Equal(t, check.Holds, judge().InOrder().Verdict)
		planted := &received[2*late+rapid.IntRange(0, 1).Draw(t, "consumer")]
		planted.Start = received[2*behind].Start + 1
		planted.End = planted.Start
		found := judge()
		assert.Equal(t, check.Violated, found.InOrder().Verdict)
		assert.Equal(t, []history.Operation{*planted}, found.InOrder().Offending)
		assert.Equal(t, 1, found.Late)
		assert.Equal(t, int64(behind-late), found.Inversions)
	})
}

func TestOutageFindsTheOneGap(t *testing.T) {
	const limit = time.Second
	rapid.Check(t, func(t *rapid.T) {
		window := history.Window{From: 0, To: history.Open}
		n := rapid.IntRange(2, 20).Draw(t, "operations")
		gap := rapid.IntRange(1, n-1).Draw(t, "gap")
		longer := rapid.SampledFrom([]time.Duration{0, time.Nanosecond, time.Minute}).Draw(t, "longer")
		load := func(planted bool) (h history.History) {
			at := time.Duration(0)
			for i := range n {
				op := history.Operation{Kind: history.Write, Key: "x", Value: int64(i + 1), Start: at, Outcome: history.OK}
				at += time.Duration(rapid.IntRange(0, int(limit)-1).Draw(t, "pause"))
				if planted && i == gap {
					at = h[i-1].End + limit + longer
				}
				op.End = at
				h = append(h, op)
			}
			return shuffled(h, rapid.Uint64().Draw(t, "order"))
		}
		assert.Equal(t, check.Holds, check.Outage(load(false), window).NoGapOf(limit).Verdict)
		found := check.Outage(load(true), window)
		assert.Equal(t, limit+longer, found.LongestGap)
		assert.Equal(t, check.Violated, found.NoGapOf(limit).Verdict)
		assert.Equal(t, 1, found.NoGapOf(limit).Violations)
	})
}
