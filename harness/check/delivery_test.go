package check_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"assay/harness/check"
	"assay/harness/history"
)

// Each property with a history that has it and one that differs in little and has not; and one that does not tell.
func TestDelivery(t *testing.T) {
	tests := []struct {
		name           string
		sent, received string
		result         func(check.DeliveryReport) check.Result
		verdict        check.Verdict
		summary        string
		offending      []string
	}{
		{
			name: "nothing lost: all arrive, one of them twice",
			sent: `
				producer publish orders/1 1.000 1.010 ok
				producer publish orders/2 1.100 1.110 ok`,
			received: `
				consumer deliver orders/1 1.020
				consumer deliver orders/2 1.120
				consumer deliver orders/2 2.120`,
			result:  check.DeliveryReport.NothingLost,
			verdict: check.Holds, summary: "all 2 acknowledged arrived",
		}, {
			name: "nothing lost: one never arrives",
			sent: `
				producer publish orders/1 1.000 1.010 ok
				producer publish orders/2 1.203 1.210 ok`,
			received: `
				consumer deliver orders/1 1.020`,
			result:  check.DeliveryReport.NothingLost,
			verdict: check.Violated, summary: "lost 1 of 2 acknowledged (first: orders/2 published at 1.203s)",
			offending: []string{"orders/2"},
		}, {
			name: "nothing lost: what was acknowledged once must arrive, however else it was sent again",
			sent: `
				producer publish orders/1 0.900 0.910 unknown
				producer publish orders/1 1.000 1.010 ok
				producer publish orders/1 1.100 1.110 failed
				producer publish orders/2 1.200 1.210 ok
				producer publish orders/2 1.300 1.310 unknown
				producer publish orders/3 1.400 1.410 unknown
				producer publish orders/3 1.500 1.510 failed`,
			received: `
				consumer deliver orders/3 2.000`,
			result:    check.DeliveryReport.ExactlyOnce,
			verdict:   check.Violated,
			summary:   "of 2 acknowledged and 1 received: 2 lost (first: orders/1 published at 0.900s), 0 duplicated, 0 unexpected",
			offending: []string{"orders/1", "orders/2"},
		}, {
			name: "nothing lost: the same number under another key is another message",
			sent: `
				producer publish orders/1 1.000 1.010 ok`,
			received: `
				consumer deliver invoices/1 1.020`,
			result:  check.DeliveryReport.NothingLost,
			verdict: check.Violated, summary: "lost 1 of 1 acknowledged (first: orders/1 published at 1.000s)",
			offending: []string{"orders/1"},
		}, {
			name: "nothing lost: what was not acknowledged need not arrive",
			sent: `
				producer publish orders/1 1.000 1.010 ok
				producer publish orders/2 1.100 1.110 failed
				producer publish orders/3 1.200 3.200 unknown
				producer publish orders/4 1.300 … unknown`,
			received: `
				consumer deliver orders/1 1.020`,
			result:  check.DeliveryReport.NothingLost,
			verdict: check.Holds, summary: "all 1 acknowledged arrived",
		}, {
			name: "nothing lost: acknowledged at the second try",
			sent: `
				producer publish orders/1 1.000 2.000 unknown
				producer publish orders/1 2.100 2.110 ok`,
			received: ``,
			result:   check.DeliveryReport.NothingLost,
			verdict:  check.Violated, summary: "lost 1 of 1 acknowledged (first: orders/1 published at 1.000s)",
			offending: []string{"orders/1"},
		}, {
			name: "nothing lost: rows read again after the failure",
			sent: `
				writer write rows/1 1.000 1.010 ok
				writer write rows/2 1.100 1.110 ok`,
			received: `
				reader read rows/1 5.000 5.010 ok
				reader read rows/2 5.000 5.010 ok
				reader read rows/2 6.000 6.010 ok`,
			result:  check.DeliveryReport.ExactlyOnce,
			verdict: check.Holds, summary: "all 2 acknowledged arrived, each once",
		}, {
			name: "nothing lost: a row that is absent, and one whose reading failed",
			sent: `
				writer write rows/1 1.000 1.010 ok
				writer write rows/2 1.100 1.110 ok`,
			received: `
				reader read rows/0 5.000 5.010 ok
				reader read rows/2 5.000 5.010 failed`,
			result:  check.DeliveryReport.NothingLost,
			verdict: check.Violated, summary: "lost 2 of 2 acknowledged (first: rows/1 written at 1.000s)",
			offending: []string{"rows/1", "rows/2"},
		}, {
			name:    "nothing lost: nothing published",
			result:  check.DeliveryReport.NothingLost,
			verdict: check.Unknown, summary: "nothing was published",
		}, {
			name: "nothing lost: nothing acknowledged",
			sent: `
				producer publish orders/1 1.000 2.000 unknown
				producer publish orders/2 1.100 1.110 failed`,
			result:  check.DeliveryReport.NothingLost,
			verdict: check.Unknown, summary: "none of 2 published was acknowledged",
		}, {
			name: "no duplicates: each once",
			sent: `
				producer publish orders/1 1.000 1.010 ok
				producer publish orders/2 1.100 1.110 ok`,
			received: `
				consumer deliver orders/1 1.020
				consumer deliver orders/2 1.120`,
			result:  check.DeliveryReport.NoDuplicates,
			verdict: check.Holds, summary: "each of 2 received arrived once",
		}, {
			name: "no duplicates: one comes three times",
			sent: `
				producer publish orders/1 1.000 1.010 ok
				producer publish orders/2 1.100 1.110 ok`,
			received: `
				consumer deliver orders/1 1.020
				consumer deliver orders/2 1.120
				consumer deliver orders/1 2.020
				consumer deliver orders/1 3.020`,
			result:  check.DeliveryReport.NoDuplicates,
			verdict: check.Violated, summary: "1 of 2 received arrived more than once (first: orders/1 again at 2.020s)",
			offending: []string{"orders/1"},
		}, {
			name: "no duplicates: nothing received",
			sent: `
				producer publish orders/1 1.000 1.010 ok`,
			result:  check.DeliveryReport.NoDuplicates,
			verdict: check.Unknown, summary: "nothing was received",
		}, {
			name: "nothing unexpected: of unknown outcome, yet received",
			sent: `
				producer publish orders/1 1.000 2.000 unknown
				producer publish orders/2 1.100 … unknown`,
			received: `
				consumer deliver orders/1 1.020
				consumer deliver orders/2 1.120`,
			result:  check.DeliveryReport.NothingUnexpected,
			verdict: check.Holds, summary: "all 2 received had been sent",
		}, {
			name: "nothing unexpected: received though its publishing failed",
			sent: `
				producer publish orders/1 1.000 1.010 ok
				producer publish orders/2 1.100 1.110 failed`,
			received: `
				consumer deliver orders/1 1.020
				consumer deliver orders/2 1.120`,
			result:  check.DeliveryReport.NothingUnexpected,
			verdict: check.Violated, summary: "1 of 2 received were not sent (first: orders/2 at 1.120s, whose sending failed)",
			offending: []string{"orders/2"},
		}, {
			name: "nothing unexpected: received out of nowhere",
			sent: `
				producer publish orders/1 1.000 1.010 ok`,
			received: `
				consumer deliver orders/1 1.020
				consumer deliver orders/99 1.120
				consumer deliver returns/1 1.130`,
			result:  check.DeliveryReport.NothingUnexpected,
			verdict: check.Violated, summary: "2 of 3 received were not sent (first: orders/99 at 1.120s, never sent)",
			offending: []string{"orders/99", "returns/1"},
		}, {
			name:    "nothing unexpected: nothing received",
			result:  check.DeliveryReport.NothingUnexpected,
			verdict: check.Unknown, summary: "nothing was received",
		}, {
			name: "exactly once",
			sent: `
				producer publish orders/1 1.000 1.010 ok
				producer publish orders/2 1.100 … unknown
				producer publish orders/3 1.200 1.210 failed`,
			received: `
				consumer deliver orders/1 1.020
				consumer deliver orders/2 1.120`,
			result:  check.DeliveryReport.ExactlyOnce,
			verdict: check.Holds, summary: "all 1 acknowledged arrived, each once",
		}, {
			name: "exactly once: broken in all three ways",
			sent: `
				producer publish orders/1 1.000 1.010 ok
				producer publish orders/2 1.100 … unknown
				producer publish orders/3 1.200 1.210 failed`,
			received: `
				consumer deliver orders/2 1.120
				consumer deliver orders/2 1.121
				consumer deliver orders/3 1.220`,
			result:  check.DeliveryReport.ExactlyOnce,
			verdict: check.Violated,
			summary: "of 1 acknowledged and 2 received: 1 lost (first: orders/1 published at 1.000s), 1 duplicated (first: orders/2 again at 1.121s), " +
				"1 unexpected (first: orders/3 at 1.220s, whose sending failed)",
			offending: []string{"orders/1", "orders/2", "orders/3"},
		}, {
			name:    "exactly once: nothing published",
			result:  check.DeliveryReport.ExactlyOnce,
			verdict: check.Unknown, summary: "nothing was published",
		}, {
			name:      "exactly once: nothing published, yet something received",
			received:  `consumer deliver orders/2 1.120`,
			result:    check.DeliveryReport.ExactlyOnce,
			verdict:   check.Violated,
			summary:   "of 0 acknowledged and 1 received: 0 lost, 0 duplicated, 1 unexpected (first: orders/2 at 1.120s, never sent)",
			offending: []string{"orders/2"},
		}, {
			name: "in order: two producers, each in its own, and redeliveries",
			sent: `
				p1 publish orders/1 1.000 1.010 ok
				p1 publish orders/2 1.100 1.110 ok
				p2 publish orders/3 1.000 1.010 ok
				p2 publish orders/4 1.100 1.110 ok`,
			received: `
				consumer deliver orders/3 2.000
				consumer deliver orders/4 2.001
				consumer deliver orders/1 2.002
				consumer deliver orders/2 2.003
				consumer deliver orders/1 3.000`,
			result:  check.DeliveryReport.InOrder,
			verdict: check.Holds, summary: "2 arrived after what was sent before them",
		}, {
			name: "in order: one overtakes two",
			sent: `
				p1 publish orders/1 1.000 1.010 ok
				p1 publish orders/2 1.100 1.110 ok
				p1 publish orders/3 1.200 1.210 ok`,
			received: `
				consumer deliver orders/3 2.000
				consumer deliver orders/1 2.001
				consumer deliver orders/2 2.002`,
			result:  check.DeliveryReport.InOrder,
			verdict: check.Violated, summary: "2 of 2 arrived after one that was sent later (first: orders/1 published at 1.000s, arrived at 2.001s)",
			offending: []string{"orders/1", "orders/2"},
		}, {
			name: "in order: of two that were sent at once, either comes first",
			sent: `
				p1 publish orders/1 1.000 1.010 ok
				p1 publish orders/2 1.000 1.010 ok
				p1 publish orders/3 1.200 1.210 ok`,
			received: `
				consumer deliver orders/2 2.000
				consumer deliver orders/1 2.001
				consumer deliver orders/3 2.002`,
			result:  check.DeliveryReport.InOrder,
			verdict: check.Holds, summary: "2 arrived after what was sent before them",
		}, {
			name: "in order: a reader chooses its own",
			sent: `
				p1 write x/1 1.000 1.010 ok
				p1 write x/2 1.100 1.110 ok`,
			received: `
				consumer read x/2 2.000
				consumer read x/1 2.001`,
			result:  check.DeliveryReport.InOrder,
			verdict: check.Unknown, summary: "no two messages of one client and key arrived",
		}, {
			name: "in order: one message has no order",
			sent: `
				p1 publish orders/1 1.000 1.010 ok`,
			received: `
				consumer deliver orders/1 2.000`,
			result:  check.DeliveryReport.InOrder,
			verdict: check.Unknown, summary: "no two messages of one client and key arrived",
		}, {
			name: "redelivered: twice and three times",
			sent: `
				producer publish orders/1 1.000 1.010 ok
				producer publish orders/2 1.100 1.110 ok
				producer publish orders/3 1.200 1.210 ok`,
			received: `
				consumer deliver orders/1 1.020
				consumer deliver orders/2 1.120
				consumer deliver orders/1 2.020
				consumer deliver orders/2 2.120
				consumer deliver orders/2 3.120`,
			result: func(r check.DeliveryReport) check.Result {
				return r.Redelivered(history.Batch{Key: "orders", Values: []int64{1}}, history.Batch{Key: "orders", Values: []int64{2}})
			},
			verdict: check.Holds, summary: "all 2 arrived at least twice",
		}, {
			name: "redelivered: once and never",
			sent: `
				producer publish orders/1 1.000 1.010 ok
				producer publish orders/2 1.100 1.110 ok
				producer publish orders/3 1.200 1.210 ok`,
			received: `
				consumer deliver orders/1 1.020
				consumer deliver orders/2 1.120
				consumer deliver orders/1 2.020`,
			result: func(r check.DeliveryReport) check.Result {
				return r.Redelivered(history.Batch{Key: "orders", Values: []int64{1, 2, 3}})
			},
			verdict: check.Violated, summary: "2 of 3 did not arrive twice (first: orders/2, arrived once)",
			offending: []string{"orders/2", "orders/3"},
		}, {
			name: "redelivered: of a batch that nobody sent",
			result: func(r check.DeliveryReport) check.Result {
				return r.Redelivered(history.Batch{Values: []int64{7}})
			},
			verdict: check.Violated, summary: "1 of 1 did not arrive twice (first: 7, arrived never)",
		}, {
			name: "redelivered: what nobody sent, yet came once and twice",
			received: `
				consumer deliver orders/1 1.020
				consumer deliver orders/2 1.120
				consumer deliver orders/2 2.120`,
			result: func(r check.DeliveryReport) check.Result {
				return r.Redelivered(history.Batch{Key: "orders", Values: []int64{1, 2}})
			},
			verdict: check.Violated, summary: "1 of 2 did not arrive twice (first: orders/1, arrived once)",
		}, {
			name:    "redelivered: nothing asked for",
			result:  func(r check.DeliveryReport) check.Result { return r.Redelivered() },
			verdict: check.Unknown, summary: "no message was asked for",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := test.result(check.Delivery(parse(t, test.sent), parse(t, test.received)))
			assert.Equal(t, test.verdict, r.Verdict)
			assert.Equal(t, test.summary, r.Summary)
			assert.ElementsMatch(t, test.offending, names(r.Offending))
		})
	}
}

func TestDeliveryCounts(t *testing.T) {
	// Both in one history, as a recorder gives it.
	all := parse(t, `
		producer publish orders/1 1.000 1.010 ok
		producer publish orders/2 1.100 1.110 failed
		producer publish orders/3 1.200 2.200 unknown
		producer publish orders/4 1.300 2.300 unknown
		producer publish orders/5 1.400 1.410 failed
		producer publish orders/5 1.420 1.430 ok
		consumer disconnect orders/0 1.500
		consumer deliver orders/1 2.000
		consumer deliver orders/1 2.001
		consumer deliver orders/1 2.002
		consumer deliver orders/3 2.003
		consumer deliver orders/2 2.004`)
	r := check.Delivery(all, all)
	assert.Equal(t, []int{5, 2, 5, 3, 1, 1, 1, 1, 0},
		[]int{r.Attempted, r.Acknowledged, r.Deliveries, r.Received, r.Lost, r.Duplicated, r.Unexpected, r.Recovered, r.Inversions})
}

func TestDeliveryShowsTenOfMany(t *testing.T) {
	var sent history.History
	for i := range 25 {
		at := time.Duration(i) * time.Second
		sent = append(sent, history.Operation{Kind: history.Publish, Value: int64(i + 1), Start: at, End: at, Outcome: history.OK})
	}
	r := check.Delivery(sent, history.History{}).NothingLost()
	assert.Equal(t, 25, r.Violations)
	assert.Equal(t, 25, r.Checked)
	assert.Equal(t, sent[:10], history.History(r.Offending))
}

// workload is a delivery history that breaks nothing, and what is known of it.
type workload struct {
	sent, received history.History
	acknowledged   []int // the places in sent of the acknowledged messages
	failed         []int
	recovered      int
}

// valid draws a workload in which every acknowledged message arrives once and in order.
func valid(t *rapid.T) workload {
	var w workload
	// Dense numbers, sparse ones, and ones at the ends of the range.
	number := rapid.SampledFrom([]func(int) int64{
		func(i int) int64 { return int64(i) },
		func(i int) int64 { return int64(i) << 40 },
		func(i int) int64 { return math.MinInt64 + int64(i) },
		func(i int) int64 { return math.MaxInt64 - int64(i%2)*math.MaxInt64 - int64(i) },
	}).Draw(t, "numbers")
	clock := time.Duration(0)
	for i := range rapid.IntRange(1, 40).Draw(t, "messages") {
		clock += time.Millisecond
		op := history.Operation{
			Client: rapid.SampledFrom([]string{"p1", "p2"}).Draw(t, "client"),
			Kind:   history.Publish,
			Key:    rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "key"),
			Value:  number(i + 1),
			Start:  clock,
			End:    clock + 100*time.Microsecond,
		}
		arrives := true
		switch rapid.IntRange(0, 4).Draw(t, "fate") {
		case 0:
			op.Outcome, arrives = history.Failed, false
			w.failed = append(w.failed, i)
		case 1:
			op.Outcome, op.End = history.Unknown, history.Open
			if arrives = rapid.Bool().Draw(t, "recovered"); arrives {
				w.recovered++
			}
		default:
			op.Outcome = history.OK
			w.acknowledged = append(w.acknowledged, i)
		}
		w.sent = append(w.sent, op)
		if arrives {
			w.received = append(w.received, delivery(op, time.Hour+clock))
		}
	}
	return w
}

func delivery(of history.Operation, at time.Duration) history.Operation {
	return history.Operation{Client: "consumer", Kind: history.Deliver, Key: of.Key, Value: of.Value, Start: at, End: at, Outcome: history.OK}
}

// report compares both histories, in any order of their operations.
func (w workload) report(t *rapid.T) check.DeliveryReport {
	seed := rapid.Uint64().Draw(t, "order")
	return check.Delivery(shuffled(w.sent, seed), shuffled(w.received, seed+1))
}

func shuffled(h history.History, seed uint64) history.History {
	h = slices.Clone(h)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(h), func(i, j int) { h[i], h[j] = h[j], h[i] })
	return h
}

// expect asserts the verdicts of a workload with so many violations of each kind. What was not planted must not be found.
func expect(t *rapid.T, w workload, r check.DeliveryReport, lost, duplicated, unexpected, inversions int) {
	assert.Equal(t, []int{len(w.sent), len(w.acknowledged), w.recovered}, []int{r.Attempted, r.Acknowledged, r.Recovered})
	assert.Equal(t, []int{lost, duplicated, unexpected, inversions}, []int{r.Lost, r.Duplicated, r.Unexpected, r.Inversions})
	for _, x := range []struct {
		result     check.Result
		violations int
		enough     bool
	}{
		{r.NothingLost(), lost, len(w.acknowledged) > 0},
		{r.NoDuplicates(), duplicated, len(w.received) > 0},
		{r.NothingUnexpected(), unexpected, len(w.received) > 0},
		{r.ExactlyOnce(), lost + duplicated + unexpected, len(w.acknowledged) > 0},
	} {
		want := check.Holds
		switch {
		case x.violations > 0:
			want = check.Violated
		case !x.enough:
			want = check.Unknown
		}
		assert.Equal(t, want, x.result.Verdict, "%s", x.result)
		assert.Equal(t, x.violations, x.result.Violations, "%s", x.result)
		assert.Len(t, x.result.Offending, min(x.violations, 10), "%s", x.result)
	}
	if inversions > 0 {
		assert.Equal(t, check.Violated, r.InOrder().Verdict)
	} else {
		assert.NotEqual(t, check.Violated, r.InOrder().Verdict)
	}
}

func pick(t *rapid.T, from []int, what string) int {
	if len(from) == 0 {
		t.Skip("none ", what)
	}
	return rapid.SampledFrom(from).Draw(t, what)
}

func TestDeliveryFindsNothingWhereNothingIsPlanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := valid(t)
		expect(t, w, w.report(t), 0, 0, 0, 0)
	})
}

func TestDeliveryFindsTheOneThatIsDropped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := valid(t)
		dropped := w.sent[pick(t, w.acknowledged, "acknowledged")]
		w.received = slices.DeleteFunc(w.received, func(op history.Operation) bool { return op.Key == dropped.Key && op.Value == dropped.Value })
		r := w.report(t)
		expect(t, w, r, 1, 0, 0, 0)
		assert.Equal(t, []history.Operation{dropped}, r.NothingLost().Offending)
	})
}

func TestDeliveryFindsTheOneThatIsDuplicated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := valid(t)
		message := w.sent[pick(t, w.acknowledged, "acknowledged")]
		times := rapid.IntRange(1, 3).Draw(t, "times")
		for i := range times {
			w.received = append(w.received, delivery(message, 2*time.Hour+time.Duration(i)))
		}
		r := w.report(t)
		expect(t, w, r, 0, 1, 0, 0)
		assert.Equal(t, []history.Operation{delivery(message, 2*time.Hour)}, r.NoDuplicates().Offending)
		batch := history.Batch{Key: message.Key, Values: []int64{message.Value}}
		assert.Equal(t, check.Holds, r.Redelivered(batch).Verdict)
	})
}

func TestDeliveryFindsTheFailedOneThatArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := valid(t)
		planted := delivery(w.sent[pick(t, w.failed, "failed")], 2*time.Hour)
		w.received = append(w.received, planted)
		r := w.report(t)
		expect(t, w, r, 0, 0, 1, 0)
		assert.Equal(t, []history.Operation{planted}, r.NothingUnexpected().Offending)
	})
}

func TestDeliveryFindsTheOneFromNowhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := valid(t)
		planted := delivery(history.Operation{Key: rapid.SampledFrom([]string{"a", "z"}).Draw(t, "key"), Value: 4711}, 2*time.Hour)
		w.received = append(w.received, planted)
		r := w.report(t)
		expect(t, w, r, 0, 0, 1, 0)
		assert.Equal(t, []history.Operation{planted}, r.NothingUnexpected().Offending)
	})
}

func TestDeliveryFindsTheOneThatComesLate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := valid(t)
		// Deliver it after all the others: it is late if another one of its stream, sent later, arrived.
		late := w.sent[pick(t, w.acknowledged, "acknowledged")]
		inversions := 0
		for i := range w.received {
			if op := &w.received[i]; op.Key == late.Key && op.Value == late.Value {
				op.Start += time.Hour
				op.End += time.Hour
			} else if j := slices.IndexFunc(w.sent, func(s history.Operation) bool { return s.Key == op.Key && s.Value == op.Value }); w.sent[j].Client ==
				late.Client && op.Key == late.Key && w.sent[j].Start > late.Start {
				inversions = 1
			}
		}
		r := w.report(t)
		expect(t, w, r, 0, 0, 0, inversions)
		if inversions > 0 {
			assert.Equal(t, []string{fmt.Sprintf("%s/%d", late.Key, late.Value)}, names(r.InOrder().Offending))
		}
	})
}

func TestDeliveryDoesNotDependOnTheOrderOfItsInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent, received := anything(t, history.Publish), anything(t, history.Deliver)
		want, got := check.Delivery(sent, received), workload{sent: sent, received: received}.report(t)
		for _, result := range []func(check.DeliveryReport) check.Result{
			check.DeliveryReport.NothingLost, check.DeliveryReport.NoDuplicates, check.DeliveryReport.NothingUnexpected,
			check.DeliveryReport.ExactlyOnce, check.DeliveryReport.InOrder,
		} {
			assert.Equal(t, result(want), result(got))
		}
	})
}

// anything draws operations that need not make sense: values repeat, times collide.
func anything(t *rapid.T, kind string) history.History {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) history.Operation {
		op := history.Operation{
			Client:  rapid.SampledFrom([]string{"c1", "c2"}).Draw(t, "client"),
			Kind:    kind,
			Key:     rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key"),
			Value:   rapid.SampledFrom([]int64{0, 1, 2, 3, 4, 5, 1 << 40, -1}).Draw(t, "value"),
			Start:   time.Duration(rapid.IntRange(0, 20).Draw(t, "start")),
			Outcome: rapid.SampledFrom([]history.Outcome{history.OK, history.OK, history.Failed, history.Unknown}).Draw(t, "outcome"),
		}
		op.End = op.Start + time.Duration(rapid.IntRange(0, 5).Draw(t, "took"))
		if op.Outcome == history.Unknown && rapid.Bool().Draw(t, "pending") {
			op.End = history.Open
		}
		return op
	}), 0, 20).Draw(t, kind)
}
