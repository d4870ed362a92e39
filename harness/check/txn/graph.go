package txn

import "slices"

// kind is what an edge stands for.
type kind uint8

const (
	ww    kind = 1 << iota // To overwrote what From had written
	wr                     // To read what From had written
	rw                     // To overwrote what From had read: an anti-dependency
	rt                     // From had ended when To began
	inner                  // from a node that stands for several transactions to one of them, or to another such node
)

// What the cycles of a phenomenon may consist of.
const (
	overwrites   = ww | inner
	flows        = ww | wr | inner
	dependencies = ww | wr | rw | inner
	everything   = ww | wr | rw | rt | inner
)

func (k kind) String() string {
	switch k {
	case ww:
		return "ww"
	case wr:
		return "wr"
	case rw:
		return "rw"
	}
	return "rt"
}

// edge leads from a transaction to one that came after it, or to a node that stands for several.
type edge struct {
	from, to int32
	key      int32 // the list
	at       int32 // where in it stands what To wrote (ww, rw) or read (wr); none if no read has shown it
	kind     kind
}

// graph has the transactions as its first nodes.
type graph struct {
	txns  int32
	nodes int32
	edges []edge  // once indexed, by from
	out   []int32 // by node, its first edge; one more at the end

	found, low, next []int32 // what components uses, each time anew
}

func (g *graph) add(e edge) { g.edges = append(g.edges, e) }

// index sorts the edges by where they come from, and leaves the order of those from one node.
func (g *graph) index() {
	g.out = make([]int32, g.nodes+1)
	for _, e := range g.edges {
		g.out[e.from+1]++
	}
	for v := range g.nodes {
		g.out[v+1] += g.out[v]
	}
	free := slices.Clone(g.out)
	sorted := make([]edge, len(g.edges))
	for _, e := range g.edges {
		sorted[free[e.from]] = e
		free[e.from]++
	}
	g.edges = sorted
}

// walk says where one may go. A walker remembers one thing, and each node has a state for either case: state 2v and 2v+1.
type walk struct {
	through kind
	// rule gives what is remembered after an edge, or that it may not be taken. Without it nothing is remembered.
	rule func(remembered int32, k kind) (int32, bool)
}

// sawRW remembers whether there was an anti-dependency.
func sawRW(saw int32, k kind) (int32, bool) {
	if k == rw {
		return 1, true
	}
	return saw, true
}

// apartRW remembers whether the last edge was an anti-dependency, and lets no second one follow.
func apartRW(after int32, k kind) (int32, bool) {
	switch k {
	case rw:
		return 1, after == 0
	case inner:
		return after, true
	}
	return 0, true
}

// step gives the state to which an edge leads from state s, if it does.
func (w walk) step(s int32, e *edge) (int32, bool) {
	if e.kind&w.through == 0 {
		return 0, false
	}
	if w.rule == nil {
		return 2 * e.to, true
	}
	remembered, ok := w.rule(s&1, e.kind)
	return 2*e.to + remembered, ok
}

// components gives each state the number of its strongly connected component, none if no walk gets to the state from a fresh start. The
// second result tells whether any has two states, so that there is a cycle (Tarjan, "Depth-First Search and Linear Graph Algorithms",
// 1972; without recursion).
func (g *graph) components(w walk) (of []int32, cyclic bool) {
	n := 2 * int(g.nodes)
	of = slices.Repeat([]int32{none}, n)
	if g.found == nil {
		g.found, g.low, g.next = make([]int32, n), make([]int32, n), make([]int32, n)
	}
	clear(g.found)
	var (
		found = g.found // when a state was found, from 1 on
		low   = g.low   // the earliest that can be reached from it
		next  = g.next  // its next edge
		path  []int32   // states that are being looked at
		open  []int32   // states without a component yet
		clock int32
		count int32
	)
	visit := func(s int32) {
		clock++
		found[s], low[s], next[s] = clock, clock, g.out[s/2]
		path, open = append(path, s), append(open, s)
	}
	for v := range g.nodes {
		if found[2*v] == 0 {
			visit(2 * v)
		}
		for len(path) > 0 {
			s := path[len(path)-1]
			deeper := false
			for next[s] < g.out[s/2+1] && !deeper {
				to, ok := w.step(s, &g.edges[next[s]])
				next[s]++
				switch {
				case !ok:
				case found[to] == 0:
					visit(to)
					deeper = true
				case of[to] == none:
					low[s] = min(low[s], found[to])
				}
			}
			if deeper {
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				above := path[len(path)-1]
				low[above] = min(low[above], low[s])
			}
			if low[s] < found[s] {
				continue
			}
			for top := int32(none); top != s; {
				top = open[len(open)-1]
				open = open[:len(open)-1]
				of[top] = count
				cyclic = cyclic || top != s
			}
			count++
		}
	}
	if w.rule == nil {
		for v := range g.nodes {
			of[2*v+1] = of[2*v] // walks within a component may remember something
		}
	}
	return of, cyclic
}

// search looks for short ways, many times over.
type search struct {
	g *graph
	// left is by component how many edges may still be looked at.
	left []int

	length []int32 // by state, how far it is, if it was reached in this round
	round  []int32
	by     []int32 // the edge over which
	from   []int32 // the state from which
	rounds int32

	now, later []int32 // states to go on from
}

func (g *graph) search() *search {
	n := 2 * int(g.nodes)
	return &search{g: g, left: make([]int, n), length: make([]int32, n), round: make([]int32, n), by: make([]int32, n), from: make([]int32, n)}
}

// way gives the edges of a shortest way from one state to another, no longer than limit, within their component; nil if there is none.
// Length is counted in transactions that are left behind.
func (s *search) way(w walk, from, to, limit int32, of []int32) []int32 {
	s.rounds++
	s.round[from], s.length[from] = s.rounds, 0
	now, later := append(s.now[:0], from), s.later[:0]
	defer func() { s.now, s.later = now, later }()
	for length := int32(0); len(now) > 0 && length <= limit; length++ {
		for i := 0; i < len(now); i++ {
			at := now[i]
			if s.length[at] < length {
				continue // a shorter way was found meanwhile
			}
			if at == to {
				return s.back(from, to)
			}
			for e := s.g.out[at/2]; e < s.g.out[at/2+1]; e++ {
				s.left[of[to]]--
				next, ok := w.step(at, &s.g.edges[e])
				if !ok || of[next] != of[to] {
					continue
				}
				far := length + 1
				if at/2 >= s.g.txns {
					far = length
				}
				if s.round[next] == s.rounds && s.length[next] <= far {
					continue
				}
				s.round[next], s.length[next], s.by[next], s.from[next] = s.rounds, far, e, at
				if far == length {
					now = append(now, next)
				} else {
					later = append(later, next)
				}
			}
		}
		now, later = later, now[:0]
	}
	return nil
}

func (s *search) back(from, to int32) []int32 {
	way := []int32{}
	for at := to; at != from; at = s.from[at] {
		way = append(way, s.by[at])
	}
	slices.Reverse(way)
	return way
}
