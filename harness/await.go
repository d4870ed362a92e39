package harness

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"assay/harness/evidence"
	"assay/harness/history"
)

// Condition is something to wait for: nil when it has been reached, else what is missing.
type Condition func() error

// awaitPace is how long Await rests between two looks at a condition.
const awaitPace = 5 * time.Millisecond

// patience is how long an Await lasts at most, apart from what the knobs say: long compared with what takes milliseconds or seconds.
// Where faults do nothing (ASSAY_SABOTAGE), what they were to bring does not come, and is not waited for so long.
const (
	patience          = 60 * time.Second
	sabotagedPatience = 5 * time.Second
)

// limit is how long an Await lasts at most, in time in which the machine was quiet. What is waited for may take several times as long
// as the knobs say.
func (e *Env) limit() time.Duration {
	e.mu.Lock()
	injected := len(e.faults) > 0
	e.mu.Unlock()
	if e.hooks.Sabotaged && injected {
		return sabotagedPatience + 3*e.turning
	}
	return e.patience + 10*e.turning
}

// Await waits until all conditions have been reached, each at some time, and ends the test if they have not within the limit,
// saying what was missing last.
//
// The limit is for what hangs, and proves nothing: a minute and ten times the claim's durations (Knob). It counts the time in which
// the machine was not busy with others, and a quarter of all time at least; and it begins when all nodes that were started have been
// ready once, since building images and starting containers have limits of their own. The test ends at once when a container has
// died that nobody killed.
func (e *Env) Await(what string, conditions ...Condition) {
	e.t.Helper()
	e.announced()
	tick := time.NewTicker(awaitPace)
	defer tick.Stop()
	e.started(tick)
	start, limit := e.Now(), e.limit()
	missing, well := conditions, start // well is when the first of them was asked and found reached
	if len(conditions) > 0 {
		well = history.Open
	}
	for {
		var errs []error
		var rest []Condition
		for _, c := range missing {
			asked := e.Now()
			if err := c(); err != nil {
				errs, rest = append(errs, err), append(rest, c)
			} else {
				well = min(well, asked)
			}
		}
		if missing = rest; len(missing) == 0 {
			e.note("  ✓ %s (after %s)", what, brief(e.Now()-start))
			e.wellAt(well)
			return
		}
		e.failIfBroken()
		if now := e.Now(); now-start > limit && e.noise.quiet(start, now) > limit {
			e.fatal(evidence.TimedOut, "%q was not reached within %v (%v, less what the machine was busy with others): %v", what, limit, brief(now-start), flat(errs))
		}
		<-tick.C
	}
}

// Passed is the condition that so much time has passed from now on, for what comes about by time alone, such as the end of a time to
// live. What can be seen is to be awaited itself.
func (e *Env) Passed(d time.Duration) Condition {
	end := e.Now() + d
	return func() error {
		if left := end - e.Now(); left > 0 {
			return fmt.Errorf("%v to go", left)
		}
		return nil
	}
}

// started waits until each node has been ready once, and ends the test if one does not become ready, or another one dies.
func (e *Env) started(tick *time.Ticker) {
	e.t.Helper()
	e.mu.Lock()
	nodes := slices.Clone(e.nodes)
	e.mu.Unlock()
	for _, n := range nodes {
		for up := false; !up; {
			select {
			case <-n.up:
				n.Ready()
				up = true
			case <-tick.C:
				e.failIfBroken()
			}
		}
	}
}

// wellAt notes that the system was seen to be well.
func (e *Env) wellAt(at time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.proofs.lastWell = max(e.proofs.lastWell, at)
}

// flat words several missing conditions on one line.
func flat(errs []error) error {
	var words []string
	for _, err := range errs {
		words = append(words, err.Error())
	}
	return errors.New(strings.Join(words, "; "))
}

// brief words a duration for the notebook.
func brief(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
