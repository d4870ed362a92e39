package harness

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Quantity is a figure with its unit.
type Quantity struct {
	Value float64
	Unit  string // "s" for times, "" for counts and ratios, or one of the claim's own
}

// Time is a duration, in seconds.
func Time(d time.Duration) Quantity { return Quantity{d.Seconds(), "s"} }

// Count is a number of things.
func Count(n int) Quantity { return Quantity{float64(n), ""} }

// Number is a figure in a unit of the claim's own, e.g. "election timeouts"; a ratio has the unit "".
func Number(x float64, unit string) Quantity { return Quantity{x, unit} }

// String is the figure with three decimals where it has any.
func (q Quantity) String() string {
	s := strconv.FormatFloat(math.Round(q.Value*1000)/1000, 'f', -1, 64)
	if q.Unit != "" {
		s += " " + q.Unit
	}
	return s
}

// Interval is what a measurement is predicted to lie in, ends included.
type Interval struct {
	low, high float64 // -Inf and +Inf where open
	unit      string
	mixed     bool // the ends had different units
}

// Between predicts a figure from low to high.
func Between(low, high Quantity) Interval {
	return Interval{low.Value, high.Value, low.Unit, low.Unit != high.Unit}
}

// Around predicts a figure that is no further from the middle than the tolerance, and not below 0 where the middle is not.
func Around(middle, tolerance Quantity) Interval {
	low := middle.Value - tolerance.Value
	if middle.Value >= 0 {
		low = max(0, low)
	}
	return Interval{low, middle.Value + tolerance.Value, middle.Unit, middle.Unit != tolerance.Unit}
}

// AtMost predicts a figure of no more than high.
func AtMost(high Quantity) Interval { return Interval{math.Inf(-1), high.Value, high.Unit, false} }

// AtLeast predicts a figure of no less than low.
func AtLeast(low Quantity) Interval { return Interval{low.Value, math.Inf(1), low.Unit, false} }

// Exactly predicts one figure.
func Exactly(q Quantity) Interval { return Between(q, q) }

func (i Interval) contains(q Quantity) bool { return i.low <= q.Value && q.Value <= i.high }

// valid refuses an interval that nothing, or not this figure, can be compared with.
func (i Interval) valid(q Quantity) error {
	switch {
	case i.mixed || i.unit != q.Unit:
		return fmt.Errorf("its unit is %q, that of the prediction is %q", q.Unit, i.unit)
	case math.IsNaN(q.Value) || math.IsInf(q.Value, 0) || math.IsNaN(i.low) || math.IsNaN(i.high):
		return fmt.Errorf("not a finite number: %v, predicted %v", q, i)
	case i.low > i.high:
		return fmt.Errorf("nothing lies in the predicted interval %v", i)
	case math.IsInf(i.low, -1) && math.IsInf(i.high, 1):
		return fmt.Errorf("the predicted interval is open on both sides, so any figure would do")
	}
	return nil
}

// String is the interval in words: "0.5 to 0.56 s", "at most 1 s".
func (i Interval) String() string {
	low, high := Quantity{i.low, ""}, Quantity{i.high, i.unit}
	switch {
	case math.IsInf(i.low, -1):
		return "at most " + high.String()
	case math.IsInf(i.high, 1):
		return "at least " + Quantity{i.low, i.unit}.String()
	case i.low == i.high:
		return "exactly " + high.String()
	}
	return low.String() + " to " + high.String()
}

// bounds are the ends for the record, nil where open.
func (i Interval) bounds() (low, high *float64) {
	if !math.IsInf(i.low, -1) {
		low = &i.low
	}
	if !math.IsInf(i.high, 1) {
		high = &i.high
	}
	return low, high
}
