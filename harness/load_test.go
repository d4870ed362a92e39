package harness

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/check"
	"assay/harness/evidence"
	"assay/harness/history"
)

// rounds counts what a load does.
type rounds struct {
	begun, ended, most atomic.Int64
	gate               chan struct{} // nil, or what a round waits for
}

func (r *rounds) round(context.Context) {
	under := r.begun.Add(1) - r.ended.Load()
	if r.most.Load() < under {
		r.most.Store(under)
	}
	if r.gate != nil {
		<-r.gate
	}
	r.ended.Add(1)
}

// more is the condition that five more rounds have begun.
func (r *rounds) more() Condition {
	goal := r.begun.Load() + 5
	return ResultHolds(func() check.Result {
		return check.That("enough", r.begun.Load() >= goal, "%d of %d rounds", r.begun.Load(), goal)
	})
}

func TestLoadRunsAndRests(t *testing.T) {
	r := offline(t, func(e *Env) {
		var work, clock rounds
		w, c := e.Load(time.Millisecond, work.round), e.Load(time.Millisecond, clock.round)
		c.Run()
		w.Stop() // as it does already
		e.Await("another one runs", clock.more())
		assert.Zero(t, work.begun.Load(), "it rests until it is told to run")
		e.Run(w, w)
		e.Await("it runs", work.more())
		e.Stop(w, w)
		ended := work.begun.Load()
		e.Await("the other one runs on", clock.more())
		assert.Equal(t, ended, work.begun.Load(), "it rests again")
		w.Run()
		e.Await("it runs again", work.more())
		w.Stop()
		proven(e)
	}) // which ends, though one rests and the other runs
	require.Empty(t, r.errors)
}

func TestClosedLoad(t *testing.T) {
	r := offline(t, func(e *Env) {
		work := &rounds{gate: make(chan struct{})}
		w := e.Load(time.Millisecond, work.round)
		w.Run()
		for range 5 {
			work.gate <- struct{}{}
		}
		assert.EqualValues(t, 1, work.most.Load(), "it waits for a round before it begins the next")
		stopped := make(chan struct{})
		go func() { w.Stop(); close(stopped) }()
		stopsLate(t, work, stopped)
		proven(e)
	})
	require.Empty(t, r.errors)
}

func TestOpenLoad(t *testing.T) {
	r := offline(t, func(e *Env) {
		work := &rounds{gate: make(chan struct{})}
		w := e.OpenLoad(time.Millisecond, work.round)
		w.Run()
		e.Await("rounds begin, whatever has become of those before", work.more())
		assert.Zero(t, work.ended.Load())
		assert.GreaterOrEqual(t, work.most.Load(), int64(5))
		stopped := make(chan struct{})
		go func() { w.Stop(); close(stopped) }()
		stopsLate(t, work, stopped)
		proven(e)
	})
	require.Empty(t, r.errors)
}

// stopsLate requires that a load stops when what is under way has ended, and not before, and that nothing more begins.
func stopsLate(t *testing.T, work *rounds, stopped chan struct{}) {
	t.Helper()
	select {
	case <-stopped:
		if work.begun.Load() > work.ended.Load() {
			t.Error("it stopped while rounds were under way")
		}
	case <-time.After(50 * ms):
	}
	close(work.gate)
	<-stopped
	begun := work.begun.Load()
	assert.Equal(t, begun, work.ended.Load(), "what was under way has ended")
	time.Sleep(20 * ms)
	assert.Equal(t, begun, work.begun.Load(), "nothing begins any more")
}

// An open load that nobody stops is bounded.
func TestOpenLoadIsBounded(t *testing.T) {
	work := &rounds{}
	r := offline(t, func(e *Env) {
		w := e.load(time.Millisecond, 3, nil, func(ctx context.Context, l *Load) { l.underway.Go(func() { work.round(ctx) }) })
		w.Run()
		e.Await("never", func() error { return errNever })
	})
	r.failedWith(t, evidence.Broken, "a load: 3 rounds have begun, and it was not stopped")
	require.EqualValues(t, 3, work.begun.Load())

	r = offline(t, func(e *Env) {
		w := e.load(time.Millisecond, 3, nil, func(context.Context, *Load) {})
		w.Run()
		w.Stop()
		w.Run()
		for e.reportBackgroundErrors() {
		}
		w.Stop()
		proven(e)
	})
	require.Empty(t, r.errors, "one that was stopped in time is not at fault")
}

// recorded is a load of which each round is one operation.
func recorded(e *Env, name string, outcome func(n int64) history.Outcome) (*Load, *history.Client) {
	c := e.Client(name)
	n := int64(0)
	return e.Load(time.Millisecond, func(context.Context) {
		n++
		op := c.Begin(history.Write, "x", n)
		if o := outcome(n); o == history.OK {
			op.End(o, nil)
		} else {
			op.End(o, errors.New("refused"))
		}
		c.Event(history.Deliver, "x", n, 1) // which is no acknowledgement
	}, c), c
}

func allOK(int64) history.Outcome { return history.OK }

func acknowledged(c *history.Client) int {
	return len(c.History().Filter(func(op history.Operation) bool { return op.Kind == history.Write && op.Outcome == history.OK }))
}

func TestMore(t *testing.T) {
	r := offline(t, func(e *Env) {
		w, c := recorded(e, "writer", func(n int64) history.Outcome {
			return []history.Outcome{history.OK, history.Failed, history.Unknown}[n%3]
		})
		w.Run()
		e.Await("some", w.More(3))
		before := acknowledged(c)
		assert.GreaterOrEqual(t, before, 3, "what failed, what is unknown and what merely happened do not count")
		more := w.More(4)
		assert.EqualError(t, more(), "0 of 4 operations of writer were acknowledged", "those before do not count")
		e.Await("more", more)
		assert.GreaterOrEqual(t, acknowledged(c), before+4)
		w.Stop()
		assert.ErrorContains(t, w.More(1)(), "0 of 1 operations of writer", "it rests")
		assert.NoError(t, w.More(0)())
		proven(e)
	})
	require.Empty(t, r.errors)
}

func TestMoreOfALoadThatNobodyRecords(t *testing.T) {
	r := offline(t, func(e *Env) {
		e.Load(time.Millisecond, func(context.Context) {}).More(1)
		t.Error("the scenario went on")
	})
	r.failedWith(t, evidence.Broken, "More counts the operations of a load's clients, and this one was given none")
}

func TestTogether(t *testing.T) {
	r := offline(t, func(e *Env) {
		one, a := recorded(e, "one", allOK)
		two, b := recorded(e, "two", func(n int64) history.Outcome {
			if n%2 == 0 {
				return history.Failed
			}
			return history.OK
		})
		both := Together("both", one, two)
		more := both.More(3)
		assert.EqualError(t, more(), "0 of 3 operations of one were acknowledged; 0 of 3 operations of two were acknowledged")
		both.Run()
		e.Await("each has more", more)
		assert.GreaterOrEqual(t, min(acknowledged(a), acknowledged(b)), 3, "each, not together")
		both.Stop()
		begun := len(a.History()) + len(b.History())
		time.Sleep(20 * ms)
		assert.Len(t, history.Merge(a, b), begun, "both rest")

		Together("all", both, one).Run() // one that runs already, and one of several
		e.Await("again", both.More(1), one.More(1))
		e.Stop(both)
		proven(e)
	})
	require.Empty(t, r.errors)
}

// What a load of several has come to stays reached: each needs to have had more at some time.
func TestTogetherIsReachedOneByOne(t *testing.T) {
	asked := 0
	once := every([]Condition{
		func() error { asked++; return nil },
		func() error {
			if asked == 1 {
				asked = 2
				return errNever
			}
			return nil
		},
	})
	require.EqualError(t, once(), "no")
	require.NoError(t, once())
	require.Equal(t, 2, asked, "what has been reached is not asked for again")
}

func TestResultHolds(t *testing.T) {
	result := check.Result{Property: "x", Verdict: check.Unknown, Summary: "nothing was read"}
	holds := ResultHolds(func() check.Result { return result })
	assert.EqualError(t, holds(), "nothing is known: nothing was read")
	result = check.That("x", false, "1 of 2 is not")
	assert.EqualError(t, holds(), "it is violated: 1 of 2 is not")
	result = check.That("x", true, "both are")
	assert.NoError(t, holds())
}

func TestSend(t *testing.T) {
	r := offline(t, func(e *Env) {
		closed, open := &rounds{}, &rounds{gate: make(chan struct{})}
		one, other := e.Load(time.Millisecond, closed.round), e.OpenLoad(time.Millisecond, open.round)
		one.Send(3)
		assert.EqualValues(t, 3, closed.ended.Load(), "of a closed load it returns when the last has ended")
		other.Send(4)
		assert.Zero(t, open.ended.Load(), "of an open one it does not wait for the answers")
		close(open.gate)
		Together("both", one, other).Send(2)
		assert.EqualValues(t, 5, closed.ended.Load(), "each sends as many")
		one.Run()
		e.Await("one that has sent can run", closed.more())
		e.Stop(one, other)
		assert.EqualValues(t, 6, open.ended.Load(), "Stop waits for rounds that were sent, too")
		proven(e)
	})
	require.Empty(t, r.errors)
}

// The bound of an open load is for one that nobody stops: what is sent is bounded by its number.
func TestSendIsNoRun(t *testing.T) {
	work := &rounds{}
	r := offline(t, func(e *Env) {
		w := e.load(time.Millisecond, 3, nil, func(ctx context.Context, l *Load) { l.underway.Go(func() { work.round(ctx) }) })
		w.Send(5)
		w.Stop()
		proven(e)
	})
	require.Empty(t, r.errors)
	require.EqualValues(t, 5, work.ended.Load())

	offline(t, func(e *Env) {
		w := e.Load(time.Millisecond, work.round)
		w.Run()
		w.Send(1)
	}).failedWith(t, evidence.Broken, "a load that rests")
}

// A load is the history of its clients, each once, though several loads share one.
func TestALoadIsAHistory(t *testing.T) {
	offline(t, func(e *Env) {
		c, other := e.Client("shared"), e.Client("other")
		write := func(c *history.Client) func(context.Context) {
			return func(context.Context) { c.Begin(history.Write, "x", 1).End(history.OK, nil) }
		}
		both := Together("both", e.Load(time.Millisecond, write(c), c), e.Load(time.Millisecond, write(c), c), e.Load(time.Millisecond, write(other), other))
		both.Send(3)
		both.Stop()
		assert.Equal(t, "both", both.Name())
		assert.Len(t, both.History(), 9)
		assert.Len(t, c.History(), 6)
		members := Loads{"a": both, "b": e.Load(time.Millisecond, write(other), other)}
		assert.Equal(t, "all but a", members.But("a").Name())
		assert.Len(t, members.But("a").History(), 3)
		assert.Len(t, members.All().History(), 9)
	})
}
