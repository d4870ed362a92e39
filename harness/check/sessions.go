package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"assay/harness/history"
)

// Versions tells in which order the values of each key were written, as far as that is known: which of two is the newer. 0, which stands
// for absence, is older than any.
type Versions struct {
	places map[string]map[int64]int // from 0 on; unplaced where a value was written more than once
	issued bool                     // the order is that in which the values were issued, and says nothing about the store
}

const unplaced = -2

// VersionOrder is the order in which the store itself has the values of each key, the oldest first: its log, its version numbers, a list to which
// each write was appended. A value that is not in it, or twice, has no place.
func VersionOrder(order map[string][]int64) Versions {
	v := Versions{places: make(map[string]map[int64]int, len(order))}
	for key, values := range order {
		v.place(key, values)
	}
	return v
}

// SoleWriters is the order in which writes were acknowledged, for those keys that one client alone has written, waiting for each write
// before the next. A write of unknown outcome may take effect after later ones, and has no place. That the store keeps to that order is
// taken for granted: where it does not, what breaks is monotonic writes, and may show as another guarantee's breach.
func SoleWriters(writes history.Source) Versions {
	v := Versions{places: map[string]map[int64]int{}, issued: true}
	byKey := map[string]history.History{}
	for _, op := range writes.History().Sorted() {
		if stores(op) && op.Outcome != history.Failed {
			byKey[op.Key] = append(byKey[op.Key], op)
		}
	}
	for key, of := range byKey {
		var values []int64
		alone, free := true, time.Duration(-1)
		for _, op := range of {
			alone = alone && op.Client == of[0].Client
			if op.Outcome == history.OK {
				alone = alone && free < op.Start
				free = op.End
				values = append(values, op.Value)
			}
		}
		if alone {
			v.place(key, values)
		}
	}
	return v
}

func (v Versions) place(key string, values []int64) {
	places := make(map[int64]int, len(values))
	for i, value := range values {
		if _, again := places[value]; again {
			i = unplaced
		}
		places[value] = i
	}
	v.places[key] = places
}

// has tells whether the order knows what an operation wrote.
func (v Versions) has(op *history.Operation) bool {
	_, ok := v.of(op)
	return ok
}

// of gives the place of what an operation read or wrote, the larger the newer.
func (v Versions) of(op *history.Operation) (place int, ok bool) {
	if op.Value == 0 {
		return -1, true
	}
	place, ok = v.places[op.Key][op.Value]
	return place, ok && place != unplaced
}

// The guarantees, in the words of properties.
const (
	readYourWrites    = "read your writes: a session's reads do not lack what it wrote before"
	monotonicReads    = "monotonic reads: a session's reads do not lack what it read before"
	monotonicWrites   = "monotonic writes: a session's writes take effect in their order"
	writesFollowReads = "writes follow reads: a session's writes take effect after what it read before"
)

// Breach is a guarantee seen broken.
type Breach struct {
	Op history.Operation // the read that lacks a write, or the write that took effect too early
	// Because are the operations from which that follows, one from the other: last that which Op should have come after.
	Because []history.Operation
}

// SessionReport tells which guarantees sessions were seen not to have.
type SessionReport struct {
	Sessions int // clients that read or wrote
	Reads    int // of sessions, that succeeded
	Writes   int // of sessions, that may have taken effect

	subject subject
	trouble string
	went    string // how a replica went back, if one did
	tallies map[string]*guarantee
}

// guarantee is what was found about one of them.
type guarantee struct {
	judged   int // how often it could have been broken
	unjudged int // how often it could have been but for a value without a place
	breaches []Breach
}

// Sessions judges the four session guarantees of Terry et al., "Session Guarantees for Weakly Consistent Replicated Data" (1994). A session
// is what one client does: its Write and CompareAndSet operations, and its Reads, of registers that are replicated. One operation comes
// before another in it if it had ended when the other began, so that a client may do several at once. What a compare-and-set found is not
// used.
//
// A register shows the newest of the writes that a replica has received. A read of an older value than v thus tells that the replica lacks
// v, and a read of v that it has it; that it has what is older than v remains unknown. So
//
//   - read your writes is broken by a read of something older than what the session itself wrote before,
//   - monotonic reads by a read of something older than what it read before.
//
// Every breach of these two that operations can show is found, as far as the order of versions is known; what has no place in it is newer
// than nothing at all, and that is all that is known of it. What a replica has received beyond one register no client can tell, unless it is
// known which replica it asked. Then
//
//   - monotonic writes is broken by a replica that has a write, and yet lacks one that the same session had issued before it, also of
//     another key; and by the order itself, if it has two writes of a session to one key the other way round,
//   - writes follow reads is broken by a replica that has a write, and yet lacks what its session had read before it; and by the order.
//
// Each of replicas is a history of reads that one and the same replica has answered: what it has shown it goes on having, so that
// what it lacks afterwards it lacked then. Reads of one replica that overlap are not compared. Without replicas the order of versions alone
// can tell, and if that is the one of SoleWriters nothing can. A replica which itself goes back to an older value shows that by that order
// writes took effect the other way round; by one that was Told, that it is no such replica, or the order wrong, and the last two guarantees
// remain unknown.
//
// A write of unknown outcome asks for nothing, since it may not have happened yet; once a replica has shown it, it has happened, and what
// came before it in its session is asked for. Values are unique for a key: one that several operations write asks for nothing either.
func Sessions(sessions history.Source, order Versions, replicas ...history.Source) (r SessionReport) {
	r = SessionReport{subject: subject{name: nameOf(sessions), registers: true}, tallies: map[string]*guarantee{
		readYourWrites: {}, monotonicReads: {}, monotonicWrites: {}, writesFollowReads: {},
	}}
	defer rescue(&r.trouble)
	// Effects before causes, as in Delivery.
	var shown []history.History
	for _, replica := range replicas {
		shown = append(shown, replica.History())
	}
	j := &sessionJudge{report: &r, order: order, writers: map[stranger]*history.Operation{}, wrote: map[string]ops{}, read: map[string]ops{}}
	h := sessions.History().Sorted()
	r.subject.met(append(shown, h)...)
	j.take(h)
	for _, client := range j.clients {
		j.session(client)
	}
	for i, h := range shown {
		j.replica(cmp.Or(nameOf(replicas[i]), fmt.Sprint("replica ", i+1)), h)
	}
	return r
}

// ReadYourWrites: no session read something older than what it had written.
func (r SessionReport) ReadYourWrites() Result {
	return r.result(readYourWrites, "", "reads lack what their session had written",
		"no read came after an acknowledged write of its session to the same key")
}

// MonotonicReads: no session read something older than what it had read.
func (r SessionReport) MonotonicReads() Result {
	return r.result(monotonicReads, "", "reads lack what their session had read", "no session read a key again")
}

// MonotonicWrites: no session's writes were seen to take effect in another order than the session's.
func (r SessionReport) MonotonicWrites() Result {
	return r.result(monotonicWrites, r.went, "times a session's write took effect without one that it had issued before",
		"neither the order of versions nor a replica could have shown that a session's writes changed places")
}

// WritesFollowReads: no session's write was seen to take effect without what the session had read.
func (r SessionReport) WritesFollowReads() Result {
	return r.result(writesFollowReads, r.went, "times a session's write took effect without what it had read before",
		"neither the order of versions nor a replica could have shown that a write came before what its session had read")
}

// Breaches gives the breaches of all four guarantees, by the start of what broke them.
func (r SessionReport) Breaches() []Breach {
	var all []Breach
	for _, g := range []string{readYourWrites, monotonicReads, monotonicWrites, writesFollowReads} {
		if t := r.tallies[g]; t != nil {
			all = append(all, t.breaches...)
		}
	}
	slices.SortStableFunc(all, func(a, b Breach) int { return cmp.Compare(a.Op.Start, b.Op.Start) })
	return all
}

func (r SessionReport) result(property, doubt, broken, none string) Result {
	g := r.tallies[property]
	if g == nil {
		g = &guarantee{} // of a report that Sessions did not make
	}
	f := finding{
		subject:    r.subject,
		property:   property,
		violations: len(g.breaches),
		checked:    g.judged,
		doubt:      doubt,
		trouble:    r.trouble,
		holds:      fmt.Sprintf("0 of %d %s", g.judged, broken),
	}
	if g.unjudged > 0 {
		f.holds += fmt.Sprintf("; %d more had no place in the order of versions", g.unjudged)
	}
	switch {
	case g.judged > 0:
	case g.unjudged > 0:
		f.doubt = cmp.Or(f.doubt, fmt.Sprintf("%d values had no place in the order of versions, and there was nothing else to judge", g.unjudged))
	default:
		f.doubt = cmp.Or(f.doubt, none)
	}
	if len(g.breaches) > 0 {
		f.violated = fmt.Sprintf("%d of %d %s (first: %s)", len(g.breaches), g.judged, broken, g.breaches[0])
		for _, b := range g.breaches {
			if chain := append(slices.Clone(b.Because), b.Op); len(f.offending) == 0 || len(f.offending)+len(chain) <= mostOffending {
				f.offending = append(f.offending, chain[max(0, len(chain)-mostOffending):]...)
			}
		}
	}
	return f.result()
}

// String words the breach: "x/1 read by alice at 2.000s lacks x/2 written by alice at 1.000s".
func (b Breach) String() string {
	s := did(b.Op) + " lacks "
	if stores(b.Op) {
		s = did(b.Op) + " is older than "
	}
	for i, op := range slices.Backward(b.Because) {
		s += did(op)
		if i > 0 {
			s += " before "
		}
	}
	return s
}

// did words an operation as "x/2 written by alice at 1.000s".
func did(op history.Operation) string {
	verb := "written"
	if op.Kind == history.Read {
		verb = "read"
	}
	return fmt.Sprintf("%s %s by %s at %s", name(op.Key, op.Value), verb, op.Client, when(op.Start))
}

// ops are operations in some order.
type ops []*history.Operation

// byEnd gives them by their ends.
func (o ops) byEnd() ops {
	o = slices.Clone(o)
	slices.SortStableFunc(o, func(a, b *history.Operation) int { return cmp.Compare(a.End, b.End) })
	return o
}

// replay goes through operations, which come by their starts. Before each it tells of those that had ended when it began.
func (o ops) replay(ended, begins func(*history.Operation)) {
	past := o.byEnd()
	for _, op := range o {
		for len(past) > 0 && past[0].End < op.Start {
			ended(past[0])
			past = past[1:]
		}
		begins(op)
	}
}

// cause is an operation, and why it counts.
type cause struct {
	op  *history.Operation
	why *cause
}

// chain gives the operations of a cause, the first of them first.
func (c *cause) chain() []history.Operation {
	var chain []history.Operation
	for ; c != nil; c = c.why {
		chain = append(chain, *c.op)
	}
	slices.Reverse(chain)
	return chain
}

// needs tells for each key what must be shown at least.
type needs map[string]need

type need struct {
	place int    // of something as new
	vague bool   // and of something else that has no place
	cause *cause // why the former
}

// raise asks for what an operation read or wrote. Of what has no place nothing is known but that it is newer than nothing at all.
func (n needs) raise(order Versions, c *cause) {
	place, placed := order.of(c.op)
	if !placed {
		place = 0
	}
	old, any := n[c.op.Key]
	if !any || place > old.place {
		n[c.op.Key] = need{place, old.vague || !placed, c}
	} else if !placed && !old.vague {
		old.vague = true
		n[c.op.Key] = old
	}
}

// sessionJudge is Sessions at work.
type sessionJudge struct {
	report  *SessionReport
	order   Versions
	clients []string                        // in the order in which they began
	wrote   map[string]ops                  // by client, the writes that may have taken effect
	read    map[string]ops                  // by client, the reads that succeeded
	writers map[stranger]*history.Operation // by what was written; nil if by several
}

// take takes in what the sessions did.
func (j *sessionJudge) take(h history.History) {
	for i := range h {
		op := &h[i]
		writes := stores(*op) && op.Outcome != history.Failed
		if !writes && (op.Kind != history.Read || op.Outcome != history.OK) {
			continue
		}
		if len(j.wrote[op.Client])+len(j.read[op.Client]) == 0 {
			j.clients = append(j.clients, op.Client)
		}
		if !writes {
			j.report.Reads++
			j.read[op.Client] = append(j.read[op.Client], op)
			continue
		}
		j.report.Writes++
		j.wrote[op.Client] = append(j.wrote[op.Client], op)
		m := stranger{op.Key, op.Value}
		if _, again := j.writers[m]; again {
			j.writers[m] = nil
		} else {
			j.writers[m] = op
		}
	}
	j.report.Sessions = len(j.clients)
}

// session judges what one client did by the order of versions.
func (j *sessionJudge) session(client string) {
	all := append(slices.Clone(j.wrote[client]), j.read[client]...)
	slices.SortStableFunc(all, func(a, b *history.Operation) int { return cmp.Compare(a.Start, b.Start) })
	wrote, read := needs{}, needs{}
	all.replay(func(op *history.Operation) {
		switch {
		case op.Value == 0 || op.Outcome != history.OK:
		case op.Kind == history.Read:
			read.raise(j.order, &cause{op: op})
		default:
			wrote.raise(j.order, &cause{op: op})
		}
	}, func(op *history.Operation) {
		switch {
		case op.Kind == history.Read:
			j.judge(readYourWrites, wrote, op)
			j.judge(monotonicReads, read, op)
		case !j.order.issued && (op.Outcome == history.OK || j.order.has(op)):
			j.judge(monotonicWrites, wrote, op)
			j.judge(writesFollowReads, read, op)
		}
	})
}

// judge looks whether what op read or wrote is as new as it must be.
func (j *sessionJudge) judge(property string, must needs, op *history.Operation) {
	need, any := must[op.Key]
	if !any {
		return
	}
	g := j.report.tallies[property]
	switch place, ok := j.order.of(op); {
	case ok && place < need.place:
		g.judged++
		g.breaches = append(g.breaches, Breach{*op, need.cause.chain()})
	case ok && !need.vague:
		g.judged++
	default:
		g.unjudged++
	}
}

// replica judges what one replica has shown.
func (j *sessionJudge) replica(replica string, h history.History) {
	h = h.Sorted()
	var reads ops
	for i := range h {
		if op := &h[i]; op.Kind == history.Read && op.Outcome == history.OK {
			reads = append(reads, op)
		}
	}
	before := func(of map[string]ops) *required {
		return &required{judge: j, must: needs{}, before: map[string]ops{}, of: of}
	}
	writes, causes := before(j.wrote), before(j.read)
	newest, back := needs{}, ""
	written, followed := *j.report.tallies[monotonicWrites], *j.report.tallies[writesFollowReads]
	reads.replay(func(op *history.Operation) {
		writes.shown(op, nil)
		causes.shown(op, nil)
		if op.Value != 0 {
			newest.raise(j.order, &cause{op: op})
		}
	}, func(op *history.Operation) {
		j.judge(monotonicWrites, writes.must, op)
		j.judge(writesFollowReads, causes.must, op)
		place, ok := j.order.of(op)
		if before, any := newest[op.Key]; any && ok && place < before.place && !j.exchanged(op, before.cause.op) {
			back = fmt.Sprintf("%s went back from %d at %s to %s: it does not keep what it has, or the order of versions is not its own",
				replica, before.cause.op.Value, when(before.cause.op.Start), did(*op))
		}
	})
	if back != "" {
		// Then nothing follows from it.
		*j.report.tallies[monotonicWrites], *j.report.tallies[writesFollowReads] = written, followed
		j.report.went = cmp.Or(j.report.went, back)
	}
}

// exchanged is told that a replica showed something older than what it had shown before. By the order in which a session issued both,
// that is a breach: to the replica, the older one is newer.
func (j *sessionJudge) exchanged(op, before *history.Operation) bool {
	older, newer := j.writers[stranger{op.Key, op.Value}], j.writers[stranger{before.Key, before.Value}]
	if !j.order.issued || older == nil || newer == nil {
		return false
	}
	g := j.report.tallies[monotonicWrites] // it was judged, since the older one must have been there
	g.breaches = append(g.breaches, Breach{*op, []history.Operation{*before, *newer}})
	return true
}

// required is what a replica must have, since it has shown what came after it in a session.
type required struct {
	judge  *sessionJudge
	of     map[string]ops // by client, what must come before its writes
	before map[string]ops // the same by its end, without what was required already
	must   needs
}

// shown is told that the replica has what op read. Then it must have what the writer had done before; and where that is to have read what
// another had written, what that one had done before.
func (q *required) shown(op *history.Operation, why *cause) {
	w := q.judge.writers[stranger{op.Key, op.Value}]
	if w == nil {
		return
	}
	why = &cause{w, &cause{op, why}}
	if _, begun := q.before[w.Client]; !begun {
		q.before[w.Client] = q.of[w.Client].byEnd()
	}
	for len(q.before[w.Client]) > 0 && q.before[w.Client][0].End < w.Start {
		first := q.before[w.Client][0]
		q.before[w.Client] = q.before[w.Client][1:]
		if first.Outcome == history.OK && first.Value != 0 {
			q.must.raise(q.judge.order, &cause{first, why})
			q.shown(first, why)
		}
	}
}
