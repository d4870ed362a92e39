package shrink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// search is one whose runs take no time and come out as the predicate says.
func search(fails func(windows []int) bool) Search {
	return Search{
		K: 1, N: 1, Budget: time.Hour, Say: func(string, ...any) {},
		Run: func(_ context.Context, windows []int) (bool, string, error) {
			if fails(windows) {
				return true, "violated", nil
			}
			return false, "passed", nil
		},
	}
}

func contains(all, some []int) bool {
	return !slices.ContainsFunc(some, func(w int) bool { return !slices.Contains(all, w) })
}

// someOf draws a set of windows, of at least one.
func someOf(t *rapid.T, windows int, name string) []int {
	set := rapid.SliceOfNDistinct(rapid.IntRange(0, windows-1), 1, windows, rapid.ID[int]).Draw(t, name)
	slices.Sort(set)
	return set
}

// A failure that takes exactly some windows is brought down to those.
func TestTheWindowsThatItTakesAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		windows := rapid.IntRange(1, 40).Draw(t, "windows")
		takes := someOf(t, windows, "takes")
		got, err := search(func(w []int) bool { return contains(w, takes) }).Smallest(t.Context(), windows)
		require.NoError(t, err)
		require.Equal(t, takes, got.Windows)
		require.True(t, got.Minimal)
	})
}

// Where several sets would do, one of them is found: no proper subset of it fails. More windows never make a failure go away.
func TestNoSmallerSetFails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		windows := rapid.IntRange(1, 20).Draw(t, "windows")
		var sets [][]int
		for i := range rapid.IntRange(1, 4).Draw(t, "sets") {
			sets = append(sets, someOf(t, windows, fmt.Sprint("set ", i)))
		}
		fails := func(w []int) bool {
			return slices.ContainsFunc(sets, func(s []int) bool { return contains(w, s) })
		}
		got, err := search(fails).Smallest(t.Context(), windows)
		require.NoError(t, err)
		require.True(t, fails(got.Windows))
		for _, w := range got.Windows {
			require.False(t, fails(slices.DeleteFunc(slices.Clone(got.Windows), func(v int) bool { return v == w })), "%v without %d", got.Windows, w)
		}
	})
}

// Whatever comes of the runs, the result is a set that was seen to fail, without any one window of which none was.
func TestOneMinimalForAnyPredicate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		windows := rapid.IntRange(1, 12).Draw(t, "windows")
		seen := map[string]bool{}
		s := search(func(w []int) bool {
			_, known := seen[Name(w)]
			require.False(t, known, "%v is run twice", w)
			seen[Name(w)] = len(w) == windows || rapid.Bool().Draw(t, Name(w))
			return seen[Name(w)]
		})
		got, err := s.Smallest(t.Context(), windows)
		require.NoError(t, err)
		require.True(t, seen[Name(got.Windows)])
		for _, w := range got.Windows {
			rest := Name(slices.DeleteFunc(slices.Clone(got.Windows), func(v int) bool { return v == w }))
			fails, known := seen[rest]
			require.True(t, known, "%s was not tried", rest)
			require.False(t, fails, rest)
		}
		require.Equal(t, len(seen), got.Runs)
	})
}

func TestWhatFailsWithoutWindowsIsNotTheirDoing(t *testing.T) {
	got, err := search(func([]int) bool { return true }).Smallest(t.Context(), 6)
	require.NoError(t, err)
	require.Equal(t, Result{Minimal: true, Runs: 2}, got)
}

func TestWhatDoesNotFailAgain(t *testing.T) {
	s := search(func([]int) bool { return false })
	s.K, s.N = 2, 3
	_, err := s.Smallest(t.Context(), 6)
	require.Equal(t, ErrPasses{2, 2}, err)
	require.EqualError(t, err, "does not fail again: 2 of 2 runs passed")
}

// A candidate fails if K of N runs do, whatever their order, and no run is made after that is known.
func TestKOfN(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "n")
		k := rapid.IntRange(1, n).Draw(t, "k")
		outcomes := rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "outcomes")
		runs := 0
		s := search(func([]int) bool { runs++; return outcomes[runs-1] })
		s.K, s.N = k, n
		fails, err := (&tries{Search: s, known: map[string]bool{}}).fails(t.Context(), []int{0})
		require.NoError(t, err)

		count := func(of []bool, what bool) (n int) {
			for _, o := range of {
				if o == what {
					n++
				}
			}
			return n
		}
		require.Equal(t, count(outcomes, true) >= k, fails)
		before := outcomes[:runs-1]
		require.Less(t, count(before, true), k, "it was known before the last run")
		require.LessOrEqual(t, count(before, false), n-k, "it was known before the last run")
	})
}

// The search ends when its budget does, with the smallest set that it has seen to fail. Time is synctest's.
func TestBudget(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		windows := rapid.IntRange(1, 30).Draw(rt, "windows")
		takes := someOf(rt, windows, "takes")
		each := time.Duration(rapid.IntRange(1, 100).Draw(rt, "each")) * time.Second
		budget := time.Duration(rapid.IntRange(1, 1000).Draw(rt, "budget"))*time.Second + time.Second/2 // never at the end of a run
		synctest.Test(t, func(t *testing.T) {
			s := search(func(w []int) bool { return contains(w, takes) })
			s.Budget = budget
			run := s.Run
			s.Run = func(ctx context.Context, w []int) (bool, string, error) {
				select {
				case <-time.After(each):
					return run(ctx, w)
				case <-ctx.Done():
					return false, "", ctx.Err()
				}
			}
			start := time.Now()
			got, err := s.Smallest(t.Context(), windows)
			took := time.Since(start)
			assert.LessOrEqual(t, took, budget)
			switch {
			case took < budget:
				assert.NoError(t, err)
				assert.True(t, got.Minimal)
				assert.Equal(t, takes, got.Windows)
			case each >= budget:
				assert.ErrorContains(t, err, "did not suffice to see the whole schedule fail again")
			default:
				assert.NoError(t, err)
				assert.True(t, contains(got.Windows, takes))
			}
		})
	})
}

func TestInterruptedAndBroken(t *testing.T) {
	broken := errors.New("no engine")
	for n := range 4 {
		ctx, cancel := context.WithCancel(t.Context())
		runs := 0
		s := search(nil)
		s.Run = func(context.Context, []int) (bool, string, error) {
			if runs++; runs > n {
				return false, "", broken
			}
			return runs != 2, "", nil
		}
		_, err := s.Smallest(ctx, 6)
		require.ErrorIs(t, err, broken)

		runs = 0
		s.Run = func(context.Context, []int) (bool, string, error) {
			if runs++; runs > n {
				cancel()
			}
			return runs != 2, "", nil
		}
		_, err = s.Smallest(ctx, 6)
		require.ErrorIs(t, err, context.Canceled)
		cancel()
	}
}

func TestProgress(t *testing.T) {
	var said []string
	s := search(func(w []int) bool { return contains(w, []int{2}) })
	s.K, s.N = 2, 3
	s.Say = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	got, err := s.Smallest(t.Context(), 4)
	require.NoError(t, err)
	require.Equal(t, []int{2}, got.Windows)
	require.Equal(t, []string{
		"windows 1, 2, 3, 4: fails (violated; violated)",
		"no window at all: not this one (passed; passed)",
		"windows 1, 2: not this one (passed; passed)",
		"windows 3, 4: fails (violated; violated)",
		"window 3: fails (violated; violated)",
	}, said)
}
