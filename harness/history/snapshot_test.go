package history

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A snapshot shows what was known at its time: what began later is not in it, and what ended later is pending.
func TestSnapshotShowsWhatWasKnownThen(t *testing.T) {
	rec := New()
	c := rec.Client("client")
	c.Begin(Write, "x", 1).End(OK, nil)
	write, read := c.Begin(Write, "x", 2), c.Begin(Read, "x", 0)
	then := rec.Now()
	want := c.until(then)
	for rec.Now() == then {
		continue // on a coarse clock, until what follows is later
	}
	write.End(OK, nil)
	read.EndRead(2, nil)
	c.Event(Deliver, "x", 3, 1)
	assert.Equal(t, want, c.until(then))
	assert.Equal(t, []Outcome{OK, Unknown, Unknown}, []Outcome{want[0].Outcome, want[1].Outcome, want[2].Outcome})
	assert.Len(t, c.History(), 4)
}
