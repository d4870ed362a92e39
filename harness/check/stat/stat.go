// Package stat tells what a sample says about where it came from: shares, spreads, slopes and medians, each with how sure one may be of it.
//
// The room is for plain numbers in and plain numbers out. It knows no histories: what a checker counts, or a scenario measures, is put in
// by whoever asks. Nothing here draws a random number without being given a seed. Distributions are gonum's.
//
// A confidence is a probability such as 0.95: so often, over many samples, does the interval contain the true value. Where an estimate
// cannot be made, because there are too few values, it is NaN, to which no comparison is true, in the widest interval.
package stat

import (
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is a range of numbers, its ends included.
type Interval struct{ Low, High float64 }

// Contains tells whether x lies in i.
func (i Interval) Contains(x float64) bool { return i.Low <= x && x <= i.High }

// Proportion is how often something was seen out of how often it could have been.
type Proportion struct{ Hits, Of int }

// Share gives the hits as a part of 1; NaN of nothing.
func (p Proportion) Share() float64 { return float64(p.Hits) / float64(p.Of) }

// String gives the share with its Wilson interval at 95 %: "14.0 % [10.9, 17.7], n = 400".
func (p Proportion) String() string {
	if p.Of == 0 {
		return "of nothing"
	}
	i := p.Wilson(0.95)
	low, high := 100*i.Low, 100*i.High
	digits := 2 // as many as the interval is worth
	switch width := high - low; {
	case width >= 10:
		digits = 0
	case width >= 1:
		digits = 1
	}
	return fmt.Sprintf("%.*f %% [%.*f, %.*f], n = %d", digits, 100*p.Share(), digits, low, digits, high, p.Of)
}

// Wilson gives the interval for the true share by Wilson's score (1927), which is good for small samples and for shares near 0 and 1, too:
// on average over the true shares it is as sure as it says. It counts on trials that are independent and alike.
func (p Proportion) Wilson(confidence float64) Interval {
	if p.Of == 0 {
		return Interval{0, 1}
	}
	z := distuv.UnitNormal.Quantile(1 - tail(confidence))
	n, share := float64(p.Of), p.Share()
	middle := (share + z*z/(2*n)) / (1 + z*z/n)
	reach := z / (1 + z*z/n) * math.Sqrt(share*(1-share)/n+z*z/(4*n*n))
	i := Interval{max(0, middle-reach), min(1, middle+reach)}
	// What rounding takes off where nothing or everything was hit.
	if p.Hits == 0 {
		i.Low = 0
	}
	if p.Hits == p.Of {
		i.High = 1
	}
	return i
}

// Exact gives the interval for the true share by Clopper and Pearson (1934): it is never less sure than it says, whatever the true share,
// and therefore wider than Wilson's. A share is in it just if its Acceptance contains the hits.
func (p Proportion) Exact(confidence float64) Interval {
	i := Interval{0, 1}
	k, n := float64(p.Hits), float64(p.Of)
	if p.Hits > 0 {
		i.Low = distuv.Beta{Alpha: k, Beta: n - k + 1}.Quantile(tail(confidence))
	}
	if p.Hits < p.Of {
		i.High = distuv.Beta{Alpha: k + 1, Beta: n - k}.Quantile(1 - tail(confidence))
	}
	return i
}

// Anytime gives an interval for the true share that may be looked at after every trial, to stop when one likes what one sees: with the
// given confidence, the intervals of all trials together contain it. Each by itself is wider than Wilson's, which is the price. It is the
// set of shares that a bet against them, mixed over all others by Jeffreys' Beta(½, ½), has not multiplied its stake by 1/(1−confidence)
// on (Ville's inequality; Robbins, "Statistical Methods Related to the Law of the Iterated Logarithm", 1970).
func (p Proportion) Anytime(confidence float64) Interval {
	if p.Of == 0 {
		return Interval{0, 1}
	}
	hits, misses := float64(p.Hits), float64(p.Of-p.Hits)
	stake := mathext.Lbeta(hits+0.5, misses+0.5) - mathext.Lbeta(0.5, 0.5)
	enough := -math.Log(2 * tail(confidence))
	excluded := func(share float64) bool {
		fair := 0.0
		if hits > 0 {
			fair += hits * math.Log(share)
		}
		if misses > 0 {
			fair += misses * math.Log1p(-share)
		}
		return stake-fair >= enough
	}
	// What is excluded lies on both sides of what was seen.
	return Interval{edge(p.Share(), 0, excluded), edge(p.Share(), 1, excluded)}
}

// edge gives where from inside to outside the shares begin to be excluded, outside itself if they do not.
func edge(inside, outside float64, excluded func(float64) bool) float64 {
	if !excluded(outside) {
		return outside
	}
	for range 60 {
		if middle := (inside + outside) / 2; excluded(middle) {
			outside = middle
		} else {
			inside = middle
		}
	}
	return outside
}

// Acceptance gives the fewest and the most hits that are to be expected of n independent trials that each hit with this share, leaving out
// half of 1−confidence at most on either side. It is the prediction for a count, such as that of the packets that a network loses which
// drops each with probability share.
func Acceptance(n int, share, confidence float64) (low, high int) {
	b := distuv.Binomial{N: float64(n), P: share}
	low = sort.Search(n, func(k int) bool { return b.CDF(float64(k)) > tail(confidence) })
	high = sort.Search(n, func(k int) bool { return 1-b.CDF(float64(k)) <= tail(confidence) })
	return low, high
}

// Difference is by how much a share is larger than another.
type Difference struct {
	// Share is the difference of the shares, a part of 1: the effect as such.
	Share    float64
	Interval Interval // of Share
	// H is Cohen's h, the difference of the arcs, which weighs a step from 1 % to 3 % like one from 50 % to 63 %. By his rule of thumb
	// ("Statistical Power Analysis for the Behavioral Sciences", 1988) 0.2 is small, 0.5 medium and 0.8 large.
	H float64
}

// String gives the difference in points of a hundred: "+12.5 points [8.1, 17.0], h = 0.41".
func (d Difference) String() string {
	return fmt.Sprintf("%+.1f points [%.1f, %.1f], h = %.2f", 100*d.Share, 100*d.Interval.Low, 100*d.Interval.High, d.H)
}

// More tells by how much the share of p is larger than that of q, of two independent samples, such as two arms of one run. The interval is
// Newcombe's from two of Wilson's ("Interval estimation for the difference between independent proportions", 1998, method 10).
func (p Proportion) More(q Proportion, confidence float64) Difference {
	if p.Of == 0 || q.Of == 0 {
		return Difference{Share: math.NaN(), Interval: Interval{-1, 1}, H: math.NaN()}
	}
	a, b := p.Share(), q.Share()
	of, less := p.Wilson(confidence), q.Wilson(confidence)
	return Difference{
		Share: a - b,
		Interval: Interval{
			a - b - math.Hypot(a-of.Low, less.High-b),
			a - b + math.Hypot(of.High-a, b-less.Low),
		},
		H: 2*math.Asin(math.Sqrt(a)) - 2*math.Asin(math.Sqrt(b)),
	}
}

// tail gives what is left out on each side.
func tail(confidence float64) float64 {
	if !(confidence > 0 && confidence < 1) {
		panic(fmt.Sprintf("stat: a confidence lies between 0 and 1, such as 0.95, not %v", confidence))
	}
	return (1 - confidence) / 2
}
