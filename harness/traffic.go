package harness

import (
	"cmp"
	"fmt"
	"slices"

	"assay/harness/evidence"
	"assay/harness/fault"
	"assay/harness/history"
)

// allLinks is what the traffic of a fault is counted on.
func (e *Env) allLinks() []*Link {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.links)
}

// trafficOf is what went over links while the fault was in force: those that it is about first, then others that were used.
func (e *Env) trafficOf(f *fault.Fault) []evidence.Traffic {
	about, others := e.about(f)
	return append(about, others...)
}

// aboutItself is trafficOf the links that the fault is about, for faults that do not word by themselves what they did to whom: those of a
// mesh do, and those of packets.
func (e *Env) aboutItself(f *fault.Fault) []evidence.Traffic {
	if f.OfPackets() || e.isMesh(f.Target) {
		return nil
	}
	about, _ := e.about(f)
	return about
}

func (e *Env) about(f *fault.Fault) (about, others []evidence.Traffic) {
	for l, t := range f.Traffic() {
		told := evidence.Traffic{Link: l.Name, Connections: t.Connections, Sent: t.Sent, Received: t.Received}
		switch mesh := e.meshOf(serverOf(l.To)); {
		case l.Name == f.Target, serverOf(l.To) == f.Target, mesh != nil && mesh.Name == f.Target:
			about = append(about, told)
		case t != fault.Traffic{}:
			others = append(others, told)
		}
	}
	byName := func(a, b evidence.Traffic) int { return cmp.Compare(a.Link, b.Link) }
	slices.SortFunc(about, byName)
	slices.SortFunc(others, byName)
	return about, others
}

func (e *Env) isMesh(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.nodes, func(n *Node) bool { return n.spec.Mesh != nil && n.spec.Mesh.Name == name })
}

// tellLinks writes down what went over each link.
func (e *Env) tellLinks() {
	used := map[string]fault.Traffic{}
	for l, t := range fault.Use(e.allLinks()) {
		used[l.Name] = t
	}
	for i := range e.record.Links {
		l := &e.record.Links[i]
		t := used[l.Name]
		l.Connections, l.Sent, l.Received = t.Connections, t.Sent, t.Received
	}
}

// noTrip are kinds of operations that tell what has befallen a client, and take no way to a server: what is delivered may have come before.
var noTrip = map[string]bool{history.Deliver: true, history.Disconnect: true, history.Hold: true, history.Lead: true}

// lookPast looks for clients whose only link the fault cut, and whose operations began and succeeded while it was cut all the same.
func (e *Env) lookPast(f *fault.Fault, ops history.History) {
	e.t.Helper()
	if !f.Cuts {
		return
	}
	cut := f.InForce()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.recorder.Clients() {
		over := e.over[c.Name()]
		if len(over) != 1 || over[0].Name != f.Target {
			continue
		}
		n := 0
		for _, op := range ops {
			if op.Client == c.Name() && !noTrip[op.Kind] && op.Outcome == history.OK && op.Start >= cut.From && op.End <= cut.To {
				n++
			}
		}
		if n == 0 {
			continue
		}
		words := fmt.Sprintf("%s began and ended well %d operations while its only link was cut, so it has found another way", c.Name(), n)
		e.proofs.past[f] = append(e.proofs.past[f], words)
		if over[0].IsOnly() {
			e.fail(evidence.Vacuous, "%v did not cut off who uses it: %s", f, words)
		}
	}
}
