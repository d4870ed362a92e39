// Package availability_test puts the claims of section 3 to the test.
package availability_test

import (
	"math"
	"time"

	"assay/fixtures/apptest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/check/stat"
	"assay/harness/fault"
	"assay/harness/history"
)

// limit bounds every wait for something that takes milliseconds on a quiet machine.
const limit = 20 * time.Second

// parts are two servers, each behind a link of its own, and who asks them: one alone, the other alone, both, either.
type parts struct {
	links                       []*harness.Link
	first, second, both, either *apptest.Users
}

func newParts(env *harness.Env, name string, servers []*harness.Node) *parts {
	one, other := env.Link(name+" 1", servers[0]), env.Link(name+" 2", servers[1])
	return &parts{
		links: []*harness.Link{one, other},
		first: apptest.InSeries(env, name+", part 1", one), second: apptest.InSeries(env, name+", part 2", other),
		both: apptest.InSeries(env, name+", both", one, other), either: apptest.InParallel(env, name+", either", one, other),
	}
}

func (p *parts) users() []*apptest.Users {
	return []*apptest.Users{p.first, p.second, p.both, p.either}
}

// ask has everybody send n requests.
func (p *parts) ask(n int) {
	for _, u := range p.users() {
		u.Ask(n)
	}
}

// take takes down the parts that are to be.
func (p *parts) take(down ...bool) (faults []*fault.Fault) {
	for i, link := range p.links {
		if down[i] {
			faults = append(faults, link.Sever())
		}
	}
	return faults
}

// up: everybody's requests are answered, all of them.
func (p *parts) up(w history.Window) check.Result {
	for _, u := range p.users() {
		if got := answered(u, w); got.Hits < got.Of || got.Of == 0 {
			return check.That("all requests are answered", false, "of %s %v", u.Name(), got)
		}
	}
	return check.That("all requests are answered", true, "those of %d users", len(p.users()))
}

// answered is how many of the requests in the window were.
func answered(u *apptest.Users, w history.Window) stat.Proportion {
	c := check.Outage(u, w).Within
	return stat.Proportion{Hits: c.OK, Of: c.Attempted()}
}

// confidence is how sure a prediction is to contain what it says, if it is true.
const confidence = 0.999

// formulas are the availabilities that two parts have together by the formulas, given what each of them has.
func (p *parts) formulas(w history.Window) (series, parallel float64) {
	a, b := answered(p.first, w).Share(), answered(p.second, w).Share()
	return a * b, 1 - (1-a)*(1-b)
}

// follows: the share of the user's requests that were answered is what the formula says.
func follows(property string, u *apptest.Users, formula float64, w history.Window) check.Result {
	got := answered(u, w)
	i := got.Wilson(confidence)
	return check.That(property, i.Low <= formula && formula <= i.High, "answered %v, by the formula %.1f %%", got, 100*formula)
}

// expected is how many of so many requests are answered at that availability.
func expected(requests int, availability float64) harness.Interval {
	low, high := stat.Acceptance(requests, availability, confidence)
	return harness.Between(harness.Count(low), harness.Count(high))
}

// nines tells what the formulas make of one part's availability, in time without an answer per year.
func nines(env *harness.Env) {
	const year = 365.25 * 24 * time.Hour
	down := func(unavailable float64) time.Duration {
		return time.Duration(unavailable * float64(year)).Round(time.Millisecond)
	}
	for n := 2; n <= 5; n++ {
		u := math.Pow(10, float64(-n))
		env.Remark("%.*f %% is %v a year without answers; two such parts: in series %v, in parallel %v", max(0, n-2), 100*(1-u), down(u), down(1-(1-u)*(1-u)), down(u*u))
	}
}
