package txn

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"assay/harness/history"
)

// patience is how many times the edges of a component may be looked at in search of its shortest cycle. The first cycle takes one or two.
const patience = 8

// mostKept is how many anomalies of a phenomenon a report shows.
const mostKept = 10

// cycle is a closed walk: edges, each of which leads to where the next begins.
type cycle []int32

// hunt is what sort of cycles to look for: those that take an edge of a kind and else go by a walk.
type hunt struct {
	kind       kind
	walk       walk
	begin, end int32              // what the walk remembers behind that edge, and must remember when it is back before it
	of         []int32            // the components to look in
	only       func(c int32) bool // a component of the whole graph in which to look; nil for all
	good       func(c cycle) bool // nil for all
}

// finder finds cycles, at most one of a phenomenon in each component of the graph.
type finder struct {
	*checker

	search *search
	whole  []int32        // the components of all dependencies
	has    map[int32]bool // in which of them something was found
}

// find finds the cycles.
func (c *checker) find() {
	defer c.collect()
	f := finder{checker: c, has: map[int32]bool{}}
	var cyclic bool
	if f.whole, cyclic = c.graph.components(walk{through: dependencies}); cyclic {
		f.search = c.graph.search()
		f.dependencies()
	}
	if c.report.strict {
		if of, cyclic := c.graph.components(walk{through: everything}); cyclic {
			if f.search == nil {
				f.search = c.graph.search()
			}
			f.add(RealTime, f.shortest(hunt{kind: rt, walk: walk{through: everything}, of: of}))
		}
	}
}

// dependencies finds the cycles without real time.
func (f *finder) dependencies() {
	of, _ := f.graph.components(walk{through: overwrites})
	f.add(G0, f.shortest(hunt{kind: ww, walk: walk{through: overwrites}, of: of}))
	of, _ = f.graph.components(walk{through: flows})
	f.add(G1c, f.shortest(hunt{kind: wr, walk: walk{through: flows}, of: of}))

	single := f.shortest(hunt{kind: rw, walk: walk{through: flows}, of: f.whole})
	skewed := map[int32]bool{}
	for _, c := range single {
		skewed[f.component(c)] = true
	}
	// Snapshot isolation has no walk that comes back without ever taking two anti-dependencies in a row. That there is none, the linear
	// search for components says for certain, also where one with a single anti-dependency was not found in time.
	apart := walk{dependencies, apartRW}
	of, _ = f.graph.components(apart)
	var several []cycle
	for _, c := range f.shortest(hunt{kind: rw, walk: apart, begin: 1, of: of, only: func(c int32) bool { return !skewed[c] }}) {
		if f.count(c, rw) == 1 {
			single = append(single, c)
		} else {
			several = append(several, c)
		}
	}
	f.add(GSingle, single)
	f.add(GNonadjacent, several)

	skew := func(c cycle) bool { return f.simple(c) && f.inARow(c) && f.skews(c) }
	skews := f.shortest(hunt{kind: rw, walk: walk{dependencies, sawRW}, end: 1, of: f.whole, good: skew})
	for _, c := range skews {
		f.has[f.component(c)] = true
	}
	// Where nothing was found yet, each cycle is one of write skew, or of lost updates, which are known.
	skews = append(skews, f.shortest(hunt{kind: rw, walk: walk{through: dependencies}, of: f.whole, only: func(c int32) bool { return !f.has[c] }, good: f.skews})...)
	f.add(G2Item, skews)
}

// shortest gives for each component a shortest of the cycles that are hunted.
func (f *finder) shortest(h hunt) []cycle {
	g := &f.graph
	left := f.search.left
	clear(left)
	for v := range g.nodes {
		left[h.of[2*v]] += patience * int(g.out[v+1]-g.out[v])
	}
	best := map[int32]cycle{}
	var order []int32
	for i, e := range g.edges {
		from, to := 2*e.to+h.begin, 2*e.from+h.end
		component := h.of[to]
		if e.kind != h.kind || component == none || h.of[from] != component || left[component] < 0 {
			continue
		}
		if h.only != nil && !h.only(f.whole[to]) {
			continue
		}
		known, found := best[component]
		limit := int32(math.MaxInt32)
		if found {
			limit = f.length(known) - 2 // the edge itself leaves a transaction behind, too
		}
		if limit < 1 {
			continue
		}
		way := f.search.way(h.walk, from, to, limit, h.of)
		if way == nil {
			continue
		}
		c := append(cycle{int32(i)}, way...)
		if h.good != nil && !h.good(c) {
			continue
		}
		if !found {
			order = append(order, component)
		}
		best[component] = c
	}
	var cycles []cycle
	for _, component := range order {
		cycles = append(cycles, best[component])
	}
	return cycles
}

// component gives the component of the whole graph that the cycle is in.
func (f *finder) component(c cycle) int32 { return f.whole[2*f.graph.edges[c[0]].from] }

// count gives how many edges of the kind are in the cycle.
func (f *finder) count(c cycle, k kind) (n int) {
	for _, e := range c {
		if f.graph.edges[e].kind == k {
			n++
		}
	}
	return n
}

// length gives how many transactions the cycle goes through.
func (f *finder) length(c cycle) (n int32) {
	for _, e := range c {
		if f.graph.edges[e].from < f.graph.txns {
			n++
		}
	}
	return n
}

// simple tells whether the cycle goes through each transaction once.
func (f *finder) simple(c cycle) bool {
	seen := map[int32]bool{}
	for _, e := range c {
		from := f.graph.edges[e].from
		if from < f.graph.txns && seen[from] {
			return false
		}
		seen[from] = true
	}
	return true
}

// inARow tells whether two anti-dependencies of the cycle follow each other.
func (f *finder) inARow(c cycle) bool {
	steps := f.steps(c)
	for i, e := range steps {
		if e.kind == rw && steps[(i+1)%len(steps)].kind == rw {
			return true
		}
	}
	return false
}

// skews tells whether the cycle is about several lists. Around one list there is no way but over a lost update or a read skew, even if
// it cannot be told which of its transactions overwrote the other.
func (f *finder) skews(c cycle) bool {
	key := int32(none)
	for _, at := range c {
		e := f.graph.edges[at]
		if e.kind == inner {
			continue
		}
		if key != none && key != e.key {
			return true
		}
		key = e.key
	}
	return false
}

// add counts cycles, and keeps the first.
func (f *finder) add(p Phenomenon, cycles []cycle) {
	f.report.counts[p] += len(cycles)
	all := make([][]edge, len(cycles))
	for i, c := range cycles {
		f.has[f.component(c)] = true
		all[i] = f.steps(c)
	}
	slices.SortStableFunc(all, func(a, b []edge) int { return cmp.Compare(a[0].from, b[0].from) })
	for _, steps := range all[:min(len(all), mostKept)] {
		a := Anomaly{Phenomenon: p}
		var words []string
		for _, e := range steps {
			d := f.dependency(e)
			a.Cycle = append(a.Cycle, d)
			a.causes = append(a.causes, d.causes...)
			words = append(words, d.Why)
		}
		a.Words = strings.Join(words, "; ")
		f.kept[p] = append(f.kept[p], a)
	}
}

// steps gives the cycle's edges from transaction to transaction, beginning with the first one.
func (f *finder) steps(c cycle) []edge {
	var steps []edge
	for _, at := range c {
		e := f.graph.edges[at]
		if e.from < f.graph.txns {
			steps = append(steps, e)
		} else {
			steps[len(steps)-1].to = e.to // an edge that leads to several transactions, of which it is this one
		}
	}
	least := 0
	for i, e := range steps {
		if e.from < steps[least].from {
			least = i
		}
	}
	return slices.Concat(steps[least:], steps[:least])
}

// another counts an anomaly that is no cycle, and tells whether it is to be kept.
func (c *checker) another(p Phenomenon) bool {
	c.report.counts[p]++
	return c.report.counts[p] <= mostKept
}

// keep keeps an anomaly that is no cycle, with the micro-operations that show it.
func (c *checker) keep(p Phenomenon, causes []history.Operation, format string, args ...any) {
	c.kept[p] = append(c.kept[p], Anomaly{Phenomenon: p, Words: fmt.Sprintf(format, args...), causes: causes})
}

// collect puts what was kept into the report.
func (c *checker) collect() {
	for _, kept := range c.kept {
		c.report.Anomalies = append(c.report.Anomalies, kept...)
	}
}
