package election_test

import (
	"testing"
	"time"

	"assay/fixtures/apptest"
	"assay/fixtures/etcdtest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/history"
)

// Claim 9.2: there is one leader, even when some servers are cut off from the others.
//
//	a writer for each member ────► etcd: three members
//	a writer for each member ────► home-made: three members, of which the oldest that can be reached leads (the control)
//
// Each path between members is a link of its own. The leader is cut off: both ways; so that nobody hears it; so that it
// hears nobody. Each time the other two elect one of their own, and writes go on. A leader of etcd ceases to lead when
// it hears of no majority (StepDownTime), without which it takes no write. In the control nobody needs one: two lead in
// the next term.
func TestOneLeader(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID:   "9.2",
		Says: "there is one leader, even when some servers are cut off: the minority's steps down, and takes no write",
	}, func(env *harness.Env) {
		election := env.Knob("election", 500*time.Millisecond)
		heartbeat := election / 10

		majority, anybody := env.Subject("etcd"), env.Control("oldest leads", "nobody needs a majority")
		timing := etcdtest.Timing(heartbeat, election)
		cluster := etcdtest.Start(env, "cluster", etcdtest.Members(3), timing, etcdtest.Meshed())
		homemade := apptest.OldestLeads(env, "homemade", 3, election)
		env.Await("both have a leader", cluster.Healthy, homemade.Healthy)
		reigns, controlReigns := cluster.Reigns(majority), homemade.Reigns(anybody)
		writes := cluster.WritersThroughEach(majority, election)
		control := homemade.WritersThroughEach(anybody)

		env.Step("steady state: one leads, and takes writes")
		env.Run(writes.All(), control.All())
		env.Await("writes are taken through each member", writes.All().More(10), control.All().More(10))
		calm := history.Until(env.Now())
		env.Calm(check.Outage(writes.All(), calm).NoGapOf(election), check.Outage(control.All(), calm).NoGapOf(election),
			check.Leaders(reigns).OneATerm(), check.Leaders(controlReigns).OneATerm())

		for _, form := range forms {
			env.Step("fault: the leader is cut off, " + form.how)
			old, oldest := cluster.Leader(), homemade.Leader()
			cut, controlCut := form.cuts(cluster.Mesh, old.Name), form.cuts(homemade.Mesh, oldest.Name)
			env.Await("the others have a leader of their own", cluster.Replaced(old), old.Deposed,
				writes.But(old.Name).More(10), control.But(oldest.Name).More(10))
			steps := cluster.StepDownTime().In(history.Between(cut.InForce().From, env.Now()))
			longer := env.LongerThan(steps, cut.InForce().From+heartbeat)
			env.Await("it is cut off for longer than it may lead on", longer)

			env.Step("heal")
			env.Heal(cut, controlCut)
			env.Await("all follow one leader again", cluster.Healthy, homemade.Healthy)
			held := check.Outage(writes[old.Name], cut.InForce()).NothingSucceeds()
			broke := check.Outage(control[oldest.Name], controlCut.InForce()).NothingSucceeds()
			env.Contrast("a leader that is cut off takes no write", held, broke)
			env.Holds("writes go on through the others", check.Outage(writes.But(old.Name), cut.InForce()).Resumes())
			majority.Duration("time that it leads on, cut off "+form.how, reigns.LedOn(old, cut.InForce()),
				steps.AgainstMore("as long as it is cut off", cut.InForce().Length()-heartbeat))
			majority.Count("writes taken, cut off "+form.how, held.Violations,
				harness.Exactly(0).AgainstMore("no majority needed", 1))
			anybody.Count("writes taken, cut off "+form.how, broke.Violations,
				harness.AtLeast(1).Against("it steps down", 0))
		}

		env.Step("verdict")
		leaders, controlLeaders := check.Leaders(reigns), check.Leaders(controlReigns)
		majority.Count("terms with two leaders", len(leaders.Contested),
			harness.Exactly(0).AgainstMore("no majority needed", len(forms)))
		anybody.Count("terms with two leaders", len(controlLeaders.Contested),
			harness.AtLeast(len(forms)).Against("a majority elects", 0))
		env.Contrast("a term has one leader", leaders.OneATerm(), controlLeaders.OneATerm())
	})
}
