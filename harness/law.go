package harness

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"assay/harness/check/stat"
	"assay/harness/evidence"
	"assay/harness/history"
)

// Figure is what can be measured. Their types keep units from being mixed: a time is predicted as a time, and a count as a count.
type Figure interface {
	time.Duration | int | float64 | Share
}

// Share is a share of many things, or the probability with which each of them is so: from 0 to 1.
type Share float64

// Law is what is predicted of a figure, and what the prediction excludes.
//
// A prediction says nothing unless it excludes its rivals: what would have been seen if the fault had done nothing, or half of what
// it says, or if the mechanism had been missing. So a figure names both (Against), or says that it only accompanies others.
type Law[T Figure] struct {
	low, high    float64 // in seconds where it is a time; -Inf and +Inf where open
	chance       bool    // of a Share: low is a probability
	rivals       []rival
	trips        int
	window       history.Window
	sampled      int // round trips
	unseen       time.Duration
	accompanying bool
}

type rival struct {
	name      string
	low, high float64
}

// Between predicts a figure from low to high, both included. A time may be later than high by what the machine's noise explains.
func Between[T Figure](low, high T) Law[T] {
	return Law[T]{low: plain(low), high: plain(high), trips: 1, window: history.Always}
}

// Exactly predicts one figure, and a time as Between does.
func Exactly[T Figure](x T) Law[T] { return Between(x, x) }

// AtMost predicts a figure of no more than high, and AtLeast one of no less than low.
func AtMost[T Figure](high T) Law[T] {
	return Law[T]{low: math.Inf(-1), high: plain(high), trips: 1, window: history.Always}
}

// AtLeast predicts a figure of no less than low.
func AtLeast[T Figure](low T) Law[T] {
	return Law[T]{low: plain(low), high: math.Inf(1), trips: 1, window: history.Always}
}

// Chance predicts the share of independent trials in which something happens that has this probability in each: any share that so many
// trials give in all but one of 100 000 cases (the exact binomial interval). It takes trials enough to exclude the rivals as surely: a suite
// of a hundred such figures is then wrong by chance once in a thousand runs.
func Chance(probability Share) Law[Share] {
	return Law[Share]{low: float64(probability), high: float64(probability), chance: true, trips: 1, window: history.Always}
}

// Added predicts what a delay of that size makes of a time: what it was in the calm is noise for all we know, so it takes no less than
// the delay, and no more than both. Its rivals are that nothing was added, and half.
func Added(size, calm time.Duration) Law[time.Duration] {
	return Between(size, calm+size).Against("nothing added", calm).Against("half of it added", calm+size/2)
}

// Delayed predicts the fastest of many operations over what delays each of them by so much, given the fastest without: it takes no less
// than the delay. Its rivals are that nothing was added, and half. For Fastest: what others made slower is left out.
func Delayed(size, fastest time.Duration) Law[time.Duration] {
	return AtLeast(size).Against("nothing added", fastest).Against("half of it added", fastest+size/2)
}

// Against names a rival: what the figure would have been otherwise, and why.
func (l Law[T]) Against(what string, x T) Law[T] {
	return l.AgainstRange(what, x, x)
}

// AgainstRange is Against for a rival that would have been anything from low to high.
func (l Law[T]) AgainstRange(what string, low, high T) Law[T] {
	l.rivals = append(slices.Clip(l.rivals), rival{what, plain(low), plain(high)})
	return l
}

// AgainstMore is Against for a rival that would have been low or more.
func (l Law[T]) AgainstMore(what string, low T) Law[T] {
	l.rivals = append(slices.Clip(l.rivals), rival{what, plain(low), math.Inf(1)})
	return l
}

// In says which window the figure is about: it is the noise of that which makes a time late. By default it is the whole test.
func (l Law[T]) In(w history.Window) Law[T] {
	l.window = w
	return l
}

// Trips says by how many round trips, one after the other, the time comes about; one by default.
func (l Law[T]) Trips(n int) Law[T] {
	l.trips = n
	return l
}

// Sampled says that the time was seen by looking again and again, and that from one look to the next pass so many round trips. A look
// that comes late sees less, so noise can make the time shorter, too.
func (l Law[T]) Sampled(trips int) Law[T] {
	l.sampled = trips
	return l
}

// Unseen is Sampled where the looks' own history tells exactly by how much less the time may have been seen to be: then nothing is left
// to noise. On a busy machine that is so much less than what the rule for noise allows that a figure can be told from its rival.
func (l Law[T]) Unseen(d time.Duration) Law[T] {
	l.unseen = d
	return l
}

// Accompanying says that the figure has no rival: it is told beside others that have.
func (l Law[T]) Accompanying() Law[T] {
	l.accompanying = true
	return l
}

// LongerThan is the condition that since a moment more time has passed than the law allows, with the noise of its window. A fault that
// is healed no sooner has lasted longer than what the law predicts, so that the rival which lasts as long as the fault can be told
// apart, also if noise lets it be seen to be less.
func (e *Env) LongerThan(law Law[time.Duration], since time.Duration) Condition {
	return func() error {
		if beats := e.noise.all(); law.window.To != history.Open && (len(beats) == 0 || beats[len(beats)-1].At <= law.window.To.Seconds()) {
			return errors.New("the noise is not known yet")
		}
		most := time.Duration(law.high*float64(time.Second)) + e.noise.single(law.window, law.trips) + e.noise.single(law.window, law.sampled)
		if passed := e.Now() - since; passed <= most {
			return fmt.Errorf("%s of %s have passed", brief(passed), brief(most))
		}
		return nil
	}
}

// plain is the figure as a number, times in seconds.
func plain[T Figure](x T) float64 {
	if d, ok := any(x).(time.Duration); ok {
		return d.Seconds()
	}
	return float64(x)
}

// Duration measures one time, such as how long it took until writes went on, and requires it to be as predicted.
func (e *Env) Duration(what string, got time.Duration, law Law[time.Duration]) {
	e.t.Helper()
	e.duration("", what, got, law, e.noise.single)
}

// Median measures the median time of many operations, and requires it to be as predicted. Noise moves it less than a single one.
func (e *Env) Median(what string, got time.Duration, law Law[time.Duration]) {
	e.t.Helper()
	e.duration("", what, got, law, e.noise.median)
}

// Fastest measures the shortest time of many operations, and requires it to be as predicted. Noise moves it least: it is for what a
// fault makes every operation take.
func (e *Env) Fastest(what string, got time.Duration, law Law[time.Duration]) {
	e.t.Helper()
	e.duration("", what, got, law, e.noise.fastest)
}

// Count measures a number of things, and requires it to be as predicted.
func (e *Env) Count(what string, got int, law Law[int]) {
	e.t.Helper()
	e.count("", what, got, law)
}

// Share measures of how many something was so, and requires it to be as predicted.
func (e *Env) Share(what string, got stat.Proportion, law Law[Share]) {
	e.t.Helper()
	e.share("", what, got, law)
}

// Ratio measures one figure in units of another, and requires it to be as predicted.
func (e *Env) Ratio(what string, got float64, law Law[float64]) {
	e.t.Helper()
	e.ratio("", what, got, law)
}

func (e *Env) duration(side, what string, got time.Duration, law Law[time.Duration], late func(history.Window, int) time.Duration) {
	e.t.Helper()
	m := measured(side, what, got.Seconds(), "s", law)
	m.noise, m.early = late(law.window, law.trips), law.unseen
	if law.sampled > 0 {
		m.early += late(law.window, law.sampled)
	}
	e.measure(m)
}

func (e *Env) count(side, what string, got int, law Law[int]) {
	e.t.Helper()
	e.measure(measured(side, what, float64(got), "", law))
}

func (e *Env) ratio(side, what string, got float64, law Law[float64]) {
	e.t.Helper()
	e.measure(measured(side, what, got, "times", law))
}

// confidence is how sure a prediction is to contain what it says, if that is true.
const confidence = 0.99999

func (e *Env) share(side, what string, got stat.Proportion, law Law[Share]) {
	e.t.Helper()
	m := measured(side, what, got.Share(), "", law)
	m.n = got.Of
	if got.Of == 0 {
		e.fatal(evidence.Broken, "%q is a share of nothing", what)
	}
	likely := func(p float64) (low, high float64) {
		least, most := stat.Acceptance(got.Of, p, confidence)
		return float64(least) / float64(got.Of), float64(most) / float64(got.Of)
	}
	if law.chance {
		m.low, m.high = likely(m.low)
		for i, r := range m.rivals {
			m.rivals[i].low, _ = likely(r.low)
			_, m.rivals[i].high = likely(min(r.high, 1))
		}
	}
	e.measure(m)
}

// measurement is a figure beside its law, as plain numbers.
type measurement struct {
	side, what   string
	value        float64
	unit         string
	n            int
	low, high    float64
	rivals       []rival
	noise, early time.Duration // by which it may be late, or seen to be less, and so may be what a rival would have shown
	accompanying bool
}

func measured[T Figure](side, what string, got float64, unit string, law Law[T]) measurement {
	return measurement{
		side: side, what: what, value: got, unit: unit, low: law.low, high: law.high, rivals: append([]rival(nil), law.rivals...),
		accompanying: law.accompanying,
	}
}

// valid refuses a law that nothing could contradict, or that says nothing.
func (m measurement) valid() error {
	switch {
	case math.IsNaN(m.value) || math.IsInf(m.value, 0) || math.IsNaN(m.low) || math.IsNaN(m.high):
		return fmt.Errorf("not a finite number: %v, predicted %s", m.value, interval(m.low, m.high, m.unit))
	case m.low > m.high:
		return fmt.Errorf("nothing lies in the predicted interval, %s", interval(m.low, m.high, m.unit))
	case math.IsInf(m.low, -1) && math.IsInf(m.high, 1):
		return fmt.Errorf("the predicted interval is open on both sides, so any figure would do")
	case len(m.rivals) == 0 && !m.accompanying:
		return fmt.Errorf("the law names no rival: say what would have been seen otherwise (Against), or that the figure only accompanies others (Accompanying)")
	case len(m.rivals) > 0 && m.accompanying:
		return fmt.Errorf("the law names a rival, so the figure does not only accompany others")
	}
	for _, r := range m.rivals {
		switch {
		case math.IsNaN(r.low) || math.IsNaN(r.high):
			return fmt.Errorf("not a finite number: the rival %q, %s", r.name, interval(r.low, r.high, m.unit))
		case r.low > r.high:
			return fmt.Errorf("nothing lies in the interval of the rival %q, %s", r.name, interval(r.low, r.high, m.unit))
		}
		if overlap(m.low, m.high, r.low, r.high) {
			return fmt.Errorf("the prediction, %s, does not exclude its rival %q, %s, on the quietest machine: with these knobs the figure says nothing",
				interval(m.low, m.high, m.unit), r.name, interval(r.low, r.high, m.unit))
		}
	}
	return nil
}

func overlap(low, high, otherLow, otherHigh float64) bool {
	return low <= otherHigh && otherLow <= high
}

// measure records a figure and judges it. What lies outside of its widened prediction fails; what lies within, where noise makes the
// prediction and a rival overlap, decides nothing.
func (e *Env) measure(m measurement) {
	e.t.Helper()
	e.reading()
	if err := m.valid(); err != nil {
		e.fatal(evidence.Broken, "measure %q: %s", m.what, err)
	}
	low, high := earlier(m.low, m.early), m.high+m.noise.Seconds()
	kept := evidence.Measurement{
		Name: m.what, Side: m.side, Value: m.value, Unit: m.unit, N: m.n, Noise: m.noise.Seconds(), Early: m.early.Seconds(),
		Low: bound(low), High: bound(high), OK: low <= m.value && m.value <= high,
	}
	var undecided []rival
	for _, r := range m.rivals {
		r.low, r.high = earlier(r.low, m.early), r.high+m.noise.Seconds()
		confused := overlap(low, high, r.low, r.high)
		kept.Rivals = append(kept.Rivals, evidence.Rival{Name: r.name, Low: bound(r.low), High: bound(r.high), Undecided: confused})
		if confused {
			undecided = append(undecided, r)
		}
	}
	e.record.Measurements = append(e.record.Measurements, kept)
	whose := ""
	if m.side != "" {
		whose = " (" + m.side + ")"
	}
	said := ""
	for _, r := range kept.Rivals {
		said += fmt.Sprintf("; %s: %s", r.Name, spoken(r.Low, r.High, m.unit))
	}
	e.note("  %s measured %s%s: %s, predicted %s%s", mark(kept.OK && undecided == nil), m.what, whose, figure(m.value, m.unit), spoken(kept.Low, kept.High, m.unit), said)
	if !kept.OK {
		e.fail(evidence.OffLaw, "%s%s is %s, predicted %s", m.what, whose, figure(m.value, m.unit), spoken(kept.Low, kept.High, m.unit))
		return
	}
	for _, r := range undecided {
		e.undecided(m.what+whose, max(m.noise, m.early), "it is %s, predicted %s; %q would be %s", figure(m.value, m.unit),
			spoken(kept.Low, kept.High, m.unit), r.name, interval(r.low, r.high, m.unit))
	}
}

// earlier is a time less what noise may take from it: not below 0 if it is not.
func earlier(x float64, by time.Duration) float64 {
	if x < 0 {
		return x - by.Seconds()
	}
	return max(0, x-by.Seconds())
}

// undecided notes that the machine's noise lets this run not tell.
func (e *Env) undecided(what string, noise time.Duration, format string, args ...any) {
	u := evidence.Undecision{What: what, Noise: noise.Seconds(), Message: fmt.Sprintf(format, args...)}
	e.record.Undecided = append(e.record.Undecided, u)
	e.note("  ? undecided, with noise of %s: %s: %s", brief(noise), u.What, u.Message)
}

// bound is the end of an interval for the record, nil where it is open.
func bound(x float64) *float64 {
	if math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func spoken(low, high *float64, unit string) string {
	l, h := math.Inf(-1), math.Inf(1)
	if low != nil {
		l = *low
	}
	if high != nil {
		h = *high
	}
	return interval(l, h, unit)
}

// interval words what lies from low to high: "0.5 to 0.56 s", "at most 1 s".
func interval(low, high float64, unit string) string {
	switch {
	case math.IsInf(low, -1):
		return "at most " + figure(high, unit)
	case math.IsInf(high, 1):
		return "at least " + figure(low, unit)
	case low == high:
		return "exactly " + figure(high, unit)
	}
	return figure(low, "") + " to " + figure(high, unit)
}

// figure words a number with three decimals where it has any.
func figure(x float64, unit string) string {
	s := strconv.FormatFloat(math.Round(x*1000)/1000, 'f', -1, 64)
	if unit != "" {
		s += " " + unit
	}
	return s
}
