package harness

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"assay/harness/evidence"
	"assay/harness/history"
)

// Load is what clients do in the background of a scenario, round after round. What one round is, a fixture says; how it went is
// for its clients to record. A load rests until it is told to run, and between runs. Its methods are for the test's goroutine.
//
// A closed load waits for one round before it begins the next: it sends as a client does that needs the answer, and so it sends least
// when there is most to see. An open load begins a round at each tick of its clock, whatever has become of those before, as the users
// of a service do who know nothing of each other (Schroeder, Wierman and Harchol-Balter, "Open Versus Closed", 2006).
//
// A load is the history of its clients, as checkers take it.
type Load struct {
	env     *Env
	name    string
	clients []*history.Client
	parts   []*Load // of several together; none of one

	turn     chan struct{} // holds one token while the load may begin a round
	left     int           // rounds to begin before it rests; below 1 for one that runs until it is stopped. For who has the token.
	sent     chan struct{} // closed when none is left
	running  bool
	underway sync.WaitGroup // rounds of an open load
}

// openLimit bounds how long an open load runs, and so by its pace how many rounds there are.
const openLimit = 5 * time.Minute

// Load prepares a closed load: rounds that begin at least pace apart, one after the other, until the test ends. The clients are those
// that record them.
func (e *Env) Load(pace time.Duration, round func(context.Context), clients ...*history.Client) *Load {
	return e.load(pace, 0, clients, func(ctx context.Context, _ *Load) { round(ctx) })
}

// OpenLoad prepares an open load: a round begins at each tick of that pace, and as many are under way as have not ended.
func (e *Env) OpenLoad(pace time.Duration, round func(context.Context), clients ...*history.Client) *Load {
	return e.load(pace, int(openLimit/pace), clients, func(ctx context.Context, l *Load) { l.underway.Go(func() { round(ctx) }) })
}

// load begins rounds, at most so many where a number is given.
func (e *Env) load(pace time.Duration, most int, clients []*history.Client, begin func(context.Context, *Load)) *Load {
	l := &Load{env: e, clients: clients, turn: make(chan struct{}, 1)}
	if len(clients) > 0 {
		l.name = clients[0].Name()
	}
	e.Go("a load", func(ctx context.Context) error {
		defer l.underway.Wait()
		clock := time.NewTicker(pace)
		defer clock.Stop()
		for begun := 0; ; begun++ {
			select {
			case <-ctx.Done():
				return nil
			case <-l.turn:
			}
			if most > 0 && begun >= most && l.left < 1 {
				l.turn <- struct{}{}
				return fmt.Errorf("%d rounds have begun, and it was not stopped", most)
			}
			begin(ctx, l)
			if l.left--; l.left == 0 {
				close(l.sent)
			} else {
				l.turn <- struct{}{}
			}
			select {
			case <-ctx.Done():
				return nil
			case <-clock.C:
			}
		}
	})
	return l
}

// Together are several loads that run and stop together, and that each have more where they are to have more.
func Together(name string, loads ...*Load) *Load { return &Load{name: name, parts: loads} }

// Loads are a load for each member of a cluster, by the member's name.
type Loads map[string]*Load

// All are they together.
func (l Loads) All() *Load { return Together("all", slices.Collect(maps.Values(l))...) }

// But is all of them but that of one member.
func (l Loads) But(member string) *Load {
	others := maps.Clone(l)
	delete(others, member)
	return Together("all but "+member, slices.Collect(maps.Values(others))...)
}

// Name is that of the load's first client, or of those together.
func (l *Load) Name() string { return l.name }

// History gives the operations of the load's clients so far.
func (l *Load) History() history.History {
	var all []history.Source
	for _, c := range l.all() {
		all = append(all, c)
	}
	return history.Merge(all...)
}

// all are the load's clients, each once: several loads may share one.
func (l *Load) all() []*history.Client {
	all := slices.Clone(l.clients)
	for _, part := range l.parts {
		for _, c := range part.all() {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

// Run lets rounds begin.
func (l *Load) Run() {
	for _, part := range l.parts {
		part.Run()
	}
	if l.parts == nil && !l.running {
		l.running, l.left = true, 0
		l.turn <- struct{}{}
	}
}

// Send lets n rounds begin, each of several together, and returns when the last of them is on its way: of an open load when it has
// begun, of a closed one when it has ended. It is for a load that rests.
func (l *Load) Send(n int) { l.send(n)() }

// send lets n rounds begin, and gives what waits for the last.
func (l *Load) send(n int) (wait func()) {
	if l.parts != nil {
		var all []func()
		for _, part := range l.parts {
			all = append(all, part.send(n))
		}
		return func() {
			for _, wait := range all {
				wait()
			}
		}
	}
	l.env.t.Helper()
	if l.running || n < 1 {
		l.env.fatal(evidence.Broken, "send %d rounds of a load: it takes one round at least, and a load that rests", n)
	}
	l.left, l.sent = n, make(chan struct{})
	l.turn <- struct{}{}
	return func() { <-l.sent }
}

// Stop lets no further round begin, and returns when those that have begun have ended, sent ones included.
func (l *Load) Stop() {
	for _, part := range l.parts {
		part.Stop()
	}
	if l.parts == nil && l.running {
		l.running = false
		<-l.turn
	}
	l.underway.Wait()
}

// More is the condition that n more operations, begun from now on, were acknowledged.
func (l *Load) More(n int) Condition {
	return l.more(n, "were acknowledged", func(op history.Operation) bool { return op.Outcome == history.OK })
}

// Ended is the condition that n more operations, begun from now on, have ended, be it that they were refused or given up.
func (l *Load) Ended(n int) Condition {
	return l.more(n, "have ended", func(op history.Operation) bool { return op.End != history.Open })
}

func (l *Load) more(n int, how string, done func(history.Operation) bool) Condition {
	if l.parts != nil {
		var all []Condition
		for _, part := range l.parts {
			all = append(all, part.more(n, how, done))
		}
		return every(all)
	}
	if len(l.clients) == 0 {
		l.env.fatal(evidence.Broken, "More counts the operations of a load's clients, and this one was given none")
	}
	from := l.env.Now()
	return func() error {
		count := 0
		for _, c := range l.clients {
			count += len(c.History().Filter(func(op history.Operation) bool { return op.Start >= from && !op.Happened() && done(op) }))
		}
		if count < n {
			return fmt.Errorf("%d of %d operations of %s %s", count, n, l.name, how)
		}
		return nil
	}
}

// every is the condition that all of them have been reached, each at some time.
func every(conditions []Condition) Condition {
	return func() error {
		var errs []error
		var rest []Condition
		for _, c := range conditions {
			if err := c(); err != nil {
				errs, rest = append(errs, err), append(rest, c)
			}
		}
		if conditions = rest; errs != nil {
			return flat(errs)
		}
		return nil
	}
}

// Runs is a load, or what has one.
type Runs interface {
	Run()
	Stop()
}

// Run puts loads on.
func (e *Env) Run(loads ...Runs) {
	for _, l := range loads {
		l.Run()
	}
}

// Stop takes them off, and returns when what has begun has ended.
func (e *Env) Stop(loads ...Runs) {
	for _, l := range loads {
		l.Stop()
	}
}
