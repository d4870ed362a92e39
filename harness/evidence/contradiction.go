package evidence

import (
	"errors"
	"fmt"
	"slices"
)

// ErrContradiction is what Read says of a record whose parts contradict each other. Whoever sums up runs may not leave such a record
// out and call the rest well: something that writes records lies.
var ErrContradiction = errors.New("contradicts itself")

// Skipped says whether a verdict is neither a pass nor a failure. What is neither proven nor skipped has failed, also a verdict that
// nobody knows.
func Skipped(verdict string) bool { return verdict == NotProvable || verdict == Undecided }

// Contradiction tells what in the record contradicts the rest of it; nil if nothing does. It judges nothing anew: it asks whether the
// verdict follows from what the record says was seen.
func (r *Record) Contradiction() error {
	for i, m := range r.Measurements {
		if err := m.contradiction(r); err != nil {
			return fmt.Errorf("measurement %d (%s): %w", i+1, m.Name, err)
		}
	}
	for i, c := range r.Checks {
		if err := c.contradiction(r); err != nil {
			return fmt.Errorf("check %d (%s: %s): %w", i+1, c.Role, c.Property, err)
		}
	}
	for i, c := range r.Clients {
		if !r.hasSide(c.Side) {
			return fmt.Errorf("client %d (%s) is on the side %q, which there is not", i+1, c.Name, c.Side)
		}
	}
	for i, f := range r.Faults {
		if f.Halved && r.Sabotage != "half" {
			return fmt.Errorf("fault %d (%s on %s) was halved, and the run was not sabotaged so", i+1, f.Kind, f.Target)
		}
	}
	for _, u := range r.Undecided {
		if !(u.Noise > 0) {
			return fmt.Errorf("%s is undecided without any noise", u.What)
		}
	}
	switch {
	case Proven(r.Verdict):
		return r.unproven()
	case r.Verdict == Failed && len(r.Failures) == 0:
		return errors.New("it failed, and names no failure")
	case r.Verdict == Failed:
		return nil
	case r.Verdict == NotProvable && r.Unprovable == "":
		return errors.New("it is not provable, and does not say why")
	case r.Verdict == Undecided && len(r.Undecided) == 0:
		return errors.New("it is undecided, and does not say what could not be told apart")
	case !Skipped(r.Verdict):
		return fmt.Errorf("there is no verdict %q", r.Verdict)
	case len(r.Failures) > 0:
		return fmt.Errorf("it is %s, and names a failure (%s)", r.Verdict, r.Failures[0].Kind)
	}
	return r.off(r.Verdict)
}

// unproven tells why the verdict cannot be that all proofs were given.
func (r *Record) unproven() error {
	proven := Holds
	switch {
	case r.Claim.Refuted:
		proven = Refuted
	case r.Claim.OnlyIf != "":
		proven = OnlyIf
	}
	switch {
	case r.Verdict != proven:
		return fmt.Errorf("its verdict is %q, and that of its claim, where it is proven, %q", r.Verdict, proven)
	case len(r.Failures) > 0:
		return fmt.Errorf("it is proven, and names a failure (%s)", r.Failures[0].Kind)
	case r.Unprovable != "":
		return errors.New("it is proven, and says why it cannot be")
	case len(r.Undecided) > 0:
		return fmt.Errorf("it is proven, and %s is undecided", r.Undecided[0].What)
	}
	if err := r.off("proven"); err != nil {
		return err
	}
	shown := map[string]bool{}
	for _, c := range r.Checks {
		if !c.OK {
			return fmt.Errorf("it is proven, and a check is not as it should be (%s: %s)", c.Role, c.Property)
		}
		shown[c.Role] = true
	}
	for _, m := range r.Measurements {
		if slices.ContainsFunc(m.Rivals, func(v Rival) bool { return v.Undecided }) {
			return fmt.Errorf("it is proven, and %s does not exclude its rival", m.Name)
		}
	}
	switch {
	case !shown["holds"]:
		return errors.New("it is proven, and nothing was seen to hold")
	case !shown["breaks"]:
		return errors.New("it is proven, and no control was seen to break")
	case len(r.Faults) > 0 && !shown["calm"]:
		return errors.New("it is proven, and nobody looked at the calm before the faults")
	}
	for i, f := range r.Faults {
		switch {
		case f.To == nil:
			return fmt.Errorf("it is proven, and fault %d (%s on %s) was not undone", i+1, f.Kind, f.Target)
		case f.Window == 0 && len(f.Witnesses) == 0: // a schedule may have windows that nobody felt
			return fmt.Errorf("it is proven, and nobody felt fault %d (%s on %s)", i+1, f.Kind, f.Target)
		}
	}
	return nil
}

// off tells which figure left its prediction, in a record that names no failure.
func (r *Record) off(is string) error {
	for _, m := range r.Measurements {
		if !m.OK {
			return fmt.Errorf("it is %s, and %s is off its prediction", is, m.Name)
		}
	}
	return nil
}

func (r *Record) hasSide(name string) bool {
	return name == "" || slices.ContainsFunc(r.Sides, func(s Side) bool { return s.Name == name })
}

func (m Measurement) contradiction(r *Record) error {
	switch within := contains(m.Low, m.High, m.Value); {
	case empty(m.Low, m.High):
		return errors.New("nothing lies in the predicted interval, whose ends are the wrong way round")
	case m.OK && !within:
		return errors.New("it is off its prediction, and said to be on it")
	case !m.OK && within:
		return errors.New("it is as predicted, and said not to be")
	case m.Noise < 0:
		return errors.New("noise has made the prediction narrower")
	case !r.hasSide(m.Side):
		return fmt.Errorf("it is of the side %q, which there is not", m.Side)
	}
	for _, v := range m.Rivals {
		switch overlap := !(below(m.High, v.Low) || below(v.High, m.Low)); {
		case empty(v.Low, v.High):
			return fmt.Errorf("nothing lies in the interval of its rival %q, whose ends are the wrong way round", v.Name)
		case v.Undecided && !overlap:
			return fmt.Errorf("it excludes its rival %q, and is said not to", v.Name)
		case !v.Undecided && overlap:
			return fmt.Errorf("it does not exclude its rival %q, and is said to", v.Name)
		}
	}
	return nil
}

// below tells whether the one end of an interval is surely below the other: what is open is below or above nothing.
func below(a, b *float64) bool { return a != nil && b != nil && *a < *b }

func empty(low, high *float64) bool { return below(high, low) }

func contains(low, high *float64, x float64) bool { return !below(&x, low) && !below(high, &x) }

func (c Check) contradiction(r *Record) error {
	asked, known := map[string]string{"calm": "holds", "holds": "holds", "breaks": "violated"}[c.Role]
	switch {
	case !known:
		return errors.New("there is no such role")
	case !slices.Contains([]string{"holds", "violated", "unknown"}, c.Verdict):
		return fmt.Errorf("no checker says %q", c.Verdict)
	case c.OK != (c.Verdict == asked):
		return fmt.Errorf("its checker says %q, and its role asks for %q, yet its ok is %v", c.Verdict, asked, c.OK)
	case !r.hasSide(c.Side):
		return fmt.Errorf("it is of the side %q, which there is not", c.Side)
	}
	return nil
}
