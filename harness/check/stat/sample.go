package stat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	gonum "gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Spread tells how far counts are from those that were expected.
type Spread struct {
	Statistic float64 // Pearson's chi-square
	Freedom   int     // its degrees of freedom
	// P is how probable counts are that lie as far off or farther, if what was expected is true. A small one speaks against it; a large one
	// does not speak for it, unless Effect is small as well.
	P float64
	// Effect is Cohen's w, by which shares are off however many were counted: 0.1 is small, 0.3 medium, 0.5 large.
	Effect   float64
	Expected float64 // the smallest count that was expected; below 5 or so P is rough
}

// String gives the figures: "chi-square 2.00 (5 degrees of freedom), p = 0.849, w = 0.15".
func (s Spread) String() string {
	return fmt.Sprintf("chi-square %.2f (%d degrees of freedom), p = %.3g, w = %.2f", s.Statistic, s.Freedom, s.P, s.Effect)
}

// ChiSquareUniform compares counts with an even spread.
func ChiSquareUniform(counts []int) Spread {
	return Weighted(counts, slices.Repeat([]float64{1}, len(counts)))
}

// Weighted compares counts with a spread in proportion to the weights, which are as many and positive (Pearson's chi-square test, 1900). It
// counts on independent choices: a balancer that goes round in turn is evener than chance, and P is then close to 1.
func Weighted(counts []int, weights []float64) Spread {
	if len(counts) != len(weights) {
		panic(fmt.Sprintf("stat: %d counts and %d weights", len(counts), len(weights)))
	}
	total := 0
	for _, c := range counts {
		total += c
	}
	if len(counts) < 2 || total == 0 {
		return Spread{Statistic: math.NaN(), P: math.NaN(), Effect: math.NaN()}
	}
	seen, expected := make([]float64, len(counts)), make([]float64, len(counts))
	for i, c := range counts {
		if weights[i] <= 0 {
			panic(fmt.Sprintf("stat: a weight is positive, not %v", weights[i]))
		}
		seen[i] = float64(c)
		expected[i] = float64(total) * weights[i] / floats.Sum(weights)
	}
	s := Spread{Statistic: gonum.ChiSquare(seen, expected), Freedom: len(counts) - 1, Expected: slices.Min(expected)}
	s.P = distuv.ChiSquared{K: float64(s.Freedom)}.Survival(s.Statistic)
	s.Effect = math.Sqrt(s.Statistic / float64(total))
	return s
}

// Line is y = Intercept + Slope·x, fitted to points.
type Line struct {
	Intercept, Slope float64
	Interval         Interval // of Slope
	R2               float64  // which part of the variance of y the line explains: 1 if all points are on it; NaN if y never varies
}

// String gives the figures: "slope 0.998 [0.981, 1.015], intercept 0.003, r² = 0.999".
func (l Line) String() string {
	return fmt.Sprintf("slope %.3g [%.3g, %.3g], intercept %.3g, r² = %.3f", l.Slope, l.Interval.Low, l.Interval.High, l.Intercept, l.R2)
}

// Fit fits a line to the points (x[i], y[i]) by least squares. The interval of its slope is Student's, which counts on errors in y that are
// independent, normal and alike for all x; x is exact. It takes three points, and two different x.
func Fit(x, y []float64, confidence float64) Line {
	if len(x) != len(y) {
		panic(fmt.Sprintf("stat: %d x and %d y", len(x), len(y)))
	}
	if len(x) < 3 || floats.Max(x) == floats.Min(x) {
		return Line{Intercept: math.NaN(), Slope: math.NaN(), Interval: Interval{math.Inf(-1), math.Inf(1)}, R2: math.NaN()}
	}
	var l Line
	l.Intercept, l.Slope = gonum.LinearRegression(x, y, nil, false)
	l.R2 = gonum.RSquared(x, y, nil, l.Intercept, l.Slope)
	n := float64(len(x))
	var errors float64
	for i := range x {
		e := y[i] - l.Intercept - l.Slope*x[i]
		errors += e * e
	}
	deviation := math.Sqrt(errors / (n - 2) / ((n - 1) * gonum.Variance(x, nil)))
	reach := deviation * distuv.StudentsT{Sigma: 1, Nu: n - 2}.Quantile(1-tail(confidence))
	l.Interval = Interval{l.Slope - reach, l.Slope + reach}
	return l
}

// Estimate is a figure of a sample, and the interval in which that of the population lies.
type Estimate struct {
	Value    float64
	Interval Interval
}

// String gives the figures: "0.503 [0.501, 0.507]".
func (e Estimate) String() string {
	return fmt.Sprintf("%.4g [%.4g, %.4g]", e.Value, e.Interval.Low, e.Interval.High)
}

// resamples is how many samples are drawn from a sample: enough for the ends of a 99 % interval.
const resamples = 2000

// Bootstrap estimates any figure of a sample, such as Middle, by drawing samples of the same size from it and leaving out what is farthest
// off on each side (Efron's percentile method, "Bootstrap Methods: Another Look at the Jackknife", 1979). It knows no more than the sample:
// one of less than ten or so tells little, and its extremes least. The same seed gives the same interval.
func Bootstrap(sample []float64, figure func([]float64) float64, confidence float64, seed uint64) Estimate {
	return estimate(confidence, seed, figure(slices.Clone(sample)), len(sample) > 0, func(r *rand.Rand) float64 { return figure(drawn(sample, r)) })
}

// MedianCI estimates the median of what the sample is drawn from.
func MedianCI(sample []float64, confidence float64, seed uint64) Estimate {
	return Bootstrap(sample, Median, confidence, seed)
}

// MedianRatio estimates how many times as large the median behind a is as that behind b, of two independent samples, such as the latencies
// in two arms of one run.
func MedianRatio(a, b []float64, confidence float64, seed uint64) Estimate {
	value := Median(slices.Clone(a)) / Median(slices.Clone(b))
	return estimate(confidence, seed, value, len(a) > 0 && len(b) > 0, func(r *rand.Rand) float64 { return Median(drawn(a, r)) / Median(drawn(b, r)) })
}

func estimate(confidence float64, seed uint64, value float64, any bool, draw func(*rand.Rand) float64) Estimate {
	out := tail(confidence)
	if !any {
		return Estimate{math.NaN(), Interval{math.Inf(-1), math.Inf(1)}}
	}
	r := rand.New(rand.NewPCG(seed, resamples))
	figures := make([]float64, resamples)
	for i := range figures {
		figures[i] = draw(r)
	}
	slices.Sort(figures)
	return Estimate{value, Interval{figures[int(out*resamples)], figures[resamples-1-int(out*resamples)]}}
}

func drawn(sample []float64, r *rand.Rand) []float64 {
	s := make([]float64, len(sample))
	for i := range s {
		s[i] = sample[r.IntN(len(sample))]
	}
	return s
}

// Median gives the median of a sample, NaN of none. It puts the sample in order.
func Median(sample []float64) float64 {
	n := len(sample)
	if n == 0 {
		return math.NaN()
	}
	slices.Sort(sample)
	return (sample[(n-1)/2] + sample[n/2]) / 2
}

// Quantile gives the smallest value of a sample that at least this share of it, above 0 and up to 1, does not exceed: 0.95 for what 95 of
// 100 stay within. It is NaN of none, and puts the sample in order.
func Quantile(sample []float64, share float64) float64 {
	if !(share > 0 && share <= 1) {
		panic(fmt.Sprintf("stat: a share lies between 0 and 1, such as 0.95, not %v", share))
	}
	n := len(sample)
	if n == 0 {
		return math.NaN()
	}
	slices.Sort(sample)
	return sample[int(math.Ceil(share*float64(n)))-1]
}
