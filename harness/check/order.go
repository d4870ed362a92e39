package check

import (
	"fmt"
	"time"

	"assay/harness/history"
)

// OrderReport tells how far deliveries are out of order.
type OrderReport struct {
	Messages int // that arrived, counted at each consumer
	// Pairs is how many pairs of messages have an order: both sent by one client to one key, one after the other, and arrived at one consumer.
	Pairs int64
	// Inversions is how many of the pairs arrived the other way round: 0 in order, Pairs in reverse, half of Pairs by chance (Kendall's tau
	// is 1 − 2·Inversions/Pairs).
	Inversions int64
	Late       int // messages that arrived after at least one that was sent later

	subject subject
	trouble string
	late    examples
	sentAt  map[stranger]time.Duration
}

// Order compares the order in which messages of one key arrived at each consumer with that in which each client sent them. Whether there is
// any disorder is told by Delivery as well; this tells how much, and does not mix consumers.
//
// It is about the first arrival at a consumer. A redelivery comes late by its nature, and does not count; where a consumer handles only
// the second arrival of a message, the first is to be recorded as Failed. What nobody sent has no order.
func Order(sent, received history.Source) (r OrderReport) {
	defer rescue(&r.trouble)
	r = OrderReport{subject: about(received, sent), sentAt: make(map[stranger]time.Duration)}
	in := received.History().Sorted() // effects before causes, as in Delivery
	sender := map[stranger]string{}
	for _, op := range sent.History().Of(history.Publish, history.Write).Sorted() {
		m := stranger{op.Key, op.Value}
		if _, again := sender[m]; !again && op.Outcome != history.Failed {
			sender[m], r.sentAt[m] = op.Client, op.Start
		}
	}
	type stream struct{ sender, key, consumer string }
	type arrival struct {
		message  stranger
		consumer string
	}
	arrived := map[arrival]bool{}
	starts, newest := map[stream][]time.Duration{}, map[stream]time.Duration{}
	for _, op := range in {
		m := stranger{op.Key, op.Value}
		by, known := sender[m]
		if op.Kind != history.Deliver || op.Outcome != history.OK || !known || arrived[arrival{m, op.Client}] {
			continue
		}
		arrived[arrival{m, op.Client}] = true
		r.Messages++
		s, at := stream{by, op.Key, op.Client}, r.sentAt[m]
		if at < newest[s] {
			r.Late++
			r.late.add(op)
		}
		newest[s] = max(newest[s], at)
		starts[s] = append(starts[s], at)
	}
	for _, s := range starts {
		n := int64(len(s))
		r.Pairs += n * (n - 1) / 2
		r.Inversions += inversions(s, make([]time.Duration, n))
	}
	return r
}

// inversions counts the pairs that are out of order, sorting them by merging: whenever one from the right half goes first, it passes all that
// are left of the left half. It takes n log n steps.
func inversions(times, room []time.Duration) int64 {
	if len(times) < 2 {
		return 0
	}
	half := len(times) / 2
	left, right := times[:half], times[half:]
	count := inversions(left, room[:half]) + inversions(right, room[half:])
	merged := room[:0]
	for len(left) > 0 && len(right) > 0 {
		if right[0] < left[0] {
			count += int64(len(left))
			merged, right = append(merged, right[0]), right[1:]
		} else {
			merged, left = append(merged, left[0]), left[1:]
		}
	}
	copy(times, append(append(merged, left...), right...))
	return count
}

// InOrder: what one client sent to one key arrived at each consumer in the order in which it was sent.
func (r OrderReport) InOrder() Result {
	f := finding{
		subject:    r.subject,
		property:   "each consumer gets the messages of a key in the order they were sent in",
		violations: r.Late,
		checked:    r.Messages,
		offending:  r.late,
		violated: fmt.Sprintf("%d of %d messages came late, %d of %d pairs are inverted%s", r.Late, r.Messages, r.Inversions, r.Pairs,
			r.late.first(func(op history.Operation) string {
				return fmt.Sprintf("%s sent at %s, arrived at %s at %s", name(op.Key, op.Value), when(r.sentAt[stranger{op.Key, op.Value}]), op.Client, when(op.Start))
			})),
		trouble: r.trouble,
		holds:   fmt.Sprintf("%d messages came in order, none of %d pairs is inverted", r.Messages, r.Pairs),
	}
	if r.Pairs == 0 {
		f.doubt = "no two messages of one client and key arrived at one consumer"
	}
	return f.result()
}
