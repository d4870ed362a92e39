package harness

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"assay/harness/check"
)

func TestWorkload(t *testing.T) {
	offline(t, func(e *Env) {
		var rounds, other atomic.Int64
		w := e.Load(time.Millisecond, func(context.Context) { rounds.Add(1) })
		clock := e.Load(time.Millisecond, func(context.Context) { other.Add(1) })
		more := func(of *atomic.Int64) Condition {
			goal := of.Load() + 5
			return ResultHolds(func() check.Result {
				return check.That("enough", of.Load() >= goal, "%d of %d rounds", of.Load(), goal)
			})
		}
		clock.Run()
		w.Stop() // as it does already
		e.Await("another one runs", more(&other))
		assert.Zero(t, rounds.Load(), "it rests until it is told to run")
		w.Run()
		w.Run()
		e.Await("it runs", more(&rounds))
		w.Stop()
		w.Stop()
		ended := rounds.Load()
		e.Await("the other one runs on", more(&other))
		assert.Equal(t, ended, rounds.Load(), "it rests again")
		w.Run()
		e.Await("it runs again", more(&rounds))
		w.Stop()
	}) // which ends, though one rests and the other runs
}

func TestShown(t *testing.T) {
	result := check.Result{Property: "x", Verdict: check.Unknown, Summary: "nothing was read"}
	shown := ResultHolds(func() check.Result { return result })
	assert.EqualError(t, shown(), "nothing is known: nothing was read")
	result = check.That("x", false, "1 of 2 is not")
	assert.EqualError(t, shown(), "it is violated: 1 of 2 is not")
	result = check.That("x", true, "both are")
	assert.NoError(t, shown())
}
