package report

import (
	"fmt"
	"math"
	"strconv"

	"assay/harness/evidence"
)

// Figure says a measurement beside its prediction, such as "0.503 s in [0.500, 0.560]"; and which rivals the prediction did not
// exclude.
func Figure(m evidence.Measurement) string {
	said := predicted(m)
	for _, r := range m.Rivals {
		if r.Undecided {
			said += fmt.Sprintf("; not told from %s, %s", line(r.Name), interval(r.Low, r.High, 3, m.Unit))
		}
	}
	return said
}

func predicted(m evidence.Measurement) string {
	digits := digitsOf(m)
	value := number(m.Value, digits)
	if m.Unit != "" {
		value += " " + line(m.Unit)
	}
	not, in := "", "in"
	if !m.OK {
		not, in = "not ", "outside"
	}
	switch {
	case m.Low != nil && m.High != nil:
		return fmt.Sprintf("%s %s [%s, %s]", value, in, number(*m.Low, digits), number(*m.High, digits))
	case m.Low != nil:
		return fmt.Sprintf("%s, %s≥ %s", value, not, number(*m.Low, digits))
	case m.High != nil:
		return fmt.Sprintf("%s, %s≤ %s", value, not, number(*m.High, digits))
	}
	return value
}

// digitsOf is how many digits to write. Three tell enough, unless they make a figure that is off its prediction look like its
// bound.
func digitsOf(m evidence.Measurement) int {
	digits := 3
	for !m.OK && digits < 15 && (alike(m.Value, m.Low, digits) || alike(m.Value, m.High, digits)) {
		digits++
	}
	return digits
}

func alike(value float64, bound *float64, digits int) bool {
	return bound != nil && value != *bound && number(value, digits) == number(*bound, digits)
}

// number writes x with that many significant digits, whole numbers whole, and without an exponent where that stays short.
func number(x float64, digits int) string {
	size := math.Abs(x)
	switch {
	case size < 1e15 && x == math.Trunc(x):
		return strconv.FormatFloat(x, 'f', 0, 64)
	case size < 1e-4 || size >= 1e15:
		return strconv.FormatFloat(x, 'g', digits, 64)
	}
	decimals := digits - 1 - int(math.Floor(math.Log10(size)))
	return strconv.FormatFloat(x, 'f', max(decimals, 0), 64)
}
