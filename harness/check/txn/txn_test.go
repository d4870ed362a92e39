package txn_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/check"
	"assay/harness/check/txn"
	"assay/harness/history"
)

// found tells how often each phenomenon was found.
func found(r txn.Report) map[txn.Phenomenon]int {
	counts := map[txn.Phenomenon]int{}
	for p := txn.G0; p <= txn.RealTime; p++ {
		if n := r.Count(p); n > 0 {
			counts[p] = n
		}
	}
	return counts
}

type counts = map[txn.Phenomenon]int

// Each phenomenon has a history that shows it and one, as near to it as can be, that does not.
var pairs = []struct {
	name      string
	bad, good string
	want      counts
	words     string // of the first anomaly
}{
	{
		name: "G0: each overwrote the other",
		bad: `ok: a x 1; a y 1
		      ok: a x 2; a y 2
		      ok: r x [1 2]; r y [2 1]`,
		good: `ok: a x 1; a y 1
		       ok: a x 2; a y 2
		       ok: r x [1 2]; r y [1 2]`,
		want: counts{txn.G0: 1},
		words: "x was read as [1 2], in which 1, appended by T1, precedes 2, appended by T2: so T1 came before T2 (ww); " +
			"y was read as [2 1], in which 2, appended by T2, precedes 1, appended by T1: so T2 came before T1 (ww)",
	},
	{
		name: "G0: in the midst of another's appends to one list",
		bad: `ok: a x 1; a x 3
		      ok: a x 2
		      ok: r x [1 2 3]`,
		good: `ok: a x 1; a x 3
		       ok: a x 2
		       ok: r x [1 3 2]`,
		want: counts{txn.G0: 1},
	},
	{
		name: "G0: what one reads of its own writes is no more than that",
		bad: `ok: a x 1; r x [1]; a y 1
		      ok: a x 2; a y 2
		      ok: r x [1 2]; r y [2 1]`,
		good: `ok: a x 1; r x [1]; a y 1
		       ok: a x 2; a y 2
		       ok: r x [1 2]; r y [1 2]`,
		want: counts{txn.G0: 1},
	},
	{
		name: "G1a: what was aborted is read",
		bad: `failed: a x 1
		      ok: r x [1]
		      ok: a x 2`,
		good: `unknown: a x 1
		       ok: r x [1]
		       ok: a x 2`,
		want:  counts{txn.G1a: 1},
		words: "T2 read x = [1], and 1 was appended by T1, which was aborted",
	},
	{
		name: "G1b: what is not finished is read",
		bad: `ok: a x 1; a x 2
		      ok: r x [1]
		      ok: r x [1 2]`,
		good: `ok: a x 1; r x [1]; a x 2
		       ok: r x []
		       ok: r x [1 2]`,
		want:  counts{txn.G1b: 1, txn.GSingle: 1},
		words: "T2 read x = [1], which ends in the middle of what T1 appended: 1 and 2",
	},
	{
		name: "G1c: each read what the other wrote",
		bad: `ok: a x 1; r y [1]
		      ok: a y 1; r x [1]`,
		good: `ok: a x 1; r y []
		       ok: a y 1; r x [1]`,
		want: counts{txn.G1c: 1},
		words: "T2 read x = [1], in which 1 was appended by T1: so T1 came before T2 (wr); " +
			"T1 read y = [1], in which 1 was appended by T2: so T2 came before T1 (wr)",
	},
	{
		name: "G1c: by overwriting and reading",
		bad: `ok: a x 1; r y [1]
		      ok: a x 2; a y 1
		      ok: r x [1 2]`,
		good: `ok: a x 1; r y [1]
		       ok: a x 2; a y 1
		       ok: r x [2 1]`,
		want: counts{txn.G1c: 1},
	},
	{
		name: "G1c: by overwriting what nobody has read",
		bad: `ok: a x 1; r y [1]
		      ok: a x 2; a y 1
		      ok: r x [1]`,
		good: `ok: a x 1; r y [1]
		       ok: a x 2; a y 1
		       ok: r x [2]`,
		want: counts{txn.G1c: 1, txn.GSingle: 1},
		words: "T2 appended 2 to x, which [1] as it was read lacks, while T1 had appended 1, which is in it: so T1 came before T2 (ww); " +
			"T1 read y = [1], in which 1 was appended by T2: so T2 came before T1 (wr)",
	},
	{
		name: "G-single: one half of what another did is seen",
		bad: `ok: a x 1; a y 1
		      ok: r x []; r y [1]`,
		good: `ok: a x 1; a y 1
		       ok: r x [1]; r y [1]`,
		want: counts{txn.GSingle: 1},
		words: "T2 read y = [1], in which 1 was appended by T1: so T1 came before T2 (wr); " +
			"T2 read x = [], which lacks 1, appended by T1: so T2 came before T1 (rw)",
	},
	{
		name: "G-single: a list changes while it is looked at",
		bad: `ok: r x []; r x [1]
		      ok: a x 1`,
		good: `ok: r x []; r x []
		       ok: a x 1`,
		want: counts{txn.GSingle: 1},
	},
	{
		name: "lost update: seen in the order",
		bad: `ok: r x []; a x 1
		      ok: r x []; a x 2
		      ok: r x [1 2]`,
		good: `ok: r x []; a x 1
		       ok: r x [1]; a x 2
		       ok: r x [1 2]`,
		want:  counts{txn.LostUpdate: 1, txn.GSingle: 1},
		words: "x was read as",
	},
	{
		name: "lost update: though nobody looked afterwards",
		bad: `ok: r x []; a x 1
		      ok: r x []; a x 2
		      ok: r x []; a y 3`,
		good: `ok: r x []; a x 1
		       failed: r x []; a x 2
		       ok: r x []; a y 3`,
		want:  counts{txn.LostUpdate: 1},
		words: "T2 read x = [] and appended 2; T1, of which it had seen nothing there, appended 1",
	},
	{
		name: "lost update: to one that had not read",
		bad: `ok: r x []; a x 1
		      ok: a x 2
		      ok: r x [2 1]`,
		good: `ok: r x []; a x 1
		       ok: a x 2
		       ok: r x [1 2]`,
		want: counts{txn.LostUpdate: 1, txn.GSingle: 1},
	},
	{
		name: "G-nonadjacent: two anti-dependencies with a read between them",
		bad: `ok: r w []; r x []
		      ok: a x 1
		      ok: r x [1]; r y []
		      ok: a y 1; a w 1
		      ok: r y [1]; r z []
		      ok: a z 1
		      ok: r z [1]; r w []`,
		good: `ok: r w []; r x []
		      ok: a x 1
		      ok: r x [1]; r y []
		      ok: a y 1; a w 1
		      ok: r y [1]; r z []
		      ok: a z 1
		      ok: r z [1]; r w [1]`,
		want: counts{txn.GNonadjacent: 1},
	},
	{
		name: "G2-item: write skew",
		bad: `ok: r x []; r y []; a x 1
		      ok: r x []; r y []; a y 1`,
		good: `ok: r x []; r y []; a x 1
		       ok: r x [1]; r y []; a y 1`,
		want: counts{txn.G2Item: 1},
		words: "T1 read y = [], which lacks 1, appended by T2: so T1 came before T2 (rw); " +
			"T2 read x = [], which lacks 1, appended by T1: so T2 came before T1 (rw)",
	},
	{
		name: "G2-item: of two that append to one list, which nobody has read",
		bad: `ok: a x 1; r y []
		      ok: r x []; a x 2; a y 1`,
		good: `ok: a x 1; r y [1]
		       ok: r x []; a x 2; a y 1`,
		want: counts{txn.G2Item: 1},
	},
	{
		name: "G2-item: of three",
		bad: `ok: r x []; a z 1
		      ok: r y []; a x 1
		      ok: r z []; a y 1`,
		good: `ok: r x []; a z 1
		       ok: r y []; a x 1
		       ok: r z [1]; a y 1`,
		want: counts{txn.G2Item: 1},
	},
	{
		name: "G2-item: among those that a read skew ties as well",
		bad: `ok: r x []; r y []; a x 1; a z 1
		      ok: r x []; r y []; a y 1
		      ok: r x []; r z [1]
		      ok: r x [1]; r y [1]`,
		good: `ok: r x []; r y []; a x 1; a z 1
		       ok: r x [1]; r y []; a y 1
		       ok: r x [1]; r z [1]
		       ok: r x [1]; r y [1]`,
		want: counts{txn.GSingle: 1, txn.G2Item: 1},
	},
	{
		name: "G2-item: the same, and nobody has read what they appended",
		bad: `ok: r x []; r y []; a x 1; a z 1
		      ok: r x []; r y []; a y 1
		      ok: r x []; r z [1]`,
		good: `ok: r x []; r y []; a x 1; a z 1
		       ok: r x [1]; r y []; a y 1
		       ok: r x [1]; r z [1]`,
		want: counts{txn.GSingle: 1, txn.G2Item: 1},
	},
	{
		name: "G2-item: the read-only transaction anomaly",
		bad: `ok: r x []; r y []; a x 1
		      ok: r y []; a y 2
		      ok: r x []; r y [2]`,
		good: `ok: r x []; r y []; a x 1
		       ok: r y []; a y 2
		       ok: r x []; r y []`,
		want: counts{txn.G2Item: 1},
	},
	{
		name: "internal: its own append is not there",
		bad: `ok: a x 1; r x []
		      ok: r x [1]`,
		good: `ok: a x 1; r x [1]
		       ok: r x [1]`,
		want: counts{txn.Internal: 1},
	},
	{
		name: "internal: one of its own appends is not there",
		bad: `ok: a x 1; a x 2; r x [2]
		      ok: r x [2]`,
		good: `ok: a x 1; a x 2; r x [1 2]
		       ok: r x [1 2]`,
		want:  counts{txn.Internal: 1, txn.GSingle: 1},
		words: "T2 read x = [2], in which 2 was appended by T1: so T1 came before T2 (wr); T2 read x = [2], which lacks 1",
	},
	{
		name: "internal: what it will append is there",
		bad: `ok: r x [1]; a x 1
		      ok: r x [1]`,
		good: `ok: r x []; a x 1
		       ok: r x [1]`,
		want: counts{txn.Internal: 1},
	},
	{
		name: "incompatible order",
		bad: `ok: a x 1
		      ok: a x 2
		      ok: r x [1 2]
		      ok: r x [2]`,
		good: `ok: a x 1
		       ok: a x 2
		       ok: r x [1 2]
		       ok: r x [1]`,
		want: counts{txn.IncompatibleOrder: 1},
	},
	{
		name: "duplicate",
		bad: `ok: a x 1
		      ok: a x 2
		      ok: r x [1 2 1]`,
		good: `ok: a x 1
		       ok: a x 2
		       ok: r x [1 2]`,
		want: counts{txn.Duplicate: 1},
	},
	{
		name: "unexpected",
		bad: `ok: a x 1
		      ok: r x [7 1]
		      ok: r x [7]`,
		good: `ok: a x 1
		       ok: r x [1]
		       ok: r x []`,
		want: counts{txn.Unexpected: 2},
	},
	{
		name: "unexpected: but not by who read what came before it",
		bad: `ok: a x 1
		      ok: r x [1 7]
		      ok: r x [1]`,
		good: `ok: a x 1
		       ok: a x 7
		       ok: r x [1 7]
		       ok: r x [1]`,
		want: counts{txn.Unexpected: 1},
	},
	{
		name: "a transaction goes on after it has appended to a list again",
		bad: `ok: a x 1; a x 2; r y [1]
		      ok: a y 1; r x [1 2]`,
		good: `ok: a x 1; a x 2; r y []
		       ok: a y 1; r x [1 2]`,
		want: counts{txn.G1c: 1},
	},
	{
		name: "and after a read that is no beginning of another",
		bad: `ok: a x 1
		      ok: a x 2
		      ok: r x [1 2]
		      ok: r x [2]; a z 1; r y [1]
		      ok: a y 1; r z [1]`,
		good: `ok: a x 1
		       ok: a x 2
		       ok: r x [1 2]
		       ok: r x [1]; a z 1; r y []
		       ok: a y 1; r z [1]`,
		want: counts{txn.IncompatibleOrder: 1, txn.G1c: 1},
	},
	{
		name: "what is aborted leaves no gap in the order",
		bad: `failed: a x 2
		      ok: a x 1; a y 3
		      ok: a x 3; a y 1
		      ok: r x [1 2 3]; r y [1 3]`,
		good: `failed: a x 2
		       ok: a x 1; a y 3
		       ok: a x 3; a y 1
		       ok: r x [1 3]; r y [3 1]`,
		want: counts{txn.G0: 1, txn.G1a: 1},
	},
}

func TestPhenomena(t *testing.T) {
	for _, p := range pairs {
		t.Run(p.name, func(t *testing.T) {
			bad := txn.Check(parse(t, p.bad))
			require.Equal(t, p.want, found(bad), "%v", bad.Anomalies)
			if p.words != "" {
				assert.Contains(t, bad.Anomalies[0].Words, p.words)
			}
			for phenomenon := range p.want {
				assert.Equal(t, check.Violated, bad.None(phenomenon).Verdict)
				assert.NotEmpty(t, bad.None(phenomenon).Offending)
			}
			good := txn.Check(parse(t, p.good))
			assert.Empty(t, found(good), "%v", good.Anomalies)
			assert.NotEqual(t, check.Violated, good.Serializable().Verdict)
		})
	}
}

// How much was looked at.
func TestWhatIsKnownIsCounted(t *testing.T) {
	r := txn.Check(parse(t, `
		ok: a x 1; a y 1
		ok: r x [1]; a x 2
		ok: r x [1 2]; r y [1]; a y 2
		ok: r y []
		unknown: a y 9
		unknown: a z 1; r x [1]
		failed: a y 7
		ok: r z [1]`))
	assert.Equal(t, 6, r.Committed, "and one of them because its append was read")
	assert.Equal(t, 1, r.Unknown)
	assert.Equal(t, []int{2, 5, 2}, []int{r.WW, r.WR, r.RW}, "ww, wr, rw")
	assert.Equal(t, 2, r.Updates)
	assert.Empty(t, found(r))
	lost := r.None(txn.LostUpdate)
	assert.Equal(t, check.Holds, lost.Verdict)
	assert.Equal(t, 2, lost.Checked)
	assert.Equal(t, "no anomaly among 6 committed transactions, of which 9 dependencies are known (2 ww, 5 wr, 2 rw); 1 more may have committed", r.Serializable().Summary)
}

// All are counted, and of each phenomenon ten are shown.
func TestTenOfManyAreShown(t *testing.T) {
	var text strings.Builder
	for i := range 12 {
		fmt.Fprintf(&text, "ok: a skewed%[1]d 1; a other%[1]d 1\nok: r skewed%[1]d []; r other%[1]d [1]\nok: r odd%[1]d [9]\n", i)
	}
	r := txn.Check(parse(t, text.String()))
	assert.Equal(t, counts{txn.GSingle: 12, txn.Unexpected: 12}, found(r))
	for p := range found(r) {
		assert.Len(t, r.Of(p), 10)
		assert.Equal(t, 12, r.None(p).Violations)
		assert.Len(t, r.None(p).Offending, 10)
	}
}

// Which level lets which phenomenon through.
func TestLevels(t *testing.T) {
	levels := []struct {
		name string
		of   func(txn.Report) check.Result
	}{
		{"RU", txn.Report.ReadUncommitted}, {"RC", txn.Report.ReadCommitted}, {"SI", txn.Report.SnapshotIsolation},
		{"RR", txn.Report.RepeatableRead}, {"SER", txn.Report.Serializable},
	}
	violated := map[txn.Phenomenon][]string{
		txn.G0:                {"RU", "RC", "SI", "RR", "SER"},
		txn.Internal:          {"RU", "RC", "SI", "RR", "SER"},
		txn.Duplicate:         {"RU", "RC", "SI", "RR", "SER"},
		txn.Unexpected:        {"RU", "RC", "SI", "RR", "SER"},
		txn.G1a:               {"RC", "SI", "RR", "SER"},
		txn.G1b:               {"RC", "SI", "RR", "SER"},
		txn.G1c:               {"RC", "SI", "RR", "SER"},
		txn.IncompatibleOrder: {"RC", "SI", "RR", "SER"},
		txn.GSingle:           {"SI", "RR", "SER"},
		txn.LostUpdate:        {"SI", "RR", "SER"},
		txn.GNonadjacent:      {"SI", "RR", "SER"},
		txn.G2Item:            {"RR", "SER"},
	}
	seen := counts{}
	for _, p := range pairs {
		r := txn.Check(parse(t, p.bad))
		for _, level := range levels {
			want := false
			for phenomenon := range p.want {
				seen[phenomenon]++
				for _, name := range violated[phenomenon] {
					want = want || name == level.name
				}
			}
			assert.Equal(t, want, level.of(r).Verdict == check.Violated, "%s at %s: %v", p.name, level.name, level.of(r))
		}
	}
	assert.Len(t, seen, len(violated), "a phenomenon has no history")
}

func TestStrictness(t *testing.T) {
	stale := parse(t, `ok 0 1: a x 1
	                   ok 2 3: r x []
	                   ok 4 5: r x [1]`)
	r := txn.Check(stale, txn.WithRealTime())
	assert.Equal(t, counts{txn.RealTime: 1}, found(r))
	assert.Equal(t, check.Violated, r.StrictlySerializable().Verdict)
	assert.Equal(t, check.Holds, r.Serializable().Verdict)
	assert.Equal(t, "T1 ended at 1.000000s, and T2 began at 2.000000s: so T1 came before T2 (rt); "+
		"T2 read x = [], which lacks 1, appended by T1: so T2 came before T1 (rw)", r.Anomalies[0].Words)
	assert.Equal(t, check.Unknown, txn.Check(stale).StrictlySerializable().Verdict)
	assert.Equal(t, check.Unknown, txn.Check(stale).None(txn.RealTime).Verdict)

	for name, fine := range map[string]string{
		"fresh":                             "ok 0 1: a x 1\nok 2 3: r x [1]",
		"in flight at the same time":        "ok 0 2: a x 1\nok 1 3: r x []\nok 4 5: r x [1]",
		"an unknown one may commit later":   "unknown 0 1: a x 1\nok 2 3: r x []\nok 4 5: r x [1]",
		"the one ends as the other begins":  "ok 0 1: a x 1\nok 1 2: r x []\nok 4 5: r x [1]",
		"what was read does not come first": "ok 0 1: a x 1\nok 2 3: r x [1]; a x 2\nok 4 5: r x [1 2]",
	} {
		r := txn.Check(parse(t, fine), txn.WithRealTime())
		assert.Equal(t, check.Holds, r.StrictlySerializable().Verdict, "%s: %v", name, r.StrictlySerializable())
	}
}

func TestUnknownTransactions(t *testing.T) {
	// T1 is known to have committed since T2, which is so itself, has read it; and so T1's own read counts.
	r := txn.Check(parse(t, `unknown: r y []; a x 1
	                         unknown: r x [1]; a y 1
	                         ok: r y [1]
	                         unknown: r x []; r y [1]; a z 1`))
	assert.Equal(t, 3, r.Committed)
	assert.Equal(t, 1, r.Unknown)
	assert.Empty(t, found(r))

	// Whether T2 committed, nobody has seen: its update may not have happened.
	r = txn.Check(parse(t, `ok: r x []; a x 1
	                        unknown: r x []; a x 2
	                        ok: r x [1]`))
	assert.Empty(t, found(r))
	r = txn.Check(parse(t, `ok: r x []; a x 1
	                        unknown: r x []; a x 2
	                        ok: r x [1 2]`))
	assert.Equal(t, counts{txn.LostUpdate: 1, txn.GSingle: 1}, found(r))
}

func TestHistoriesThatTellNothing(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                       "",
		"one transaction":               "ok: a x 1; r x [1]",
		"nobody reads":                  "ok: a x 1\nok: a x 2",
		"nothing was written":           "ok: r x []\nok: r x []",
		"each its own list":             "ok: a x 1; r x [1]\nok: a y 1; r y [1]",
		"all aborted":                   "failed: r x []; a x 1\nfailed: r x []; a x 2",
		"all unknown":                   "unknown: r x []; a x 1\nunknown: r x []; a x 2",
		"a value was given out twice":   "ok: r x []; a x 1\nok: r x []; a x 1\nok: r x [1]",
		"what was read was not written": "ok: r x []\nunknown: a x 1",
	} {
		r := txn.Check(parse(t, text), txn.WithRealTime())
		for _, result := range []check.Result{
			r.ReadUncommitted(), r.ReadCommitted(), r.SnapshotIsolation(), r.RepeatableRead(), r.Serializable(), r.StrictlySerializable(),
			r.None(txn.G0), r.None(txn.G1a), r.None(txn.G1c), r.None(txn.GSingle), r.None(txn.LostUpdate), r.None(txn.G2Item), r.None(txn.RealTime),
		} {
			assert.Equal(t, check.Unknown, result.Verdict, "%s: %v", name, result)
			assert.NotEmpty(t, result.Summary)
			assert.NotEmpty(t, result.Property)
		}
	}
	r := txn.Check(parse(t, "ok: a x 1\nok: r x [1]"))
	assert.Equal(t, check.Holds, r.Serializable().Verdict)
	assert.Equal(t, check.Unknown, r.ReadUncommitted().Verdict, "nobody overwrote anything")
	assert.Equal(t, check.Unknown, r.None(txn.G2Item).Verdict)
	assert.Equal(t, check.Unknown, r.None(txn.LostUpdate).Verdict)
	r = txn.Check(parse(t, "ok: r x []; a x 1\nok: r x [1]"))
	assert.Equal(t, check.Unknown, r.None(txn.LostUpdate).Verdict, "one update has nobody to lose it")
}

// broken is a transactor whose transactions cannot be had.
type broken struct{}

func (broken) Txns() history.Txns { panic("out of paper") }

func TestACheckerThatFailsSaysUnknown(t *testing.T) {
	r := txn.Check(broken{}, txn.WithRealTime())
	for _, result := range []check.Result{r.ReadUncommitted(), r.ReadCommitted(), r.SnapshotIsolation(), r.StrictlySerializable(), r.None(txn.G0)} {
		assert.Equal(t, check.Unknown, result.Verdict, "%v", result)
		assert.Equal(t, "the checker failed: out of paper", result.Summary)
	}
}

func TestResultShowsWhatHappened(t *testing.T) {
	r := txn.Check(parse(t, `ok: r x []; r y []; a x 1
	                         ok: r x []; r y []; a y 1`))
	result := r.Serializable()
	require.Equal(t, counts{txn.G2Item: 1}, found(r))
	assert.Equal(t, 1, result.Violations)
	assert.Equal(t, 2, result.Checked)
	assert.Contains(t, result.Summary, "1 × G2-item (write skew) among 2 committed transactions (first: T1 read y = [], which lacks 1, appended by T2: so")
	assert.Equal(t, []history.Operation{
		{Client: "c1", Kind: history.Read, Key: "y", Start: 0, End: 1000, Outcome: history.OK},
		{Client: "c2", Kind: history.Append, Key: "y", Value: 1, Start: 1, End: 1001, Outcome: history.OK},
		{Client: "c2", Kind: history.Read, Key: "x", Start: 1, End: 1001, Outcome: history.OK},
		{Client: "c1", Kind: history.Append, Key: "x", Value: 1, Start: 0, End: 1000, Outcome: history.OK},
	}, result.Offending)
}
