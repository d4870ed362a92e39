package harness

import (
	"slices"
	"time"

	"assay/harness/check"
	"assay/harness/check/stat"
	"assay/harness/evidence"
	"assay/harness/history"
)

// Side is one side of the comparison that a claim is. The subject has the mechanism that the claim is about; a control lacks it, and
// has all else. Fixtures make the clients and the loads of a side, and the evidence keeps which are whose.
type Side struct {
	env *Env
	evidence.Side
}

// Subject is the side that has the mechanism. A claim about two mechanisms has a subject for each.
func (e *Env) Subject(name string) *Side {
	e.t.Helper()
	return e.side(evidence.Side{Name: name})
}

// Control is a side from which something was taken away, and which is to break what the subject keeps. Without says what, as in "commits
// wait for nobody".
func (e *Env) Control(name, without string) *Side {
	e.t.Helper()
	if without == "" {
		e.fatal(evidence.Broken, "control %q: say what was taken away from it", name)
	}
	return e.side(evidence.Side{Name: name, Without: without})
}

func (e *Env) side(s evidence.Side) *Side {
	e.t.Helper()
	if s.Name == "" {
		e.fatal(evidence.Broken, "a side of the comparison has a name")
	}
	if slices.ContainsFunc(e.record.Sides, func(other evidence.Side) bool { return other.Name == s.Name }) {
		e.fatal(evidence.Broken, "two sides are called %q", s.Name)
	}
	e.record.Sides = append(e.record.Sides, s)
	return &Side{e, s}
}

// Client returns a recorder of one client's operations on this side, as Env.Client does. It goes by the side's name; a side with
// several clients says what this one is, as in "writer": it goes by "synchronous: writer".
func (s *Side) Client(what string, over ...*Link) *history.Client {
	name := s.Name
	if what != "" {
		name += ": " + what
	}
	return s.env.client(s.Name, name, over...)
}

// Duration is Env.Duration of this side.
func (s *Side) Duration(what string, got time.Duration, law Law[time.Duration]) {
	s.env.t.Helper()
	s.env.duration(s.Name, what, got, law, s.env.noise.single)
}

// Median is Env.Median of this side.
func (s *Side) Median(what string, got time.Duration, law Law[time.Duration]) {
	s.env.t.Helper()
	s.env.duration(s.Name, what, got, law, s.env.noise.median)
}

// Fastest is Env.Fastest of this side.
func (s *Side) Fastest(what string, got time.Duration, law Law[time.Duration]) {
	s.env.t.Helper()
	s.env.duration(s.Name, what, got, law, s.env.noise.fastest)
}

// Count is Env.Count of this side.
func (s *Side) Count(what string, got int, law Law[int]) {
	s.env.t.Helper()
	s.env.count(s.Name, what, got, law)
}

// Share is Env.Share of this side.
func (s *Side) Share(what string, got stat.Proportion, law Law[Share]) {
	s.env.t.Helper()
	s.env.share(s.Name, what, got, law)
}

// Ratio is Env.Ratio of this side.
func (s *Side) Ratio(what string, got float64, law Law[float64]) {
	s.env.t.Helper()
	s.env.ratio(s.Name, what, got, law)
}

// sideOf is the side of those whose operations were judged, as far as they are of one; else it has no name.
func (e *Env) sideOf(r check.Result) evidence.Side {
	found := ""
	for _, c := range e.recorder.Clients() {
		// One to whom nothing has happened is known only by being the one who was judged.
		if side := c.Side(); side != "" && (c.Name() == r.Subject || slices.Contains(r.Clients, c.Name())) {
			if found != "" && found != side {
				return evidence.Side{}
			}
			found = side
		}
	}
	for _, s := range e.record.Sides {
		if s.Name == found {
			return s
		}
	}
	return evidence.Side{}
}

// Without names what was taken away where the result's side does not say it: for a result of the claim's own, or of a side that is the
// subject of another property.
func Without(what string, r check.Result) check.Result {
	r.Without = what
	return r
}
