package engine

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReaperIsToldWhatIsThere(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	e := &Engine{reaper: &reaper{pipe: write}}
	one, two, three := e.making(), e.making(), e.making()
	one()
	one() // removed twice, it is gone once: the others are still there
	one()
	two()
	require.NoError(t, write.Close())
	assert.Equal(t, 1, listen(read))
	three() // a reaper that has ended is no trouble

	(&Engine{}).making()() // nor none, under ASSAY_KEEP
	assert.Equal(t, 2, listen(strings.NewReader("++-+")))
	assert.Zero(t, listen(strings.NewReader("")))
}

func TestReaperLooksUntilAllIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		left  int
		finds []int // what each sweep finds; -1 is an error
		looks int
	}{
		"nothing was left":     {0, nil, 1},
		"all at once":          {3, []int{3}, 1},
		"one comes late":       {3, []int{2, 0, 0, 0, 1}, 5},
		"the engine hiccups":   {2, []int{-1, 1, -1, 1}, 4},
		"more than was told":   {1, []int{4}, 1},
		"a last word unheeded": {0, []int{-1, 0}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			looks := 0
			reapUntilGone(t.Context(), c.left, func(context.Context) (int, error) {
				looks++
				if looks > len(c.finds) {
					return 0, nil
				}
				if n := c.finds[looks-1]; n >= 0 {
					return n, nil
				}
				return 0, errors.New("the engine is busy")
			})
			assert.Equal(t, c.looks, looks)
		})
	}
	t.Run("what was never made", func(t *testing.T) {
		t.Parallel()
		start, looks := time.Now(), 0
		reapUntilGone(t.Context(), 2, func(context.Context) (int, error) { looks++; return 0, nil })
		assert.GreaterOrEqual(t, time.Since(start), reapQuiet)
		assert.Greater(t, looks, 1)
	})
}
