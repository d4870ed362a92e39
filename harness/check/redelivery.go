package check

import (
	"time"

	"assay/harness/history"
)

// RedeliveryTime gives the median time from the start of a message's sending to its second arrival, of the messages of the batch that
// arrived more than once; 0 if none did. Where the first arrival's acknowledgement was lost, it is no less than what the broker
// waits for one: the broker begins to wait after the sending has begun. From one arrival to the next it would be less, whenever
// the first one was longer under way.
func RedeliveryTime(sent, received history.Source, b history.Batch) time.Duration {
	begun, times := map[int64]time.Duration{}, map[int64]int{}
	for _, v := range b.Values {
		times[v] = 0
	}
	in := received.History().Sorted()
	for _, op := range sent.History().Of(history.Publish) {
		if _, known := begun[op.Value]; op.Key == b.Key && (!known || op.Start < begun[op.Value]) {
			begun[op.Value] = op.Start
		}
	}
	var after []time.Duration
	for _, op := range in {
		_, wanted := times[op.Value]
		if op.Kind != history.Deliver || op.Outcome != history.OK || op.Key != b.Key || !wanted {
			continue
		}
		times[op.Value]++
		if start, known := begun[op.Value]; known && times[op.Value] == 2 {
			after = append(after, op.Start-start)
		}
	}
	return median(after)
}
