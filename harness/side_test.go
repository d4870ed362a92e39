package harness

import (
	"testing"

	"github.com/stretchr/testify/require"

	"assay/harness/check"
	"assay/harness/check/stat"
	"assay/harness/evidence"
	"assay/harness/history"
)

func TestSidesThatMakeNoSense(t *testing.T) {
	for want, do := range map[string]func(*Env){
		`two sides are called "synchronous"`: func(e *Env) {
			e.Subject("synchronous")
			e.Control("synchronous", "commits wait for nobody")
		},
		`control "asynchronous": say what was taken away from it`: func(e *Env) { e.Control("asynchronous", "") },
		"a side of the comparison has a name":                     func(e *Env) { e.Control("", "commits wait for nobody") },
	} {
		r := offline(t, func(e *Env) {
			do(e)
			t.Error("the scenario went on")
		})
		r.failedWith(t, evidence.Broken, want)
	}
}

// stage is a producer that both sides share, a consumer on a side of its own that sees all, and a control that misses the last.
type stage struct {
	kept, lost *Side
	producer   *history.Client
	consumer   *history.Client
	subscriber *history.Client
}

func newStage(e *Env) stage {
	s := stage{kept: e.Subject("durable"), lost: e.Control("plain", "nothing is acknowledged"), producer: e.Client("producer")}
	s.consumer, s.subscriber = s.kept.Client("consumer"), s.lost.Client("")
	for n := range int64(3) {
		s.producer.Begin(history.Publish, "orders", n+1).End(history.OK, nil)
		s.consumer.Event(history.Deliver, "orders", n+1, 1)
		if n < 2 {
			s.subscriber.Event(history.Deliver, "orders", n+1, 1)
		}
	}
	return s
}

func (s stage) nothingLost(by ...history.Source) check.Result {
	return check.Delivery(s.producer, history.Merge(by...)).NothingLost()
}

func TestResultsAreOfTheSideOfTheirClients(t *testing.T) {
	r := offline(t, func(e *Env) {
		s := newStage(e)
		e.Contrast("no order is lost", s.nothingLost(s.consumer), s.nothingLost(s.subscriber))
		e.Holds("together they have all", s.nothingLost(s.consumer, s.subscriber))
		e.Holds("it is quiet", good)
		s.kept.Count("orders lost", 0, Exactly(0).Against("nothing acknowledged", 1))
		s.lost.Count("orders lost", 1, Exactly(1).Against("kept", 0))
		s.kept.Duration("lag", 100*ms, Between(100*ms, 200*ms).Against("none", 0).In(unheard))
		s.kept.Median("median lag", 100*ms, Between(100*ms, 200*ms).Against("none", 0).In(unheard))
		s.kept.Share("seen", stat.Proportion{Hits: 3, Of: 3}, Exactly(Share(1)).Against("one lost", 0.67))
		s.lost.Ratio("as many as the other", 0.5, AtMost(0.9).Against("as many", 1))
		e.Count("orders", 3, Exactly(3).Accompanying())
	})
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Equal(t, evidence.Holds, rec.Verdict)
	require.Equal(t, []evidence.Side{{Name: "durable"}, {Name: "plain", Without: "nothing is acknowledged"}}, rec.Sides)
	require.Equal(t, []evidence.Client{{Name: "producer"}, {Name: "durable: consumer", Side: "durable"}, {Name: "plain", Side: "plain"}}, rec.Clients)
	var of, lacks []string
	for _, c := range rec.Checks {
		of, lacks = append(of, c.Side), append(lacks, c.Control)
	}
	require.Equal(t, []string{"durable", "plain", "", ""}, of, "of both sides, or of none, is of none")
	require.Equal(t, []string{"", "nothing is acknowledged", "", ""}, lacks)
	of = nil
	for _, m := range rec.Measurements {
		of = append(of, m.Side)
	}
	require.Equal(t, []string{"durable", "plain", "durable", "durable", "durable", "plain", ""}, of)
	for _, line := range []string{
		"✓ holds: no order is lost: all 3 acknowledged arrived",
		"✓ breaks: no order is lost (the control: nothing is acknowledged): lost 1 of 3 acknowledged",
		"✓ measured orders lost (plain): 1, predicted exactly 1; kept: exactly 0",
		"✓ measured orders: 3, predicted exactly 3",
	} {
		require.Contains(t, r.notebook.String(), line)
	}
}

// A client to whom nothing has happened at all is known from being the one who was judged.
func TestWhoSawNothingIsOfASideToo(t *testing.T) {
	r := offline(t, func(e *Env) {
		producer, none := e.Client("producer"), e.Control("deaf", "it does not listen").Client("")
		producer.Begin(history.Publish, "orders", 1).End(history.OK, nil)
		e.Contrast("nothing is lost", check.That(check.Delivery(producer, none).NothingLost().Property, true, "all is there"),
			check.Delivery(producer, none).NothingLost())
	})
	require.Empty(t, r.errors)
	require.Equal(t, "deaf", r.record(t).Checks[1].Side)
	require.Contains(t, r.notebook.String(), "✓ breaks: nothing is lost (the control, deaf: it does not listen): ")
}

func TestContrastsThatMakeNoSense(t *testing.T) {
	for name, c := range map[string]struct {
		kind  string
		words []string
		do    func(*Env, stage)
	}{
		"against nothing": {evidence.Broken, []string{`contrast "no order is lost": against what? name the control that breaks it`},
			func(e *Env, s stage) { e.Contrast("no order is lost", s.nothingLost(s.consumer)) }},
		"a control that lacks nothing": {evidence.Broken, []string{`contrast "no order is lost": what does its control (lost 1 of 3`, "make its clients on a side (Env.Control), or say it (Without)"},
			func(e *Env, _ stage) { e.Contrast("no order is lost", good, bad) }},
		"a control of both sides": {evidence.Broken, []string{"what does its control ("},
			func(e *Env, s stage) {
				e.Contrast("no order is lost", s.nothingLost(s.consumer), s.nothingLost(s.consumer, s.subscriber))
			}},
		"the subject for its own control": {evidence.Broken, []string{"what does its control (durable: consumer) lack?"},
			func(e *Env, s stage) {
				e.Contrast("no order is lost", s.nothingLost(s.consumer), check.Delivery(s.producer, s.consumer).NothingLost())
			}},
		"the sides swapped": {evidence.Broken, []string{`contrast "no order is lost": what does its control (durable: consumer) lack?`},
			func(e *Env, s stage) {
				e.Contrast("no order is lost", s.nothingLost(s.subscriber), check.Delivery(s.producer, s.consumer).NothingLost())
			}},
		"a control for its subject": {evidence.Broken, []string{`contrast "no order is lost": the subject is judged by clients of plain, which is a control (nothing is acknowledged)`},
			func(e *Env, s stage) {
				e.Contrast("no order is lost", s.nothingLost(s.subscriber), s.nothingLost(s.subscriber))
			}},
		"another property": {evidence.Unfalsified, []string{"the control, nothing is acknowledged, was judged by", "both must be about the same property, judged by the same checker"},
			func(e *Env, s stage) {
				e.Contrast("no order is lost", s.nothingLost(s.consumer), check.Delivery(s.producer, s.subscriber).ExactlyOnce())
			}},
		"one control of two judged by another": {evidence.Unfalsified, []string{"the control, nobody reads, was judged by"},
			func(e *Env, s stage) {
				e.Contrast("no order is lost", s.nothingLost(s.consumer), s.nothingLost(s.subscriber), Without("nobody reads", other))
			}},
	} {
		t.Run(name, func(t *testing.T) {
			r := offline(t, func(e *Env) {
				c.do(e, newStage(e))
				t.Error("the scenario went on")
			})
			r.failedWith(t, c.kind, c.words...)
			require.Empty(t, r.record(t).Checks, "nothing was judged")
		})
	}
}

func TestWithout(t *testing.T) {
	r := offline(t, func(e *Env) {
		s := newStage(e)
		// The mechanism of one property can be what another one lacks: what is said goes before what the side says.
		e.Contrast("no order is lost", s.nothingLost(s.consumer), Without("the server forgets", s.nothingLost(s.subscriber)))
		two := Without("nobody acknowledges", s.nothingLost(s.subscriber))
		e.Contrast("no order is lost", s.nothingLost(s.consumer), two, s.nothingLost(s.subscriber))
	})
	require.Empty(t, r.errors)
	var lacks []string
	for _, c := range r.record(t).Checks {
		lacks = append(lacks, c.Control)
	}
	require.Equal(t, []string{"", "the server forgets", "", "nobody acknowledges", "nothing is acknowledged"}, lacks)
}

// Each control must break the property: one that holds is told, whatever the others do.
func TestOneControlOfTwoHolds(t *testing.T) {
	r := offline(t, func(e *Env) {
		e.Contrast("nothing is lost", good, forgetful, Without("nothing is sent twice", good))
	})
	r.failedWith(t, evidence.Unfalsified, `the control, nothing is sent twice, was to break "nothing is lost", but it holds: all 3 arrived: if nothing breaks it, holding it proves nothing`)
	checks := r.record(t).Checks
	require.Equal(t, []bool{true, true, false}, []bool{checks[0].OK, checks[1].OK, checks[2].OK})
}
