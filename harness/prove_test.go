package harness

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
	"assay/harness/internal/unprovable"
)

// busy has the machine keep somebody waiting for so long in a window of which no metronome tells.
func busy(e *Env, longest time.Duration) {
	e.noise.add(evidence.Beat{At: (unheard.From + time.Second).Seconds(), Usual: longest.Seconds(), Longest: longest.Seconds()})
}

// delayed measures a delay of 200 ms that took as long as was said, on a machine on which half of it could have taken as long when it
// is busy.
func delayed(e *Env, longest time.Duration) {
	busy(e, longest)
	e.Duration("lag", 210*ms, Added(200*ms, 20*ms).In(unheard))
}

func TestPanicIsAFailureThatIsRaisedAgain(t *testing.T) {
	var raised any
	closed := false
	r := run(t, func(tb TB) {
		defer func() { raised = recover() }()
		prove(tb, Claim{ID: "12.99", Says: "a test is a test"}, noEngine, func(e *Env) {
			e.OnClose(func() error { closed = true; return nil })
			e.Step("verdict")
			delayed(e, 30*ms) // undecided, which is no excuse
			panic("no such stream")
		})
	})
	require.Equal(t, "no such stream", raised, "testing tells of it, too")
	require.True(t, closed, "its world is removed all the same")
	r.failedWith(t, evidence.TestFailed, "panic: no such stream\n", "prove_test.go", "goroutine ")
	rec := r.record(t)
	require.Equal(t, "verdict", rec.Failures[0].Step)
	require.Empty(t, rec.Repeats)
	require.Contains(t, r.notebook.String(), "verdict: claim 12.99 is NOT proven")
}

func TestScenarioThatEndsEarly(t *testing.T) {
	const says = "the scenario ended early, and not by a word of the harness"
	for name, end := range map[string]func(*Env){
		"its goroutine":      func(*Env) { runtime.Goexit() },
		"by a skip":          func(e *Env) { e.t.Skipf("not today") },
		"while undecided":    func(e *Env) { delayed(e, 30*ms); runtime.Goexit() },
		"skipped, undecided": func(e *Env) { delayed(e, 30*ms); e.t.Skipf("not today") },
	} {
		t.Run(name, func(t *testing.T) {
			r := offline(t, func(e *Env) {
				proven(e)
				end(e)
			})
			r.failedWith(t, evidence.TestFailed, says)
			require.Empty(t, r.record(t).Repeats)
		})
	}
	t.Run("by failing", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			proven(e)
			e.t.FailNow()
		})
		require.Empty(t, r.errors)
		rec := r.record(t)
		require.Equal(t, evidence.Failed, rec.Verdict)
		require.Equal(t, []evidence.Failure{{Kind: evidence.TestFailed, At: rec.Duration, Message: "the test failed by a word that is not the harness's; see its output"}}, rec.Failures)
	})
}

func TestNotProvableThoughUndecidedToo(t *testing.T) {
	r := offline(t, func(e *Env) {
		delayed(e, 30*ms)
		e.Require(unprovable.Here("a power cut", "there are no loop devices"), "cut the power")
	})
	require.Empty(t, r.errors)
	require.Contains(t, r.skipped, "claim 12.99 is NOT PROVABLE HERE: a power cut cannot be had here: there are no loop devices")
	rec := r.record(t)
	require.Equal(t, evidence.NotProvable, rec.Verdict)
	require.Empty(t, rec.Repeats, "it would not be provable the next time either")
}

func TestUndecidedIsRepeatedTwiceAtMost(t *testing.T) {
	runs := 0
	var live, most atomic.Int64
	scenario := func(e *Env) {
		runs++
		most.Store(max(most.Load(), live.Add(1)))
		e.OnClose(func() error { live.Add(-1); return nil })
		e.Go("a workload", func(ctx context.Context) error { <-ctx.Done(); return nil })
		proven(e)
		delayed(e, 30*ms)
	}
	const numbers = `it is 0.21 s, predicted 0.2 to 0.34 s; "half of it added" would be 0.12 to 0.24 s`
	undecision := evidence.Undecision{What: "lag", Noise: 0.12, Message: numbers}

	r := offline(t, scenario)
	require.Empty(t, r.errors)
	require.Equal(t, 3, runs)
	require.EqualValues(t, 1, most.Load(), "one world at a time")
	require.Zero(t, live.Load())
	require.Equal(t, "claim 12.99 is UNDECIDED HERE: the machine is too busy to decide it, in 3 attempts\n  with noise of 120 ms, lag: "+numbers+
		"\n  it is neither passed nor failed. What to do: run it again when less else is running, or turn its knobs up (ASSAY_KNOBS); ASSAY_REQUIRE_ALL=1 makes this a failure", r.skipped)
	rec := r.record(t) // there is one
	require.Equal(t, evidence.Undecided, rec.Verdict)
	require.False(t, evidence.Proven(rec.Verdict))
	require.Empty(t, rec.Failures)
	require.Equal(t, []evidence.Undecision{undecision}, rec.Undecided)
	require.Len(t, rec.Repeats, 2)
	for _, again := range rec.Repeats {
		require.Equal(t, []evidence.Undecision{undecision}, again.Undecided)
		require.Positive(t, again.Duration)
		require.True(t, again.Started.Before(rec.Started))
	}
	require.True(t, rec.Repeats[0].Started.Before(rec.Repeats[1].Started))
	for _, line := range []string{
		"  ? undecided, with noise of 120 ms: lag: " + numbers,
		"the machine was too busy to decide; the scenario is run again, as attempt 2 of 3\n",
		"the machine was too busy to decide; the scenario is run again, as attempt 3 of 3\n",
		"verdict: claim 12.99 is UNDECIDED HERE: the machine is too busy",
	} {
		require.Contains(t, r.notebook.String(), line)
	}
	require.NotContains(t, r.notebook.String(), "attempt 4")

	t.Run("a failure where every claim is asked for", func(t *testing.T) {
		t.Setenv("ASSAY_REQUIRE_ALL", "1")
		runs = 0
		r := offline(t, scenario)
		require.Equal(t, 3, runs, "it is tried as often")
		require.Empty(t, r.skipped)
		r.failedWith(t, evidence.TooBusy, "claim 12.99 is UNDECIDED HERE", "in 3 attempts", "with noise of 120 ms, lag: "+numbers,
			"(ASSAY_REQUIRE_ALL is set, so a claim that is undecided here is a failure)")
		require.Len(t, r.record(t).Repeats, 2)
		require.Len(t, r.record(t).Undecided, 1)
	})
}

func TestUndecidedOnce(t *testing.T) {
	once := func(first func(*Env)) (r ran, runs int) {
		r = offline(t, func(e *Env) {
			if runs++; runs == 1 {
				first(e)
			}
			proven(e)
		})
		return r, runs
	}
	t.Run("and then proven", func(t *testing.T) {
		r, runs := once(func(e *Env) { delayed(e, 30*ms) })
		require.Empty(t, r.errors)
		require.Empty(t, r.skipped)
		require.Equal(t, 2, runs)
		rec := r.record(t)
		require.Equal(t, evidence.Holds, rec.Verdict)
		require.Empty(t, rec.Undecided)
		require.Len(t, rec.Repeats, 1)
		require.Len(t, rec.Repeats[0].Undecided, 1)
		require.Empty(t, rec.Measurements, "the record tells of the run that decided")
		require.Len(t, rec.Checks, 2)
	})
	t.Run("and then failed", func(t *testing.T) {
		runs := 0
		r := offline(t, func(e *Env) {
			if runs++; runs == 1 {
				delayed(e, 30*ms)
				proven(e)
				return
			}
			e.Contrast("nothing is lost", bad, forgetful)
		})
		require.Equal(t, 2, runs, "what fails is not repeated")
		r.failedWith(t, evidence.Violated, "lost 1 of 3")
		require.Len(t, r.record(t).Repeats, 1)
	})
	t.Run("in the calm", func(t *testing.T) {
		late := bad
		late.Late = 100 * ms
		r, runs := once(func(e *Env) {
			busy(e, 30*ms)
			e.Calm(late)
			t.Error("Calm went on though it was undecided")
		})
		require.Empty(t, r.errors)
		require.Equal(t, 2, runs)
		again := r.record(t).Repeats
		require.Len(t, again, 1)
		require.Equal(t, "nothing is lost", again[0].Undecided[0].What)
		require.Equal(t, "lost 1 of 3, late by 100 ms", again[0].Undecided[0].Message)
	})
	t.Run("of a property", func(t *testing.T) {
		late := bad
		late.Late = 100 * ms
		r, runs := once(func(e *Env) {
			busy(e, 30*ms)
			e.Contrast("nothing is lost", late, forgetful)
		})
		require.Empty(t, r.errors)
		require.Equal(t, 2, runs)
		require.Equal(t, evidence.Holds, r.record(t).Verdict)
	})
}

// What is violated by more than the machine's noise explains, or not in time at all, is no matter of noise.
func TestNoiseExcusesOnlyWhatIsLate(t *testing.T) {
	for name, late := range map[string]time.Duration{"not a matter of time": 0, "later than noise explains": time.Hour} {
		t.Run(name, func(t *testing.T) {
			runs := 0
			spoilt := bad
			spoilt.Late = late
			r := offline(t, func(e *Env) {
				runs++
				busy(e, 30*ms)
				e.Contrast("nothing is lost", spoilt, forgetful)
			})
			require.Equal(t, 1, runs)
			r.failedWith(t, evidence.Violated, "lost 1 of 3")
		})
	}
}

// A mechanism or a control that is missing is no matter of noise.
func TestUndecidedIsNoExcuseForNoControl(t *testing.T) {
	r := offline(t, func(e *Env) {
		delayed(e, 30*ms)
		e.Holds("nothing is lost", good)
	})
	r.failedWith(t, evidence.Unfalsified, "nothing was shown to break")
}

// Whatever the noise, what fails is red, and is not repeated.
func TestUndecidedIsNoExcuse(t *testing.T) {
	for name, c := range map[string]struct {
		then  func(*testing.T, *Env)
		kind  string
		words string
	}{
		"a property that breaks": {func(_ *testing.T, e *Env) { e.Contrast("nothing is lost", bad, forgetful) }, evidence.Violated, "lost 1 of 3"},
		"a control that holds": {func(_ *testing.T, e *Env) { e.Contrast("nothing is lost", good, Without("nothing is kept", good)) },
			evidence.Unfalsified, "the control, nothing is kept, was to break"},
		"a figure off its law": {func(_ *testing.T, e *Env) { e.Count("lost", 1, Exactly(0).Against("all", 3)) }, evidence.OffLaw, "lost is 1, predicted exactly 0"},
		"a wait in vain": {func(_ *testing.T, e *Env) { impatient(e); e.Await("x", func() error { return errNever }) },
			evidence.TimedOut, `"x" was not reached`},
		"a fault that nobody felt": {func(t *testing.T, e *Env) {
			w := newWire(t, e)
			e.Calm(good)
			e.Heal(w.Sever())
			e.Await("the wire works", w.call)
		}, evidence.Vacuous, "nobody felt sever on wire"},
		"what is closed badly": {func(_ *testing.T, e *Env) { e.OnClose(func() error { return errors.New("still in use") }) },
			evidence.Broken, "close what the test opened: still in use"},
	} {
		t.Run(name, func(t *testing.T) {
			runs := 0
			r := offline(t, func(e *Env) {
				runs++
				delayed(e, 30*ms)
				c.then(t, e)
				proven(e)
			})
			require.Equal(t, 1, runs)
			r.failedWith(t, c.kind, c.words)
			require.Empty(t, r.skipped)
			require.Empty(t, r.record(t).Repeats)
		})
	}
}

func TestProveReadsTheScenariosOwnComment(t *testing.T) {
	o := caller("TestX")
	require.Equal(t, "assay/harness", o.pkg)
	require.Empty(t, o.doc, "it has none")
	require.True(t, strings.HasPrefix(o.source, "harness/prove_test.go:"), o.source)
	doc, source := documentation(here(), "busy")
	require.Equal(t, "busy has the machine keep somebody waiting for so long in a window of which no metronome tells.\n", doc)
	require.True(t, strings.HasPrefix(source, "harness/prove_test.go:"), source)
	doc, source = documentation("no/such/file.go", "busy")
	require.Empty(t, doc+source)
}

func here() string {
	_, file, _, _ := runtime.Caller(1)
	return file
}
