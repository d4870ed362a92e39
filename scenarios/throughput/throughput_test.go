// Package throughput_test puts the claims of section 2 about latency and throughput to the test.
package throughput_test

import (
	"fmt"

	"assay/fixtures/apptest"
	"assay/harness"
	"assay/harness/fault"
	"assay/harness/history"
)

// line is stages on a side, each behind a link of its own, and what is carried through all of them or through one.
type line struct {
	chain *apptest.Transfer
	alone []*apptest.Transfer
	links []*harness.Link
}

func newLine(env *harness.Env, side *harness.Side, stages ...*harness.Node) line {
	var l line
	for i, stage := range stages {
		what := fmt.Sprintf("stage %d alone", i+1)
		link := env.Link(side.Name+": "+stage.Name, stage)
		l.links, l.alone = append(l.links, link), append(l.alone, apptest.Stream(env, side, what, link))
	}
	l.chain = apptest.Stream(env, side, "", l.links...)
	return l
}

// throttle lets each stage take as many units a second.
func (l line) throttle(rates []int) (narrow []*fault.Fault) {
	for i, link := range l.links {
		narrow = append(narrow, link.Throttle(fault.ClientToServer, rates[i]*apptest.UnitSize))
	}
	return narrow
}

// witness shows that each stage by itself, in the window in which it was alone, was as narrow as its throttle says.
func (l line) witness(env *harness.Env, narrow []*fault.Fault, rates []int, alone history.Window) {
	for i, stage := range l.alone {
		env.Witness(narrow[i], stage.Slower(rates[i], alone))
	}
}
