package harness

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/check/stat"
	"assay/harness/evidence"
	"assay/harness/history"
	"assay/harness/internal/unprovable"
)

// # Nobody lies downstream
//
// What the notebook says, what the test fails of and what the record keeps is written three times from the same facts. Two tests hold them
// together: each record that any test of this package reads is compared with its notebook (honest), and for a passing and a failing run of
// each proof the whole record is compared with one that is written here by hand.

var (
	checkLine   = regexp.MustCompile(`^ *[0-9]+\.[0-9]{3} s    ([✓✗] (?:calm|holds|breaks): .*)$`)
	figureLine  = regexp.MustCompile(`^ *[0-9]+\.[0-9]{3} s    ([✓✗] measured .*)$`)
	verdictLine = regexp.MustCompile(`^verdict: claim (.*) \([0-9.]+ s, [0-9]+ operations, knobs .*\)$`)
)

// told gives what the notebook says of the last attempt in lines of that form.
func told(notebook string, form *regexp.Regexp) (all []string) {
	if i := strings.LastIndex(notebook, "\nthe machine was too busy to decide; the scenario is run again, "); i >= 0 {
		notebook = notebook[i:]
	}
	for line := range strings.SplitSeq(notebook, "\n") {
		if m := form.FindStringSubmatch(line); m != nil {
			all = append(all, m[1])
		}
	}
	return all
}

// honest requires that the record says what the notebook and the failures of the test say, and does not contradict itself.
func (r ran) honest(t *testing.T, rec *evidence.Record) {
	t.Helper()
	notebook := r.notebook.String()
	tick := map[bool]string{true: "✓", false: "✗"}

	var checks []string
	for _, c := range rec.Checks {
		who := ""
		switch {
		case c.Control != "" && c.Subject != "":
			who = " (the control, " + c.Subject + ": " + c.Control + ")"
		case c.Control != "":
			who = " (the control: " + c.Control + ")"
		case c.Subject != "":
			who = " (" + c.Subject + ")"
		}
		checks = append(checks, fmt.Sprintf("%s %s: %s%s: %s", tick[c.OK], c.Role, c.Property, who, c.Summary))
		wanted := map[string]string{"calm": "holds", "holds": "holds", "breaks": "violated"}[c.Role]
		require.Equal(t, c.Verdict == wanted, c.OK, "%s is %s, which is not what its role asks for: %v", c.Property, c.Verdict, c)
		require.Equal(t, c.Role == "breaks", c.Control != "", "a control lacks something: %v", c)
	}
	require.Equal(t, told(notebook, checkLine), checks)

	var figures []string
	for _, m := range rec.Measurements {
		whose, rivals, decided := "", "", true
		if m.Side != "" {
			whose = " (" + m.Side + ")"
			require.True(t, slices.ContainsFunc(rec.Sides, func(s evidence.Side) bool { return s.Name == m.Side }), m.Side)
		}
		low, high := ends(m.Low, m.High)
		for _, v := range m.Rivals {
			l, h := ends(v.Low, v.High)
			rivals += "; " + v.Name + ": " + worded(l, h, m.Unit)
			require.LessOrEqual(t, l, h, v)
			require.Equal(t, l <= high && low <= h, v.Undecided, "%s: %v", m.Name, v)
			decided = decided && !v.Undecided
		}
		figures = append(figures, fmt.Sprintf("%s measured %s%s: %s, predicted %s%s", tick[m.OK && decided], m.Name, whose, number(m.Value, m.Unit), worded(low, high, m.Unit), rivals))
		require.LessOrEqual(t, low, high, m)
		require.Equal(t, low <= m.Value && m.Value <= high, m.OK, m)
		if !m.OK {
			require.Contains(t, failures(rec), "off the law: "+m.Name+whose+" is "+number(m.Value, m.Unit)+", predicted "+worded(low, high, m.Unit))
		}
	}
	require.Equal(t, told(notebook, figureLine), figures)

	if !slices.ContainsFunc(rec.Failures, func(f evidence.Failure) bool {
		return strings.HasPrefix(f.Message, "the test failed by a word that is not the harness's")
	}) {
		require.Equal(t, r.errors, failures(rec), "what the test fails of is what the record keeps")
	}
	require.Equal(t, r.Failed(), len(rec.Failures) > 0)
	require.Equal(t, r.Failed(), rec.Verdict == evidence.Failed)
	verdict := map[string]string{
		evidence.Holds: "holds", evidence.OnlyIf: "holds only if " + rec.Claim.OnlyIf, evidence.Refuted: "is refuted: " + rec.Claim.Says,
		evidence.NotProvable: "is NOT PROVABLE HERE: " + rec.Unprovable, evidence.Undecided: "is UNDECIDED HERE: the machine is too busy", evidence.Failed: "is NOT proven",
	}[rec.Verdict]
	require.Equal(t, []string{rec.Claim.ID + " " + verdict}, told(notebook, verdictLine))
	if evidence.Proven(rec.Verdict) {
		require.Empty(t, r.skipped)
		require.Empty(t, rec.Undecided)
		for _, c := range rec.Checks {
			require.True(t, c.OK, "%v", c)
		}
		for _, m := range rec.Measurements {
			require.True(t, m.OK, "%v", m)
		}
	}
	require.Equal(t, rec.Verdict == evidence.Undecided, !r.Failed() && strings.Contains(r.skipped, "UNDECIDED HERE"))
	require.Equal(t, rec.Verdict == evidence.NotProvable, !r.Failed() && (strings.Contains(r.skipped, "NOT PROVABLE HERE") || r.skipped != "" && rec.Unprovable == skipsItself))
	for _, u := range rec.Undecided {
		require.Contains(t, notebook, fmt.Sprintf(": %s: %s\n", u.What, u.Message))
	}
}

func failures(rec *evidence.Record) (all []string) {
	for _, f := range rec.Failures {
		all = append(all, f.Kind+": "+f.Message)
	}
	return all
}

func ends(low, high *float64) (float64, float64) {
	l, h := math.Inf(-1), math.Inf(1)
	if low != nil {
		l = *low
	}
	if high != nil {
		h = *high
	}
	return l, h
}

func number(x float64, unit string) string {
	return strings.TrimSpace(strconv.FormatFloat(math.Round(x*1000)/1000, 'f', -1, 64) + " " + unit)
}

func worded(low, high float64, unit string) string {
	switch {
	case math.IsInf(low, -1):
		return "at most " + number(high, unit)
	case math.IsInf(high, 1):
		return "at least " + number(low, unit)
	case low == high:
		return "exactly " + number(low, unit)
	}
	return number(low, "") + " to " + number(high, unit)
}

// timeless is the record without what differs from run to run. What took some time took none, and happened at the beginning.
func timeless(rec *evidence.Record) *evidence.Record {
	rec.Run, rec.Started, rec.Duration, rec.Tools, rec.Noise = "", time.Time{}, 0, evidence.Tools{}, nil
	for i := range rec.Steps {
		rec.Steps[i].At = 0
	}
	for i := range rec.Failures {
		rec.Failures[i].At = 0
		rec.Failures[i].Message = regexp.MustCompile(`\([0-9]+ ms, less`).ReplaceAllString(rec.Failures[i].Message, "(… ms, less")
	}
	for i := range rec.Faults {
		rec.Faults[i].From = 0
		if rec.Faults[i].To != nil {
			rec.Faults[i].To = new(0.0)
		}
	}
	for i := range rec.Repeats {
		rec.Repeats[i].Started, rec.Repeats[i].Duration = time.Time{}, 0
	}
	for _, m := range rec.Measurements {
		exact(m.Low, m.High)
		for _, v := range m.Rivals {
			exact(v.Low, v.High)
		}
	}
	rec.Operations.Items = still(rec.Operations.Items)
	for i := range rec.Checks {
		rec.Checks[i].Offending = still(rec.Checks[i].Offending)
	}
	return rec
}

// exact rounds what sums of floating-point numbers have left behind the nanoseconds.
func exact(bounds ...*float64) {
	for _, b := range bounds {
		if b != nil {
			*b = math.Round(*b*1e9) / 1e9
		}
	}
}

func still(ops []evidence.Operation) []evidence.Operation {
	for i := range ops {
		ops[i].Start = 0
		if ops[i].End != nil {
			ops[i].End = new(0.0)
		}
	}
	return ops
}

// TestRecord compares the whole record of a passing and a failing run of each proof.
func TestRecord(t *testing.T) {
	var (
		holds  = evidence.Check{Role: "holds", Property: "none is lost", Verdict: "holds", OK: true, Summary: "all 3 arrived", Checked: 1}
		breaks = evidence.Check{Role: "breaks", Property: "none is lost", Control: "nothing is kept", Verdict: "violated", OK: true, Summary: "lost 1 of 3", Violations: 1, Checked: 1}
		calm   = evidence.Check{Role: "calm", Property: "nothing is lost", Verdict: "holds", OK: true, Summary: "all 3 arrived", Checked: 1}
	)
	contrast := func(e *Env) { e.Contrast("none is lost", good, forgetful) }
	but := func(c evidence.Check, f func(*evidence.Check)) evidence.Check { f(&c); return c }
	fails := func(kind, message string) func(*evidence.Record) {
		return func(want *evidence.Record) {
			want.Verdict, want.Failures = evidence.Failed, append(want.Failures, evidence.Failure{Kind: kind, Step: "verdict", Message: message})
		}
	}
	figure := func(m evidence.Measurement) func(*evidence.Record) {
		return func(want *evidence.Record) { want.Measurements = append(want.Measurements, m) }
	}
	checks := func(all ...evidence.Check) func(*evidence.Record) {
		return func(want *evidence.Record) { want.Checks = all }
	}
	type wants = []func(*evidence.Record)
	for name, c := range map[string]struct {
		claim    Claim
		scenario func(*testing.T, *Env)
		want     wants
	}{
		"contrast: holds": {scenario: func(_ *testing.T, e *Env) { contrast(e) }},
		"contrast: the property breaks": {scenario: func(_ *testing.T, e *Env) { e.Contrast("none is lost", bad, forgetful) }, want: wants{
			checks(evidence.Check{Role: "holds", Property: "none is lost", Verdict: "violated", Summary: "lost 1 of 3", Violations: 1, Checked: 1}, breaks),
			fails(evidence.Violated, `"none is lost" should hold, but it is violated: lost 1 of 3`),
		}},
		"contrast: nothing is known": {scenario: func(_ *testing.T, e *Env) { e.Contrast("none is lost", unknown, Without("nothing is kept", unknown)) }, want: wants{
			checks(evidence.Check{Role: "holds", Property: "none is lost", Verdict: "unknown", Summary: "nothing was sent"},
				evidence.Check{Role: "breaks", Property: "none is lost", Control: "nothing is kept", Verdict: "unknown", Summary: "nothing was sent"}),
			fails(evidence.Violated, `"none is lost" should hold, but nothing is known: nothing was sent`),
			fails(evidence.Unfalsified, `the control, nothing is kept, was to break "none is lost", but nothing is known: nothing was sent: if nothing breaks it, holding it proves nothing`),
		}},
		"contrast: the control holds": {scenario: func(_ *testing.T, e *Env) { e.Contrast("none is lost", good, Without("nothing is kept", good)) }, want: wants{
			checks(holds, evidence.Check{Role: "breaks", Property: "none is lost", Control: "nothing is kept", Verdict: "holds", Summary: "all 3 arrived", Checked: 1}),
			fails(evidence.Unfalsified, `the control, nothing is kept, was to break "none is lost", but it holds: all 3 arrived: if nothing breaks it, holding it proves nothing`),
		}},
		"sides": {scenario: func(_ *testing.T, e *Env) {
			s := newStage(e)
			e.Contrast("none is lost", s.nothingLost(s.consumer), s.nothingLost(s.subscriber))
		}, want: wants{func(want *evidence.Record) {
			want.Sides = []evidence.Side{{Name: "durable"}, {Name: "plain", Without: "nothing is acknowledged"}}
			want.Clients = []evidence.Client{{Name: "producer"}, {Name: "durable: consumer", Side: "durable"}, {Name: "plain", Side: "plain"}}
			lost := evidence.Operation{Client: "producer", Kind: history.Publish, Key: "orders", Value: 3, End: new(0.0), Outcome: history.OK}
			want.Checks = []evidence.Check{
				{Role: "holds", Property: "none is lost", Clients: []string{"durable: consumer", "producer"}, Side: "durable", Verdict: "holds", OK: true, Summary: "all 3 acknowledged arrived", Checked: 3},
				{Role: "breaks", Property: "none is lost", Clients: []string{"plain", "producer"}, Side: "plain", Control: "nothing is acknowledged", Verdict: "violated", OK: true,
					Summary: "lost 1 of 3 acknowledged (first: orders/3 published at …)", Violations: 1, Checked: 3, Offending: []evidence.Operation{lost}},
			}
			want.Operations = evidence.Operations{Recorded: 8, Counts: []evidence.Count{
				{Client: "durable: consumer", Kind: history.Deliver, Outcome: history.OK, N: 3},
				{Client: "plain", Kind: history.Deliver, Outcome: history.OK, N: 2},
				{Client: "producer", Kind: history.Publish, Outcome: history.OK, N: 3},
			}}
			for n := range int64(3) {
				want.Operations.Items = append(want.Operations.Items,
					evidence.Operation{Client: "producer", Kind: history.Publish, Key: "orders", Value: n + 1, End: new(0.0), Outcome: history.OK},
					evidence.Operation{Client: "durable: consumer", Kind: history.Deliver, Key: "orders", Value: n + 1, Attempt: 1, End: new(0.0), Outcome: history.OK})
				if n < 2 {
					want.Operations.Items = append(want.Operations.Items,
						evidence.Operation{Client: "plain", Kind: history.Deliver, Key: "orders", Value: n + 1, Attempt: 1, End: new(0.0), Outcome: history.OK})
				}
			}
		}}},
		"holds: it does": {scenario: func(_ *testing.T, e *Env) { contrast(e); e.Holds("none is late", good) }, want: wants{
			checks(holds, breaks, but(holds, func(c *evidence.Check) { c.Property = "none is late" })),
		}},
		"holds: it breaks": {scenario: func(_ *testing.T, e *Env) { contrast(e); e.Holds("none is late", bad) }, want: wants{
			checks(holds, breaks, but(breaks, func(c *evidence.Check) { c.Role, c.Property, c.Control, c.OK = "holds", "none is late", "", false })),
			fails(evidence.Violated, `"none is late" should hold, but it is violated: lost 1 of 3`),
		}},
		"calm: it is": {scenario: func(_ *testing.T, e *Env) { e.Calm(good); contrast(e) }, want: wants{checks(calm, holds, breaks)}},
		"calm: it is not": {scenario: func(_ *testing.T, e *Env) { e.Calm(bad) }, want: wants{
			checks(but(breaks, func(c *evidence.Check) { c.Role, c.Property, c.Control, c.OK = "calm", "nothing is lost", "", false })),
			fails(evidence.NotCalm, `without any fault, "nothing is lost" it is violated: lost 1 of 3; the faults below would prove nothing`),
		}},
		"a time: on its law": {scenario: func(_ *testing.T, e *Env) {
			contrast(e)
			busy(e, 5*ms)
			e.Duration("lag", 210*ms, Between(200*ms, 220*ms).Against("none", 0).AgainstMore("stuck", time.Second).In(unheard))
		}, want: wants{figure(evidence.Measurement{Name: "lag", Value: 0.21, Unit: "s", Low: new(0.2), High: new(0.24), OK: true, Noise: 0.02,
			Rivals: []evidence.Rival{{Name: "none", Low: new(0.0), High: new(0.02)}, {Name: "stuck", Low: new(1.0)}}})}},
		"a time: off its law": {scenario: func(_ *testing.T, e *Env) {
			contrast(e)
			busy(e, 5*ms)
			e.Median("lag", 150*ms, Between(200*ms, 220*ms).Against("none", 0).In(unheard).Sampled(1))
		}, want: wants{
			figure(evidence.Measurement{Name: "lag", Value: 0.15, Unit: "s", Low: new(0.18), High: new(0.24), Noise: 0.02, Early: 0.02,
				Rivals: []evidence.Rival{{Name: "none", Low: new(0.0), High: new(0.02)}}}),
			fails(evidence.OffLaw, "lag is 0.15 s, predicted 0.18 to 0.24 s"),
		}},
		"a count: on its law": {scenario: func(_ *testing.T, e *Env) {
			contrast(e)
			e.Subject("keyed").Count("charged twice", 0, AtMost(1).AgainstRange("no key", 40, 50))
		}, want: wants{
			func(want *evidence.Record) { want.Sides = []evidence.Side{{Name: "keyed"}} },
			figure(evidence.Measurement{Name: "charged twice", Side: "keyed", High: new(1.0), OK: true, Rivals: []evidence.Rival{{Name: "no key", Low: new(40.0), High: new(50.0)}}}),
		}},
		"a count: off its law": {scenario: func(_ *testing.T, e *Env) { contrast(e); e.Count("charged", 3, AtLeast(4).Against("none", 0)) }, want: wants{
			figure(evidence.Measurement{Name: "charged", Value: 3, Low: new(4.0), Rivals: []evidence.Rival{{Name: "none", Low: new(0.0), High: new(0.0)}}}),
			fails(evidence.OffLaw, "charged is 3, predicted at least 4"),
		}},
		"a share: on its law": {scenario: func(_ *testing.T, e *Env) {
			contrast(e)
			e.Share("moved", stat.Proportion{Hits: 1, Of: 4}, Between(Share(0.2), Share(0.3)).Against("all", 1))
		}, want: wants{figure(evidence.Measurement{Name: "moved", Value: 0.25, Low: new(0.2), High: new(0.3), OK: true, N: 4, Rivals: []evidence.Rival{{Name: "all", Low: new(1.0), High: new(1.0)}}})}},
		"a share: off its law": {scenario: func(_ *testing.T, e *Env) {
			contrast(e)
			e.Share("moved", stat.Proportion{Hits: 2, Of: 4}, Between(Share(0.2), Share(0.3)).Against("all", 1))
		}, want: wants{
			figure(evidence.Measurement{Name: "moved", Value: 0.5, Low: new(0.2), High: new(0.3), N: 4, Rivals: []evidence.Rival{{Name: "all", Low: new(1.0), High: new(1.0)}}}),
			fails(evidence.OffLaw, "moved is 0.5, predicted 0.2 to 0.3"),
		}},
		"a ratio: on its law": {scenario: func(_ *testing.T, e *Env) {
			contrast(e)
			e.Ratio("work", 2.5, Between(2.0, 3.0).Against("none more", 1))
		}, want: wants{
			figure(evidence.Measurement{Name: "work", Value: 2.5, Unit: "times", Low: new(2.0), High: new(3.0), OK: true, Rivals: []evidence.Rival{{Name: "none more", Low: new(1.0), High: new(1.0)}}}),
		}},
		"a ratio: off its law": {scenario: func(_ *testing.T, e *Env) {
			contrast(e)
			e.Ratio("work", 3.5, Between(2.0, 3.0).Against("none more", 1))
		}, want: wants{
			figure(evidence.Measurement{Name: "work", Value: 3.5, Unit: "times", Low: new(2.0), High: new(3.0), Rivals: []evidence.Rival{{Name: "none more", Low: new(1.0), High: new(1.0)}}}),
			fails(evidence.OffLaw, "work is 3.5 times, predicted 2 to 3 times"),
		}},
		"undecided": {scenario: func(_ *testing.T, e *Env) { contrast(e); delayed(e, 30*ms) }, want: wants{
			figure(evidence.Measurement{Name: "lag", Value: 0.21, Unit: "s", Low: new(0.2), High: new(0.34), OK: true, Noise: 0.12, Rivals: []evidence.Rival{
				{Name: "nothing added", Low: new(0.02), High: new(0.14)}, {Name: "half of it added", Low: new(0.12), High: new(0.24), Undecided: true}}}),
			func(want *evidence.Record) {
				u := []evidence.Undecision{{What: "lag", Noise: 0.12, Message: `it is 0.21 s, predicted 0.2 to 0.34 s; "half of it added" would be 0.12 to 0.24 s`}}
				want.Verdict, want.Undecided, want.Repeats = evidence.Undecided, u, []evidence.Repeat{{Undecided: u}, {Undecided: u}}
			},
		}},
		"not provable": {scenario: func(_ *testing.T, e *Env) {
			e.Require(unprovable.Here("a power cut", "there are no loop devices"), "cut it")
		}, want: wants{
			checks(), func(want *evidence.Record) {
				want.Verdict, want.Unprovable = evidence.NotProvable, "a power cut cannot be had here: there are no loop devices"
			},
		}},
		"a wait: in vain": {scenario: func(_ *testing.T, e *Env) { impatient(e); e.Await("all is there", func() error { return errNever }) }, want: wants{
			checks(), fails(evidence.TimedOut, `"all is there" was not reached within 20ms (… ms, less what the machine was busy with others): no`),
		}},
		"only if": {claim: Claim{OnlyIf: "the disk is asked"}, scenario: func(_ *testing.T, e *Env) { contrast(e) }, want: wants{
			func(want *evidence.Record) { want.Verdict, want.Claim.OnlyIf = evidence.OnlyIf, "the disk is asked" },
		}},
		"refuted": {claim: Claim{Refuted: true}, scenario: func(_ *testing.T, e *Env) { contrast(e) }, want: wants{
			func(want *evidence.Record) { want.Verdict, want.Claim.Refuted = evidence.Refuted, true },
		}},
		"a fault: felt, and undone": {scenario: func(t *testing.T, e *Env) { severed(t, e, true, true) }, want: wants{checks(calm, holds, breaks), func(want *evidence.Record) {
			want.Faults = []evidence.Fault{{Kind: "sever", Target: "wire", To: new(0.0), Undo: "heal", Witnesses: []string{"caller: 1 unknown"}, Nature: "no connections were closed, nothing went through"}}
		}}},
		"a fault: not felt": {scenario: func(t *testing.T, e *Env) { severed(t, e, false, true) }, want: wants{checks(calm, holds, breaks), func(want *evidence.Record) {
			want.Faults = []evidence.Fault{{Kind: "sever", Target: "wire", To: new(0.0), Undo: "heal", Nature: "no connections were closed, nothing went through"}}
		}, fails(evidence.Vacuous, "nobody felt sever on wire: no operation of caller failed, was cut off, was slowed down as much or came again")}},
		"a fault: not undone": {scenario: func(t *testing.T, e *Env) { severed(t, e, true, false) }, want: wants{checks(calm, holds, breaks), func(want *evidence.Record) {
			want.Faults = []evidence.Fault{{Kind: "sever", Target: "wire", Undo: "heal", Witnesses: []string{"caller: 1 unknown"}}}
		}, fails(evidence.Unhealed, "sever on wire was not undone: call Heal, and Await what shows that the system is well")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("ASSAY_SEED", "7")
			claim := c.claim
			claim.ID, claim.Says = "test", "a test is a test"
			r := offlineClaim(t, claim, func(e *Env) {
				e.KnobInt("batch", 3)
				e.Step("verdict")
				c.scenario(t, e)
			})
			got := timeless(r.record(t))
			want := &evidence.Record{
				Schema: evidence.Schema, Claim: evidence.Claim{ID: "test", Says: "a test is a test"}, Verdict: evidence.Holds,
				Test: "TestFake", Package: "assay/harness", Rerun: "ASSAY_SEED=7 go test -count=1 -v -run '^TestFake$' assay/harness", Seed: 7,
				Knobs: []evidence.Knob{{Name: "batch", Value: "3", Default: "3"}}, Steps: []evidence.Step{{Name: "verdict"}},
				Checks: []evidence.Check{holds, breaks}, Operations: evidence.Operations{Items: []evidence.Operation{}},
			}
			for _, spoil := range c.want {
				spoil(want)
			}
			if want.Faults != nil { // what a wire does is not what is compared here
				want.Operations, want.Clients = got.Operations, got.Clients
			}
			for i := range got.Checks {
				got.Checks[i].Summary = regexp.MustCompile(`published at [0-9.]+s`).ReplaceAllString(got.Checks[i].Summary, "published at …")
			}
			require.Equal(t, want, got)
		})
	}
}

// severed is a scenario in which a link is severed.
func severed(t *testing.T, e *Env, felt, undone bool) {
	w := newWire(t, e)
	e.Calm(good)
	cut := w.Sever()
	if felt {
		_ = w.call()
	}
	if undone {
		e.Heal(cut)
		e.Await("the wire works", w.call)
	}
	e.Contrast("none is lost", good, forgetful)
}
