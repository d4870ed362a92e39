// Package proxies_test puts the claims of section 5 to the test.
package proxies_test

import (
	"fmt"

	"assay/fixtures/apptest"
	"assay/harness"
	"assay/harness/fault"
	"assay/harness/history"
)

// gate is a way to a server that has few places: for honest clients, for such as ask for what is not theirs, and for
// slow ones, each of whom has a link of its own.
type gate struct {
	*harness.Side
	server               *apptest.Desk
	links                []*harness.Link
	honest, slow, denied *apptest.Callers
}

// hostile is what nobody is to ask for.
const hostile = "/secret"

func newGate(env *harness.Env, side *harness.Side, server *apptest.Desk, front *harness.Node, slow, header int) gate {
	var links []*harness.Link
	for i := range slow {
		links = append(links, env.Link(fmt.Sprintf("%s: slow client %d", side.Name, i+1), front))
	}
	return gate{
		side, server, links,
		apptest.Call(env, side, "honest", "/", 0, front.Direct()),
		apptest.Call(env, side, "slow", "/", header, links...),
		apptest.Call(env, side, "hostile", hostile, 0, front.Direct()),
	}
}

// narrow lets each slow client send so many bytes a second.
func (g gate) narrow(rate int) (narrow []*fault.Fault) {
	for _, link := range g.links {
		narrow = append(narrow, link.Throttle(fault.ClientToServer, rate))
	}
	return narrow
}

// witness shows that the slow clients were as slow as their links.
func (g gate) witness(env *harness.Env, narrow []*fault.Fault, rate int, in history.Window) {
	for _, f := range narrow {
		env.Witness(f, g.slow.Slow(rate, in))
	}
}
