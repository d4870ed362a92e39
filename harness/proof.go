package harness

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"assay/harness/check"
	"assay/harness/evidence"
	"assay/harness/fault"
	"assay/harness/history"
)

// proofs is what the Env has been shown so far.
type proofs struct {
	held      bool // a property held
	broke     bool // a control broke what the subject kept
	calm      bool
	early     bool                      // a fault came before the calm
	lastHeal  time.Duration             // of the latest fault
	lastWell  time.Duration             // the latest condition that was reached
	rushed    bool                      // the verdict was read in between
	cutShort  bool                      // noise made it useless to go on
	witnesses map[*fault.Fault][]string // who felt it, in words
	unseen    map[*fault.Fault][]string // who was asked and did not
	past      map[*fault.Fault][]string // who went past the link that it cut
	told      int                       // how many faults the notebook has told of
}

// Calm shows that the load behaves while there is no fault: every result must hold, or the test ends here, since the faults
// to come would prove nothing. It comes before the first fault.
func (e *Env) Calm(results ...check.Result) {
	e.t.Helper()
	for _, r := range results {
		ok := r.Verdict == check.Holds
		e.check("calm", r.Property, "", r, ok)
		if ok {
			continue
		}
		if e.mayBeNoise(r) {
			panic(undecidable{}) // nor would anything be that comes
		}
		e.fatal(evidence.NotCalm, "without any fault, %q %s; the faults below would prove nothing%s", r.Property, words(r), shown(r))
	}
	if len(results) == 0 {
		e.fatal(evidence.NotCalm, "Calm was given nothing to look at")
	}
	e.proofs.calm = true
}

// mayBeNoise tells whether a bound in time was missed by no more than the machine's noise explains, and notes that.
func (e *Env) mayBeNoise(r check.Result) bool {
	noise := e.noise.single(history.Always, 1)
	if r.Late <= 0 || r.Late > noise {
		return false
	}
	e.undecided(r.Property, noise, "%s, late by %s", r.Summary, brief(r.Late))
	return true
}

// Contrast is the proof: the property was seen to hold on the real system, with the mechanism in place; and under the same load and the
// same fault each control, without the mechanism, was seen to break the same property, in the same checker's judgement.
//
// What a control lacks is known from its side (Env.Control), or said with Without. A control that holds, or of which nothing is known,
// leaves the claim unfalsified.
func (e *Env) Contrast(property string, subject check.Result, controls ...check.Result) {
	e.t.Helper()
	e.reading()
	e.contrast(property, subject, controls)
}

func (e *Env) contrast(property string, subject check.Result, controls []check.Result) {
	e.t.Helper()
	if len(controls) == 0 {
		e.fatal(evidence.Broken, "contrast %q: against what? name the control that breaks it", property)
	}
	lacks := make([]string, len(controls))
	for i, c := range controls {
		side := e.sideOf(c)
		if lacks[i] = cmp.Or(c.Without, side.Without); lacks[i] == "" {
			e.fatal(evidence.Broken, "contrast %q: what does its control (%s) lack? make its clients on a side (Env.Control), or say it (Without)",
				property, cmp.Or(c.Subject, c.Summary))
		}
		if side := e.sideOf(subject); side.Control() && c.Without == "" {
			e.fatal(evidence.Broken, "contrast %q: the subject is judged by clients of %s, which is a control (%s)", property, side.Name, side.Without)
		}
		if c.Property != subject.Property {
			e.fatal(evidence.Unfalsified, "the control, %s, was judged by %q, and the subject by %q: both must be about the same property, judged by the same checker",
				lacks[i], c.Property, subject.Property)
		}
	}
	e.holds(property, subject)
	for i, c := range controls {
		ok := c.Verdict == check.Violated
		e.check("breaks", property, lacks[i], c, ok)
		e.proofs.broke = e.proofs.broke || ok
		if !ok {
			e.fail(evidence.Unfalsified, "the control, %s, was to break %q, but %s: if nothing breaks it, holding it proves nothing", lacks[i], property, words(c))
		}
	}
}

// Holds is for what accompanies the proof, such as that no read is stale after the heal: a property that was seen to hold, and that
// no control is asked to break.
func (e *Env) Holds(property string, r check.Result) {
	e.t.Helper()
	e.reading()
	e.holds(property, r)
}

func (e *Env) holds(property string, r check.Result) {
	e.t.Helper()
	ok := r.Verdict == check.Holds
	e.check("holds", property, "", r, ok)
	e.proofs.held = e.proofs.held || ok
	if !ok && !e.mayBeNoise(r) {
		e.fail(evidence.Violated, "%q should hold, but %s%s", property, words(r), shown(r))
	}
}

// While is for what is judged in the middle of a fault: a property of a window in which it is still in force. The outcome of the whole
// test is read after the heal.
func (e *Env) While(f *fault.Fault) During {
	e.t.Helper()
	e.announced()
	e.failIfBroken()
	if f.Window().To != history.Open {
		e.fatal(evidence.Broken, "%v is over, so nothing can be judged while it lasts", f)
	}
	return During{e}
}

// During judges while a fault lasts.
type During struct{ env *Env }

// Holds is Env.Holds in the middle of the fault.
func (d During) Holds(property string, r check.Result) {
	d.env.t.Helper()
	d.env.holds(property, r)
}

// Contrast is Env.Contrast in the middle of the fault.
func (d During) Contrast(property string, subject check.Result, controls ...check.Result) {
	d.env.t.Helper()
	d.env.contrast(property, subject, controls)
}

// Heal undoes faults, in the order given, and ends the test if one cannot be undone.
func (e *Env) Heal(faults ...*fault.Fault) {
	e.t.Helper()
	e.announced()
	for _, f := range faults {
		if err := f.Heal(); err != nil {
			e.fatal(evidence.Unhealed, "%s", err)
		}
		e.noteHeal(f)
	}
}

func (e *Env) noteHeal(f *fault.Fault) {
	w := f.Window()
	e.note("  ✚ %s after %s: %v", f.Undo, brief(w.To-w.From), f)
	for _, t := range e.aboutItself(f) {
		e.note("    over %v", t)
	}
}

// Witness shows who felt a fault that the Env cannot see in the operations of the clients on its link: the result, drawn from
// operations in the fault's window, must hold.
func (e *Env) Witness(f *fault.Fault, felt check.Result) {
	e.t.Helper()
	if felt.Verdict == check.Holds {
		e.proofs.witness(f, felt.Summary)
		return
	}
	e.proofs.unseen[f] = append(e.proofs.unseen[f], fmt.Sprintf("%q %s", felt.Property, words(felt)))
}

func (p *proofs) witness(f *fault.Fault, how string) {
	p.witnesses[f] = append(p.witnesses[f], how)
}

// injected and healed are called by package fault, from whichever goroutine.
func (e *Env) injected(f *fault.Fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = append(e.faults, f)
	if !e.proofs.calm {
		e.proofs.early = true
	}
}

func (e *Env) healed(f *fault.Fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.proofs.lastHeal = f.Window().To
}

// announced tells the notebook of faults since the last line.
func (e *Env) announced() {
	e.t.Helper()
	e.mu.Lock()
	fresh := e.faults[e.proofs.told:]
	e.proofs.told = len(e.faults)
	e.mu.Unlock()
	for _, f := range fresh {
		e.noteAt(f.Window().From, "  ⚡ %v", f)
	}
}

// reading notes whether the system was seen to be well between the last undo and the first look at the outcome.
func (e *Env) reading() {
	e.t.Helper()
	e.announced()
	e.failIfBroken()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.proofs.lastHeal > e.proofs.lastWell || e.run != nil && !e.run.isOver() {
		e.proofs.rushed = true
	}
}

// judge gives the proofs that only the whole test can give.
func (e *Env) judge() {
	e.t.Helper()
	e.announced()
	// A test that ended early has said why; what it did not come to is no news.
	complete := !e.t.Failed() && !e.proofs.cutShort
	if complete {
		if !e.proofs.held {
			e.fail(evidence.Violated, "the test shows nothing that holds: call Contrast at least once")
		}
		if !e.proofs.broke {
			e.fail(evidence.Unfalsified, "nothing was shown to break: without a control that breaks (Contrast), a claim is not proven")
		}
		if only := len(e.record.Measurements) > 0; only && !slices.ContainsFunc(e.record.Measurements, func(m evidence.Measurement) bool { return m.Rivals != nil }) {
			e.fail(evidence.OffLaw, "every figure only accompanies others: at least one must name a rival that its prediction excludes")
		}
		if len(e.faults) > 0 && (e.proofs.early || !e.proofs.calm) {
			e.fail(evidence.NotCalm, "a fault was injected before the load was seen to behave without one: call Calm first")
		}
	}
	ops := e.recorder.History()
	for _, f := range e.faults {
		e.see(f, ops)
		if f.Window().To != history.Open { // what was not undone fails the test by itself
			if felt := f.Felt(); felt != "" {
				e.proofs.witness(f, felt)
			}
			if _, err := f.Nature(); err != nil {
				e.fail(evidence.Vacuous, "%v was not what it says: %s", f, err)
			}
		}
		e.lookPast(f, ops)
		if e.run.windowOf(f) > 0 {
			continue
		}
		if len(e.proofs.witnesses[f]) == 0 {
			e.fail(evidence.Vacuous, "nobody felt %v%s", f, e.asked(f))
		}
		if complete && f.Window().To == history.Open {
			e.fail(evidence.Unhealed, "%v was not undone: call Heal, and Await what shows that the system is well", f)
		}
	}
	if e.run != nil {
		e.run.witnessed()
		if complete && !e.run.isOver() {
			e.fail(evidence.Unhealed, "the test ended while the nemesis was at work: Await its Ended, then what shows that the system is well")
			return // and so its outcome was read
		}
	}
	if complete && e.proofs.rushed {
		e.fail(evidence.Unhealed, "the outcome was read before the system was seen to be well: after Heal, or the nemesis's end, Await a condition that shows it")
	}
}

// asked words who could have felt the fault.
func (e *Env) asked(f *fault.Fault) string {
	if unseen := e.proofs.unseen[f]; len(unseen) > 0 {
		return fmt.Sprintf(" (%s)", joined(unseen))
	}
	var over []string
	for _, c := range e.recorder.Clients() {
		if slices.Contains(c.Via(), f.Target) {
			over = append(over, c.Name())
		}
	}
	if len(over) == 0 {
		return ": no client's operations travel over it (Env.Client), and no Witness was brought"
	}
	return fmt.Sprintf(": no operation of %s failed, was cut off, was slowed down as much or came again", strings.Join(over, ", "))
}

// check keeps a result and tells the notebook. Property is in the scenario's words where it has some.
func (e *Env) check(role, property, control string, r check.Result, ok bool) {
	e.t.Helper()
	c := evidence.Check{
		Role: role, Property: property, Subject: r.Subject, Side: e.sideOf(r).Name, Clients: r.Clients, Registers: r.Registers, Control: control,
		Verdict: r.Verdict.String(), OK: ok, Summary: r.Summary, Violations: r.Violations, Checked: r.Checked,
	}
	for _, op := range r.Offending {
		c.Offending = append(c.Offending, evidence.FromHistory(op))
	}
	e.record.Checks = append(e.record.Checks, c)
	who := ""
	switch {
	case control != "" && r.Subject != "":
		who = fmt.Sprintf(" (the control, %s: %s)", r.Subject, control)
	case control != "":
		who = fmt.Sprintf(" (the control: %s)", control)
	case r.Subject != "":
		who = fmt.Sprintf(" (%s)", r.Subject)
	}
	e.note("  %s %s: %s%s: %s", mark(ok), role, property, who, r.Summary)
	// A calm in which all is well is a part of what is drawn later.
	if r.Drawing != nil && !(role == "calm" && ok) {
		e.drawings = append(e.drawings, picture{property + who, r.Drawing})
	}
}

func words(r check.Result) string {
	switch r.Verdict {
	case check.Holds:
		return "it holds: " + r.Summary
	case check.Violated:
		return "it is violated: " + r.Summary
	}
	return "nothing is known: " + r.Summary
}

func shown(r check.Result) string {
	s := ""
	for _, op := range r.Offending {
		s += "\n    " + op.String()
	}
	return s
}

func mark(ok bool) string {
	if ok {
		return "✓"
	}
	return "✗"
}
