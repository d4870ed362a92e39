package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/check"
	"assay/harness/history"
)

func TestAgain(t *testing.T) {
	at := func(kind, key string, value int64, ms int) history.Operation {
		d := time.Duration(ms) * time.Millisecond
		return history.Operation{Kind: kind, Key: key, Value: value, Start: d, End: d, Outcome: history.OK}
	}
	batch := history.Batch{Key: "orders", Values: []int64{1, 2, 3, 4}}
	received := history.History{
		at(history.Deliver, "orders", 1, 0), at(history.Deliver, "orders", 1, 100), at(history.Deliver, "orders", 1, 900), // the third does not count
		at(history.Deliver, "orders", 2, 210), at(history.Deliver, "orders", 2, 10), // in any order
		at(history.Deliver, "orders", 3, 20), at(history.Deliver, "orders", 3, 1020),
		at(history.Deliver, "orders", 4, 30),                                     // only once
		at(history.Deliver, "orders", 9, 0), at(history.Deliver, "orders", 9, 5), // not of the batch
		at(history.Deliver, "others", 1, 1), at(history.Publish, "orders", 4, 400), // another stream, another kind
	}
	require.Equal(t, 200*time.Millisecond, check.Again(received, batch))
	require.Zero(t, check.Again(history.History{}, batch))
}
