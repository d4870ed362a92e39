package evidence

import (
	"cmp"
	"slices"

	"assay/harness/history"
)

// MaxOperations is how many operations a record keeps at most.
const MaxOperations = 10000

// FromHistory returns op as a record keeps it: times in seconds, and no end where it was still pending.
func FromHistory(op history.Operation) Operation {
	kept := Operation{
		Client: op.Client, Kind: op.Kind, Key: op.Key, Value: op.Value, Expected: op.Expected, Attempt: op.Attempt,
		Start: op.Start.Seconds(), Outcome: op.Outcome, Err: op.Err,
	}
	if op.End != history.Open {
		end := op.End.Seconds()
		kept.End = &end
	}
	return kept
}

// Bound returns h for a record, in the order of the operations' starts: all of it, if that is at most MaxOperations. Else
// what tells most comes first: every operation that did not end well, then the slowest hundredth of the others, then as many
// of the rest as there is room for, evenly spaced. Where one of these groups is too large by itself, it is evenly thinned:
// what did not end well leaves a quarter of the room to what did, as far as there is such.
func Bound(h history.History) Operations {
	h = h.Sorted()
	kept := h
	if len(h) > MaxOperations {
		kept = thinned(h, MaxOperations)
	}
	items := make([]Operation, len(kept))
	for i, op := range kept {
		items[i] = FromHistory(op)
	}
	return Operations{Recorded: len(h), Counts: counted(h), Items: items}
}

// counted tells how many there are of each client, kind and outcome, in that order.
func counted(h history.History) []Count {
	of := map[Count]int{}
	for _, op := range h {
		of[Count{Client: op.Client, Kind: op.Kind, Outcome: op.Outcome}]++
	}
	var counts []Count
	for c, n := range of {
		c.N = n
		counts = append(counts, c)
	}
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Outcome, b.Outcome))
	})
	return counts
}

func thinned(h history.History, room int) history.History {
	var bad, good history.History
	for _, op := range h {
		if op.Outcome == history.OK {
			good = append(good, op)
		} else {
			bad = append(bad, op)
		}
	}
	bySlowness := slices.Clone(good)
	slices.SortStableFunc(bySlowness, func(a, b history.Operation) int { return cmp.Compare(b.End-b.Start, a.End-a.Start) })
	slow := (len(good) + 99) / 100

	kept := spread(bad, room-min(len(good), room/4))
	for _, group := range []history.History{bySlowness[:slow], bySlowness[slow:].Sorted()} {
		kept = append(kept, spread(group, room-len(kept))...)
	}
	return kept.Sorted()
}

// spread returns n of the operations of h, or all if there are fewer, as far apart as they can be.
func spread(h history.History, n int) history.History {
	if len(h) <= n {
		return h
	}
	kept := make(history.History, n)
	for i := range kept {
		kept[i] = h[i*len(h)/n]
	}
	return kept
}
