package check

import (
	"slices"

	"assay/harness/history"
)

// subject tells whose operations were judged, and as operations of what.
type subject struct {
	name      string   // of the subject, where the historian has one, as clients do
	clients   []string // all whose operations were looked at, sorted
	registers bool     // a key is a register, and not a set of values: see Result.Registers
}

// about names who is judged, and the clients in its history and in the others that it was compared with.
func about(judged history.Source, others ...history.Source) subject {
	w := subject{name: nameOf(judged)}
	for _, h := range others {
		w.met(h.History())
	}
	w.met(judged.History())
	return w
}

// met takes in the clients of histories. That is not who has a name: it may be that of several clients together.
func (w *subject) met(histories ...history.History) {
	for _, h := range histories {
		for i := range h {
			w.meet(h[i].Client)
		}
	}
	slices.Sort(w.clients)
}

// meet takes in a client. There are few, and the one who was met last comes first, since operations come in runs.
func (w *subject) meet(client string) {
	switch at := slices.Index(w.clients, client); {
	case at < 0:
		w.clients = append(w.clients, client)
	case at > 0:
		w.clients[0], w.clients[at] = w.clients[at], w.clients[0]
	}
}

// nameOf gives the name of a historian that has one, as clients do.
func nameOf(h history.Source) string {
	if n, ok := h.(interface{ Name() string }); ok {
		return n.Name()
	}
	return ""
}
