package txn_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"assay/harness/check/txn"
	"assay/harness/history"
)

// arc is a dependency as it follows from its definition.
type arc struct{ kind, key string }

// arcs finds all dependencies between committed transactions, by looking at every pair of micro-operations. Reads have to be compatible.
func arcs(txns history.Txns) map[[2]int][]arc {
	longest := map[string][]int64{}
	writer := map[string]map[int64]int{}
	for t, txn := range txns {
		for _, m := range txn.Ops {
			if len(m.List) > len(longest[m.Key]) {
				longest[m.Key] = m.List
			}
			if m.Kind == history.Append {
				if writer[m.Key] == nil {
					writer[m.Key] = map[int64]int{}
				}
				writer[m.Key][m.Value] = t
			}
		}
	}
	found := map[[2]int][]arc{}
	add := func(from, to int, kind, key string) {
		if pair := [2]int{from, to}; from != to && !slices.Contains(found[pair], arc{kind, key}) {
			found[pair] = append(found[pair], arc{kind, key})
		}
	}
	// after gives who wrote next after the first n values of a list: one, or if no read tells, all that no read shows.
	after := func(key string, n int) (next []int) {
		if n < len(longest[key]) {
			return []int{writer[key][longest[key][n]]}
		}
		for v, t := range writer[key] {
			if !slices.Contains(longest[key], v) {
				next = append(next, t)
			}
		}
		return next
	}
	for key, order := range longest {
		for i, v := range order {
			for _, t := range after(key, i+1) {
				add(writer[key][v], t, "ww", key)
			}
		}
	}
	for t, txn := range txns {
		for _, m := range txn.Ops {
			n := len(m.List)
			if m.Kind != history.Read || n > 0 && writer[m.Key][m.List[n-1]] == t {
				continue
			}
			if n > 0 {
				add(writer[m.Key][m.List[n-1]], t, "wr", m.Key)
			}
			for _, to := range after(m.Key, n) {
				add(t, to, "rw", m.Key)
			}
		}
	}
	return found
}

// shortestOf gives the length of the shortest simple cycle of each phenomenon, by trying all.
func shortestOf(n int, found map[[2]int][]arc) map[txn.Phenomenon]int {
	shortest := map[txn.Phenomenon]int{}
	var path []int
	var kinds []arc
	var walk func()
	walk = func() {
		at := path[len(path)-1]
		for to := path[0]; to < n; to++ { // each cycle from its first transaction on
			if to != path[0] && slices.Contains(path, to) {
				continue
			}
			for _, a := range found[[2]int{at, to}] {
				kinds = append(kinds, a)
				if to == path[0] {
					if p := phenomenonOf(kinds); p <= txn.RealTime {
						if l, ok := shortest[p]; !ok || len(kinds) < l {
							shortest[p] = len(kinds)
						}
					}
				} else {
					path = append(path, to)
					walk()
					path = path[:len(path)-1]
				}
				kinds = kinds[:len(kinds)-1]
			}
		}
	}
	for first := range n {
		path = []int{first}
		walk()
	}
	return shortest
}

func phenomenonOf(cycle []arc) txn.Phenomenon {
	var wr, rw, keys int
	row := false
	for i, a := range cycle {
		switch a.kind {
		case "wr":
			wr++
		case "rw":
			rw++
			row = row || cycle[(i+1)%len(cycle)].kind == "rw"
		}
		if a.key != cycle[0].key {
			keys = 2
		}
	}
	switch {
	case rw == 0 && wr == 0:
		return txn.G0
	case rw == 0:
		return txn.G1c
	case rw == 1:
		return txn.GSingle
	case !row:
		return txn.GNonadjacent
	case keys == 2:
		return txn.G2Item
	}
	return math.MaxUint8 // of one list, whose order is not known
}

// On small histories in which reads return any of the versions there were, what is found is what trying all cycles finds.
func TestSearchAgainstTryingAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore(t)
		keys := []string{"x", "y", "z"}
		var open []*run
		for range rapid.IntRange(2, 6).Draw(t, "transactions") {
			open = append(open, s.begin())
		}
		for range rapid.IntRange(2, 14).Draw(t, "steps") {
			r := open[rapid.IntRange(0, len(open)-1).Draw(t, "whose turn")]
			k := rapid.SampledFrom(keys).Draw(t, "list")
			if rapid.Bool().Draw(t, "append") {
				v := s.value()
				s.lists[k] = append(s.lists[k], v)
				r.append(k, v)
			} else {
				l := s.lists[k]
				r.snapshot[k] = slices.Clone(l[:rapid.IntRange(0, len(l)).Draw(t, "length")])
				r.read(k)
			}
		}
		for _, r := range open {
			s.end(r, history.OK)
		}
		txns := s.txns.Sorted()
		want := shortestOf(len(txns), arcs(txns))
		r := txn.Check(txns)
		got := map[txn.Phenomenon]int{}
		for _, a := range r.Anomalies {
			if a.Cycle == nil {
				continue
			}
			closed(t, a)
			if l, ok := got[a.Phenomenon]; !ok || len(a.Cycle) < l {
				got[a.Phenomenon] = len(a.Cycle)
			}
			var cycle []arc
			begins := map[int]bool{}
			for _, d := range a.Cycle {
				cycle = append(cycle, arc{d.Kind, d.Key})
				begins[d.From] = true
			}
			assert.Equal(t, a.Phenomenon, phenomenonOf(cycle), "%v", a)
			assert.True(t, a.Phenomenon == txn.GNonadjacent || len(begins) == len(cycle), "%v", a)
		}
		for _, p := range []txn.Phenomenon{txn.G0, txn.G1c, txn.GSingle} {
			assert.Equal(t, want[p], got[p], "%v of %v", p, txns)
		}
		// The two others may be left out where something else ties the same transactions.
		other := want[txn.G0]+want[txn.G1c]+want[txn.GSingle] > 0
		for _, p := range []txn.Phenomenon{txn.GNonadjacent, txn.G2Item} {
			if got[p] > 0 && p == txn.G2Item || !other {
				assert.Equal(t, want[p] > 0, got[p] > 0, "%v of %v", p, txns)
			}
		}
	})
}
