package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"assay/harness/check"
	"assay/harness/history"
)

const (
	failover = `
		writer write x/1 1.000 1.010 ok
		writer write x/2 1.900 2.300 unknown
		writer write x/3 2.310 2.400 failed
		writer write x/4 2.410 3.210 ok
		writer write x/5 3.220 3.230 ok
		writer disconnect x/0 2.000
		writer deliver x/1 2.100
		writer write x/6 6.000 6.010 ok`
	noFailover = `
		writer write x/1 1.000 1.010 ok
		writer write x/2 1.900 2.300 unknown
		writer write x/3 2.310 2.400 failed
		writer write x/4 2.410 5.210 unknown
		writer disconnect x/0 2.000
		writer deliver x/1 2.100
		writer write x/6 6.000 6.010 ok`
)

var leaderDead = history.Window{Name: "leader killed", From: 2 * time.Second, To: 5 * time.Second}

func TestOutage(t *testing.T) {
	tests := []struct {
		name      string
		ops       string
		window    history.Window
		verdict   check.Verdict
		summary   string
		offending []string
	}{
		{
			name: "another leader takes over", ops: failover, window: leaderDead,
			verdict: check.Holds, summary: "2 of 3 operations succeeded while the fault lasted, the first 1.21s after it began",
		}, {
			name: "nobody takes over", ops: noFailover, window: leaderDead,
			verdict: check.Violated, summary: "none of 2 operations succeeded from 2.000s to 5.000s (1 failed, 1 unknown)", offending: []string{"x/3", "x/4"},
		}, {
			name: "what began before the fault, or ended after it, is no recovery", window: leaderDead,
			ops: `
				writer write x/1 1.999 2.010 ok
				writer write x/2 4.990 5.010 ok`,
			verdict: check.Violated, summary: "none of 1 operations succeeded from 2.000s to 5.000s (0 failed, 0 unknown)", offending: []string{"x/2"},
		}, {
			name: "the fault lasts", window: history.Window{From: 2 * time.Second, To: history.Open},
			ops: `
				writer write x/1 1.999 2.010 ok
				writer write x/2 4.990 … unknown`,
			verdict: check.Violated, summary: "none of 1 operations succeeded from 2.000s to the end (0 failed, 1 unknown)", offending: []string{"x/2"},
		}, {
			name: "nobody tried", window: leaderDead,
			ops: `
				writer write x/1 1.000 1.010 ok
				writer deliver x/1 2.100
				writer write x/2 6.000 6.010 ok`,
			verdict: check.Unknown, summary: "nothing was attempted from 2.000s to 5.000s",
		}, {
			name: "nothing at all", window: leaderDead,
			verdict: check.Unknown, summary: "nothing was attempted from 2.000s to 5.000s",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := check.Outage(parse(t, test.ops), test.window).Resumes()
			assert.Equal(t, test.verdict, r.Verdict)
			assert.Equal(t, test.summary, r.Summary)
			assert.ElementsMatch(t, test.offending, names(r.Offending))
		})
	}
}

func TestNothingSucceeds(t *testing.T) {
	for _, test := range []struct {
		name, ops string
		verdict   check.Verdict
		summary   string
		offending []string
	}{
		{
			name: "nobody takes over", ops: noFailover,
			verdict: check.Holds, summary: "none of 2 operations succeeded while the fault lasted",
		}, {
			name: "another leader takes over", ops: failover,
			verdict: check.Violated, summary: "2 of 3 operations succeeded from 2.000s to 5.000s", offending: []string{"x/4", "x/5"},
		}, {
			name: "what began before the fault, or ended after it, is no success in it", ops: `
				writer write x/1 1.999 2.010 ok
				writer write x/2 4.990 5.010 ok`,
			verdict: check.Holds, summary: "none of 1 operations succeeded while the fault lasted",
		}, {
			name: "nobody tried", ops: "writer write x/1 1.999 2.010 ok",
			verdict: check.Unknown, summary: "nothing was attempted from 2.000s to 5.000s",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := check.Outage(parse(t, test.ops), leaderDead).NothingSucceeds()
			assert.Equal(t, test.verdict, r.Verdict)
			assert.Equal(t, test.summary, r.Summary)
			assert.Equal(t, len(test.offending), r.Violations)
			assert.ElementsMatch(t, test.offending, names(r.Offending))
		})
	}
}

func TestOutageNumbers(t *testing.T) {
	r := check.Outage(parse(t, failover), leaderDead)
	assert.True(t, r.Recovered)
	assert.Equal(t, 1210*time.Millisecond, r.RTO)
	assert.Equal(t, 2780*time.Millisecond, r.LongestGap, "from the last acknowledgement in the window to the next one")
	assert.Equal(t, check.Counts{OK: 2, Failed: 1}, r.Within)
	assert.Equal(t, check.Counts{OK: 4, Failed: 1, Unknown: 1}, r.Total)
	assert.InDelta(t, 2.0/3, r.Within.SuccessRatio(), 1e-9)

	r = check.Outage(parse(t, noFailover), leaderDead)
	assert.True(t, r.Recovered, "after the restart")
	assert.Equal(t, 4010*time.Millisecond, r.RTO)
	assert.Equal(t, 5*time.Second, r.LongestGap)

	r = check.Outage(parse(t, noFailover).Filter(func(op history.Operation) bool { return op.Start < leaderDead.To }), leaderDead)
	assert.False(t, r.Recovered)
	assert.Equal(t, 3210*time.Millisecond, r.RTO, "until the history ends")
	assert.Equal(t, 4200*time.Millisecond, r.LongestGap)

	r = check.Outage(parse(t, `
		writer write x/1 1.000 1.100 ok
		writer write x/2 1.900 2.000 ok
		other write x/3 1.950 2.300 ok
		writer write x/4 2.100 4.000 ok`), leaderDead)
	assert.Equal(t, 2*time.Second, r.RTO, "what was in flight when the fault began tells nothing of a recovery")
	assert.Equal(t, 1700*time.Millisecond, r.LongestGap)

	r = check.Outage(parse(t, `
		writer write x/1 0.500 0.600 ok
		writer write x/2 1.900 2.000 ok
		writer write x/3 2.100 2.200 ok`), leaderDead)
	assert.Equal(t, 1400*time.Millisecond, r.LongestGap, "it ends just when the window begins, and touches it")

	r = check.Outage(parse(t, `
		writer write x/1 0.500 0.600 ok
		writer write x/2 4.500 … unknown`), leaderDead)
	assert.False(t, r.Recovered)
	assert.Equal(t, 2500*time.Millisecond, r.RTO, "until the last that began")

	r = check.Outage(parse(t, `writer write x/1 1.000 4.000 ok`), leaderDead)
	assert.Equal(t, 3*time.Second, r.LongestGap, "from the start of the history on")

	r = check.Outage(history.History{}, leaderDead)
	assert.Equal(t, check.OutageReport{Window: leaderDead}, r)
	assert.Zero(t, r.Total.SuccessRatio())
}

func TestOutageFindsTheOneSuccess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h history.History
		for range rapid.IntRange(1, 30).Draw(t, "operations") {
			start := time.Duration(rapid.IntRange(0, 8000).Draw(t, "start")) * time.Millisecond
			op := history.Operation{Kind: history.Write, Value: 1, Start: start, End: start + time.Millisecond, Outcome: history.OK}
			if op.End >= leaderDead.From && op.Start <= leaderDead.To {
				op.Outcome = rapid.SampledFrom([]history.Outcome{history.Failed, history.Unknown}).Draw(t, "outcome")
			}
			h = append(h, op)
		}
		tried := len(h.Within(leaderDead))
		before := check.Outage(h, leaderDead)
		if tried == 0 {
			assert.Equal(t, check.Unknown, before.Resumes().Verdict)
		} else {
			assert.Equal(t, check.Violated, before.Resumes().Verdict)
		}

		rto := time.Duration(rapid.IntRange(1, 2900).Draw(t, "rto")) * time.Millisecond
		planted := history.Operation{Kind: history.Write, Start: leaderDead.From, End: leaderDead.From + rto, Outcome: history.OK}
		h = shuffled(append(h, planted), rapid.Uint64().Draw(t, "order"))
		after := check.Outage(h, leaderDead)
		assert.Equal(t, check.Holds, after.Resumes().Verdict)
		assert.Equal(t, tried+1, after.Resumes().Checked)
		assert.True(t, after.Recovered)
		assert.Equal(t, rto, after.RTO)
		assert.Equal(t, 1, after.Within.OK)
		assert.GreaterOrEqual(t, after.LongestGap, time.Duration(0))
	})
}
