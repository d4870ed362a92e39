package harness

import (
	"context"
	"time"
)

// Load is what a fixture's clients do in the background, round after round. It rests until it is told to run, and between
// runs. Its methods are for the test's goroutine.
type Load struct {
	turn    chan struct{} // holds one token while the workload may do a round
	running bool
}

// Load prepares rounds of work that begin at least pace apart, one after the other, until the test ends. How a round
// went is for its clients to record.
func (e *Env) Load(pace time.Duration, round func(context.Context)) *Load {
	w := &Load{turn: make(chan struct{}, 1)}
	e.Go("workload", func(ctx context.Context) error {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-w.turn:
			}
			round(ctx)
			w.turn <- struct{}{}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
	return w
}

// Run lets the rounds begin.
func (w *Load) Run() {
	if !w.running {
		w.running = true
		w.turn <- struct{}{}
	}
}

// Stop lets no further round begin, and returns when the last one has ended.
func (w *Load) Stop() {
	if w.running {
		w.running = false
		<-w.turn
	}
}
