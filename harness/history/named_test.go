package history_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"assay/harness/history"
)

func TestNamed(t *testing.T) {
	r := history.New()
	one, other := r.Client("one"), r.Client("other")
	both := history.Named("both", one, other)
	assert.Empty(t, both.History())
	other.Event(history.Lead, "group", 1, 0)
	one.Event(history.Lead, "group", 2, 0)
	assert.Equal(t, history.Merge(one, other), both.History(), "also what came later")
	assert.Len(t, both.History(), 2)
	assert.Equal(t, "both", both.(interface{ Name() string }).Name())
}
