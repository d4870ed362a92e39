package check

import (
	"time"

	"assay/harness/history"
)

// Again gives the median time from the first arrival of a message to its second, of the messages of the batch that arrived
// more than once; 0 if none did. Where the first one's acknowledgement was lost, it is what the broker waited.
func Again(received history.Historian, b history.Batch) time.Duration {
	first, done := map[int64]time.Duration{}, map[int64]bool{}
	for _, v := range b.Values {
		done[v] = false
	}
	var gaps []time.Duration
	for _, op := range received.History().Sorted() {
		over, wanted := done[op.Value]
		if op.Kind != history.Deliver || op.Outcome != history.OK || op.Key != b.Key || !wanted || over {
			continue
		}
		if at, seen := first[op.Value]; seen {
			gaps = append(gaps, op.Start-at)
			done[op.Value] = true
		} else {
			first[op.Value] = op.Start
		}
	}
	return median(gaps)
}
