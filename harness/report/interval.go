package report

import (
	"math"

	"assay/harness/evidence"
)

// gauge is a measurement as a drawing: the predicted interval, and the observation on it.
type gauge struct {
	Name, Value, Prediction string
	OK                      bool
	Low, Width, At          string // of a drawing that is 240 wide
	OpenLow, OpenHigh       bool
	Point                   bool // the interval is a single figure
}

func gaugeOf(m evidence.Measurement) gauge {
	value, prediction := figure(m)
	g := gauge{Name: line(m.Name), Value: value, Prediction: prediction, OK: m.OK, OpenLow: m.Low == nil, OpenHigh: m.High == nil}
	within := func(v float64) float64 { return min(max(v, -1e300), 1e300) } // so that differences are numbers, too
	from, to := within(m.Value), within(m.Value)
	for _, bound := range []*float64{m.Low, m.High} {
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
	to += margin
	x := func(v float64) float64 { return 6 + min(max((within(v)-from)/(to-from), 0), 1)*228 }
	low, high := 0.0, 240.0
	if m.Low != nil {
		low = x(*m.Low)
	}
	if m.High != nil {
		high = x(*m.High)
	}
	g.Point = high-low < 4
	if g.Point {
		low, high = low-2, low+2
	}
	g.Low, g.Width, g.At = coordinate(low), coordinate(high-low), coordinate(x(m.Value))
	return g
}

// figure says a measurement, and its prediction apart.
func figure(m evidence.Measurement) (value, prediction string) {
	digits := digitsOf(m)
	value = number(m.Value, digits)
	unit := ""
	if m.Unit != "" {
		unit = " " + line(m.Unit)
	}
	switch {
	case m.Low != nil && m.High != nil && *m.Low == *m.High:
		prediction = "exactly " + number(*m.Low, digits)
	case m.Low != nil && m.High != nil:
		prediction = number(*m.Low, digits) + " to " + number(*m.High, digits)
	case m.Low != nil:
		prediction = "at least " + number(*m.Low, digits)
	case m.High != nil:
		prediction = "at most " + number(*m.High, digits)
	default:
		return value + unit, "nothing was predicted"
	}
	return value + unit, prediction + unit
}
