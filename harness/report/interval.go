package report

import (
	"math"
	"strings"

	"assay/harness/evidence"
)

// gauge is a measurement as a drawing: the predicted interval, the observation on it, and below what the prediction's rivals would have
// made of it, all on one scale.
type gauge struct {
	Name, Value, Prediction string
	OK                      bool
	Interval                bar
	At                      string // of a drawing that is 240 wide
	Height                  int
	Rivals                  []rivalBar
	Against                 string // the rivals that the prediction did not exclude, in words
}

// bar is an interval in a gauge.
type bar struct {
	X, Width          string
	OpenLow, OpenHigh bool
	Point             bool // the interval is a single figure
}

// rivalBar is a rival's interval, in a row of its own.
type rivalBar struct {
	bar
	Name, Predicts string
	Undecided      bool
	Y              int
	TextX          string
	End            bool // the name ends at TextX, and does not begin there
}

const (
	gaugeWidth  = 240
	gaugeHeight = 22
	rivalHeight = 15
)

// gaugeScale maps figures to a gauge.
type gaugeScale struct{ from, to float64 }

// within keeps differences of figures numbers, too.
func within(v float64) float64 { return min(max(v, -1e300), 1e300) }

// gaugeScaleOf has room for the value and all bounds.
func gaugeScaleOf(m evidence.Measurement) gaugeScale {
	bounds := []*float64{&m.Value, m.Low, m.High}
	for _, r := range m.Rivals {
		bounds = append(bounds, r.Low, r.High)
	}
	from, to := math.Inf(1), math.Inf(-1)
	for _, bound := range bounds {
		if bound != nil {
			from, to = min(from, within(*bound)), max(to, within(*bound))
		}
	}
	// Zero belongs to it where that does not squeeze the interval into a corner.
	if span := to - from; from > 0 && from < 2*span {
		from = 0
	} else if to < 0 && -to < 2*span {
		to = 0
	}
	margin := (to - from) * 0.12
	if !(margin > 0) {
		margin = max(math.Abs(from)*0.1, 1e-9)
	}
	if from != 0 || m.Low == nil {
		from -= margin
	}
	return gaugeScale{from, to + margin}
}

func (s gaugeScale) x(v float64) float64 {
	return 6 + min(max((within(v)-s.from)/(s.to-s.from), 0), 1)*(gaugeWidth-12)
}

func (s gaugeScale) bar(low, high *float64) (b bar, from, to float64) {
	b.OpenLow, b.OpenHigh = low == nil, high == nil
	from, to = 0, gaugeWidth
	if low != nil {
		from = s.x(*low)
	}
	if high != nil {
		to = s.x(*high)
	}
	// What is too narrow to be seen is drawn as a mark in its middle.
	if b.Point = to-from < 4; b.Point {
		middle := (from + to) / 2
		from, to = middle-2, middle+2
	}
	b.X, b.Width = coordinate(from), coordinate(to-from)
	return b, from, to
}

func gaugeOf(m evidence.Measurement) gauge {
	value, prediction := figure(m)
	scale := gaugeScaleOf(m)
	g := gauge{Name: line(Name(m)), Value: value, Prediction: prediction, OK: m.OK, At: coordinate(scale.x(m.Value)), Height: gaugeHeight + len(m.Rivals)*rivalHeight}
	g.Interval, _, _ = scale.bar(m.Low, m.High)
	var against []string
	for i, r := range m.Rivals {
		v := rivalBar{Name: shorten(line(r.Name), 32), Undecided: r.Undecided, Y: gaugeHeight + i*rivalHeight, Predicts: interval(r.Low, r.High, 3, m.Unit)}
		var from, to float64
		v.bar, from, to = scale.bar(r.Low, r.High)
		// The name stands where there is more room.
		if v.TextX = coordinate(to + 4); from > gaugeWidth-to {
			v.TextX, v.End = coordinate(from-4), true
		}
		g.Rivals = append(g.Rivals, v)
		if r.Undecided {
			against = append(against, line(r.Name)+", "+v.Predicts)
		}
	}
	g.Against = strings.Join(against, "; ")
	return g
}

// figure says a measurement, and its prediction apart.
func figure(m evidence.Measurement) (value, prediction string) {
	digits := digitsOf(m)
	value = number(m.Value, digits)
	if m.Unit != "" {
		value += " " + line(m.Unit)
	}
	return value, interval(m.Low, m.High, digits, m.Unit)
}

// interval says what was predicted.
func interval(low, high *float64, digits int, unit string) string {
	var said string
	switch {
	case low != nil && high != nil && *low == *high:
		said = "exactly " + number(*low, digits)
	case low != nil && high != nil:
		said = number(*low, digits) + " to " + number(*high, digits)
	case low != nil:
		said = "at least " + number(*low, digits)
	case high != nil:
		said = "at most " + number(*high, digits)
	default:
		return "nothing was predicted"
	}
	if unit != "" {
		said += " " + line(unit)
	}
	return said
}

// What the template asks of a rival's row.

// BarY is where the bar begins.
func (r rivalBar) BarY() int { return r.Y + 4 }

// TextY is where the name stands.
func (r rivalBar) TextY() int { return r.Y + 10 }
