package harness

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"assay/harness/check/stat"
	"assay/harness/evidence"
	"assay/harness/history"
)

// unheard is a window in which the metronome of no test beats: what is predicted of it is widened only by beats made by hand.
var unheard = history.Between(time.Hour, 2*time.Hour)

// judged is what came of figures under an Env whose metronome rests: its noise is what the beats say.
type judged struct {
	*evidence.Record
	errors []string
}

func judge(beats []evidence.Beat, measure func(*Env)) judged {
	f := &fake{}
	e := open(f, Claim{ID: "12.99", Says: "a test is a test"})
	defer e.cancel()
	e.noise.beats = beats
	inGoroutine(func() { measure(e) })
	return judged{e.record, f.errors}
}

// proves tells whether a figure was accepted, and its rivals were excluded.
func (j judged) proves() bool {
	return len(j.errors) == 0 && len(j.Undecided) == 0 && len(j.Measurements) == 1 && j.Measurements[0].OK
}

// beatsOf are beats in a window, one of them with the noise.
func beatsOf(w history.Window, longest time.Duration) []evidence.Beat {
	return []evidence.Beat{
		{At: w.From.Seconds() + 0.1, Usual: 0, Longest: 0},
		{At: w.From.Seconds() + 0.2, Usual: longest.Seconds(), Longest: longest.Seconds()},
	}
}

func bounds(low, high *float64) string {
	word := func(x *float64) string {
		if x == nil {
			return "open"
		}
		return fmt.Sprintf("%.6g", *x)
	}
	return word(low) + " " + word(high)
}

func TestWhatLawsPredict(t *testing.T) {
	const sec = time.Second
	for name, c := range map[string]struct {
		measure func(*Env)
		want    string
		rivals  []string
	}{
		"between":             {func(e *Env) { e.Duration("x", sec, Between(sec, 2*sec).Against("none", 0)) }, "1 2", []string{"none 0 0"}},
		"its ends included":   {func(e *Env) { e.Duration("x", 2*sec, Between(sec, 2*sec).Against("none", 0)) }, "1 2", []string{"none 0 0"}},
		"exactly":             {func(e *Env) { e.Count("x", 3, Exactly(3).Against("all", 4)) }, "3 3", []string{"all 4 4"}},
		"at most":             {func(e *Env) { e.Ratio("x", 0.5, AtMost(0.5).Against("even", 1)) }, "open 0.5", []string{"even 1 1"}},
		"at least":            {func(e *Env) { e.Share("x", stat.Proportion{Hits: 9, Of: 10}, AtLeast(Share(0.9)).Against("map", 0.2)) }, "0.9 open", []string{"map 0.2 0.2"}},
		"against a range":     {func(e *Env) { e.Count("x", 3, Exactly(3).AgainstRange("some", 4, 6)) }, "3 3", []string{"some 4 6"}},
		"against more":        {func(e *Env) { e.Count("x", 3, Exactly(3).AgainstMore("more", 4)) }, "3 3", []string{"more 4 open"}},
		"against several":     {func(e *Env) { e.Count("x", 3, Exactly(3).Against("none", 0).Against("all", 9)) }, "3 3", []string{"none 0 0", "all 9 9"}},
		"added":               {func(e *Env) { e.Duration("x", 210*ms, Added(200*ms, 20*ms)) }, "0.2 0.22", []string{"nothing added 0.02 0.02", "half of it added 0.12 0.12"}},
		"accompanying":        {func(e *Env) { e.Count("x", 3, AtMost(4).Accompanying()) }, "open 4", nil},
		"below zero, sampled": {func(e *Env) { e.Duration("x", sec, Between(0, sec).Sampled(1).Accompanying()) }, "0 1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(nil, c.measure)
			require.True(t, j.proves(), "%v %v", j.errors, j.Undecided)
			m := j.Measurements[0]
			require.Equal(t, c.want, bounds(m.Low, m.High))
			var rivals []string
			for _, r := range m.Rivals {
				rivals = append(rivals, r.Name+" "+bounds(r.Low, r.High))
			}
			require.Equal(t, c.rivals, rivals)
			require.Zero(t, m.Noise)
		})
	}
}

func TestOffTheLaw(t *testing.T) {
	const sec = time.Second
	for want, measure := range map[string]func(*Env){
		"x is 0.999 s, predicted 1 to 2 s":   func(e *Env) { e.Duration("x", 999*ms, Between(sec, 2*sec).Against("none", 0)) },
		"x is 2.001 s, predicted 1 to 2 s":   func(e *Env) { e.Median("x", 2001*ms, Between(sec, 2*sec).Against("none", 0)) },
		"x is 3, predicted at most 2":        func(e *Env) { e.Count("x", 3, AtMost(2).Against("all", 4)) },
		"x is 1, predicted at least 2":       func(e *Env) { e.Count("x", 1, AtLeast(2).Against("none", 0)) },
		"x is 3, predicted exactly 2":        func(e *Env) { e.Count("x", 3, Exactly(2).Against("none", 0)) },
		"x is 0.5, predicted at least 0.9":   func(e *Env) { e.Share("x", stat.Proportion{Hits: 1, Of: 2}, AtLeast(Share(0.9)).Against("none", 0)) },
		"x is 2 times, predicted at most 1.": func(e *Env) { e.Ratio("x", 2, AtMost(1.5).Against("all", 4)) },
		"x (subject) is 3, predicted exactl": func(e *Env) { e.Subject("subject").Count("x", 3, Exactly(2).Against("none", 0)) },
	} {
		j := judge(nil, measure)
		require.Len(t, j.errors, 1, want)
		require.Contains(t, j.errors[0], "off the law: "+want)
		require.False(t, j.Measurements[0].OK)
		require.Equal(t, evidence.OffLaw, j.Failures[0].Kind)
		require.Empty(t, j.Undecided)
	}
}

func TestLawsThatSayNothing(t *testing.T) {
	for want, measure := range map[string]func(*Env){
		`the law names no rival: say what would have been seen otherwise (Against), or that the figure only accompanies others (Accompanying)`: func(e *Env) { e.Count("x", 3, Exactly(3)) },
		`the law names a rival, so the figure does not only accompany others`:                                                                  func(e *Env) { e.Count("x", 3, Exactly(3).Against("none", 0).Accompanying()) },
		`the prediction, 3 to 5, does not exclude its rival "all", exactly 5, on the quietest machine: with these knobs the figure says nothing`: func(e *Env) {
			e.Count("x", 4, Between(3, 5).Against("none", 0).Against("all", 5))
		},
		`the prediction, 0.2 to 0.35 s, does not exclude its rival "half of it added", exactly 0.25 s, on the quietest machine`: func(e *Env) {
			e.Duration("x", 210*ms, Added(200*ms, 150*ms))
		},
		`the prediction, at most 5, does not exclude its rival "more", at least 5`: func(e *Env) { e.Count("x", 4, AtMost(5).AgainstMore("more", 5)) },
		`the prediction, at least 3, does not exclude its rival "some", 1 to 3`:    func(e *Env) { e.Count("x", 4, AtLeast(3).AgainstRange("some", 1, 3)) },
		`nothing lies in the predicted interval, 5 to 1`:                           func(e *Env) { e.Count("x", 3, Between(5, 1).Against("none", 0)) },
		`not a finite number: NaN, predicted at most 1 times`:                      func(e *Env) { e.Ratio("x", math.NaN(), AtMost(1.0).Against("two", 2)) },
		`not a finite number: +Inf, predicted at least 1 times`:                    func(e *Env) { e.Ratio("x", math.Inf(1), AtLeast(1.0).Against("none", 0)) },
		`not a finite number: 1, predicted 0 to NaN times`:                         func(e *Env) { e.Ratio("x", 1, Between(0, math.NaN()).Against("two", 2)) },
		`the predicted interval is open on both sides, so any figure would do`:     func(e *Env) { e.Ratio("x", 1, AtMost(math.Inf(1)).Accompanying()) },
		`not a finite number: the rival "none", NaN to NaN times`:                  func(e *Env) { e.Ratio("x", 1, AtMost(1.0).Against("none", math.NaN())) },
		`nothing lies in the interval of the rival "none", 4 to 2`:                 func(e *Env) { e.Count("x", 1, Exactly(1).AgainstRange("none", 4, 2)) },
	} {
		j := judge(nil, func(e *Env) {
			measure(e)
			t.Errorf("the scenario went on: %s", want)
		})
		require.Len(t, j.errors, 1, want)
		require.Contains(t, j.errors[0], `broken: measure "x": `+want)
		require.Empty(t, j.Measurements)
	}
	j := judge(nil, func(e *Env) { e.Share("x", stat.Proportion{}, Chance(0.5).Accompanying()) })
	require.Equal(t, []string{`broken: "x" is a share of nothing`}, j.errors)
}

func TestFiguresThatOnlyAccompany(t *testing.T) {
	r := offline(t, func(e *Env) {
		proven(e)
		e.Count("orders", 3, Exactly(3).Accompanying())
	})
	r.failedWith(t, evidence.OffLaw, "every figure only accompanies others: at least one must name a rival that its prediction excludes")
	r = offline(t, func(e *Env) {
		proven(e)
		e.Count("orders", 3, Exactly(3).Accompanying())
		e.Count("lost", 0, Exactly(0).Against("all", 3))
	})
	require.Empty(t, r.errors)
}

func TestANamedRivalDoesNotReachOtherLaws(t *testing.T) {
	law := Exactly(3).Against("a", 0).Against("b", 1)
	one, two := law.Against("c", 8), law.Against("d", 9)
	require.Equal(t, "c", one.rivals[2].name)
	require.Equal(t, "d", two.rivals[2].name)
	require.Len(t, law.rivals, 2)
}

func TestNoiseWidens(t *testing.T) {
	const noise = 10 * ms // so a round trip may be late by 40 ms
	in := history.Between(10*time.Second, 11*time.Second)
	for name, c := range map[string]struct {
		measure func(*Env)
		want    string // bounds of the prediction, and of its rival
	}{
		"the end only":            {func(e *Env) { e.Duration("x", 230*ms, Between(200*ms, 220*ms).Against("none", 0).In(in)) }, "0.2 0.26; 0 0.04"},
		"both when it is sampled": {func(e *Env) { e.Duration("x", 170*ms, Between(200*ms, 220*ms).Against("none", 0).In(in).Sampled(1)) }, "0.16 0.26; 0 0.04"},
		"what the looks have not seen": {func(e *Env) {
			e.Duration("x", 150*ms, Between(200*ms, 201*ms).Against("half", 101*ms).In(in).Trips(0).Unseen(60*ms))
		}, "0.14 0.201; 0.041 0.101"},
		"not below zero":            {func(e *Env) { e.Duration("x", 0, Between(20*ms, 40*ms).Against("long", time.Second).In(in).Sampled(1)) }, "0 0.08; 0.96 1.04"},
		"for each round trip":       {func(e *Env) { e.Duration("x", 300*ms, Between(200*ms, 220*ms).Against("none", 0).In(in).Trips(3)) }, "0.2 0.34; 0 0.12"},
		"a median by what is usual": {func(e *Env) { e.Median("x", 230*ms, Between(200*ms, 220*ms).Against("none", 0).In(in)) }, "0.2 0.26; 0 0.04"},
		"an open end stays":         {func(e *Env) { e.Duration("x", time.Hour, AtLeast(200*ms).Against("none", 0).In(in)) }, "0.2 open; 0 0.04"},
		"an open beginning stays":   {func(e *Env) { e.Duration("x", 0, AtMost(200*ms).AgainstMore("long", time.Second).In(in).Sampled(1)) }, "open 0.24; 0.96 open"},
		"no other window": {func(e *Env) {
			e.Duration("x", 210*ms, Between(200*ms, 220*ms).Against("none", 0).In(history.Until(9*time.Second)))
		}, "0.2 0.22; 0 0"},
		"the whole test otherwise": {func(e *Env) { e.Duration("x", 230*ms, Between(200*ms, 220*ms).Against("none", 0)) }, "0.2 0.26; 0 0.04"},
		"no count":                 {func(e *Env) { e.Count("x", 3, Exactly(3).Against("none", 0).In(in)) }, "3 3; 0 0"},
		"no share": {func(e *Env) {
			e.Share("x", stat.Proportion{Hits: 1, Of: 2}, Exactly(Share(0.5)).Against("none", 0).In(in))
		}, "0.5 0.5; 0 0"},
		"no ratio": {func(e *Env) { e.Ratio("x", 2, Exactly(2.0).Against("none", 0).In(in).Sampled(1)) }, "2 2; 0 0"},
	} {
		t.Run(name, func(t *testing.T) {
			j := judge(beatsOf(in, noise), c.measure)
			require.True(t, j.proves(), "%v %v", j.errors, j.Undecided)
			m := j.Measurements[0]
			require.Equal(t, c.want, bounds(m.Low, m.High)+"; "+bounds(m.Rivals[0].Low, m.Rivals[0].High))
		})
	}
	t.Run("and is recorded", func(t *testing.T) {
		j := judge(beatsOf(in, noise), func(e *Env) {
			e.Duration("x", 230*ms, Between(200*ms, 220*ms).Against("none", 0).In(in).Sampled(1).Trips(2))
		})
		m := j.Measurements[0]
		require.Equal(t, 0.08, m.Noise)
		require.Positive(t, m.Early)
	})
}

func TestUndecided(t *testing.T) {
	in := history.Between(10*time.Second, 11*time.Second)
	delayed := func(got, noise time.Duration) judged {
		return judge(beatsOf(in, noise), func(e *Env) { e.Subject("held up").Duration("lag", got, Added(200*ms, 20*ms).In(in)) })
	}
	t.Run("where noise makes them overlap", func(t *testing.T) {
		j := delayed(210*ms, 30*ms)
		require.Empty(t, j.errors)
		require.Equal(t, []evidence.Undecision{{What: "lag (held up)", Noise: 0.12, Message: `it is 0.21 s, predicted 0.2 to 0.34 s; "half of it added" would be 0.12 to 0.24 s`}}, j.Undecided)
		m := j.Measurements[0]
		require.True(t, m.OK)
		require.Equal(t, []bool{false, true}, []bool{m.Rivals[0].Undecided, m.Rivals[1].Undecided})
	})
	t.Run("of each rival", func(t *testing.T) {
		j := delayed(210*ms, time.Second)
		require.Len(t, j.Undecided, 2)
		require.Contains(t, j.Undecided[0].Message, `"nothing added" would be 0.02 to 4.02 s`)
		require.Contains(t, j.Undecided[1].Message, `"half of it added" would be 0.12 to 4.12 s`)
	})
	t.Run("up to the last quiet moment it is decided", func(t *testing.T) {
		require.True(t, delayed(210*ms, 19*ms).proves())  // half of it: up to 196 ms
		require.False(t, delayed(210*ms, 20*ms).proves()) // 200 ms
	})
	t.Run("what is off the law is so at once", func(t *testing.T) {
		for _, got := range []time.Duration{199 * ms, 341 * ms} {
			j := delayed(got, 30*ms)
			require.Len(t, j.errors, 1)
			require.Contains(t, j.errors[0], "off the law: lag (held up) is ")
			require.Empty(t, j.Undecided)
			require.True(t, j.Measurements[0].Rivals[1].Undecided, "the record tells of it all the same")
		}
	})
}

func TestChance(t *testing.T) {
	lost := func(hits, of int, law Law[Share]) judged {
		return judge(nil, func(e *Env) { e.Share("lost", stat.Proportion{Hits: hits, Of: of}, law) })
	}
	tenth := Chance(0.1).Against("nothing lost", 0).Against("half of it lost", 0.05)
	j := lost(260, 2600, tenth)
	require.True(t, j.proves(), "%v", j.errors)
	m := j.Measurements[0]
	require.Equal(t, 2600, m.N)
	require.Equal(t, 0.1, m.Value)
	for i, want := range []struct{ low, high, p float64 }{
		{*m.Low, *m.High, 0.1}, {*m.Rivals[0].Low, *m.Rivals[0].High, 0}, {*m.Rivals[1].Low, *m.Rivals[1].High, 0.05},
	} {
		least, most := stat.Acceptance(2600, want.p, 0.99999)
		require.Equal(t, []float64{float64(least) / 2600, float64(most) / 2600}, []float64{want.low, want.high}, i)
	}
	require.Equal(t, []float64{0, 0}, []float64{*m.Rivals[0].Low, *m.Rivals[0].High}, "where nothing can be lost, nothing is")
	require.Less(t, *m.Low, 0.1)
	require.Greater(t, *m.High, 0.1)

	require.Contains(t, lost(130, 2600, tenth).errors[0], "off the law: lost is 0.05, predicted 0.075 to 0.127")
	require.Contains(t, lost(0, 2600, tenth).errors[0], "off the law: lost is 0,")
	require.Contains(t, lost(20, 200, tenth).errors[0], `does not exclude its rival "half of it lost", `, "so few trials do not tell them apart")
	require.Contains(t, lost(200, 2000, tenth).errors[0], `does not exclude its rival "half of it lost", 0.03 to 0.073`)

	certain := Chance(1).AgainstRange("some", 0.2, 0.8)
	j = lost(2000, 2000, certain)
	require.True(t, j.proves(), "%v", j.errors)
	require.Equal(t, "1 1", bounds(j.Measurements[0].Low, j.Measurements[0].High))
	more := Chance(0.1).AgainstMore("more", 0.3)
	j = lost(200, 2000, more)
	require.True(t, j.proves(), "%v", j.errors)
	require.Equal(t, 1.0, *j.Measurements[0].Rivals[0].High)
}

// Whatever the size of a delay, the calm and the noise: half of the delay, in a calm no worse than the one that was seen, and no later than
// the noise explains, is never taken for all of it. It is off the law, or undecided.
func TestHalfADelayNeverPasses(t *testing.T) {
	in := history.Between(10*time.Second, 11*time.Second)
	rapid.Check(t, func(t *rapid.T) {
		// Calm and noise are drawn around what decides: half of the delay. What came about is drawn to its ends, too.
		size := time.Duration(rapid.Int64Range(1, int64(5*time.Second)).Draw(t, "size"))
		part := func(name string, of time.Duration) time.Duration {
			return of * time.Duration(rapid.OneOf(rapid.Just(0), rapid.Just(1000), rapid.IntRange(0, 1000)).Draw(t, name)) / 1000
		}
		calm, longest, trips := part("calm", size/2), part("longest wait", size/4), rapid.IntRange(1, 5).Draw(t, "trips")
		longest /= time.Duration(trips)
		law := Added(size, calm).In(in).Trips(trips)
		if rapid.Bool().Draw(t, "sampled") {
			law = law.Sampled(1)
		}
		measure, noise := (*Env).Duration, (&noise{beats: beatsOf(in, longest)}).single(in, trips)
		if rapid.Bool().Draw(t, "a median") {
			measure = (*Env).Median
		}
		got := part("as it is in the calm", calm) + size/2 + part("late", noise)
		j := judge(beatsOf(in, longest), func(e *Env) { measure(e, "lag", got, law) })
		if j.proves() {
			t.Fatalf("half of a delay of %v, seen as %v, passes: %+v", size, got, j.Measurements[0])
		}
	})
}

// And all of it passes on a quiet machine, if it is large beside the calm.
func TestAWholeDelayPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		calm := time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "calm"))
		size := 2*calm + 2 + time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "size beyond twice the calm"))
		got := size + time.Duration(rapid.Int64Range(0, int64(calm)).Draw(t, "as it is in the calm"))
		j := judge(nil, func(e *Env) { e.Duration("lag", got, Added(size, calm)) })
		require.True(t, j.proves(), "%v %v", j.errors, j.Undecided)
	})
}

// Of what is delayed the fastest tells, whatever the usual operation met.
func TestDelayed(t *testing.T) {
	law := Delayed(100*time.Millisecond, time.Millisecond).In(history.Until(time.Second))
	noise := []evidence.Beat{{At: 0.5, Usual: 0.05, Longest: 1}, {At: 0.9, Usual: 0.001, Longest: 1}}
	require.True(t, judge(noise, func(e *Env) { e.Fastest("x", 101*time.Millisecond, law) }).proves())
	j := judge(noise, func(e *Env) { e.Fastest("x", 54*time.Millisecond, law) })
	require.Len(t, j.errors, 1)
	require.Contains(t, j.errors[0], evidence.OffLaw)
	require.NotEmpty(t, judge(noise[:1], func(e *Env) { e.Fastest("x", 101*time.Millisecond, law) }).Undecided, "no beat was quiet")
}

func TestLongerThan(t *testing.T) {
	const wait, longest = 40 * time.Millisecond, 5 * time.Millisecond
	in := history.Until(time.Millisecond)
	law := Between(0, wait).Trips(2).Sampled(1).In(in)
	j := judge([]evidence.Beat{{At: 0.0005, Longest: longest.Seconds()}}, func(e *Env) {
		from := e.Now()
		longer := e.LongerThan(law, from)
		require.ErrorContains(t, longer(), "not known yet", "what comes after the window tells of its end")
		e.noise.add(evidence.Beat{At: 0.002})
		e.noise.add(evidence.Beat{At: 0.003, Longest: 1})
		require.ErrorContains(t, longer(), "of 80 ms have passed")
		e.Await("more has passed than the law allows", longer)
		passed := e.Now() - from
		require.Greater(t, passed, wait+2*handOvers*longest)
		e.Duration("x", wait, law.AgainstMore("as long as it lasts", passed))
	})
	require.True(t, j.proves(), "the two can be told apart: %v %v", j.errors, j.Undecided)
}
