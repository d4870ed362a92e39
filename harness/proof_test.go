package harness

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/check"
	"assay/harness/evidence"
	"assay/harness/fault"
	"assay/harness/history"
)

// The results that scenarios would get from checkers.
var (
	good      = check.That("nothing is lost", true, "all 3 arrived")
	bad       = check.That("nothing is lost", false, "lost 1 of 3")
	other     = check.That("nothing comes twice", false, "1 came twice")
	unknown   = check.Result{Property: "nothing is lost", Summary: "nothing was sent"}
	forgetful = Without("nothing is kept", bad)
)

// wire is a link to a server in this process that echoes, and a client that calls it.
type wire struct {
	*Link
	*history.Client
	t   *testing.T
	env *Env
}

func newWire(t *testing.T, e *Env) wire { return newWireCalled(t, e, "wire") }

func newWireCalled(t *testing.T, e *Env, name string) wire {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e.OnClose(server.Close)
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go io.Copy(c, c)
		}
	}()
	l, err := fault.NewLink(e.hooks, name, "echo:7")
	require.NoError(t, err)
	e.OnClose(l.Close)
	require.NoError(t, l.Retarget(server.Addr().String()))
	return wire{l, e.Client("caller", l), t, e}
}

// call is one operation: connect, send a byte, get it back, within a second.
func (w wire) call() error {
	op := w.Begin(history.Write, "echo", 1)
	err := func() error {
		c, err := net.Dial("tcp", w.Address())
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		if _, err := c.Write([]byte{1}); err != nil {
			return err
		}
		_, err = io.ReadFull(c, make([]byte, 1))
		return err
	}()
	if err != nil {
		op.End(history.Unknown, err)
	} else {
		op.End(history.OK, nil)
	}
	return err
}

// sound is a scenario in which everything is as it should be, with a place to spoil it.
func sound(t *testing.T, e *Env, w wire) {
	e.Step("calm")
	require.NoError(t, w.call())
	e.Calm(good)
	e.Step("fault")
	cut := w.Sever()
	w.call()
	e.Step("heal")
	e.Heal(cut)
	e.Await("the wire works", w.call)
	e.Step("verdict")
	e.Contrast("nothing is lost", good, forgetful)
}

func TestSoundScenarioHolds(t *testing.T) {
	r := offline(t, func(e *Env) {
		delay := e.Knob("delay", 500*time.Millisecond)
		sound(t, e, newWire(t, e))
		e.Duration("staleness", delay, Between(delay, 2*delay).Against("no delay", 0).In(unheard))
		e.Remark("half of %v", 2*delay)
	})
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Equal(t, evidence.Holds, rec.Verdict)
	require.Empty(t, rec.Failures)
	require.Equal(t, []evidence.Knob{{Name: "delay", Value: "500ms", Default: "500ms"}}, rec.Knobs)
	require.Len(t, rec.Steps, 4)
	require.Equal(t, []string{"half of 1s"}, rec.Steps[3].Remarks)
	require.Len(t, rec.Faults, 1)
	require.Equal(t, []string{"caller: 1 unknown"}, rec.Faults[0].Witnesses)
	require.NotNil(t, rec.Faults[0].To)
	require.Len(t, rec.Checks, 3)
	require.Equal(t, 0.5, rec.Measurements[0].Value)
	require.Equal(t, "assay/harness", rec.Package)
	require.Contains(t, rec.Rerun, "go test -count=1 -v -run '^TestFake$' assay/harness")
	require.GreaterOrEqual(t, rec.Operations.Recorded, 3)
	require.NotEmpty(t, rec.Tools.Libraries["github.com/Shopify/toxiproxy/v2"])
	for _, line := range []string{
		"▸ fault", "⚡ sever on wire", "✚ heal after", "✓ the wire works", "✓ calm: nothing is lost",
		"✓ breaks: nothing is lost (the control: nothing is kept): lost 1 of 3",
		"✓ measured staleness: 0.5 s, predicted 0.5 to 1 s; no delay: exactly 0 s", "· half of 1s", "sever wire (1 connection was closed, nothing went through) was felt by caller: 1 unknown",
		"verdict: claim 12.99 holds", "run it again: ASSAY_SEED=", "evidence: ",
	} {
		require.Contains(t, r.notebook.String(), line)
	}
}

func TestUnfalsified(t *testing.T) {
	t.Run("no control", func(t *testing.T) {
		r := offline(t, func(e *Env) { e.Holds("nothing is lost", good) })
		r.failedWith(t, evidence.Unfalsified, "nothing was shown to break", "without a control that breaks (Contrast)")
	})
	t.Run("the control holds", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			e.Contrast("nothing is lost", good, Without("nothing is acknowledged", good))
		})
		r.failedWith(t, evidence.Unfalsified, "the control, nothing is acknowledged, ", `was to break "nothing is lost"`, "it holds: all 3 arrived", "proves nothing")
	})
	t.Run("nothing is known of the control", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			e.Contrast("nothing is lost", good, Without("nothing is kept", unknown))
		})
		r.failedWith(t, evidence.Unfalsified, "nothing is known: nothing was sent")
	})
	t.Run("the control breaks another property", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			e.Contrast("nothing is lost", good, Without("nothing is kept", other))
		})
		r.failedWith(t, evidence.Unfalsified, `was judged by "nothing comes twice", and the subject by "nothing is lost"`, "the same property, judged by the same checker")
	})
}

func TestViolated(t *testing.T) {
	t.Run("the property breaks", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			e.Contrast("nothing is lost", bad, forgetful)
		})
		r.failedWith(t, evidence.Violated, `"nothing is lost" should hold, but it is violated: lost 1 of 3`)
	})
	t.Run("nothing is known", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			e.Contrast("nothing is lost", unknown, forgetful)
		})
		r.failedWith(t, evidence.Violated, "nothing is known: nothing was sent")
	})
	t.Run("nothing is shown", func(t *testing.T) {
		r := offline(t, func(*Env) {})
		require.Len(t, r.errors, 2)
		require.Equal(t, "violated: the test shows nothing that holds: call Contrast at least once", r.errors[0])
		require.Equal(t, "unfalsified: nothing was shown to break: without a control that breaks (Contrast), a claim is not proven", r.errors[1])
	})
	t.Run("offending operations are shown", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			c := e.Client("producer")
			c.Event(history.Publish, "orders", 7, 0)
			lost := check.Delivery(c, history.History{}).NothingLost()
			e.Contrast("nothing is lost", lost, Without("nobody receives", lost))
		})
		r.failedWith(t, evidence.Violated, "producer: publish orders/7")
		shown := r.record(t).Checks[0]
		require.Len(t, shown.Offending, 1)
		require.Equal(t, []int{1, 1}, []int{shown.Violations, shown.Checked}, "lost, of as many as could be")
	})
}

func TestVacuous(t *testing.T) {
	t.Run("nobody looked", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			w := newWire(t, e)
			require.NoError(t, w.call())
			e.Calm(good)
			e.Heal(w.Sever())
			e.Await("the wire works", w.call)
			e.Contrast("nothing is lost", good, forgetful)
		})
		r.failedWith(t, evidence.Vacuous, "nobody felt sever on wire")
	})
	t.Run("sabotaged", func(t *testing.T) {
		t.Setenv("ASSAY_SABOTAGE", "faults")
		r := offline(t, func(e *Env) { sound(t, e, newWire(t, e)) })
		r.failedWith(t, evidence.Vacuous, "nobody felt sever on wire")
		require.Equal(t, "faults", r.record(t).Sabotage)
	})
	t.Run("a delay that nobody waited for", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			w := newWire(t, e)
			require.NoError(t, w.call())
			e.Calm(good)
			delay := w.Delay(fault.ClientToServer, 100*time.Millisecond)
			e.Heal(delay)
			e.Await("the wire works", w.call)
			e.Contrast("nothing is lost", good, forgetful)
		})
		r.failedWith(t, evidence.Vacuous, "nobody felt delay 100ms client to server on wire")
	})
	t.Run("a witness that saw nothing", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			w := newWire(t, e)
			e.Calm(good)
			cut := w.Sever()
			e.Witness(cut, check.That("reads were stale", false, "0 of 10 were"))
			e.Heal(cut)
			e.Await("the wire works", w.call)
			e.Contrast("nothing is lost", good, forgetful)
		})
		r.failedWith(t, evidence.Vacuous, "nobody felt sever on wire", `"reads were stale" it is violated: 0 of 10 were`)
	})
}

func TestWitnessed(t *testing.T) {
	for name, do := range map[string]struct {
		inject func(wire) *fault.Fault
		felt   string
	}{
		"delay": {func(w wire) *fault.Fault { return w.Delay(fault.ServerToClient, 200*time.Millisecond) }, "1 slowed down"},
		"drop":  {func(w wire) *fault.Fault { return w.Drop(fault.ServerToClient) }, "1 unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			r := offline(t, func(e *Env) {
				w := newWire(t, e)
				require.NoError(t, w.call())
				e.Calm(good)
				f := do.inject(w)
				w.call()
				e.Heal(f)
				e.Await("the wire works", w.call)
				e.Contrast("nothing is lost", good, forgetful)
			})
			require.Empty(t, r.errors)
			require.Equal(t, []string{"caller: " + do.felt}, r.record(t).Faults[0].Witnesses)
		})
	}
	t.Run("by one slow operation of many: no", func(t *testing.T) {
		const ms = time.Millisecond
		words := func(n int) string {
			c := &felt{late: map[string]*lateness{}}
			for i := range n {
				took := ms
				if i == n/2 {
					took = 100 * ms
				}
				at := time.Duration(i) * ms
				c.look(history.Operation{Kind: history.Read, Outcome: history.OK, Start: at, End: at + took}, history.Window{To: time.Hour}, 50*ms, map[string]usual{history.Read: {longest: 2 * ms}})
			}
			return c.words()
		}
		require.Equal(t, "1 slowed down", words(100))
		require.Empty(t, words(101))
	})
	t.Run("by operations of which some took as long before", func(t *testing.T) {
		const ms = time.Millisecond
		words := func(late, within int) string { // of 20 each
			c, before := &felt{late: map[string]*lateness{}}, usual{}
			for i := range 20 {
				took := ms
				if i < late {
					took = 60 * ms
				}
				before = before.and(took, 50*ms)
			}
			for i := range 20 {
				at, took := time.Duration(i)*ms, ms
				if i < within {
					took = 55 * ms
				}
				c.look(history.Operation{Kind: history.Read, Outcome: history.OK, Start: at, End: at + took}, history.Window{To: time.Hour}, 50*ms, map[string]usual{history.Read: before})
			}
			return c.words()
		}
		require.Equal(t, "20 slowed down", words(1, 20))
		require.Equal(t, "20 slowed down", words(4, 20))
		require.Empty(t, words(15, 20), "it may be chance")
		require.Empty(t, words(2, 4))
		require.Empty(t, words(0, 0))
	})
	t.Run("delivered again", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			w := newWire(t, e)
			e.Calm(good)
			f := w.Drop(fault.ClientToServer)
			w.Event(history.Deliver, "orders", 1, 1)
			e.Heal(f)
			w.Event(history.Deliver, "orders", 1, 2)
			w.Event(history.Deliver, "orders", 2, 1) // after the fault, so neither of it
			w.Event(history.Deliver, "orders", 2, 2)
			e.Await("the wire works", w.call)
			e.Contrast("nothing is lost", good, forgetful)
		})
		require.Empty(t, r.errors)
		require.Equal(t, []string{"caller: 1 delivered again"}, r.record(t).Faults[0].Witnesses)
	})
	t.Run("by a compare-and-set that was refused: no", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			w := newWire(t, e)
			e.Calm(good)
			f := w.Sever()
			w.BeginCompareAndSet("register", 1, 2).End(history.Failed, nil)
			e.Heal(f)
			e.Await("the wire works", w.call)
			e.Contrast("nothing is lost", good, forgetful)
		})
		r.failedWith(t, evidence.Vacuous, "nobody felt sever on wire")
	})
	t.Run("by a client of another link: no", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			w := newWire(t, e)
			e.Calm(good)
			f := w.Sever()
			e.Client("bystander").Begin(history.Write, "", 1).End(history.Unknown, io.EOF)
			e.Heal(f)
			e.Await("the wire works", w.call)
			e.Contrast("nothing is lost", good, forgetful)
		})
		r.failedWith(t, evidence.Vacuous, "nobody felt sever on wire")
	})
}

func TestUnhealed(t *testing.T) {
	t.Run("never undone", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			w := newWire(t, e)
			e.Calm(good)
			w.Sever()
			w.call()
			e.Contrast("nothing is lost", good, forgetful)
		})
		r.failedWith(t, evidence.Unhealed, "sever on wire was not undone", "call Heal")
		require.Nil(t, r.record(t).Faults[0].To)
	})
	t.Run("the outcome is read too early", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			w := newWire(t, e)
			e.Calm(good)
			cut := w.Sever()
			w.call()
			e.Await("something before the heal", func() error { return nil })
			e.Heal(cut)
			e.Contrast("nothing is lost", good, forgetful)
		})
		r.failedWith(t, evidence.Unhealed, "before the system was seen to be well", "Await")
	})
}

func TestNotCalm(t *testing.T) {
	t.Run("the load misbehaves without a fault", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			e.Step("steady state")
			e.Calm(good, bad)
			t.Error("Calm let a restless system pass")
		})
		r.failedWith(t, evidence.NotCalm, `without any fault, "nothing is lost" it is violated: lost 1 of 3`, "would prove nothing")
		require.Equal(t, "steady state", r.record(t).Failures[0].Step)
	})
	t.Run("nobody looked", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			w := newWire(t, e)
			cut := w.Sever()
			w.call()
			e.Heal(cut)
			e.Await("the wire works", w.call)
			e.Calm(good)
			e.Contrast("nothing is lost", good, forgetful)
		})
		r.failedWith(t, evidence.NotCalm, "before the load was seen to behave", "call Calm first")
	})
	t.Run("there was nothing to look at", func(t *testing.T) {
		offline(t, func(e *Env) { e.Calm() }).failedWith(t, evidence.NotCalm, "nothing to look at")
	})
}

func TestAwait(t *testing.T) {
	t.Run("timed out", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			e.Step("heal")
			impatient(e)
			e.Await("every order is acknowledged",
				func() error { return nil },
				func() error { return errors.New("3 orders to acknowledge") },
				func() error { return errors.New("not connected") })
			t.Error("Await returned without its conditions")
		})
		r.failedWith(t, evidence.TimedOut, `"every order is acknowledged" was not reached within 20ms (`, " ms, less what the machine was busy with others): 3 orders to acknowledge; not connected")
	})
	t.Run("each condition once", func(t *testing.T) {
		asked := 0
		offline(t, func(e *Env) {
			second := false
			e.Await("both", func() error { asked++; return nil }, func() error {
				if !second {
					second = true
					return errors.New("not yet")
				}
				return nil
			})
		})
		require.Equal(t, 1, asked, "what has been reached is not asked for again")
	})
}

func TestFaultsThatAreLeftAreUndone(t *testing.T) {
	var w wire
	r := offline(t, func(e *Env) {
		w = newWire(t, e)
		e.Calm(good)
		w.Sever()
		impatient(e)
		e.Await("never", func() error { return errNever })
	})
	require.Contains(t, r.errors[0], "was not reached")
	require.NotNil(t, r.record(t).Verdict)
	require.NotEqual(t, history.Open, w.env.faults[0].Window().To, "cleanup heals what the scenario did not come to")
}

func TestTestThatFailsOtherwise(t *testing.T) {
	r := offline(t, func(e *Env) { e.t.Errorf("expected 3, got 4") })
	rec := r.record(t)
	require.Equal(t, evidence.Failed, rec.Verdict)
	require.Equal(t, evidence.TestFailed, rec.Failures[0].Kind)
}

func TestBackgroundWorkThatFails(t *testing.T) {
	r := offline(t, func(e *Env) {
		failed := make(chan struct{})
		e.Go("workload", func(context.Context) error { defer close(failed); return errors.New("no more keys") })
		<-failed
		e.Await("never", func() error { return errNever })
	})
	r.failedWith(t, evidence.Broken, "workload: no more keys")
}

// What a fixture closes must not be in use any more, however early the test ended.
func TestBackgroundWorkIsOverBeforeAnythingIsClosed(t *testing.T) {
	var over atomic.Bool
	var closedFirst bool
	offline(t, func(e *Env) {
		asked := make(chan struct{})
		e.OnClose(func() error { closedFirst = !over.Load(); close(asked); return nil })
		e.Go("workload", func(ctx context.Context) error {
			defer over.Store(true)
			<-ctx.Done()
			select {
			case <-asked: // who closes has not waited
			case <-time.After(50 * time.Millisecond):
			}
			return nil
		})
		impatient(e)
		e.Await("never", func() error { return errNever })
	})
	require.False(t, closedFirst)
}
