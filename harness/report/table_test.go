package report_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/claims"
	"assay/harness/evidence"
	"assay/harness/report"
)

var update = flag.Bool("update", false, "write what is seen to the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

func delivery() *evidence.Record {
	return &evidence.Record{
		Claim:   evidence.Claim{ID: "12.1", Says: "a message whose acknowledgement is lost is delivered again; none is lost"},
		Verdict: evidence.Holds,
		Rerun:   "ASSAY_SEED=42 go test ./scenarios/messaging -run '^TestAtLeastOnceDelivery$' -v",
		Measurements: []evidence.Measurement{
			{Name: "redelivered after", Value: 1.0032, Unit: "s", Low: new(1.0), High: new(1.5), OK: true},
			{Name: "not the headline", Value: 1},
		},
		Checks: []evidence.Check{
			{Role: "calm", Property: "each once", OK: true},
			{Role: "holds", Property: "nothing is lost", OK: true, Summary: "150 of 150 arrived"},
			{Role: "breaks", Property: "nothing is lost", Control: "plain subscription", OK: true, Summary: "50 of 150 lost, 101 to 150"},
			{Role: "breaks", Property: "another", Control: "not the first"},
		},
	}
}

func failed() *evidence.Record {
	r := delivery()
	r.Verdict = evidence.Failed
	r.Checks[2].OK = false
	r.Checks[2].Summary = "0 of 150 lost"
	r.Measurements[0] = evidence.Measurement{Name: "redelivered after", Value: 1.5004, Unit: "s", Low: new(1.0), High: new(1.5)}
	r.Failures = []evidence.Failure{
		{Kind: evidence.Vacuous, Step: "heal", At: 3.21, Message: "nobody felt drop (client to server) on consumers between 1.203 s and 2.100 s: 100 operations of durable and plain went through it, and all of them ended well"},
		{Kind: evidence.TestFailed, At: 4, Message: "got:\n  50 orders\nwant:\n  51 orders\n"},
	}
	return r
}

func replica() *evidence.Record {
	return &evidence.Record{
		Claim:   evidence.Claim{ID: "8.5", Says: "a replica is as stale as its link is slow"},
		Verdict: evidence.Holds,
		Measurements: []evidence.Measurement{
			{Name: "staleness", Value: 0.503, Unit: "s", Low: new(0.5), High: new(0.56), OK: true},
		},
		Checks: []evidence.Check{{
			Role: "breaks", Control: "the primary", OK: true,
			Summary: "a summary that goes on and on, with counts of everything there is to count and more of it than anybody wants in a table",
		}},
	}
}

var known = []claims.Claim{
	{ID: "4.2", Says: "stale reads from a cache are bounded by its TTL"},
	{ID: "8.5", Says: "a replica is as stale as its link is slow"},
	{ID: "12.1", Says: "as the code says now"},
}

func TestTable(t *testing.T) {
	sabotaged := failed()
	sabotaged.Sabotage = "faults"
	wide := replica()
	wide.Claim = evidence.Claim{ID: "再配信-1", Says: "確認応答が失われたメッセージは再配信される。失われるものはない 🎉 と主張する"}
	wide.Measurements[0].Name = "古さ"
	bare := &evidence.Record{Claim: evidence.Claim{ID: "1.1", Says: "TCP hands over every byte"}, Verdict: evidence.Failed}
	long := replica()
	long.Claim.Says = strings.Repeat("pneumonoultramicroscopicsilicovolcanoconiosis", 3)
	long.Measurements[0] = evidence.Measurement{Name: strings.Repeat("n", 70), Value: 1.0 / 3}
	hostile := replica()
	hostile.Claim.Says = "red \x1b[31m\x07text\u202e\nand\ttabs"
	hostile.Verdict = "<b>holds</b>"

	onlyIf, refuted, cannot := delivery(), replica(), delivery()
	onlyIf.Verdict, refuted.Verdict, cannot.Verdict = evidence.OnlyIf, evidence.Refuted, evidence.NotProvable
	cannot.Claim.ID, cannot.Unprovable = "12.5", "a power cut cannot be had here: the engine gives no loop devices, because it is rootless; run it on one that does"

	stormy := failed()
	stormy.Schedule = &evidence.Followed{
		Replay: "ASSAY_SCHEDULE=/tmp/12.1.schedule.json go test -run '^TestAtLeastOnceDelivery$' -v ./scenarios/messaging",
		Shrink: "go run ./harness/cmd/assay shrink /tmp/12.1.schedule.json",
	}

	busy, decided := replica(), delivery()
	busy.Verdict, busy.Rerun = evidence.Undecided, "ASSAY_SEED=7 go test ./scenarios/databases -run '^TestReplicaLag$' -v"
	busy.Measurements[0].Rivals = []evidence.Rival{{Name: "nothing added", High: new(0.1)}, {Name: "half of it added", Low: new(0.25), High: new(0.51), Undecided: true}}
	busy.Undecided = []evidence.Undecision{{What: "staleness", Noise: 0.26, Message: `it is 0.503 s, predicted 0.5 to 0.56 s; "half of it added" would be 0.25 to 0.51 s`}}
	busy.Repeats = make([]evidence.Repeat, 2)
	decided.Repeats = make([]evidence.Repeat, 1)

	for name, records := range map[string][]*evidence.Record{
		"undecided":    {busy, decided, cannot},
		"verdicts":     {onlyIf, refuted, cannot},
		"holds":        {replica(), delivery()},
		"failed":       {failed(), replica()},
		"schedule":     {stormy},
		"nothing":      nil,
		"no_figures":   {bare},
		"wide_unicode": {wide},
		"long_text":    {long},
		"hostile_text": {hostile},
		"several_runs": {replica(), replica(), replica(), delivery(), failed(), failed()},
		"sabotaged":    {sabotaged},
	} {
		t.Run(name, func(t *testing.T) {
			got := report.Table(records, known, 100, false)
			assert.NotContains(t, got, "\x1b")
			for l := range strings.Lines(got) {
				if !strings.Contains(l, "again: ") && !strings.Contains(l, "shrunk: ") {
					assert.LessOrEqual(t, ansi.StringWidth(strings.TrimRight(l, "\n")), 100, l)
				}
			}
			golden(t, name+".golden", got)
		})
	}
	t.Run("narrow", func(t *testing.T) {
		golden(t, "narrow.golden", report.Table([]*evidence.Record{failed()}, known, 10, false))
	})
	t.Run("colour", func(t *testing.T) {
		records := []*evidence.Record{failed(), replica()}
		got := report.Table(records, known, 100, true)
		assert.Contains(t, got, "\x1b[31mFAILED\x1b[0m")
		assert.Contains(t, got, "\x1b[32mholds\x1b[0m")
		assert.Contains(t, report.Table([]*evidence.Record{busy}, known, 100, true), "\x1b[33mUNDECIDED\x1b[0m")
		assert.Equal(t, report.Table(records, known, 100, false), ansi.Strip(got), "colour moves nothing")
	})
}

func TestFigure(t *testing.T) {
	for want, m := range map[string]evidence.Measurement{
		"0.503 s in [0.500, 0.560]":      {Value: 0.503, Unit: "s", Low: new(0.50004), High: new(0.56), OK: true},
		"0.561 s outside [0.500, 0.560]": {Value: 0.561, Unit: "s", Low: new(0.50004), High: new(0.56)},
		"25477 messages, ≥ 1":            {Value: 25477, Unit: "messages", Low: new(1.0), OK: true},
		"12.5 %, not ≤ 10":               {Value: 12.5, Unit: "%", High: new(10.0)},
		"1003 ms":                        {Value: 1003.2, Unit: "ms", OK: true},
		"0 in [0, 0]":                    {Low: new(0.0), High: new(0.0), OK: true},
		"-0.250 in [-1, 1]":              {Value: -0.25, Low: new(-1.0), High: new(1.0), OK: true},
		"2.5e-07 s":                      {Value: 2.5e-7, Unit: "s"},
		"1.23e+18":                       {Value: 1.2345e18},
	} {
		assert.Equal(t, want, report.Figure(m))
	}
	unsure := evidence.Measurement{Value: 0.503, Unit: "s", Low: new(0.5), High: new(0.9), OK: true, Rivals: []evidence.Rival{
		{Name: "none", High: new(0.1)}, {Name: "half", Low: new(0.25), High: new(0.6), Undecided: true}, {Name: "stuck", Low: new(0.8), Undecided: true},
	}}
	assert.Equal(t, "0.503 s in [0.500, 0.900]; not told from half, 0.250 to 0.600 s; not told from stuck, at least 0.800 s", report.Figure(unsure))
	off := evidence.Measurement{Value: 0.56001, Unit: "s", Low: new(0.5123), High: new(0.56)}
	assert.Equal(t, "0.56001 s outside [0.51230, 0.56000]", report.Figure(off), "three digits would not tell it from its bound")
}
