package report_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"assay/harness/evidence"
	"assay/harness/report"
)

// but is a run of the claim that differs from others of it by what is done to it.
func but(id string, change func(*evidence.Record)) *evidence.Record {
	r := run(id, 3)
	if change != nil {
		change(r)
	}
	return r
}

// times is so many runs of the claim, of which the first so many fail, each with a headline of its own that begins at from.
func times(id string, n, fail int, from float64) (all []*evidence.Record) {
	for i := range n {
		all = append(all, but(id, func(r *evidence.Record) {
			r.Measurements[0].Value = from + float64(i)/1000
			if i < fail {
				fails(r)
			}
		}))
	}
	return all
}

func fails(r *evidence.Record) {
	r.Verdict, r.Failures = evidence.Failed, []evidence.Failure{{Kind: evidence.Vacuous, Message: "nobody felt it"}}
}

func TestCompare(t *testing.T) {
	before := entries(
		but("1.1", nil), but("1.2", func(r *evidence.Record) { fails(r); r.Knobs = nil }), but("2.1", nil), but("2.2", nil), but("3.2", nil), but("4.2", nil), but("4.7", nil),
		but("6.3", func(r *evidence.Record) { r.Engine.Version = "of what is gone" }),
		but("8.1", func(r *evidence.Record) { r.Verdict, r.Unprovable = evidence.NotProvable, "no loop devices" }), but("8.3", fails), but("9.1", nil),
	)
	after := entries(
		but("1.1", func(r *evidence.Record) { fails(r); r.Knobs[0].Value = "3s" }), but("1.2", nil),
		but("2.1", func(r *evidence.Record) {
			r.Verdict, r.Claim.OnlyIf = evidence.OnlyIf, "it is told to"
			r.Nodes[0].Version, r.Nodes[0].Image = "nats-server 2.16.0", "assay/nats:0123456789ab"
		}),
		but("2.2", func(r *evidence.Record) {
			r.Measurements[0].Value, r.Measurements[0].High, r.Measurements[0].OK = 1.4, new(1.3), false
		}),
		but("3.2", func(r *evidence.Record) { r.Measurements[2].Value = 0.31 }),
		but("4.2", func(r *evidence.Record) { r.Measurements[2].Value = 0.29 }),
		but("4.7", func(r *evidence.Record) { r.Knobs[0].Value, r.Duration = "3s", 4 }),
		but("8.1", nil), but("8.3", fails), but("9.1", func(r *evidence.Record) { r.Tools.Go, r.Measurements = "go1.27.0", r.Measurements[:1] }),
		but("orders-retry", func(r *evidence.Record) { r.Claim.Says = hostile }),
	)
	c := report.Compare(before, after, 0.5)
	assert.True(t, c.Worse())
	golden(t, "compare_changed.golden", c.Text(100, false, false))
	golden(t, "compare_all.golden", c.Text(100, true, false))

	several := report.Compare(
		entries(slices.Concat(times("1.1", 20, 0, 1), times("1.2", 20, 18, 1), times("2.1", 20, 10, 1), times("2.2", 3, 0, 1), times("3.2", 4, 0, 1.1), times("4.2", 3, 0, 1), times("4.7", 20, 0, 1), times("9.1", 5, 2, 1), times("9.2", 1, 0, 1), times("9.2", 1, 0, 3))...),
		entries(slices.Concat(times("1.1", 20, 5, 1), times("1.2", 20, 3, 1), times("2.1", 20, 11, 1), times("2.2", 3, 0, 2), times("3.2", 4, 0, 1.2), times("4.2", 3, 0, 1.2), times("4.7", 1, 1, 1), times("9.1", 20, 19, 1), times("9.2", 1, 0, 2.9), times("9.2", 1, 0, 9))...), 0.5)
	golden(t, "compare_several.golden", several.Text(100, true, false))
	cannot := func(r *evidence.Record) { r.Verdict, r.Unprovable = evidence.NotProvable, "no loop devices" }
	never := report.Compare(entries(but("8.1", cannot), but("8.1", cannot)), entries(but("8.1", cannot)), 0.5)
	assert.Contains(t, never.Text(100, true, false), "  = verdict: 0 of 0 proven, 2 not provable there → not provable here\n")
	assert.Equal(t, "claims: 0 worse, 0 better, 0 changed, 0 new, 0 gone, 0 alike\n", report.Compare(nil, nil, 0.5).Text(100, true, true))

	for _, text := range []string{c.Text(100, true, false), several.Text(60, true, false), c.Text(1, true, false)} {
		assert.NotContains(t, text, "\x1b")
		for l := range strings.Lines(text) {
			assert.LessOrEqual(t, ansi.StringWidth(strings.TrimRight(l, "\n")), 100, l)
		}
	}
	assert.Contains(t, c.Text(100, false, true), "\x1b[31mworse\x1b[0m")
}

// What is compared with itself is alike; the other way round what was worse is better, and the reverse.
func TestCompareIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) []report.Entry {
			n := rapid.IntRange(1, 12).Draw(t, name)
			return entries(times("1.1", n, rapid.IntRange(0, n).Draw(t, name+" that fail"), rapid.Float64Range(0, 3).Draw(t, name+" from"))...)
		}
		a, b := draw("before"), draw("after")
		sum := func(a, b []report.Entry) string {
			lines := strings.Split(strings.TrimSpace(report.Compare(a, b, 0.5).Text(100, false, false)), "\n")
			return lines[len(lines)-1]
		}
		require.Equal(t, "claims: 0 worse, 0 better, 0 changed, 0 new, 0 gone, 1 alike", sum(a, a))
		there, back := sum(a, b), sum(b, a)
		require.Equal(t, strings.Contains(there, "1 better"), strings.Contains(back, "1 worse"))
		require.Equal(t, strings.Contains(there, "1 worse"), report.Compare(a, b, 0.5).Worse())
	})
}
