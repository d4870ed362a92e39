package throughput_test

import (
	"testing"

	"assay/fixtures/apptest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 2.4: a chain is as fast as its slowest stage; widening any other stage is wasted.
//
//	units ──► stage 1: 100 a second ──► stage 2: 120 ──► stage 3: 50, then as much as comes ──►
//	units ──► stage 1: 100, then as much as comes ──► stage 2: 120 ──► stage 3: 50 ──► (the control)
//
// Two chains alike, of stages that are each behind a link of a limited rate. Each stage by itself takes what its link
// takes, the chain what the narrowest of them takes. Then one stage of each chain is widened without limit. Where it is
// the narrowest, the chain is as fast as the next one; where it is another, nothing changes.
func TestChainIsAsFastAsItsSlowestStage(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "2.4", Says: "a chain is as fast as its slowest stage, and widening any other stage is wasted",
	}, func(env *harness.Env) {
		rates := []int{env.KnobInt("first", 100), env.KnobInt("second", 120), env.KnobInt("third", 50)}
		units := env.KnobInt("units", 80)
		first, second, third := rates[0], rates[1], rates[2]

		one, two, three := apptest.Echo(env, "stage-1"), apptest.Echo(env, "stage-2"), apptest.Echo(env, "stage-3")
		narrowest := env.Subject("narrowest widened")
		another := env.Control("another widened", "the widening of the narrowest stage and not of another")
		subject, control := newLine(env, narrowest, one, two, three), newLine(env, another, one, two, three)
		all := append(append([]*apptest.Transfer{}, subject.alone...), control.alone...)

		env.Step("steady state: no stage is narrow")
		env.Await("the stages answer", one.Answers, two.Answers, three.Answers)
		apptest.Carry(env, units, append(all, subject.chain, control.chain)...)
		env.Calm(subject.chain.Complete(history.Always), control.chain.Complete(history.Always))

		env.Step("fault: the stages are narrow, one more than the others")
		narrow, alike := subject.throttle(rates), control.throttle(rates)
		alone := apptest.Carry(env, units, all...)
		before := apptest.Carry(env, units, subject.chain, control.chain)

		env.Step("a stage is widened: the narrowest, in the control the first")
		env.Heal(narrow[2], alike[0])
		after := apptest.Carry(env, units, subject.chain, control.chain)

		env.Step("heal")
		env.Heal(append(narrow, alike...)...)
		apptest.Carry(env, units, subject.chain, control.chain)

		env.Step("verdict")
		subject.witness(env, narrow, rates, alone)
		control.witness(env, alike, rates, alone)
		for i, stage := range subject.alone {
			narrowest.Duration(stage.Name(), stage.Took(alone), apptest.AtTheRate(units, rates[i]).In(alone))
		}
		narrowest.Duration("time before", subject.chain.Took(before), apptest.AtTheRate(units, rates...).In(before))
		narrowest.Duration("time when the narrowest is widened", subject.chain.Took(after),
			apptest.Widened(units, third, first, second).In(after))
		another.Duration("time when another is widened", control.chain.Took(after),
			apptest.AtTheRate(units, second, third).In(after))
		env.Contrast("more comes through than the narrowest took before", subject.chain.Faster(third, after),
			control.chain.Faster(third, after))
		env.Holds("every unit comes through", subject.chain.Complete(history.Always))
	})
}
