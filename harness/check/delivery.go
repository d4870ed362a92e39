package check

import (
	"fmt"
	"math"
	"slices"
	"time"

	"assay/harness/history"
)

// DeliveryReport compares what was sent with what arrived. It counts messages, each known by its key and its value. A message that was
// sent several times is one message, acknowledged if any of its sendings was.
type DeliveryReport struct {
	Attempted    int // messages that someone tried to send
	Acknowledged int // of those, the ones whose sending was acknowledged
	Deliveries   int // how often any message arrived
	Received     int // messages that arrived, once or more often
	Lost         int // acknowledged, but they never arrived
	Duplicated   int // arrived more than once
	Unexpected   int // arrived although nobody sent them, or although their sending surely failed
	Recovered    int // arrived although the outcome of their sending is unknown
	// Inversions counts the messages that arrived, for the first time, after a message that the same client sent later to the same key.
	Inversions int

	subject subject
	trouble string // why the checker itself failed, if it did

	ordered                                  int // messages that arrived after another one of the same client and key
	lost, duplicated, unexpected, inversions examples
	sent                                     history.History
	index                                    *index
	strangers                                map[stranger]int32 // the numbers of the messages that nobody sent
	messages                                 []message          // by their number in index or strangers
}

// message is what is known of one.
type message struct {
	sent     int32 // in DeliveryReport.sent, the earliest sending that did not surely fail, else the earliest; none if nobody sent it
	stream   int32 // of its sending: client and key
	arrivals int32
	state    state
	start    time.Duration // of its sending
}

// stranger is a message that nobody sent.
type stranger struct {
	key   string
	value int64
}

// state is the best that is known of the sendings of a message.
type state uint8

const (
	neverSent state = iota
	surelyFailed
	perhapsSent
	acknowledged
)

func stateOf(o history.Outcome) state {
	switch o {
	case history.OK:
		return acknowledged
	case history.Failed:
		return surelyFailed
	default:
		return perhapsSent
	}
}

// Delivery compares the Publish and Write operations of sent with the Deliver and Read operations of received, in the manner of Jepsen's
// total-queue checker (jepsen.checker/total-queue): every acknowledged message must arrive, duplicates are allowed under at-least-once and
// counted apart, and a sending of unknown outcome may or may not arrive.
//
// With writes and a final read of everything, what is lost is the recovery point objective (RPO). Each value must then stay readable: rows,
// elements or keys of their own, not one register that is overwritten. A value that is read again is not a duplicate, and 0, which
// is what a read returns when it finds nothing, is not a value. A message sent under one key must be received under the same.
//
// Order is that in which a client began its sendings, as on one connection; it means nothing for a client used by several goroutines at
// once. What is still on its way counts as lost: compare when everything has settled.
func Delivery(sent, received history.Source) (r DeliveryReport) {
	r.subject.name = nameOf(received)
	defer rescue(&r.trouble)
	// Of two histories that still grow, the effects must be taken before the causes, or else what is sent and received between the two
	// would be unexpected.
	in := received.History().Sorted()
	out := sent.History().Sorted()
	r.subject.met(in, out)
	r.sent, r.index, r.strangers = out, newIndex(out, history.Publish, history.Write), make(map[stranger]int32)
	r.messages = slices.Repeat([]message{{sent: none, stream: none}}, len(r.index.values))
	streams := r.addSent()
	r.addReceived(in, streams)
	for i, n := range r.index.numberOf {
		if n == none || r.messages[n].sent != int32(i) {
			continue // not a sending, or another one counts for its message
		}
		r.Attempted++
		if r.messages[n].state != acknowledged {
			continue
		}
		r.Acknowledged++
		if r.messages[n].arrivals == 0 {
			r.Lost++
			r.lost.add(out[i])
		}
	}
	return r
}

// addSent takes in the sendings, by their starts, and gives the number of streams.
func (r *DeliveryReport) addSent() int {
	clients := names{numbers: make(map[string]int32), lastNumber: none}
	streams := make(map[[2]int32]int32) // by client and key
	last := [2]int32{none, none}
	stream := none
	for i, n := range r.index.numberOf {
		if n == none {
			continue
		}
		op := &r.sent[i]
		if at := [2]int32{clients.number(op.Client), r.index.keyOf[i]}; at != last {
			known, ok := streams[at]
			if !ok {
				known = int32(len(streams))
				streams[at] = known
			}
			last, stream = at, known
		}
		m := &r.messages[n]
		now := stateOf(op.Outcome)
		if m.state < perhapsSent && now > m.state {
			m.sent, m.stream, m.start = int32(i), stream, op.Start
		}
		m.state = max(m.state, now)
	}
	return len(streams)
}

// addReceived takes in the arrivals, by their starts.
func (r *DeliveryReport) addReceived(in history.History, streams int) {
	// By stream, the latest start of the sendings that have arrived.
	newest := slices.Repeat([]time.Duration{nothingYet}, streams)
	index := newCursor(r.index)
	for i := range in {
		op := &in[i]
		if op.Outcome != history.OK || op.Kind != history.Deliver && (op.Kind != history.Read || op.Value == 0) {
			continue
		}
		r.Deliveries++
		n, _ := index.find(op.Key, op.Value)
		if n == none {
			n = r.stranger(op)
		}
		m := &r.messages[n]
		if m.arrivals == 0 {
			m.arrivals = 1
			r.addFirstArrival(op, m, newest)
			continue
		}
		if op.Kind == history.Read {
			continue
		}
		if m.arrivals++; m.arrivals == 2 {
			r.Duplicated++
			r.duplicated.add(*op)
		}
	}
}

// stranger gives the number of a message that nobody sent.
func (r *DeliveryReport) stranger(op *history.Operation) int32 {
	s := stranger{op.Key, op.Value}
	n, ok := r.strangers[s]
	if !ok {
		n = int32(len(r.messages))
		r.messages = append(r.messages, message{sent: none, stream: none})
		r.strangers[s] = n
	}
	return n
}

// nothingYet is before any time that a recorder gives.
const nothingYet time.Duration = math.MinInt64

func (r *DeliveryReport) addFirstArrival(op *history.Operation, m *message, newest []time.Duration) {
	r.Received++
	switch m.state {
	case neverSent, surelyFailed:
		r.Unexpected++
		r.unexpected.add(*op)
		return
	case perhapsSent:
		r.Recovered++
	}
	if op.Kind == history.Read {
		return // a reader chooses its own order
	}
	before := &newest[m.stream]
	if *before != nothingYet {
		r.ordered++
	}
	if m.start < *before {
		r.Inversions++
		r.inversions.add(*op)
	}
	*before = max(*before, m.start)
}

// NothingLost: every acknowledged message arrived. How often does not matter.
func (r DeliveryReport) NothingLost() Result {
	return finding{
		subject:    r.subject,
		trouble:    r.trouble,
		property:   "nothing acknowledged is lost",
		violations: r.Lost,
		checked:    r.Acknowledged,
		offending:  r.lost,
		violated:   fmt.Sprintf("lost %d of %d acknowledged%s", r.Lost, r.Acknowledged, r.lost.first(sending)),
		doubt:      r.nothingSent(),
		holds:      fmt.Sprintf("all %d acknowledged arrived", r.Acknowledged),
	}.result()
}

// NoDuplicates: nothing arrived more than once.
func (r DeliveryReport) NoDuplicates() Result {
	return finding{
		subject:    r.subject,
		trouble:    r.trouble,
		property:   "nothing arrives twice",
		violations: r.Duplicated,
		checked:    r.Received,
		offending:  r.duplicated,
		violated:   fmt.Sprintf("%d of %d received arrived more than once%s", r.Duplicated, r.Received, r.duplicated.first(again)),
		doubt:      r.nothingReceived(),
		holds:      fmt.Sprintf("each of %d received arrived once", r.Received),
	}.result()
}

// NothingUnexpected: nothing arrived that nobody sent, or whose sending surely failed.
func (r DeliveryReport) NothingUnexpected() Result {
	return finding{
		subject:    r.subject,
		trouble:    r.trouble,
		property:   "nothing arrives that was not sent",
		violations: r.Unexpected,
		checked:    r.Received,
		offending:  r.unexpected,
		violated:   fmt.Sprintf("%d of %d received were not sent%s", r.Unexpected, r.Received, r.unexpected.first(r.uninvited)),
		doubt:      r.nothingReceived(),
		holds:      fmt.Sprintf("all %d received had been sent", r.Received),
	}.result()
}

// ExactlyOnce: every acknowledged message arrived, none arrived twice, and none that was not sent.
func (r DeliveryReport) ExactlyOnce() Result {
	var all examples
	for _, some := range []examples{r.lost, r.duplicated, r.unexpected} {
		for _, op := range some {
			all.add(op)
		}
	}
	return finding{
		subject:    r.subject,
		trouble:    r.trouble,
		property:   "every acknowledged message arrives exactly once",
		violations: r.Lost + r.Duplicated + r.Unexpected,
		checked:    r.Acknowledged,
		offending:  all,
		violated: fmt.Sprintf("of %d acknowledged and %d received: %d lost%s, %d duplicated%s, %d unexpected%s", r.Acknowledged, r.Received,
			r.Lost, r.lost.first(sending), r.Duplicated, r.duplicated.first(again), r.Unexpected, r.unexpected.first(r.uninvited)),
		doubt: r.nothingSent(),
		holds: fmt.Sprintf("all %d acknowledged arrived, each once", r.Acknowledged),
	}.result()
}

// Redelivered: every message of these batches arrived at least twice.
func (r DeliveryReport) Redelivered(batches ...history.Batch) Result {
	var missed examples
	total, once := 0, 0
	word := ""
	for _, b := range batches {
		for _, v := range b.Values {
			total++
			m := message{sent: none}
			if n, ok := r.index.find(b.Key, v); ok {
				m = r.messages[n]
			} else if n, ok := r.strangers[stranger{b.Key, v}]; ok {
				m = r.messages[n]
			}
			if m.arrivals >= 2 {
				continue
			}
			if once++; once == 1 {
				word = fmt.Sprintf(" (first: %s, arrived %s)", name(b.Key, v), [...]string{"never", "once"}[m.arrivals])
			}
			if m.sent != none {
				missed.add(r.sent[m.sent])
			}
		}
	}
	f := finding{
		subject:    r.subject,
		trouble:    r.trouble,
		property:   "each of these arrives at least twice",
		violations: once,
		checked:    total,
		offending:  missed,
		violated:   fmt.Sprintf("%d of %d did not arrive twice%s", once, total, word),
		holds:      fmt.Sprintf("all %d arrived at least twice", total),
	}
	if total == 0 {
		f.doubt = "no message was asked for"
	}
	return f.result()
}

// InOrder: what one client sent to one key arrived, for the first time, in the order in which it was sent.
func (r DeliveryReport) InOrder() Result {
	f := finding{
		subject:    r.subject,
		trouble:    r.trouble,
		property:   "messages arrive in the order they were sent in",
		violations: r.Inversions,
		checked:    r.ordered,
		offending:  r.inversions,
		violated: fmt.Sprintf("%d of %d arrived after one that was sent later%s", r.Inversions, r.ordered,
			r.inversions.first(func(op history.Operation) string {
				n, _ := r.index.find(op.Key, op.Value)
				return sending(r.sent[r.messages[n].sent]) + ", arrived at " + when(op.Start)
			})),
		holds: fmt.Sprintf("%d arrived after what was sent before them", r.ordered),
	}
	if r.ordered == 0 {
		f.doubt = "no two messages of one client and key arrived"
	}
	return f.result()
}

// nothingSent says why there was nothing that could be lost, "" if there was.
func (r DeliveryReport) nothingSent() string {
	switch {
	case r.Attempted == 0:
		return "nothing was published"
	case r.Acknowledged == 0:
		return fmt.Sprintf("none of %d published was acknowledged", r.Attempted)
	}
	return ""
}

func (r DeliveryReport) nothingReceived() string {
	if r.Received == 0 {
		return "nothing was received"
	}
	return ""
}

func sending(op history.Operation) string {
	verb := "published"
	if op.Kind == history.Write {
		verb = "written"
	}
	return fmt.Sprintf("%s %s at %s", name(op.Key, op.Value), verb, when(op.Start))
}

func again(op history.Operation) string {
	return fmt.Sprintf("%s again at %s", name(op.Key, op.Value), when(op.Start))
}

func (r DeliveryReport) uninvited(op history.Operation) string {
	why := "never sent"
	if n, ok := r.index.find(op.Key, op.Value); ok && r.messages[n].state == surelyFailed {
		why = "whose sending failed"
	}
	return fmt.Sprintf("%s at %s, %s", name(op.Key, op.Value), when(op.Start), why)
}
