package stat_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"assay/harness/check/stat"
)

// The figures to compare with were computed another way: sums of exact binomials, the formula for Wilson's, published examples for the rest.

func near(t assert.TestingT, want, got stat.Interval, within float64) {
	assert.InDelta(t, want.Low, got.Low, within)
	assert.InDelta(t, want.High, got.High, within)
}

func TestIntervalsOfAProportion(t *testing.T) {
	seven := stat.Proportion{Hits: 7, Of: 20}
	near(t, stat.Interval{Low: 0.1812, High: 0.5671}, seven.Wilson(0.95), 0.0001)
	near(t, stat.Interval{Low: 0.1539, High: 0.5922}, seven.Exact(0.95), 0.0001)

	none, all := stat.Proportion{Of: 20}, stat.Proportion{Hits: 20, Of: 20}
	near(t, stat.Interval{Low: 0, High: 0.1611}, none.Wilson(0.95), 0.0001)
	near(t, stat.Interval{Low: 0.8389, High: 1}, all.Wilson(0.95), 0.0001)
	near(t, stat.Interval{Low: 0, High: 0.1684}, none.Exact(0.95), 0.0001)
	near(t, stat.Interval{Low: 0.8316, High: 1}, all.Exact(0.95), 0.0001)
	assert.Equal(t, 0.0, none.Wilson(0.95).Low, "exactly")
	assert.Equal(t, 1.0, all.Wilson(0.95).High, "exactly")

	for _, i := range []stat.Interval{stat.Proportion{}.Wilson(0.95), stat.Proportion{}.Exact(0.95), stat.Proportion{}.Anytime(0.95)} {
		assert.Equal(t, stat.Interval{Low: 0, High: 1}, i, "nothing tells nothing")
	}
	assert.True(t, math.IsNaN(stat.Proportion{}.Share()))
}

func TestProportionInWords(t *testing.T) {
	for want, p := range map[string]stat.Proportion{
		"14.0 % [10.9, 17.7], n = 400":   {Hits: 56, Of: 400},
		"35 % [18, 57], n = 20":          {Hits: 7, Of: 20},
		"0.10 % [0.05, 0.18], n = 10000": {Hits: 10, Of: 10_000},
		"100 % [84, 100], n = 20":        {Hits: 20, Of: 20},
		"of nothing":                     {},
	} {
		assert.Equal(t, want, p.String())
	}
}

func TestEachIntervalContainsWhatWasSeenAndGrowsWithConfidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := stat.Proportion{Of: rapid.IntRange(1, 2000).Draw(t, "of")}
		p.Hits = rapid.IntRange(0, p.Of).Draw(t, "hits")
		confidence := rapid.Float64Range(0.5, 0.999).Draw(t, "confidence")
		for name, interval := range map[string]func(stat.Proportion, float64) stat.Interval{
			"Wilson": stat.Proportion.Wilson, "Exact": stat.Proportion.Exact, "Anytime": stat.Proportion.Anytime,
		} {
			i, wider := interval(p, confidence), interval(p, confidence+(1-confidence)/2)
			assert.True(t, i.Contains(p.Share()), "%s: %v", name, i)
			assert.True(t, wider.Low <= i.Low && wider.High >= i.High, "%s: %v in %v", name, i, wider)
			assert.True(t, i.Low >= 0 && i.High <= 1, "%s: %v", name, i)
			complement := interval(stat.Proportion{Hits: p.Of - p.Hits, Of: p.Of}, confidence)
			near(t, stat.Interval{Low: 1 - i.High, High: 1 - i.Low}, complement, 1e-6)
		}
	})
}

func TestAcceptance(t *testing.T) {
	for _, x := range []struct {
		n          int
		share      float64
		confidence float64
		low, high  int
	}{
		{100, 0.1, 0.95, 5, 16},
		{1000, 0.1, 0.999, 70, 132},
		{10, 0.5, 0.95, 2, 8},
		{10, 0, 0.95, 0, 0},
		{10, 1, 0.95, 10, 10},
		{0, 0.5, 0.95, 0, 0},
	} {
		low, high := stat.Acceptance(x.n, x.share, x.confidence)
		assert.Equal(t, []int{x.low, x.high}, []int{low, high}, "%+v", x)
	}
}

// Clopper and Pearson made their interval by turning the acceptance round. The two are computed by different functions here.
func TestExactIsAcceptanceTurnedRound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 500).Draw(t, "n")
		hits := rapid.IntRange(0, n).Draw(t, "hits")
		share := rapid.Float64Range(0.001, 0.999).Draw(t, "share")
		exact := stat.Proportion{Hits: hits, Of: n}.Exact(0.99)
		if math.Abs(share-exact.Low) < 1e-6 || math.Abs(share-exact.High) < 1e-6 {
			t.Skip("on the edge")
		}
		low, high := stat.Acceptance(n, share, 0.99)
		assert.Equal(t, low <= hits && hits <= high, exact.Contains(share), "%v and %d to %d", exact, low, high)
	})
}

// Someone who looks after each of 200 trials, and stops at the first interval that misses the truth, is to find one in 5 % of all
// attempts at most. With Wilson's interval it is several times that.
func TestAnytimeMayBeLookedAtAnyTime(t *testing.T) {
	const attempts, trials = 300, 200
	for _, share := range []float64{0.02, 0.1, 0.5, 0.95} {
		missed := map[string]int{}
		for a := range attempts {
			r := rand.New(rand.NewPCG(uint64(a), uint64(1000*share)))
			p := stat.Proportion{}
			wilson, anytime := false, false
			for range trials {
				p.Of++
				if r.Float64() < share {
					p.Hits++
				}
				wilson = wilson || !p.Wilson(0.95).Contains(share)
				anytime = anytime || !p.Anytime(0.95).Contains(share)
			}
			for name, was := range map[string]bool{"Wilson": wilson, "Anytime": anytime} {
				if was {
					missed[name]++
				}
			}
		}
		// The bound is exact; what 300 attempts show of it is not.
		_, most := stat.Acceptance(attempts, 0.05, 0.999)
		assert.LessOrEqual(t, missed["Anytime"], most, "share %v", share)
		assert.Greater(t, missed["Wilson"], 3*missed["Anytime"], "share %v", share)
	}
	assert.InDelta(t, 0.5, middle(stat.Proportion{Hits: 500_000, Of: 1_000_000}.Anytime(0.95)), 0.001)
	near(t, stat.Interval{Low: 0.498, High: 0.502}, stat.Proportion{Hits: 500_000, Of: 1_000_000}.Anytime(0.95), 0.0005)
}

func middle(i stat.Interval) float64 { return (i.Low + i.High) / 2 }

// Of hits alone the lower end has a closed form: that share p at which the bet, Γ(n+½)/(√π·n!) as a part of all that there is, has won 1/0.05 of pⁿ.
func TestAnytimeOfHitsAlone(t *testing.T) {
	for _, n := range []int{1, 7, 18, 1000} {
		above, _ := math.Lgamma(float64(n) + 0.5)
		below, _ := math.Lgamma(float64(n) + 1)
		want := math.Exp((above - below - math.Log(math.Pi)/2 - math.Log(1/0.05)) / float64(n))
		i := stat.Proportion{Hits: n, Of: n}.Anytime(0.95)
		assert.InDelta(t, want, i.Low, 1e-9, n)
		assert.Equal(t, 1.0, i.High)
		assert.InDelta(t, 1-want, stat.Proportion{Hits: 0, Of: n}.Anytime(0.95).High, 1e-9, n)
	}
}

func TestMore(t *testing.T) {
	// Newcombe (1998), table II, example (a), method 10.
	d := stat.Proportion{Hits: 56, Of: 70}.More(stat.Proportion{Hits: 48, Of: 80}, 0.95)
	assert.InDelta(t, 0.2, d.Share, 1e-9)
	near(t, stat.Interval{Low: 0.0524, High: 0.3339}, d.Interval, 0.0001)
	assert.InDelta(t, 0.442, d.H, 0.001)
	assert.Equal(t, "+20.0 points [5.2, 33.4], h = 0.44", d.String())

	same := stat.Proportion{Hits: 5, Of: 10}.More(stat.Proportion{Hits: 50, Of: 100}, 0.95)
	assert.Zero(t, same.Share)
	assert.Zero(t, same.H)
	assert.True(t, same.Interval.Contains(0))
	assert.True(t, math.IsNaN(stat.Proportion{}.More(stat.Proportion{Hits: 1, Of: 2}, 0.95).Share))
}

func TestEven(t *testing.T) {
	// The example of scipy.stats.chisquare.
	s := stat.ChiSquareUniform([]int{16, 18, 16, 14, 12, 12})
	assert.InDelta(t, 2.0, s.Statistic, 1e-9)
	assert.Equal(t, 5, s.Freedom)
	assert.InDelta(t, 0.84914503608460956, s.P, 1e-9)
	assert.InDelta(t, math.Sqrt(2.0/88), s.Effect, 1e-9)
	assert.InDelta(t, 88.0/6, s.Expected, 1e-9)
	assert.Equal(t, "chi-square 2.00 (5 degrees of freedom), p = 0.849, w = 0.15", s.String())

	assert.Less(t, stat.ChiSquareUniform([]int{160, 180, 160, 140, 120, 120}).P, 0.01, "ten times as many tell more")
	assert.InDelta(t, 1, stat.ChiSquareUniform([]int{100, 100, 100}).P, 1e-9)
	assert.Less(t, stat.ChiSquareUniform([]int{300, 0, 0}).P, 1e-9)

	weighted := stat.Weighted([]int{50, 70, 90, 100}, []float64{0.5, 0.7, 0.9, 1})
	assert.InDelta(t, 1, weighted.P, 1e-9)
	assert.Less(t, stat.ChiSquareUniform([]int{50, 70, 90, 100}).P, 0.001)

	for _, counts := range [][]int{nil, {5}, {0, 0}} {
		assert.True(t, math.IsNaN(stat.ChiSquareUniform(counts).P), "%v", counts)
	}
}

func TestFit(t *testing.T) {
	l := stat.Fit([]float64{1, 2, 3, 4, 5}, []float64{2, 4, 5, 4, 5}, 0.95)
	assert.InDelta(t, 2.2, l.Intercept, 1e-9)
	assert.InDelta(t, 0.6, l.Slope, 1e-9)
	assert.InDelta(t, 0.6, l.R2, 1e-9)
	near(t, stat.Interval{Low: -0.3001, High: 1.5001}, l.Interval, 0.0001)
	assert.Equal(t, "slope 0.6 [-0.3, 1.5], intercept 2.2, r² = 0.600", l.String())

	for _, x := range [][]float64{nil, {1, 2}, {3, 3, 3}} {
		none := stat.Fit(x, x, 0.95)
		assert.True(t, math.IsNaN(none.Slope), "%v", x)
		assert.True(t, none.Interval.Contains(1e300), "%v", x)
	}
}

func TestFitFindsTheLineThatWasPlanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slope, intercept := rapid.Float64Range(-10, 10).Draw(t, "slope"), rapid.Float64Range(-10, 10).Draw(t, "intercept")
		var x, y []float64
		for i := range rapid.IntRange(3, 50).Draw(t, "points") {
			x = append(x, float64(i))
			y = append(y, intercept+slope*float64(i))
		}
		l := stat.Fit(x, y, 0.95)
		assert.InDelta(t, slope, l.Slope, 1e-9)
		assert.InDelta(t, intercept, l.Intercept, 1e-9)
	})
}

func TestMedian(t *testing.T) {
	assert.Equal(t, 2.0, stat.Median([]float64{3, 1, 2}))
	assert.Equal(t, 2.5, stat.Median([]float64{4, 1, 3, 2}))
	assert.True(t, math.IsNaN(stat.Median(nil)))

	sample := []float64{5, 1, 4, 2, 3}
	e := stat.MedianCI(sample, 0.95, 1)
	assert.Equal(t, []float64{5, 1, 4, 2, 3}, sample, "left as it was")
	assert.Equal(t, 3.0, e.Value)
	assert.Equal(t, stat.Interval{Low: 1, High: 5}, e.Interval, "five values tell little")
	assert.Equal(t, e, stat.MedianCI(sample, 0.95, 1), "the same seed gives the same")
	assert.Equal(t, "3 [1, 5]", e.String())

	assert.True(t, math.IsNaN(stat.MedianCI(nil, 0.95, 1).Value))
	assert.True(t, stat.MedianCI(nil, 0.95, 1).Interval.Contains(-1e300))
	assert.Equal(t, stat.Estimate{Value: 2, Interval: stat.Interval{Low: 2, High: 2}}, stat.MedianRatio([]float64{4, 4}, []float64{2, 2}, 0.95, 1))
	for _, r := range []stat.Estimate{stat.MedianRatio([]float64{4, 4}, nil, 0.95, 1), stat.MedianRatio(nil, []float64{4, 4}, 0.95, 1)} {
		assert.True(t, math.IsNaN(r.Value))
		assert.Equal(t, stat.Interval{Low: math.Inf(-1), High: math.Inf(1)}, r.Interval)
	}
}

func TestQuantile(t *testing.T) {
	sample := []float64{4, 1, 3, 2}
	for share, want := range map[float64]float64{0.01: 1, 0.25: 1, 0.26: 2, 0.5: 2, 0.75: 3, 0.95: 4, 1: 4} {
		assert.Equal(t, want, stat.Quantile(sample, share), "%v", share)
	}
	assert.True(t, math.IsNaN(stat.Quantile(nil, 0.5)))
	for _, share := range []float64{0, -1, 1.1, 95, math.NaN()} {
		assert.Panics(t, func() { stat.Quantile(sample, share) }, "%v", share)
	}
}

// As much is left out above as below: of the sample turned upside down the interval is the interval turned upside down.
func TestBootstrapLeavesOutAsMuchOnEitherSide(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sample, turned := make([]float64, 30), make([]float64, 30)
	for i := range sample {
		sample[i] = r.ExpFloat64()
		turned[i] = -sample[i]
	}
	sum := func(of []float64) (sum float64) {
		for _, x := range of {
			sum += x
		}
		return sum
	}
	e, f := stat.Bootstrap(sample, sum, 0.95, 3), stat.Bootstrap(turned, sum, 0.95, 3)
	assert.Equal(t, stat.Interval{Low: -f.Interval.High, High: -f.Interval.Low}, e.Interval)
	assert.True(t, e.Interval.Contains(e.Value))
}

// Of 200 samples, so many intervals contain the true median as are to, within what 200 can show.
func TestMedianIsAsSureAsItSays(t *testing.T) {
	const samples, confidence = 200, 0.9
	hits, ratio := 0, 0
	for i := range samples {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		a, b := make([]float64, 30), make([]float64, 30)
		for j := range a {
			a[j], b[j] = 2*r.ExpFloat64(), r.ExpFloat64()
		}
		if stat.MedianCI(a, confidence, uint64(i)).Interval.Contains(2 * math.Ln2) {
			hits++
		}
		if stat.MedianRatio(a, b, confidence, uint64(i)).Interval.Contains(2) {
			ratio++
		}
	}
	low, high := stat.Acceptance(samples, confidence, 0.999)
	assert.True(t, low <= hits && hits <= high, "%d, want %d to %d", hits, low, high)
	assert.True(t, low <= ratio && ratio <= high, "%d, want %d to %d", ratio, low, high)
}

func TestWhatMakesNoSensePanics(t *testing.T) {
	for _, confidence := range []float64{0, 1, 95, -1, math.NaN()} {
		assert.PanicsWithValue(t, fmt.Sprintf("stat: a confidence lies between 0 and 1, such as 0.95, not %v", confidence), func() {
			stat.Proportion{Hits: 1, Of: 2}.Wilson(confidence)
		})
	}
	assert.Panics(t, func() { stat.Weighted([]int{1, 2}, []float64{1}) })
	assert.Panics(t, func() { stat.Weighted([]int{1, 2}, []float64{1, 0}) })
	assert.Panics(t, func() { stat.Fit([]float64{1, 2}, []float64{1}, 0.95) })
}
