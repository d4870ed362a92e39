package harness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
	"assay/harness/history"
)

// heard is a second of beats, ten of them: usually a wait took 1 to 10 ms, and the longest ten times as long, the last beat's most.
func heard() *noise {
	n := &noise{}
	for i := range 10 {
		at, wait := float64(i+1)/10, float64(i+1)/1000
		n.add(evidence.Beat{At: at, Usual: wait, Longest: 10 * wait})
	}
	return n
}

func TestWhichBeatsTellOfAWindow(t *testing.T) {
	at := func(w history.Window) []float64 {
		var all []float64
		for _, b := range heard().within(w) {
			all = append(all, b.At)
		}
		return all
	}
	require.Len(t, at(history.Always), 10)
	require.Equal(t, []float64{0.9, 1}, at(history.Since(850*ms)))
	require.Equal(t, []float64{0.1, 0.2, 0.3}, at(history.Until(250*ms)), "the beat that ends after the window tells of its end")
	require.Equal(t, []float64{0.4, 0.5}, at(history.Between(310*ms, 420*ms)))
	require.Equal(t, []float64{0.4}, at(history.Between(310*ms, 320*ms)), "also of a window that is shorter than a beat")
	require.Empty(t, at(history.Since(1100*ms)))
}

// What has not come to its end counts, too: a machine that stands still now makes late what is measured now.
func TestTheBeatUnderWay(t *testing.T) {
	n, now := heard(), 1050*ms
	n.now = func() time.Duration { return now }
	n.tick(1050*ms, 20*ms)
	require.Equal(t, 0.02, n.within(history.Since(1010 * ms))[0].Longest, "the latest tick of the beat")
	now = 1450 * ms
	require.Equal(t, 0.4, n.within(history.Since(1010 * ms))[0].Longest, "the next tick is overdue")
	require.Len(t, n.within(history.Until(250*ms)), 3, "it tells nothing of a window that is over")
	n.add(evidence.Beat{At: 1.45, Usual: 0.001, Longest: 0.4})
	require.Equal(t, 0.4, n.within(history.Since(1010 * ms))[0].Longest)
}

func TestHowLateASingleFigureMayBe(t *testing.T) {
	n := heard()
	require.Equal(t, 4*100*ms, n.single(history.Always, 1), "the longest wait, for each of four hand-overs")
	require.Equal(t, 4*30*ms, n.single(history.Until(250*ms), 1))
	require.Equal(t, 4*(30+2*3)*ms, n.single(history.Until(250*ms), 3), "and the usual wait for those of each further round trip")
	require.Zero(t, n.single(unheard, 1))
	require.Zero(t, (&noise{}).single(history.Always, 1))
}

func TestHowLateAMedianMayBe(t *testing.T) {
	n := heard()
	// Of one round trip, with four hand-overs: four times the wait that one in eight beats exceeds, the ninth of ten.
	require.Equal(t, 4*9*ms, n.median(history.Always, 1))
	// Of two: eight times the wait that one in sixteen exceeds, the longest of so few.
	require.Equal(t, 8*10*ms, n.median(history.Always, 2))
	require.Equal(t, 4*3*ms, n.median(history.Until(250*ms), 1))
	require.Zero(t, n.median(unheard, 1))
	shuffled := &noise{}
	for _, b := range []int{3, 8, 1, 7, 2, 6, 4, 5} {
		shuffled.add(evidence.Beat{At: 1, Usual: float64(b) / 1000, Longest: 1})
	}
	require.Equal(t, 4*7*ms, shuffled.median(history.Always, 1), "whatever their order; what one in eight exceeds is the seventh of eight")
	for range 1000 {
		n.add(evidence.Beat{At: 2, Usual: 0.001, Longest: 10})
	}
	require.Equal(t, 4*ms, n.median(history.Always, 1), "a rare long wait moves a single figure, and no median")
	require.Equal(t, 40*time.Second, n.single(history.Always, 1))
}

func TestHowLateTheFastestMayBe(t *testing.T) {
	n := heard()
	require.Equal(t, 4*ms, n.fastest(history.Always, 1), "the quietest beat, for each hand-over")
	require.InDelta(t, 3*4*9*ms, n.fastest(history.Since(850*ms), 3), 10)
	require.Zero(t, n.fastest(unheard, 1))
}

func TestQuietTime(t *testing.T) {
	n := heard() // of each of its beats as much was lost as its longest wait: 10 to 100 ms, 550 together
	require.Equal(t, 450*ms, n.quiet(0, time.Second))
	require.Equal(t, 2*time.Second, n.quiet(unheard.From, unheard.From+2*time.Second), "who hears nothing has lost nothing")
	for i := range 10 {
		n.add(evidence.Beat{At: 1 + float64(i+1)/10, Usual: 0.1, Longest: 3})
	}
	require.Equal(t, 250*ms, n.quiet(1010*ms, 2010*ms), "no more is lost of a beat than it lasts, and a quarter always counts")
}

// The time of a wait counts as far as the machine was quiet: on a busy one it lasts up to four times as long.
func TestAwaitLastsLongerOnABusyMachine(t *testing.T) {
	took := func(longest float64) time.Duration {
		var began, ended time.Duration
		j := judge(nil, func(e *Env) {
			for i := range 200 {
				e.noise.add(evidence.Beat{At: float64(i) / 100, Longest: longest})
			}
			e.patience, began = 50*ms, e.Now()
			defer func() { ended = e.Now() }()
			e.Await("never", func() error { return errNever })
		})
		require.Len(t, j.errors, 1)
		require.Contains(t, j.errors[0], `timed out: "never" was not reached within 50ms (`)
		return ended - began
	}
	require.Greater(t, took(1), 200*ms)
	require.GreaterOrEqual(t, took(0), 50*ms)
}

func TestAwaitGrowsWithTheKnobs(t *testing.T) {
	judge(nil, func(e *Env) {
		require.Equal(t, time.Minute, e.limit())
		e.Knob("ttl", time.Second)
		e.Knob("delay", 500*ms)
		e.KnobInt("batch", 50)
		require.Equal(t, 75*time.Second, e.limit())
	})
	t.Setenv("ASSAY_SABOTAGE", "faults")
	offline(t, func(e *Env) {
		e.Knob("ttl", time.Second)
		require.Equal(t, 70*time.Second, e.limit(), "before the first fault all comes that is waited for")
		w := newWire(t, e)
		w.Sever()
		require.Equal(t, 8*time.Second, e.limit(), "what a fault that was sabotaged should bring does not come")
	})
}

// The metronome beats from the test's first to its last moment, and the record keeps it.
func TestMetronome(t *testing.T) {
	r := offline(t, func(e *Env) {
		proven(e)
		e.Await("some beats", func() error {
			if len(e.noise.all()) < 5 {
				return errNever
			}
			return nil
		})
	})
	rec := r.record(t)
	require.GreaterOrEqual(t, len(rec.Noise), 5)
	last := 0.0
	for _, b := range rec.Noise {
		require.GreaterOrEqual(t, b.At-last, beat.Seconds())
		require.GreaterOrEqual(t, b.Usual, 0.0)
		require.GreaterOrEqual(t, b.Longest, b.Usual)
		last = b.At
	}
	require.LessOrEqual(t, last, rec.Duration)
}
