// Package shrink looks for the few windows of a schedule that a failure takes.
//
// The room is for the search. Running anything may not enter: whoever searches says how a candidate is tried.
package shrink

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Search says what is looked for and how. What runs on real machines does not fail every time, so a candidate is run up to
// N times and fails if K of its runs do. No more of them are run than it takes to know.
type Search struct {
	K, N   int
	Budget time.Duration // for all runs together; the run that exceeds it is told so by its context
	// Run tries a schedule of these windows, counted from 0, once: whether it failed in the way that is looked for, and in a
	// few words what came of it. An error ends the search.
	Run func(ctx context.Context, windows []int) (failed bool, what string, err error)
	Say func(format string, args ...any) // progress
}

// Result is what a search has come to.
type Result struct {
	Windows []int // the smallest schedule found that fails
	Minimal bool  // without any one of its windows it does not fail; else the budget ended the search
	Runs    int
}

// ErrPasses is the error of a search for a failure that did not come again under the whole schedule.
type ErrPasses struct{ Passed, Runs int }

func (e ErrPasses) Error() string {
	return fmt.Sprintf("does not fail again: %d of %d runs passed", e.Passed, e.Runs)
}

// Smallest searches among the windows 0 to windows-1: first all of them, then none, since what fails without any is not the
// schedule's doing, then by delta debugging.
func (s Search) Smallest(parent context.Context, windows int) (Result, error) {
	ctx, cancel := context.WithTimeout(parent, s.Budget)
	defer cancel()
	t := &tries{Search: s, known: map[string]bool{}}
	all := make([]int, windows)
	for i := range all {
		all[i] = i
	}
	if fails, err := t.fails(ctx, all); err != nil {
		return Result{}, over(parent, ctx, s.Budget, err)
	} else if !fails {
		return Result{}, ErrPasses{t.passed, t.runs}
	}
	least := all
	fails, err := t.fails(ctx, nil)
	if err == nil && fails {
		least = nil
	} else if err == nil {
		least, err = ddmin(all, func(windows []int) (bool, error) { return t.fails(ctx, windows) })
	}
	if err != nil && (parent.Err() != nil || ctx.Err() == nil) {
		return Result{}, err
	}
	return Result{Windows: least, Minimal: err == nil, Runs: t.runs}, nil
}

// over words the end of the budget before anything was found.
func over(parent, ctx context.Context, budget time.Duration, err error) error {
	if parent.Err() == nil && ctx.Err() != nil {
		return fmt.Errorf("the budget of %v did not suffice to see the whole schedule fail again", budget)
	}
	return err
}

// tries runs candidates and remembers what came of them.
type tries struct {
	Search
	known        map[string]bool
	runs, passed int
}

func (t *tries) fails(ctx context.Context, windows []int) (bool, error) {
	name := Name(windows)
	if fails, ok := t.known[name]; ok {
		return fails, nil
	}
	failed, passed := 0, 0
	var each []string
	for failed < t.K && passed <= t.N-t.K {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		fails, what, err := t.Run(ctx, windows)
		if err := ctx.Err(); err != nil {
			return false, err // and so its run was cut short
		}
		if err != nil {
			return false, err
		}
		t.runs++
		each = append(each, what)
		if fails {
			failed++
		} else {
			passed++
		}
	}
	t.passed += passed
	t.known[name] = failed >= t.K
	verdict := "not this one"
	if t.known[name] {
		verdict = "fails"
	}
	t.Say("%s: %s (%s)", name, verdict, strings.Join(each, "; "))
	return t.known[name], nil
}

// Name words a set of windows, which people count from 1.
func Name(windows []int) string {
	switch len(windows) {
	case 0:
		return "no window at all"
	case 1:
		return fmt.Sprintf("window %d", windows[0]+1)
	}
	var words []string
	for _, w := range windows {
		words = append(words, fmt.Sprint(w+1))
	}
	return "windows " + strings.Join(words, ", ")
}

// ddmin is the minimizing delta debugging algorithm of Zeller and Hildebrandt (Simplifying and Isolating Failure-Inducing
// Input, IEEE Transactions on Software Engineering 28(2), 2002, figure 2): from a set that fails it comes to one that fails
// and does not without any one of its elements. Where more elements never make a failure go away, no proper subset of that
// fails. On an error it returns the smallest set that was seen to fail.
func ddmin(set []int, fails func([]int) (bool, error)) ([]int, error) {
	parts := 2
	for len(set) > 1 {
		smaller, ofPart, err := smallerOf(set, parts, fails)
		switch {
		case err != nil:
			return set, err
		case smaller != nil && ofPart:
			set, parts = smaller, 2
		case smaller != nil:
			set, parts = smaller, max(parts-1, 2)
		case parts < len(set):
			parts = min(2*parts, len(set))
		default:
			return set, nil
		}
	}
	return set, nil
}

// smallerOf looks for one of so many parts of the set that fails, else for what is left without one of them and fails.
func smallerOf(set []int, parts int, fails func([]int) (bool, error)) (smaller []int, ofPart bool, err error) {
	var each, rests [][]int
	for i := range parts {
		from, to := i*len(set)/parts, (i+1)*len(set)/parts
		each = append(each, set[from:to])
		rests = append(rests, slices.Concat(set[:from], set[to:]))
	}
	for i, candidate := range slices.Concat(each, rests) {
		if failed, err := fails(candidate); failed || err != nil {
			return candidate, i < parts, err
		}
	}
	return nil, false, nil
}
