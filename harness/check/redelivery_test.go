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
	batch := history.Batch{Key: "orders", Values: []int64{1, 2, 3, 4, 5}}
	sent := history.History{
		at(history.Publish, "orders", 1, 0), at(history.Publish, "others", 1, -500), // another stream
		at(history.Publish, "orders", 2, 10), at(history.Publish, "orders", 2, 150), // sent again: the first counts
		at(history.Publish, "orders", 3, 20), at(history.Publish, "orders", 4, 30),
	}
	received := history.History{
		at(history.Deliver, "orders", 1, 60), at(history.Deliver, "orders", 1, 100), at(history.Deliver, "orders", 1, 900), // the third does not count
		at(history.Deliver, "orders", 2, 210), at(history.Deliver, "orders", 2, 40), // in any order
		at(history.Deliver, "orders", 3, 50), at(history.Deliver, "orders", 3, 1020),
		at(history.Deliver, "orders", 4, 60),                                     // only once
		at(history.Deliver, "orders", 5, 0), at(history.Deliver, "orders", 5, 5), // sent by nobody
		at(history.Deliver, "orders", 9, 0), at(history.Deliver, "orders", 9, 5), // not of the batch
		at(history.Deliver, "others", 1, 1), at(history.Publish, "orders", 4, 400), // another stream, another kind
	}
	require.Equal(t, 200*time.Millisecond, check.RedeliveryTime(sent, received, batch))
	require.Equal(t, 100*time.Millisecond, check.RedeliveryTime(sent, received, history.Batch{Key: "orders", Values: []int64{1}}), "what came of another stream is not the first")
	require.Zero(t, check.RedeliveryTime(sent, history.History{}, batch))
}

// A delivery that was long under way does not make the broker wait less.
func TestAgainIsNeverLessThanTheBrokerWaits(t *testing.T) {
	event := func(kind string, ms int) history.Operation {
		d := time.Duration(ms) * time.Millisecond
		return history.Operation{Kind: kind, Key: "orders", Value: 1, Start: d, End: d, Outcome: history.OK}
	}
	sent := history.History{event(history.Publish, 0)}
	received := history.History{event(history.Deliver, 30), event(history.Deliver, 1011)} // sent by the broker at 10 and at 1010
	require.GreaterOrEqual(t, check.RedeliveryTime(sent, received, history.Batch{Key: "orders", Values: []int64{1}}), time.Second)
}
