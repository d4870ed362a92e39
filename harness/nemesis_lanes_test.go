package harness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"assay/harness/evidence"
	"assay/harness/fault"
	"assay/harness/history"
)

// In lanes windows overlap, no action meets itself, and what is drawn is followed as it was drawn.
func TestScheduleInLanes(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		lanes := rapid.IntRange(1, evidence.MostLanes).Draw(t, "lanes")
		e := &Env{t: &fake{}, record: &evidence.Record{Seed: rapid.Uint64().Draw(t, "seed")}}
		var actions []Action
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			actions = append(actions, Does(name, func() *fault.Fault { return nil }))
		}
		n := e.Nemesis(actions...)
		s, _ := n.draw(Plan{Over: 3 * time.Second, Shortest: 100 * time.Millisecond, Longest: 300 * time.Millisecond, Rest: 50 * time.Millisecond, AtOnce: lanes})
		underway := map[int]evidence.Span{}
		lane := map[string]int{}
		for _, w := range s.Windows {
			require.GreaterOrEqual(t, w.Begin, underway[w.Lane], "one after the other in a lane")
			underway[w.Lane] = w.Begin + w.Length
			if at, known := lane[w.Fault]; known {
				require.Equal(t, at, w.Lane, "an action is in one lane")
			}
			lane[w.Fault] = w.Lane
		}
		require.Len(t, underway, lanes)

		f := &evidence.ScheduleFile{Claim: "12.99", Test: "TestFake", Package: "assay/harness", Failure: evidence.Violated, Schedule: s}
		require.NoError(t, evidence.WriteSchedule(dir, "run", f))
		read, err := evidence.ReadSchedule(f.Path)
		require.NoError(t, err)
		followed, _ := n.follow(read)
		require.Equal(t, s, followed)
	})
}

// Two faults of a nemesis are in force at the same time, each is felt and undone, and something is judged in the middle of one.
func TestNemesisWithFaultsAtOnce(t *testing.T) {
	r := offline(t, func(e *Env) {
		one, other := newWire(t, e), newWireCalled(t, e, "other")
		both := func() { _ = one.call(); _ = other.call() }
		e.Step("calm")
		both()
		e.Calm(good)
		var overlapped bool
		first, second := severing(one), severing(other)
		run := e.Nemesis(Does("one", first), Does("other", second)).Over(Plan{
			Over: 2 * time.Second, Shortest: 300 * time.Millisecond, Longest: 400 * time.Millisecond, Rest: 20 * time.Millisecond, AtOnce: 2,
		})
		e.Await("it is at its end", func() error {
			both()
			var lasting []history.Window
			for _, f := range run.Faults() {
				if w := f.Window(); w.To == history.Open {
					lasting = append(lasting, w)
				}
			}
			overlapped = overlapped || len(lasting) == 2
			return run.Ended()
		})
		e.Await("both work", one.call, other.call)
		require.True(t, overlapped)
		e.Step("a fault that lasts")
		cut := one.Sever()
		_ = one.call()
		e.While(cut).Holds("nothing is lost", good)
		e.While(cut).Contrast("nothing is lost", good, Without("everything", bad))
		e.Heal(cut)
		e.Await("both work", one.call, other.call)
	})
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Equal(t, evidence.Holds, rec.Verdict)
	require.Empty(t, rec.Schedule.Unfelt)
}

func severing(w wire) Injection { return func() *fault.Fault { return w.Sever() } }

func TestWhileIsForAFaultThatLasts(t *testing.T) {
	offline(t, func(e *Env) {
		w := newWire(t, e)
		require.NoError(t, w.call())
		e.Calm(good)
		cut := w.Sever()
		_ = w.call()
		e.Heal(cut)
		e.While(cut)
	}).failedWith(t, evidence.Broken, "sever on wire is over, so nothing can be judged while it lasts")
}
