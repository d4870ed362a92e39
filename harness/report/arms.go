package report

import (
	"slices"

	"assay/harness/evidence"
)

// The roles of arms.
const (
	subjects = "subject" // they have the mechanism
	controls = "control" // it was taken away from them
	shared   = "shared"  // what the sides have in common, such as the producer for all consumers
	everyone = "clients" // of a record without sides
)

// arm is what is drawn of one side of the comparison: whose operations, and under which name.
type arm struct {
	role    string
	side    evidence.Side
	clients []string
	ops     []*evidence.Operation
	seen    []*evidence.Operation // with those of the shared clients that were judged together with this side
}

// arms sorts the operations by what the record says of its clients: an arm for each side, in the record's order, and one for the
// clients that are on none. A record without sides has all clients together.
func arms(r *evidence.Record) []arm {
	sideOf := map[string]string{}
	for _, c := range r.Clients {
		sideOf[c.Name] = c.Side
	}
	var all []arm
	for _, s := range r.Sides {
		all = append(all, arm{role: roleOf(s), side: s})
	}
	all = append(all, arm{role: shared})
	if len(r.Sides) == 0 {
		all[0].role = everyone
	}
	at := map[string]int{"": len(all) - 1}
	for i, s := range r.Sides {
		at[s.Name] = i
	}
	together := map[string][]int{} // the arms that a shared client was judged with
	for _, c := range r.Checks {
		side, known := at[c.Side]
		for _, client := range c.Clients {
			if known && sideOf[client] == "" && !slices.Contains(together[client], side) {
				together[client] = append(together[client], side)
			}
		}
	}
	for i := range r.Operations.Items {
		op := &r.Operations.Items[i]
		own, known := at[sideOf[op.Client]]
		if !known {
			own = len(all) - 1
		}
		a := &all[own]
		if !slices.Contains(a.clients, op.Client) {
			a.clients = append(a.clients, op.Client)
		}
		a.ops, a.seen = append(a.ops, op), append(a.seen, op)
		for _, other := range together[op.Client] {
			if other != own {
				all[other].seen = append(all[other].seen, op)
			}
		}
	}
	return slices.DeleteFunc(all, func(a arm) bool { return len(a.ops) == 0 })
}

func roleOf(s evidence.Side) string {
	if s.Control() {
		return controls
	}
	return subjects
}

// ofControl tells whether the figure is a control's.
func ofControl(r *evidence.Record, m evidence.Measurement) bool {
	return slices.ContainsFunc(r.Sides, func(s evidence.Side) bool { return s.Name == m.Side && s.Control() })
}

// Headline is the figure by which a run is told: the first that is not a control's, else the first; nil where there is none.
func Headline(r *evidence.Record) *evidence.Measurement {
	if at := headlineAt(r); at >= 0 {
		return &r.Measurements[at]
	}
	return nil
}

func headlineAt(r *evidence.Record) int {
	if r == nil || len(r.Measurements) == 0 {
		return -1
	}
	return max(slices.IndexFunc(r.Measurements, func(m evidence.Measurement) bool { return !ofControl(r, m) }), 0)
}

// Name is what a figure is called: two sides may have one of the same name each.
func Name(m evidence.Measurement) string {
	if m.Side == "" {
		return m.Name
	}
	return m.Name + " (" + m.Side + ")"
}
