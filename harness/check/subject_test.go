package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"assay/harness/check"
	"assay/harness/history"
)

func TestResultTellsWhoseOperationsWereLookedAt(t *testing.T) {
	r := history.New()
	one, other, consumer := r.Client("one"), r.Client("other"), r.Client("consumer")
	one.Event(history.Publish, "k", 1, 0)
	other.Event(history.Publish, "k", 2, 0)
	consumer.Event(history.Deliver, "k", 1, 1)

	assert.Equal(t, []string{"consumer", "one"}, check.Delivery(one, consumer).NothingLost().Clients)
	got := check.Delivery(history.Merge(other, one), consumer).NothingLost()
	assert.Equal(t, "consumer", got.Subject)
	assert.Equal(t, []string{"consumer", "one", "other"}, got.Clients, "a history has no name, its operations have")
	assert.Equal(t, []string{"one", "other"}, check.Copies(one, other).Same().Clients)
	assert.Equal(t, []string{"consumer", "one", "other"}, check.Outage(r, history.Window{To: time.Hour}).Resumes().Clients)
	assert.Empty(t, check.That("anything", true, "so it is").Clients)
}
