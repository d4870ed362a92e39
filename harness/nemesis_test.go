package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"assay/harness/evidence"
	"assay/harness/fault"
	"assay/harness/history"
)

// drawn is what an action was given.
type drawn struct {
	n     int
	by    time.Duration
	word  string
	which fault.Direction
}

// drawing is a nemesis of three actions that notes what they are given, and injects nothing.
func drawing(seed uint64) (*Nemesis, *[]drawn) {
	var got []drawn
	note := func(d drawn) []Injection { got = append(got, d); return nil }
	e := &Env{t: &fake{}, record: &evidence.Record{Seed: seed}}
	return e.Nemesis(
		Does("sever"),
		Draws("delay", func(d *Draw) []Injection {
			return note(drawn{by: d.Duration("by", 10*time.Millisecond, time.Second), which: Pick(d, "way", fault.ClientToServer, fault.ServerToClient, fault.Both)})
		}),
		Draws("isolate", func(d *Draw) []Injection {
			return note(drawn{n: d.Int("member", 0, 4), word: d.Word("how", "both ways", "in", "out")})
		}),
	), &got
}

func anyPlan(t *rapid.T) Plan {
	ms := func(name string, least, most int) time.Duration {
		return time.Duration(rapid.IntRange(least, most).Draw(t, name)) * time.Millisecond
	}
	p := Plan{Shortest: ms("shortest", 1, 500), Rest: ms("rest", 1, 500)}
	p.Longest = p.Shortest + ms("longer by", 0, 500)
	p.Over = 2*p.Rest + p.Longest + ms("more", 0, 20_000)
	return p
}

func TestTheSameSeedGivesTheSameSchedule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan, seed := anyPlan(t), rapid.Uint64().Draw(t, "seed")
		one, got := drawing(seed)
		schedule, _ := one.draw(plan)
		same, gotAgain := drawing(seed)
		same.env.rand = nil // what the scenario draws makes no difference
		again, _ := same.draw(plan)
		require.Equal(t, schedule, again)
		require.Equal(t, *got, *gotAgain)
		require.Equal(t, seed, schedule.Seed)

		require.NotEmpty(t, schedule.Windows)
		var ended time.Duration
		draws := 2 // of the window that did not fit in any more
		for _, w := range schedule.Windows {
			rest, length := time.Duration(w.Begin)-ended, time.Duration(w.Length)
			require.True(t, plan.Rest <= rest && rest <= 2*plan.Rest, "%v after %v", w, ended)
			require.True(t, plan.Shortest <= length && length <= plan.Longest, "%v", w)
			ended = time.Duration(w.Begin) + length
			draws += 3 + len(w.Args)
		}
		require.LessOrEqual(t, ended, plan.Over)
		require.Equal(t, draws, schedule.Draws)
	})
}

func TestSeedsDiffer(t *testing.T) {
	plan := Plan{Over: 10 * time.Second, Shortest: 10 * time.Millisecond, Longest: time.Second, Rest: 100 * time.Millisecond}
	seen := map[string]bool{}
	for seed := range uint64(20) {
		n, _ := drawing(seed)
		s, _ := n.draw(plan)
		seen[fmt.Sprint(s.Windows)] = true
	}
	require.Len(t, seen, 20)
}

// What is followed, be it through a file, is what was drawn: the same windows, and the same values for their actions.
func TestScheduleIsFollowedAsItWasDrawn(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		n, got := drawing(rapid.Uint64().Draw(t, "seed"))
		schedule, windows := n.draw(anyPlan(t))
		f := &evidence.ScheduleFile{Claim: "12.99", Test: "TestFake", Package: "assay/harness", Failure: evidence.Violated, Schedule: schedule}
		require.NoError(t, evidence.WriteSchedule(dir, "run", f))
		read, err := evidence.ReadSchedule(f.Path)
		require.NoError(t, err)

		follower, gotAgain := drawing(0)
		followed, same := follower.follow(read)
		require.Equal(t, schedule, followed)
		require.Equal(t, *got, *gotAgain)
		require.Len(t, same, len(windows))
	})
}

// storm is a scenario with a nemesis, and places to spoil it.
type storm struct {
	actions func(wire) []Action
	plan    Plan
	idle    bool                   // nobody works meanwhile
	during  func(*Env, wire, *Run) // in place of awaiting its end
	after   func(*Env, wire, *Run) // before the verdict
}

var short = Plan{Over: 400 * time.Millisecond, Shortest: 50 * time.Millisecond, Longest: 80 * time.Millisecond, Rest: 20 * time.Millisecond}

func (s storm) run(t *testing.T, e *Env) {
	w := newWire(t, e)
	e.Step("calm")
	for range 3 {
		require.NoError(t, w.call())
	}
	e.Calm(good)
	work := e.Load(time.Millisecond, func(context.Context) { w.call() })
	if !s.idle {
		work.Run()
	}
	e.Step("storm")
	if s.plan == (Plan{}) {
		s.plan = short
	}
	run := e.Nemesis(s.actions(w)...).Over(s.plan)
	if s.during != nil {
		s.during(e, w, run)
	} else {
		e.Await("the nemesis is at its end", run.Ended)
		e.Await("the wire works", w.call)
	}
	work.Stop()
	if s.after != nil {
		s.after(e, w, run)
	}
	e.Step("verdict")
	e.Contrast("nothing is lost", good, forgetful)
}

func severs(w wire) []Action { return []Action{Does("sever", w.Sever)} }

func drops(w wire) []Action {
	return []Action{Does("sever", w.Sever), Draws("drop", func(d *Draw) []Injection {
		way := Pick(d, "way", fault.ClientToServer, fault.ServerToClient)
		return []Injection{func() *fault.Fault { return w.Drop(way) }}
	})}
}

// delays is slower: on a busy machine only a long delay is surely told from none.
func delays(w wire) []Action {
	return []Action{Does("sever", w.Sever), Draws("delay", func(d *Draw) []Injection {
		by := d.Duration("by", 200*time.Millisecond, 500*time.Millisecond)
		way := Pick(d, "way", fault.ClientToServer, fault.ServerToClient)
		return []Injection{func() *fault.Fault { return w.Delay(way, by) }}
	})}
}

func TestNemesis(t *testing.T) {
	t.Setenv("ASSAY_SEED", "42")
	var faults []*fault.Fault
	r := offline(t, storm{actions: drops, after: func(_ *Env, _ wire, run *Run) { faults = run.Faults() }}.scenario(t))
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Equal(t, evidence.Holds, rec.Verdict)
	require.NotNil(t, rec.Schedule)
	require.Equal(t, uint64(42), rec.Schedule.Seed)
	require.Positive(t, rec.Schedule.Draws)
	require.NotEmpty(t, rec.Schedule.Windows)
	require.Len(t, rec.Faults, len(rec.Schedule.Windows))
	require.Len(t, faults, len(rec.Faults))
	for i, w := range rec.Schedule.Windows {
		f := rec.Faults[i]
		require.Equal(t, i+1, f.Window)
		require.Equal(t, w.Fault, f.Kind)
		for _, arg := range w.Args {
			require.Contains(t, f.Detail, arg)
		}
		require.GreaterOrEqual(t, *f.To-f.From, time.Duration(w.Length).Seconds())
	}
	require.Empty(t, rec.Schedule.File, "a schedule under which nothing failed is in the evidence only")
	require.Contains(t, rec.Rerun, "ASSAY_SEED=42")
	for _, line := range []string{
		fmt.Sprintf("nemesis: seed 42, %d draws, %d windows", rec.Schedule.Draws, len(rec.Schedule.Windows)),
		" 1  " + rec.Schedule.Windows[0].String(), "⚡ sever on wire", "✚ heal after", "✓ the nemesis is at its end",
	} {
		require.Contains(t, r.notebook.String(), line)
	}
}

func (s storm) scenario(t *testing.T) func(*Env) { return func(e *Env) { s.run(t, e) } }

// schedule writes one by hand, and has it followed.
func schedule(t *testing.T, windows ...evidence.Window) string {
	t.Helper()
	f := &evidence.ScheduleFile{
		Claim: "12.99", Test: "TestFake", Package: "assay/harness", Failure: evidence.Violated,
		Schedule: evidence.Schedule{Seed: 7, Draws: 9, Windows: windows},
	}
	require.NoError(t, evidence.WriteSchedule(t.TempDir(), "run", f))
	t.Setenv("ASSAY_SCHEDULE", f.Path)
	return f.Path
}

func window(fault string, begin, length time.Duration, args ...string) evidence.Window {
	w := evidence.Window{Fault: fault, Begin: evidence.Span(begin), Length: evidence.Span(length)}
	for i := 0; i < len(args); i += 2 {
		if w.Args == nil {
			w.Args = map[string]string{}
		}
		w.Args[args[i]] = args[i+1]
	}
	return w
}

const ms = time.Millisecond

func TestScheduleIsFollowed(t *testing.T) {
	windows := []evidence.Window{
		window("sever", 30*ms, 60*ms),
		window("delay", 150*ms, 1100*ms, "by", "433ms", "way", "server to client"),
		window("sever", 1400*ms, 70*ms),
	}
	path := schedule(t, windows...)
	r := offline(t, storm{actions: delays}.scenario(t))
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Equal(t, windows, rec.Schedule.Windows)
	require.Equal(t, uint64(7), rec.Seed, "also what else the scenario leaves to chance is as it was")
	require.Equal(t, uint64(7), rec.Schedule.Seed)
	require.Equal(t, 9, rec.Schedule.Draws)
	require.Contains(t, rec.Rerun, "ASSAY_SCHEDULE="+path+" go test")
	require.Len(t, rec.Faults, 3)
	require.Equal(t, []string{"sever", "delay", "sever"}, []string{rec.Faults[0].Kind, rec.Faults[1].Kind, rec.Faults[2].Kind})
	require.Equal(t, "433ms server to client", rec.Faults[1].Detail)
	require.GreaterOrEqual(t, rec.Faults[2].From-rec.Steps[1].At, time.Duration(windows[2].Begin).Seconds(), "windows begin when their time has come")
	for i, f := range rec.Faults {
		require.GreaterOrEqual(t, *f.To-f.From, time.Duration(windows[i].Length).Seconds())
		if i > 0 {
			require.GreaterOrEqual(t, f.From, *rec.Faults[i-1].To, "one at a time")
		}
	}
	require.Contains(t, r.notebook.String(), "nemesis: seed 7, 9 draws, 3 windows, as in "+path)
}

func TestScheduleWithoutWindowsInjectsNothing(t *testing.T) {
	schedule(t)
	r := offline(t, storm{actions: delays}.scenario(t))
	require.Empty(t, r.errors)
	require.Empty(t, r.record(t).Faults)
}

func TestScheduleThatDoesNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		windows []evidence.Window
		words   []string
	}{
		"another fault":    {[]evidence.Window{window("isolate", 0, ms)}, []string{"window 1 (isolate, from 0s for 1ms)", "does not know; it knows: sever, delay"}},
		"lacks a value":    {[]evidence.Window{window("delay", 0, ms, "by", "300ms")}, []string{"lacks way; it has by"}},
		"a value too many": {[]evidence.Window{window("sever", 0, ms, "by", "300ms")}, []string{`"sever" takes no by; it takes none`}},
		"out of range":     {[]evidence.Window{window("delay", 0, ms, "by", "3h", "way", "both ways")}, []string{"by=3h is not a duration from 200ms to 500ms"}},
		"no such option":   {[]evidence.Window{window("delay", 0, ms, "by", "300ms", "way", "up")}, []string{"way=up is none of client to server, server to client"}},
		"overlap":          {[]evidence.Window{window("sever", 0, 9*ms), window("sever", 8*ms, ms)}, []string{"window 2", "has ended, at 9ms", "one thing at a time"}},
		"no length":        {[]evidence.Window{window("sever", 0, 0)}, []string{"window 1", "has no length"}},
		"too early":        {[]evidence.Window{window("sever", -ms, ms)}, []string{"before the nemesis starts"}},
	} {
		t.Run(name, func(t *testing.T) {
			schedule(t, c.windows...)
			offline(t, storm{actions: delays}.scenario(t)).failedWith(t, evidence.Broken, append(c.words, "ASSAY_SCHEDULE: ")...)
		})
	}
	t.Run("of another claim", func(t *testing.T) {
		path := schedule(t, window("sever", 0, ms))
		r := offlineClaim(t, Claim{ID: "8.5", Says: "x"}, proven)
		r.failedWith(t, evidence.Broken, path+" is a schedule of claim 12.99, and this is claim 8.5", "go test -count=1 -v -run '^TestFake$' assay/harness")
	})
	t.Run("of nobody here", func(t *testing.T) {
		schedule(t, window("sever", 0, ms))
		offline(t, proven).failedWith(t, evidence.Broken, "ASSAY_SCHEDULE: the test started no nemesis")
	})
	t.Run("torn", func(t *testing.T) {
		path := schedule(t, window("sever", 0, ms))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, text[:len(text)/2], 0o600))
		offline(t, proven).failedWith(t, evidence.Broken, "ASSAY_SCHEDULE: "+path+" is torn")
	})
	t.Run("not there", func(t *testing.T) {
		t.Setenv("ASSAY_SCHEDULE", filepath.Join(t.TempDir(), "none.json"))
		offline(t, proven).failedWith(t, evidence.Broken, "ASSAY_SCHEDULE: read schedule", "none.json")
	})
}

func TestNemesisThatMakesNoSense(t *testing.T) {
	nothing := func(*Draw) []Injection { return nil }
	for name, c := range map[string]struct {
		do    func(*Env)
		words string
	}{
		"no action":     {func(e *Env) { e.Nemesis() }, "nothing that it can do"},
		"two of a name": {func(e *Env) { e.Nemesis(Does("sever"), Draws("sever", nothing)) }, `are called "sever"`},
		"no plan":       {func(e *Env) { e.Nemesis(Does("sever")).Over(Plan{}) }, "each of the four is a whole number of milliseconds"},
		"too short": {func(e *Env) {
			e.Nemesis(Does("sever")).Over(Plan{Over: time.Second, Shortest: ms, Longest: time.Second, Rest: ms})
		}, "do not surely fit in"},
		"wrong way round": {func(e *Env) {
			e.Nemesis(Does("sever")).Over(Plan{Over: time.Second, Shortest: 2 * ms, Longest: ms, Rest: ms})
		}, "longer than the longest"},
		"two names alike": {func(e *Env) {
			e.Nemesis(Draws("delay", func(d *Draw) []Injection { d.Int("by", 1, 2); d.Int("by", 1, 2); return nil })).Over(short)
		}, `two values called "by"`},
		"empty range": {func(e *Env) {
			e.Nemesis(Draws("delay", func(d *Draw) []Injection { d.Int("by", 2, 1); return nil })).Over(short)
		}, "nothing lies from 2 to 1"},
		"fractions": {func(e *Env) {
			e.Nemesis(Draws("delay", func(d *Draw) []Injection { d.Duration("by", 1, 2); return nil })).Over(short)
		}, "whole milliseconds"},
		"same words": {func(e *Env) {
			e.Nemesis(Draws("delay", func(d *Draw) []Injection { d.Word("way", "up", "up"); return nil })).Over(short)
		}, "all different"},
	} {
		t.Run(name, func(t *testing.T) {
			offline(t, c.do).failedWith(t, evidence.Broken, c.words)
		})
	}
	t.Run("two of them", func(t *testing.T) {
		r := offline(t, storm{actions: severs, during: func(e *Env, w wire, run *Run) {
			e.Await("the nemesis is at its end", run.Ended)
			e.Nemesis(severs(w)...).Over(short)
		}}.scenario(t))
		r.failedWith(t, evidence.Broken, "a second nemesis was started")
	})
}

func TestScheduleBites(t *testing.T) {
	t.Run("one window that nobody felt", func(t *testing.T) {
		schedule(t, window("sever", 20*ms, 60*ms), window("sever", 120*ms, 10*ms))
		r := offline(t, storm{actions: severs, idle: true, during: func(e *Env, w wire, run *Run) {
			e.Await("the wire is cut", func() error {
				if w.call() == nil {
					return errors.New("it is whole")
				}
				return nil
			})
			e.Await("the nemesis is at its end", run.Ended)
			e.Await("the wire works", w.call)
		}}.scenario(t))
		require.Empty(t, r.errors)
		rec := r.record(t)
		require.Equal(t, []int{2}, rec.Schedule.Unfelt)
		require.NotEmpty(t, rec.Faults[0].Witnesses)
		require.Empty(t, rec.Faults[1].Witnesses)
		require.Contains(t, r.notebook.String(), "windows of the nemesis that nobody felt: 2 of 2")
	})
	t.Run("a kind that nobody felt", func(t *testing.T) {
		schedule(t, window("sever", 20*ms, 60*ms), window("sever", 120*ms, 10*ms))
		r := offline(t, storm{actions: severs, idle: true}.scenario(t))
		r.failedWith(t, evidence.Vacuous, `nobody felt the nemesis's "sever", in none of its windows (1, 2), such as sever on wire: no operation of caller`)
		require.Equal(t, []int{1, 2}, r.record(t).Schedule.Unfelt)
	})
	t.Run("one of two arms", func(t *testing.T) {
		schedule(t, window("sever", 20*ms, 60*ms), window("sever", 120*ms, 60*ms))
		r := offline(t, storm{actions: func(w wire) []Action {
			lonely, err := fault.NewLink(w.env.hooks, "lonely", "echo:7")
			require.NoError(t, err)
			w.env.OnClose(lonely.Close)
			return []Action{Does("sever", w.Sever, lonely.Sever)}
		}}.scenario(t))
		r.failedWith(t, evidence.Vacuous, `nobody felt the nemesis's "sever"`, "such as sever on lonely", "no client's operations travel over it")
		require.Empty(t, r.record(t).Schedule.Unfelt)
	})
	t.Run("sabotaged", func(t *testing.T) {
		t.Setenv("ASSAY_SABOTAGE", "faults")
		schedule(t, window("sever", 20*ms, 500*ms), window("delay", 600*ms, 700*ms, "by", "400ms", "way", "client to server"))
		r := offline(t, storm{actions: delays, idle: true, during: func(e *Env, w wire, run *Run) {
			for n := range 2 {
				e.Await("the next window begins", begun(run, n+1))
				require.NoError(t, w.call())
			}
			e.Await("the nemesis is at its end", run.Ended)
			e.Await("the wire works", w.call)
		}}.scenario(t))
		require.Len(t, r.errors, 2)
		require.Contains(t, r.errors[0], `vacuous: nobody felt the nemesis's "sever"`)
		require.Contains(t, r.errors[1], `vacuous: nobody felt the nemesis's "delay"`)
	})
	t.Run("nothing to do", func(t *testing.T) {
		schedule(t, window("kill leader", 20*ms, 60*ms), window("kill leader", 120*ms, 10*ms))
		r := offline(t, storm{actions: func(wire) []Action {
			return []Action{Does("kill leader", func() *fault.Fault { return nil })}
		}}.scenario(t))
		r.failedWith(t, evidence.Vacuous, `the nemesis's "kill leader" found nothing to do, in none of its windows (1, 2)`)
		require.Contains(t, r.notebook.String(), "window 2 of the nemesis (kill leader) finds nothing to do")
	})
	t.Run("something to do now and then", func(t *testing.T) {
		schedule(t, window("sever", 20*ms, 60*ms), window("sever", 120*ms, 60*ms))
		r := offline(t, storm{actions: func(w wire) []Action {
			times := 0
			return []Action{Does("sever", func() *fault.Fault {
				if times++; times == 1 {
					return nil
				}
				return w.Sever()
			})}
		}}.scenario(t))
		require.Empty(t, r.errors)
		require.Equal(t, []int{1}, r.record(t).Schedule.Unfelt)
	})
}

// begun is the condition that the nemesis has injected so many faults.
func begun(run *Run, faults int) Condition {
	return func() error {
		if n := len(run.Faults()); n < faults {
			return fmt.Errorf("%d so far", n)
		}
		return nil
	}
}

func TestNemesisIsAwaited(t *testing.T) {
	t.Run("not at all", func(t *testing.T) {
		schedule(t, window("sever", 20*ms, time.Minute))
		var f []*fault.Fault
		r := offline(t, storm{actions: severs, during: func(e *Env, w wire, run *Run) {
			e.Await("the wire is cut", begun(run, 1))
			w.call()
			f = run.Faults()
		}}.scenario(t))
		r.failedWith(t, evidence.Unhealed, "the test ended while the nemesis was at work", "Await its Ended")
		require.Nil(t, r.record(t).Faults[0].To)
		require.NotEqual(t, history.Open, f[0].Window().To, "cleanup heals it")
	})
	t.Run("and nothing after it", func(t *testing.T) {
		r := offline(t, storm{actions: severs, during: func(e *Env, _ wire, run *Run) {
			e.Await("the nemesis is at its end", run.Ended)
		}}.scenario(t))
		r.failedWith(t, evidence.Unhealed, "read before the system was seen to be well")
	})
	t.Run("together with what was seen before its end", func(t *testing.T) {
		r := offline(t, storm{actions: severs, during: func(e *Env, w wire, run *Run) {
			e.Await("the nemesis is at its end, and the wire worked at some time", w.call, run.Ended)
		}}.scenario(t))
		r.failedWith(t, evidence.Unhealed, "read before the system was seen to be well")
	})
	t.Run("in vain", func(t *testing.T) {
		schedule(t, window("sever", 20*ms, time.Minute))
		r := offline(t, storm{actions: severs, during: func(e *Env, _ wire, run *Run) {
			e.Await("the wire is cut", begun(run, 1))
			impatient(e)
			e.Await("the nemesis is at its end", run.Ended)
		}}.scenario(t))
		require.Contains(t, r.errors[0], "the nemesis has come to window 1 of 1 (sever, from 20ms for 1m0s)")
	})
}

// Whatever happens, every fault is undone, the test fails of what happened, and its schedule is kept.
func TestNemesisHealsWhateverHappens(t *testing.T) {
	tooShort := func(w wire) Injection { return func() *fault.Fault { return w.Delay(fault.Both, 1) } }
	for name, c := range map[string]struct {
		storm  storm
		kind   string
		words  []string
		undone bool // by the nemesis itself, before the test ended
	}{
		"an injection fails": {storm{actions: func(w wire) []Action {
			return []Action{Does("sever", w.Sever, tooShort(w))}
		}}, evidence.Broken, []string{"window 1 of the nemesis (sever, from 10ms for 50ms): inject delay", "at least one"}, true},
		"an injection panics": {storm{actions: func(w wire) []Action {
			return []Action{Does("sever", w.Sever, func() *fault.Fault { panic("no such member") })}
		}}, evidence.Broken, []string{"window 1 of the nemesis", "panic: no such member", "nemesis_test.go"}, true},
		"an injection ends the test": {storm{actions: func(w wire) []Action {
			return []Action{Does("sever", w.Sever, func() *fault.Fault {
				w.env.Require(errors.New("no route"), "ask the leader")
				return nil
			})}
		}}, evidence.Broken, []string{"window 1 of the nemesis", "ask the leader: no route"}, true},
		"an injection waits in vain": {storm{actions: func(w wire) []Action {
			impatient(w.env)
			return []Action{Does("sever", w.Sever, func() *fault.Fault {
				w.env.Await("there is a leader", func() error { return errors.New("there is none") })
				return nil
			})}
		}, during: func(_ *Env, _ wire, run *Run) {
			<-run.done
		}}, evidence.TimedOut, []string{"window 1 of the nemesis", `"there is a leader" was not reached within 20ms`, ": there is none"}, true},
		"the test fails meanwhile": {storm{actions: severs, during: func(e *Env, _ wire, run *Run) {
			e.Await("the first window begins", begun(run, 1))
			impatient(e)
			e.Await("never", func() error { return errNever })
		}}, evidence.TimedOut, []string{`"never" was not reached`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "an") {
				schedule(t, window("sever", 10*ms, 50*ms), window("sever", 100*ms, 50*ms))
			} else {
				schedule(t, window("sever", 10*ms, time.Minute))
			}
			var env *Env
			r := offline(t, func(e *Env) { env = e; c.storm.run(t, e) })
			require.Equal(t, evidence.Failed, r.record(t).Verdict)
			require.True(t, strings.HasPrefix(r.errors[0], c.kind+": "), r.errors[0])
			for _, word := range c.words {
				require.Contains(t, r.errors[0], word)
			}
			require.Len(t, env.faults, 1, "a nemesis that has failed does no more")
			require.NotEqual(t, history.Open, env.faults[0].Window().To)
			require.Equal(t, c.undone, r.record(t).Faults[0].To != nil)

			rec := r.record(t)
			require.Equal(t, "12.99.schedule.json", rec.Schedule.File)
			path := filepath.Join(r.evidence, rec.Run, rec.Schedule.File)
			kept, err := evidence.ReadSchedule(path)
			require.NoError(t, err)
			require.Equal(t, c.kind, kept.Failure)
			require.Equal(t, rec.Schedule.Windows, kept.Windows)
			require.Equal(t, "TestFake", kept.Test)
			require.Equal(t, "assay/harness", kept.Package)
			require.Contains(t, r.notebook.String(), "follow its schedule: ASSAY_SCHEDULE="+path+" go test -count=1 -v -run '^TestFake$' assay/harness\n")
			require.Contains(t, r.notebook.String(), "shrink its schedule: go run ./harness/cmd/assay shrink "+path+"\n")
		})
	}
	t.Run("the test fails while an injection is under way", func(t *testing.T) {
		schedule(t, window("sever", 10*ms, time.Minute), window("sever", 2*time.Minute, time.Minute))
		var env *Env
		underway := make(chan struct{})
		r := offline(t, func(e *Env) {
			env = e
			storm{
				actions: func(w wire) []Action {
					return []Action{Does("sever", func() *fault.Fault {
						close(underway)
						time.Sleep(300 * time.Millisecond)
						return w.Sever()
					})}
				},
				during: func(e *Env, _ wire, _ *Run) {
					<-underway
					impatient(e)
					e.Await("never", func() error { return errNever })
				},
			}.run(t, e)
		})
		require.Contains(t, r.errors[0], `"never" was not reached`)
		require.Len(t, r.record(t).Faults, 1, "the evidence knows of it")
		require.NotEqual(t, history.Open, env.faults[0].Window().To)
	})
	t.Run("the test panics", func(t *testing.T) {
		schedule(t, window("sever", 10*ms, time.Minute))
		var env *Env
		r := run(t, func(tb TB) {
			defer func() { require.Equal(t, "oh", recover()) }() // as testing does
			prove(tb, Claim{ID: "12.99", Says: "a test is a test"}, noEngine, func(e *Env) {
				env = e
				storm{actions: severs, during: func(_ *Env, _ wire, run *Run) {
					for len(run.Faults()) == 0 {
						time.Sleep(time.Millisecond)
					}
					panic("oh")
				}}.run(t, e)
			})
		})
		require.True(t, strings.HasPrefix(r.errors[0], "test failed: panic: oh\n"), r.errors[0])
		require.Len(t, env.faults, 1)
		require.NotEqual(t, history.Open, env.faults[0].Window().To)
	})
}

// An injection may wait for what it is to be done to, which shows nothing about how well the system is after it.
func TestInjectionThatAwaits(t *testing.T) {
	r := offline(t, storm{
		actions: func(w wire) []Action {
			return []Action{Does("sever", func() *fault.Fault {
				w.env.Await("there is a leader", func() error { return nil })
				return w.Sever()
			})}
		},
		during: func(e *Env, _ wire, run *Run) { e.Await("the nemesis is at its end", run.Ended) },
	}.scenario(t))
	r.failedWith(t, evidence.Unhealed, "read before the system was seen to be well")
	require.Contains(t, r.notebook.String(), "✓ there is a leader")
}

// A delay that comes after an outage is told by how long operations took without any fault, not under the outage.
func TestDelayIsFeltAfterAnOutage(t *testing.T) {
	r := offline(t, func(e *Env) {
		w := newWire(t, e)
		require.NoError(t, w.call())
		e.Calm(good)
		long := w.Delay(fault.ClientToServer, 900*ms)
		w.call()
		e.Heal(long)
		e.Await("the wire works", w.call)
		brief := w.Delay(fault.ClientToServer, 400*ms)
		w.call()
		e.Heal(brief)
		e.Await("the wire works", w.call)
		proven(e)
	})
	require.Empty(t, r.errors)
	require.Equal(t, []string{"caller: 1 slowed down"}, r.record(t).Faults[1].Witnesses)
}

func TestScheduleIsNoEvidence(t *testing.T) {
	r := offline(t, storm{actions: severs, after: func(e *Env, _ wire, _ *Run) { e.Holds("nothing is lost", bad) }}.scenario(t))
	rec := r.record(t)
	records, refused := evidence.Load(filepath.Join(r.evidence, rec.Run))
	require.Empty(t, refused)
	require.Len(t, records, 1)
	names, err := os.ReadDir(filepath.Join(r.evidence, rec.Run))
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(names, func(d os.DirEntry) bool { return d.Name() == "12.99.schedule.json" }))
	assert.Contains(t, rec.Schedule.Shrink, "12.99.schedule.json")
}
