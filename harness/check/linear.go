package check

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"assay/harness/history"
)

// LinearReport tells which registers of a history were linearizable.
type LinearReport struct {
	Operations int // the writes, compare-and-sets and reads that were judged
	Registers  int
	Illegal    []NotLinearizable // the registers that were not linearizable, by key
	Undecided  []string          // the keys of those for which the time limit came first

	subject subject
	trouble string // why the checker itself failed, if it did
	limit   time.Duration
	byKey   map[string]register
}

// NotLinearizable is a register that is not linearizable, and why.
type NotLinearizable struct {
	Key string
	// Response is the first operation whose response no order explains: all that was answered before it can be explained. It is the last
	// of Because where time ran out before the first was found.
	Response history.Operation
	// Because are operations that cannot be explained together, Response among them, by their starts: as few as were found in time.
	Because []history.Operation
}

// Linearizability looks for an order of the Write, CompareAndSet and Read operations of each key, a register, in which each took effect at
// one moment between its invocation and its response, and each read and compare-and-set found what was stored last (Herlihy and Wing,
// "Linearizability: A Correctness Condition for Concurrent Objects", 1990). Linearizability is local: a history is linearizable if the
// history of each register is. A register holds 0 until something is stored.
//
// A write or compare-and-set of unknown outcome may take effect at any time after its start, or never. Failed ones had no effect, and
// reads that failed or whose outcome is unknown returned nothing. What a refused compare-and-set tells about the register is not used;
// a fixture that learns what it held may record a read.
//
// The search is porcupine's, whose time can grow exponentially with the number of operations that overlap: a few clients for each key,
// and more keys rather than more clients, keep it to milliseconds. When limit has passed, what is not decided stays Undecided. That is
// the one way in which the machine has a say.
func Linearizability(ops history.Source, limit time.Duration) (r LinearReport) {
	defer rescue(&r.trouble)
	r = LinearReport{subject: about(ops), limit: limit, byKey: make(map[string]register)}
	r.subject.registers = true
	deadline := time.Now().Add(limit)
	for _, op := range ops.History().Sorted() {
		if op.Outcome == history.OK && op.Kind == history.Read || op.Outcome != history.Failed && stores(op) {
			r.Operations++
			r.byKey[op.Key] = register{append(r.byKey[op.Key].ops, op), history.Open}
		}
	}
	r.Registers = len(r.byKey)
	keys := slices.Sorted(maps.Keys(r.byKey))
	judged := make([]judgement, len(keys))
	var all sync.WaitGroup
	for i, key := range keys {
		all.Go(func() {
			defer rescue(&judged[i].trouble)
			judged[i] = judgeRegister(r.byKey[key], deadline)
		})
	}
	all.Wait()
	for i, key := range keys {
		j := &judged[i]
		r.trouble = cmp.Or(r.trouble, j.trouble)
		switch j.result {
		case porcupine.Illegal:
			j.why.Key = key
			r.Illegal = append(r.Illegal, j.why)
			r.byKey[key] = j.known
		case porcupine.Ok:
		default:
			r.Undecided = append(r.Undecided, key)
		}
	}
	return r
}

// Linearizable: each register behaves as if there were one copy of it, and each operation on it took effect at one moment.
func (r LinearReport) Linearizable() Result {
	f := finding{
		subject:    r.subject,
		property:   "each register is linearizable",
		violations: len(r.Illegal),
		checked:    r.Registers,
		trouble:    r.trouble,
		holds:      fmt.Sprintf("an order explains each of %d registers, %d operations in all", r.Registers, r.Operations),
	}
	switch {
	case r.Operations == 0:
		f.doubt = "nothing was read or written"
	case len(r.Undecided) > 0:
		f.doubt = fmt.Sprintf("%d of %d registers undecided after %s (first: %q with %d operations)", len(r.Undecided), r.Registers,
			howLong(r.limit), r.Undecided[0], len(r.byKey[r.Undecided[0]].ops))
	}
	if len(r.Illegal) > 0 {
		first := r.Illegal[0]
		f.violated = fmt.Sprintf("%d of %d registers not linearizable (first: no order explains the %s of %s by %s at %s; these %d of %d operations tell)",
			len(r.Illegal), r.Registers, first.Response.Kind, name(first.Key, first.Response.Value), first.Response.Client,
			when(first.Response.End), len(first.Because), len(r.byKey[first.Key].ops))
		f.offending = first.Because[max(0, len(first.Because)-mostOffending):]
	}
	result := f.result()
	if r.Operations > 0 {
		result.Drawing = page{r}
	}
	return result
}

// page is what Visualize writes.
type page struct{ report LinearReport }

func (page) Type() string { return "text/html" }

func (p page) Draw(to io.Writer, windows ...history.Window) error {
	return p.report.Visualize(to, windows...)
}

// drawingLimit is how long at most a drawing looks for an order. It takes the operations as long as they were, so that one can take longer
// to find than it took the check; without it the drawing shows the longest that were found.
const drawingLimit = 2 * time.Second

// Visualize writes a page of HTML that shows the registers that are not linearizable, up to the response that nothing explains, or all of
// them if all are. It shows how far each order that was tried came, and the windows, such as those of the faults. A browser draws some
// thousand operations well. It takes no longer than the limit of the check, and some seconds.
func (r LinearReport) Visualize(to io.Writer, windows ...history.Window) error {
	shown := slices.Sorted(maps.Keys(r.byKey))
	if len(r.Illegal) > 0 {
		shown = nil
		for _, i := range r.Illegal {
			shown = append(shown, i.Key)
		}
	}
	var parts [][]porcupine.Operation
	var end time.Duration
	rows := rows{}
	for _, key := range shown {
		part := r.byKey[key].asDrawn()
		for i := range part {
			op := part[i].Input.(*history.Operation)
			part[i].ClientId = rows.take(op)
			end = max(end, op.Start)
			if op.End != history.Open {
				end = max(end, op.End)
			}
		}
		parts = append(parts, part)
	}
	model := registerModel
	model.Partition = func([]porcupine.Operation) [][]porcupine.Operation { return parts }
	_, drawing := porcupine.CheckOperationsVerbose(model, nil, max(min(r.limit, drawingLimit), 1)) // 0 would be no limit
	var notes []porcupine.Annotation
	for _, w := range windows {
		notes = append(notes, porcupine.Annotation{
			Tag: "faults", Start: int64(w.From), End: int64(min(w.To, max(w.From, end))), Description: w.Name, BackgroundColor: "#ffd9b3",
			Details: fmt.Sprintf("%s from %s", w.Name, when(w.From)),
		})
	}
	drawing.AddAnnotations(notes)
	if err := porcupine.Visualize(model, drawing, to); err != nil {
		return fmt.Errorf("draw the history: %w", err)
	}
	return nil
}

// rows gives each operation a row of the drawing in which nothing else goes on: a client goes on after an operation that stays open.
type rows map[string][]row

type row struct {
	number int
	free   time.Duration
}

func (rs rows) take(op *history.Operation) int {
	of := rs[op.Client]
	for i := range of {
		if of[i].free <= op.Start {
			of[i].free = op.EffectBy()
			return of[i].number
		}
	}
	total := 0
	for _, others := range rs {
		total += len(others)
	}
	rs[op.Client] = append(of, row{total, op.EffectBy()})
	return total
}

// register is what happened to one register up to a time, all of it if that is Open. What was not answered by then may take effect later.
type register struct {
	ops   history.History // sorted; no failed ones, and no reads that returned nothing
	until time.Duration
}

// pending tells whether op was not yet answered.
func (reg register) pending(op *history.Operation) bool {
	return op.Outcome == history.Unknown || op.End > reg.until
}

// registerModel is that of one register. Its states are what it holds; the input is the operation, and has the output in it.
var registerModel = porcupine.Model{
	Init: func() any { return new(int64) },
	Step: func(state, input, output any) (bool, any) {
		op, pending := input.(*history.Operation), output.(bool)
		held := state.(*int64)
		switch {
		case op.Kind == history.Read:
			return *held == op.Value, state
		case op.Kind == history.CompareAndSet && *held != op.Expected:
			return pending, state // if it took effect here, it did so by doing nothing
		default:
			return true, &op.Value
		}
	},
	Equal: func(a, b any) bool { return *a.(*int64) == *b.(*int64) },
	Hash:  func(state any) uint64 { return uint64(*state.(*int64)) * 0x9e3779b97f4a7c15 },
	DescribeOperation: func(input, _ any) string {
		op := *input.(*history.Operation)
		return op.String()
	},
	DescribeState: func(state any) string { return fmt.Sprint("holds ", *state.(*int64)) },
}

// stores tells whether op stores a value if it takes effect.
func stores(op history.Operation) bool {
	return op.Kind == history.Write || op.Kind == history.CompareAndSet
}

// asDrawn gives the operations for porcupine, each as long as it was.
func (reg register) asDrawn() []porcupine.Operation {
	found := reg.found()
	var ops []porcupine.Operation
	for i := range reg.ops {
		op := &reg.ops[i]
		pending := reg.pending(op)
		switch {
		case op.Start > reg.until, pending && op.Kind == history.Read:
			continue
		case pending:
			// Whether a value that nobody found was ever stored makes no difference.
			if found[op.Value] {
				ops = append(ops, porcupine.Operation{Input: op, Output: true, Call: int64(op.Start), Return: int64(history.Open)})
			}
		default:
			ops = append(ops, porcupine.Operation{Input: op, Output: false, Call: int64(op.Start), Return: int64(op.End)})
		}
	}
	return ops
}

// found tells which values were there for a read or a compare-and-set to find.
func (reg register) found() map[int64]bool {
	found := map[int64]bool{}
	var maybe []*history.Operation
	for i := range reg.ops {
		op := &reg.ops[i]
		switch {
		case op.Start > reg.until:
		case op.Kind == history.Read && !reg.pending(op):
			found[op.Value] = true
		case op.Kind == history.CompareAndSet && reg.pending(op):
			maybe = append(maybe, op)
		case op.Kind == history.CompareAndSet:
			found[op.Expected] = true
		}
	}
	// One that is pending found what it expected if what it stored was found in turn.
	for changed := true; changed; {
		changed = false
		maybe = slices.DeleteFunc(maybe, func(op *history.Operation) bool {
			if found[op.Value] {
				found[op.Expected], changed = true, true
			}
			return found[op.Value]
		})
	}
	return found
}

// asSearched gives the operations for porcupine, each as short as it can have been. A value that only one operation stores was stored
// before the first read that returned it ended, so the operation need not be tried later. It changes nothing about which orders there
// are, and takes most of what is open-ended out of the search.
func (reg register) asSearched() []porcupine.Operation {
	ops := reg.asDrawn()
	stored, read := map[int64]int{}, map[int64]int64{}
	for i := range ops {
		op := ops[i].Input.(*history.Operation)
		if stores(*op) {
			stored[op.Value]++
		} else if first, seen := read[op.Value]; !seen || ops[i].Return < first {
			read[op.Value] = ops[i].Return
		}
	}
	for i := range ops {
		op := ops[i].Input.(*history.Operation)
		first, seen := read[op.Value]
		if seen && op.Value != 0 && stores(*op) && stored[op.Value] == 1 {
			ops[i].Return = min(ops[i].Return, max(first, ops[i].Call))
		}
	}
	return ops
}

// check searches for an order until the deadline.
func (reg register) check(deadline time.Time) porcupine.CheckResult {
	limit := time.Until(deadline)
	if limit <= 0 {
		return porcupine.Unknown
	}
	return porcupine.CheckOperationsTimeout(registerModel, reg.asSearched(), limit)
}

// judgement is what was found out about one register.
type judgement struct {
	result  porcupine.CheckResult
	why     NotLinearizable // if it is illegal
	known   register        // if it is illegal, cut off after the response that nothing explains
	trouble string
}

func judgeRegister(reg register, deadline time.Time) judgement {
	j := judgement{result: reg.check(deadline)}
	if j.result != porcupine.Illegal {
		return j
	}
	illegal := func(reg register) bool { return reg.check(deadline) == porcupine.Illegal }

	// What begins a linearizable history is linearizable: so there is a first response that cannot be explained.
	responses := reg.ops.Filter(func(op history.Operation) bool { return op.Outcome == history.OK })
	slices.SortStableFunc(responses, func(a, b history.Operation) int { return cmp.Compare(a.End, b.End) })
	first := sort.Search(len(responses)-1, func(i int) bool { return illegal(register{reg.ops, responses[i].End}) })
	j.known = register{reg.ops, responses[first].End}
	if !illegal(j.known) {
		j.known = reg // time ran out on the way
	}
	for _, op := range smallest(j.known, illegal).ops {
		if op.Start <= j.known.until {
			j.why.Because = append(j.why.Because, op)
		}
		if op.Outcome == history.OK && op.End <= j.known.until && op.End >= j.why.Response.End {
			j.why.Response = op
		}
	}
	return j
}

// smallest leaves out operations as long as the rest is illegal by itself. Some can always be left out of a linearizable history, which
// then still is: a read, or a value with all that stored it, found it, or built upon it.
func smallest(reg register, illegal func(register) bool) register {
	values := map[int64]bool{}
	for _, op := range reg.ops {
		values[op.Value], values[op.Expected] = true, true
	}
	delete(values, 0)
	kept := shrink(slices.Sorted(maps.Keys(values)), func(kept []int64) bool { return illegal(register{only(reg.ops, kept), reg.until}) })
	reg.ops = only(reg.ops, kept)
	reads := reg.ops.Of(history.Read)
	with := func(reads history.History) register {
		return register{append(reg.ops.Filter(stores), reads...).Sorted(), reg.until}
	}
	return with(shrink(reads, func(reads history.History) bool { return illegal(with(reads)) }))
}

// only gives the operations on 0 and on these values, as far as each compare-and-set among them expects one of them.
func only(ops history.History, values []int64) history.History {
	kept := map[int64]bool{0: true}
	for _, v := range values {
		kept[v] = true
	}
	for changed := true; changed; {
		changed = false
		for i := range ops {
			if op := &ops[i]; op.Kind == history.CompareAndSet && kept[op.Value] && !kept[op.Expected] {
				kept[op.Value], changed = false, true
			}
		}
	}
	return ops.Filter(func(op history.Operation) bool {
		return kept[op.Value] && (op.Kind != history.CompareAndSet || kept[op.Expected])
	})
}

// shrink leaves out elements, many at once where that goes, as long as what is left will do.
func shrink[E any, S ~[]E](of S, will func(S) bool) S {
	for size := (len(of) + 1) / 2; size > 0; size /= 2 {
		for from := 0; from < len(of); {
			rest := slices.Concat(of[:from], of[min(from+size, len(of)):])
			if will(rest) {
				of = rest
				continue
			}
			from += size
		}
	}
	return of
}
