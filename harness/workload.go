package harness

import (
	"context"
	"time"
)

// Workload is what a fixture's clients do in the background, round after round. It rests until it is told to run, and between
// runs. Its methods are for the test's goroutine.
type Workload struct {
	turn    chan struct{} // holds one token while the workload may do a round
	running bool
}

// Workload prepares rounds of work that begin at least pace apart, one after the other, until the test ends. How a round
// went is for its clients to record.
func (e *Env) Workload(pace time.Duration, round func(context.Context)) *Workload {
	w := &Workload{turn: make(chan struct{}, 1)}
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
func (w *Workload) Run() {
	if !w.running {
		w.running = true
		w.turn <- struct{}{}
	}
}

// Rest lets no further round begin, and returns when the last one has ended.
func (w *Workload) Rest() {
	if w.running {
		w.running = false
		<-w.turn
	}
}
