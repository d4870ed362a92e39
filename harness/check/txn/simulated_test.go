package txn_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"assay/harness/check"
	"assay/harness/check/txn"
	"assay/harness/history"
)

// store is a made-up database of lists. It records what its transactions do.
type store struct {
	t     *rapid.T
	lists map[string][]int64
	last  int64 // the last value that was given out
	now   time.Duration
	txns  history.Txns
}

func newStore(t *rapid.T) *store { return &store{t: t, lists: map[string][]int64{}} }

func (s *store) key() string { return rapid.SampledFrom([]string{"x", "y", "z"}).Draw(s.t, "list") }

func (s *store) value() int64 { s.last++; return s.last }

// run is a transaction on a store: its snapshot, and what it did.
type run struct {
	txn      history.Txn
	snapshot map[string][]int64
	wrote    map[string]bool
}

// begin begins a transaction on what is committed now.
func (s *store) begin() *run {
	s.now++
	r := &run{txn: history.Txn{Client: fmt.Sprint("c", len(s.txns)), Start: s.now}, snapshot: map[string][]int64{}, wrote: map[string]bool{}}
	for k, l := range s.lists {
		r.snapshot[k] = slices.Clone(l)
	}
	return r
}

func (r *run) read(key string) *run {
	r.txn.Ops = append(r.txn.Ops, history.MicroOp{Kind: history.Read, Key: key, List: slices.Clone(r.snapshot[key])})
	return r
}

func (r *run) append(key string, value int64) *run {
	r.txn.Ops = append(r.txn.Ops, history.MicroOp{Kind: history.Append, Key: key, Value: value})
	r.snapshot[key] = append(r.snapshot[key], value)
	r.wrote[key] = true
	return r
}

// some does a few things at random.
func (s *store) some(r *run) {
	for range rapid.IntRange(1, 4).Draw(s.t, "steps") {
		if rapid.Bool().Draw(s.t, "append") {
			r.append(s.key(), s.value())
		} else {
			r.read(s.key())
		}
	}
}

// commit makes what r appended part of the lists, without asking whether that is right.
func (s *store) commit(r *run) {
	for _, m := range r.txn.Ops {
		if m.Kind == history.Append {
			s.lists[m.Key] = append(s.lists[m.Key], m.Value)
		}
	}
	s.end(r, history.OK)
}

func (s *store) end(r *run, o history.Outcome) {
	s.now++
	r.txn.End, r.txn.Outcome = s.now, o
	s.txns = append(s.txns, r.txn)
}

// serially runs transactions one after the other. Some are aborted, of some the outcome is not known.
func (s *store) serially(n int) {
	for range n {
		r := s.begin()
		s.some(r)
		switch rapid.IntRange(0, 9).Draw(s.t, "end") {
		case 0:
			s.end(r, history.Failed)
		case 1:
			s.end(r, history.Unknown) // it did not happen
		case 2:
			s.commit(r)
			s.txns[len(s.txns)-1].Outcome = history.Unknown // it did
		default:
			s.commit(r)
		}
	}
}

// all is a transaction that reads all lists, so that their order is known.
func (s *store) all() {
	s.commit(s.begin().read("x").read("y").read("z"))
}

// shuffled gives the history in any order: a checker is not to depend on it.
func (s *store) shuffled() history.Txns { return rapid.Permutation(s.txns).Draw(s.t, "order") }

func TestSerialHistoriesAreSerializable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore(t)
		s.serially(rapid.IntRange(0, 30).Draw(t, "transactions"))
		r := txn.Check(s.shuffled(), txn.WithRealTime())
		assert.Empty(t, found(r), "%v", r.Anomalies)
	})
}

func TestSnapshotIsolatedHistoriesShowWriteSkewAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore(t)
		versions := map[string]int{}
		type open struct {
			*run
			saw map[string]int // the versions of its snapshot
		}
		var opened []open
		for range rapid.IntRange(0, 40).Draw(t, "turns") {
			if len(opened) == 0 || len(opened) < 4 && rapid.Bool().Draw(t, "begin") {
				opened = append(opened, open{s.begin(), maps.Clone(versions)})
				continue
			}
			i := rapid.IntRange(0, len(opened)-1).Draw(t, "whose turn")
			o := opened[i]
			if rapid.Bool().Draw(t, "goes on") {
				s.some(o.run)
				continue
			}
			opened = slices.Delete(opened, i, i+1)
			// The first committer wins.
			conflict := slices.ContainsFunc([]string{"x", "y", "z"}, func(k string) bool { return o.wrote[k] && versions[k] != o.saw[k] })
			if conflict {
				s.end(o.run, history.Failed)
				continue
			}
			for k := range o.wrote {
				versions[k]++
			}
			s.commit(o.run)
		}
		r := txn.Check(s.shuffled())
		assert.NotEqual(t, check.Violated, r.SnapshotIsolation().Verdict, "%v", r.SnapshotIsolation())
		for p := range found(r) {
			assert.Equal(t, txn.G2Item, p, "%v", r.Anomalies)
		}
	})
}

// plants put an anomaly into the midst of a serial history.
var plants = map[txn.Phenomenon]func(*store){
	txn.G0: func(s *store) {
		a, b := s.begin().append("x", s.value()).append("y", s.value()), s.begin().append("x", s.value()).append("y", s.value())
		s.commit(a)
		s.commit(b)
		// As if the two had written y the other way round.
		y := s.lists["y"]
		n := len(y)
		y[n-2], y[n-1] = y[n-1], y[n-2]
	},
	txn.G1a: func(s *store) {
		a, b := s.begin().append("x", s.value()), s.begin()
		b.snapshot["x"] = a.snapshot["x"]
		b.read("x")
		s.end(a, history.Failed)
		s.commit(b)
	},
	txn.G1b: func(s *store) {
		a, b := s.begin().append("x", s.value()), s.begin()
		b.snapshot["x"] = slices.Clone(a.snapshot["x"])
		b.read("x")
		a.append("x", s.value())
		s.commit(a)
		s.commit(b)
	},
	txn.G1c: func(s *store) {
		a, b := s.begin().append("x", s.value()), s.begin().append("y", s.value())
		a.snapshot["y"], b.snapshot["x"] = b.snapshot["y"], a.snapshot["x"]
		a.read("y")
		b.read("x")
		s.commit(a)
		s.commit(b)
	},
	txn.GSingle: func(s *store) {
		early := s.begin().read("x")
		s.commit(s.begin().append("x", s.value()).append("y", s.value()))
		early.snapshot["y"] = slices.Clone(s.lists["y"])
		s.commit(early.read("y"))
	},
	txn.LostUpdate: func(s *store) {
		a, b := s.begin().read("x").append("x", s.value()), s.begin().read("x").append("x", s.value())
		s.commit(a)
		s.commit(b)
	},
	txn.GNonadjacent: func(s *store) {
		// Two see two commits in different orders, a long fork.
		a, b := s.begin(), s.begin()
		s.commit(s.begin().append("x", s.value()))
		s.commit(s.begin().append("z", s.value()))
		a.snapshot["x"], b.snapshot["z"] = slices.Clone(s.lists["x"]), slices.Clone(s.lists["z"])
		s.commit(a.read("x").read("z"))
		s.commit(b.read("x").read("z"))
	},
	txn.G2Item: func(s *store) {
		a, b := s.begin().read("x").read("y").append("x", s.value()), s.begin().read("x").read("y").append("y", s.value())
		s.commit(a)
		s.commit(b)
	},
	txn.Internal: func(s *store) {
		a := s.begin().append("x", s.value())
		a.snapshot["x"] = slices.Clone(s.lists["x"])
		s.commit(a.read("x"))
	},
	txn.IncompatibleOrder: func(s *store) {
		s.commit(s.begin().append("x", s.value()))
		s.commit(s.begin().append("x", s.value()))
		a := s.begin()
		x := a.snapshot["x"]
		n := len(x)
		x[n-2], x[n-1] = x[n-1], x[n-2]
		s.commit(a.read("x"))
	},
	txn.Duplicate: func(s *store) {
		s.commit(s.begin().append("x", s.value()))
		x := s.lists["x"]
		s.lists["x"] = append(x, x[len(x)-1])
	},
	txn.Unexpected: func(s *store) { s.lists["x"] = append(s.lists["x"], s.value()) },
	txn.RealTime: func(s *store) {
		late := s.begin().read("x")
		s.commit(s.begin().append("x", s.value()))
		s.now++
		late.txn.Start = s.now
		s.commit(late)
	},
}

func TestPlantedAnomaliesAreFound(t *testing.T) {
	require.Len(t, plants, int(txn.RealTime)+1, "one for each phenomenon")
	for p, plant := range plants {
		t.Run(p.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				s := newStore(t)
				s.serially(rapid.IntRange(0, 10).Draw(t, "before"))
				plant(s)
				s.all() // else nobody may have seen it
				s.serially(rapid.IntRange(0, 10).Draw(t, "after"))
				txns := s.shuffled()
				r := txn.Check(txns, txn.WithRealTime())
				require.Positive(t, r.Count(p), "found %v in %v", found(r), txns)
				assert.Equal(t, r, txn.Check(rapid.Permutation(txns).Draw(t, "another order"), txn.WithRealTime()), "the order in which they are given matters")
				for _, a := range r.Anomalies {
					closed(t, a)
				}
			})
		})
	}
}

// A cycle's steps lead from one to the next and back.
func closed(t *rapid.T, a txn.Anomaly) {
	for i, d := range a.Cycle {
		assert.Equal(t, d.To, a.Cycle[(i+1)%len(a.Cycle)].From, "%v", a)
	}
}

// Each pair's bad history is found in the midst of a good one over other lists, and nothing else.
func TestAnomaliesAreFoundAmongOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(pairs).Draw(t, "pair")
		s := newStore(t)
		s.serially(rapid.IntRange(2, 20).Draw(t, "others"))
		for _, txn := range parse(t, p.bad) {
			for i := range txn.Ops {
				txn.Ops[i].Key += "'"
			}
			s.txns = append(s.txns, txn)
		}
		assert.Equal(t, p.want, found(txn.Check(s.shuffled())))
	})
}

// Of bad histories over lists of their own each shows what it shows by itself.
func TestAnomaliesAreFoundBesideOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore(t)
		want := counts{}
		for i := range rapid.IntRange(2, 5).Draw(t, "histories") {
			p := rapid.SampledFrom(pairs).Draw(t, "pair")
			for phenomenon, n := range p.want {
				want[phenomenon] += n
			}
			for _, txn := range parse(t, p.bad) {
				for j := range txn.Ops {
					txn.Ops[j].Key += fmt.Sprint(i)
				}
				s.txns = append(s.txns, txn)
			}
		}
		assert.Equal(t, want, found(txn.Check(s.shuffled())))
	})
}
