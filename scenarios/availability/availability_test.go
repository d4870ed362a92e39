// Package availability_test puts the claims of section 3 to the test.
package availability_test

import (
	"math"
	"time"

	"assay/fixtures/apptest"
	"assay/harness"
	"assay/harness/fault"
	"assay/harness/history"
)

// parts are two servers, each behind a link of its own, and who asks them: one alone, the other alone, both, either.
type parts struct {
	one, other                  *harness.Link
	first, second, both, either *apptest.Users
}

func newParts(env *harness.Env, side *harness.Side, server1, server2 *harness.Node) *parts {
	one, other := env.Link(side.Name+" 1", server1), env.Link(side.Name+" 2", server2)
	return &parts{
		one: one, other: other,
		first: apptest.InSeries(env, side, "part 1", one), second: apptest.InSeries(env, side, "part 2", other),
		both: apptest.InSeries(env, side, "both", one, other), either: apptest.InParallel(env, side, "either", one, other),
	}
}

// ask has everybody send n requests.
func (p *parts) ask(n int) {
	for _, u := range []*apptest.Users{p.first, p.second, p.both, p.either} {
		u.Ask(n)
	}
}

// take takes down the parts that are to be.
func (p *parts) take(one, other bool) (down []*fault.Fault) {
	if one {
		down = append(down, p.one.Sever())
	}
	if other {
		down = append(down, p.other.Sever())
	}
	return down
}

// series and parallel are the availabilities of both and of either by the formulas, given what each part has answered
// by itself.
func (p *parts) series(in history.Window) float64 {
	return apptest.Series(p.first.Answered(in).Share(), p.second.Answered(in).Share())
}

func (p *parts) parallel(in history.Window) float64 {
	return apptest.Parallel(p.first.Answered(in).Share(), p.second.Answered(in).Share())
}

// nines tells what the formulas make of one part's availability, in time without an answer per year.
func nines(env *harness.Env) {
	const year = 365.25 * 24 * time.Hour
	down := func(available float64) time.Duration {
		return time.Duration((1 - available) * float64(year)).Round(time.Millisecond)
	}
	for n := 2; n <= 5; n++ {
		a := 1 - math.Pow(10, float64(-n))
		env.Remark("%.*f %% is %v a year without answers; two such parts: in series %v, in parallel %v",
			max(0, n-2), 100*a, down(a), down(apptest.Series(a, a)), down(apptest.Parallel(a, a)))
	}
}
