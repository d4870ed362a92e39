package harness

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"assay/harness/evidence"
)

// Draw gives an action what chance decides about it: the direction of a fault, how large it is, which server it is for. Each
// value has a name and is kept in the schedule in words, so that a schedule can be read, and followed again: then the values
// are those of the schedule, and nothing is drawn. A value that cannot be had ends the test with a message that says what can.
type Draw struct {
	env    *Env
	chance *rand.Rand // nil where a schedule is followed
	draws  *int
	window string            // which window of which file, for messages
	args   map[string]string // by name
	asked  []string
}

// Int draws a whole number from least to most, both included.
func (d *Draw) Int(name string, least, most int) int {
	d.env.t.Helper()
	if least > most {
		d.env.fatal(evidence.Broken, "draw %q: nothing lies from %d to %d", name, least, most)
	}
	text := d.value(name, func() string { return strconv.Itoa(least + d.below(most-least+1)) })
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		d.env.fatal(evidence.Broken, "%s: %s=%s is not a whole number from %d to %d", d.window, name, text, least, most)
	}
	return n
}

// Duration draws a whole number of milliseconds from least to most, both included.
func (d *Draw) Duration(name string, least, most time.Duration) time.Duration {
	d.env.t.Helper()
	if least > most || least%time.Millisecond != 0 || most%time.Millisecond != 0 {
		d.env.fatal(evidence.Broken, "draw %q: it is from %v to %v, and must be from fewer to more whole milliseconds", name, least, most)
	}
	text := d.value(name, func() string { return d.between(least, most).String() })
	v, err := time.ParseDuration(text)
	if err != nil || v < least || v > most || v%time.Millisecond != 0 {
		d.env.fatal(evidence.Broken, "%s: %s=%s is not a duration from %v to %v in whole milliseconds", d.window, name, text, least, most)
	}
	return v
}

// Word draws one of the words.
func (d *Draw) Word(name string, words ...string) string {
	d.env.t.Helper()
	return words[d.index(name, words)]
}

// Pick draws one of the options, such as directions, which the schedule knows by how they call themselves.
func Pick[T fmt.Stringer](d *Draw, name string, options ...T) T {
	d.env.t.Helper()
	var words []string
	for _, o := range options {
		words = append(words, o.String())
	}
	return options[d.index(name, words)]
}

func (d *Draw) index(name string, words []string) int {
	d.env.t.Helper()
	if len(words) == 0 || len(slices.Compact(slices.Sorted(slices.Values(words)))) < len(words) {
		d.env.fatal(evidence.Broken, "draw %q: it is one of %q, and these must be at least one and all different", name, words)
	}
	text := d.value(name, func() string { return words[d.below(len(words))] })
	at := slices.Index(words, text)
	if at < 0 {
		d.env.fatal(evidence.Broken, "%s: %s=%s is none of %s", d.window, name, text, strings.Join(words, ", "))
	}
	return at
}

// value is that of the schedule which is followed, else what is drawn.
func (d *Draw) value(name string, draw func() string) string {
	d.env.t.Helper()
	if slices.Contains(d.asked, name) {
		d.env.fatal(evidence.Broken, "%s draws two values called %q: their names tell them apart", d.window, name)
	}
	d.asked = append(d.asked, name)
	if d.chance != nil {
		d.args[name] = draw()
	} else if _, ok := d.args[name]; !ok {
		d.env.fatal(evidence.Broken, "%s lacks %s; it has %s", d.window, name, orNone(slices.Sorted(maps.Keys(d.args))))
	}
	return d.args[name]
}

// below draws a number from 0 to n-1.
func (d *Draw) below(n int) int {
	*d.draws++
	return d.chance.IntN(n)
}

func (d *Draw) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.below(int((most-least)/time.Millisecond)+1))*time.Millisecond
}

// Plan says what a schedule is drawn from. Durations are whole milliseconds.
type Plan struct {
	Over              time.Duration // the last window ends by then
	Shortest, Longest time.Duration // how long a window is
	Rest              time.Duration // how long nothing is done before each window: from this to twice as long
	// AtOnce is how many windows may overlap, at most evidence.MostLanes; one at a time where it is 0. Each action is in one lane, in which
	// its windows come one after the other: so no action meets itself, and two that must not meet are to be one action.
	AtOnce int
}

// lanes is how many windows may be under way at once.
func (p Plan) lanes() int { return max(1, p.AtOnce) }

func (p Plan) valid() error {
	for _, d := range []time.Duration{p.Over, p.Shortest, p.Longest, p.Rest} {
		if d <= 0 || d%time.Millisecond != 0 {
			return fmt.Errorf("%+v: each of the four is a whole number of milliseconds, at least one", p)
		}
	}
	if p.Shortest > p.Longest {
		return fmt.Errorf("%+v: the shortest window is longer than the longest", p)
	}
	if p.AtOnce < 0 || p.AtOnce > evidence.MostLanes {
		return fmt.Errorf("%+v: from 1 to %d windows can be under way at once", p, evidence.MostLanes)
	}
	if p.Over < 2*p.Rest+p.Longest {
		return fmt.Errorf("%+v: a rest (%v at most) and a window (%v at most) do not surely fit in", p, 2*p.Rest, p.Longest)
	}
	return nil
}

// planned is one window and what is done in it.
type planned struct {
	evidence.Window
	injections []Injection
}

// draw makes a schedule. All of it comes from the seed, and from what was drawn before.
func (n *Nemesis) draw(p Plan) (evidence.Schedule, []planned) {
	n.env.t.Helper()
	if err := p.valid(); err != nil {
		n.env.fatal(evidence.Broken, "the nemesis's plan: %s", err)
	}
	s := evidence.Schedule{Seed: n.env.record.Seed}
	// A stream of its own, so that what the scenario draws (Env.Rand) and when makes no difference.
	chance := rand.New(rand.NewPCG(s.Seed, 1))
	if len(n.actions) < p.lanes() {
		n.env.fatal(evidence.Broken, "the nemesis's plan has %d windows at once, and %d actions: each lane takes one at least", p.lanes(), len(n.actions))
	}
	var windows []planned
	for lane := range p.lanes() {
		var actions []Action
		for i := lane; i < len(n.actions); i += p.lanes() {
			actions = append(actions, n.actions[i])
		}
		windows = append(windows, n.drawLane(p, lane, actions, chance, &s.Draws)...)
	}
	slices.SortStableFunc(windows, func(a, b planned) int { return cmp.Compare(a.Begin, b.Begin) })
	for _, w := range windows {
		s.Windows = append(s.Windows, w.Window)
	}
	return s, windows
}

// drawLane draws windows that come one after the other.
func (n *Nemesis) drawLane(p Plan, lane int, actions []Action, chance *rand.Rand, draws *int) (windows []planned) {
	n.env.t.Helper()
	for at := time.Duration(0); ; {
		d := &Draw{env: n.env, chance: chance, draws: draws, args: map[string]string{}}
		begin, length := at+d.between(p.Rest, 2*p.Rest), d.between(p.Shortest, p.Longest)
		if at = begin + length; at > p.Over {
			return windows
		}
		a := actions[d.below(len(actions))]
		d.window = fmt.Sprintf("action %q", a.name)
		w := planned{evidence.Window{Fault: a.name, Begin: evidence.Span(begin), Length: evidence.Span(length), Lane: lane}, a.prepare(d)}
		if len(d.args) > 0 {
			w.Args = d.args
		}
		windows = append(windows, w)
	}
}

// follow prepares the schedule that ASSAY_SCHEDULE names.
func (n *Nemesis) follow(f *evidence.ScheduleFile) (evidence.Schedule, []planned) {
	n.env.t.Helper()
	var windows []planned
	for i, w := range f.Windows {
		which := fmt.Sprintf("ASSAY_SCHEDULE: window %d (%v)", i+1, w)
		at := slices.IndexFunc(n.actions, func(a Action) bool { return a.name == w.Fault })
		if at < 0 {
			var names []string
			for _, a := range n.actions {
				names = append(names, a.name)
			}
			n.env.fatal(evidence.Broken, "%s is of a fault that this nemesis does not know; it knows: %s", which, strings.Join(names, ", "))
		}
		d := &Draw{env: n.env, window: which, args: w.Args}
		windows = append(windows, planned{w, n.actions[at].prepare(d)})
		for name := range w.Args {
			if !slices.Contains(d.asked, name) {
				n.env.fatal(evidence.Broken, "%s: %q takes no %s; it takes %s", which, w.Fault, name, orNone(d.asked))
			}
		}
	}
	return f.Schedule, windows
}
