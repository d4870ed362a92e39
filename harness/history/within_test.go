package history_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"assay/harness/history"
)

func TestWithinGoesByTheClientsName(t *testing.T) {
	r := history.New()
	c := r.Client("reader")
	c.Event(history.Deliver, "x", 1, 1)
	from := r.Now()
	c.Event(history.Deliver, "x", 2, 1)
	to := r.Now()
	c.Event(history.Deliver, "x", 3, 1)

	within := c.Within(history.Window{From: from, To: to})
	assert.Equal(t, "reader", within.(interface{ Name() string }).Name())
	assert.Equal(t, c.History()[1:2], within.History())
}
