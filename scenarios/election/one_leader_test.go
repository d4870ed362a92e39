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
//	a writer for each member ────► home-made (the control: the oldest that can be reached leads)
//
// In both, each path from one member to another is a link of its own. The leader is cut off three times: both ways; so
// that nobody hears it; so that it hears nobody. Each time the other two elect one of their own, in a later term, and
// writes go on through them. A leader of etcd that does not hear of a majority ceases to lead (see etcdtest's
// StepDown), and has taken no write meanwhile, since that takes the answers of a majority. In the control the oldest
// goes on, so does the oldest of the others, and both lead the next term.
func TestOneLeader(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID:   "9.2",
		Says: "there is one leader, even when some servers are cut off: the minority's leader steps down, and takes no write",
	}, func(env *harness.Env) {
		election := env.Knob("election", 500*time.Millisecond)
		majority, oldestLeads := env.Subject("etcd"), env.Control("home-made", "nobody needs a majority to lead")

		cluster := etcdtest.Start(env, "cluster", 3, etcdtest.Timing(election/10, election), etcdtest.Meshed())
		homemade := apptest.OldestLeads(env, "homemade", 3, election)
		env.Await("both have a leader", cluster.Healthy, homemade.Healthy)
		reigns, controlReigns := cluster.Reigns(majority), homemade.Reigns(oldestLeads)
		writes, control := cluster.WriteThroughEach(majority, election), homemade.WriteThroughEach(oldestLeads)

		env.Step("steady state: one leads, and takes writes")
		env.Run(writes.All(), control.All())
		env.Await("writes are taken through each member", writes.All().More(10), control.All().More(10))
		calm := history.Until(env.Now())
		env.Calm(check.Outage(writes.All(), calm).NoGapOf(3*election), check.Outage(control.All(), calm).NoGapOf(3*election),
			check.Leaders(reigns).OneATerm(), check.Leaders(controlReigns).OneATerm())

		for _, form := range forms {
			env.Step("fault: the leader is cut off, " + form.how)
			old, oldest := cluster.Leader(), homemade.Leader()
			cut, controlCut := form.cuts(cluster.Mesh, old.Name), form.cuts(homemade.Mesh, oldest.Name)
			env.Await("the others have a leader of their own", cluster.Replaced(old), old.Deposed,
				writes.But(old.Name).More(10), control.But(oldest.Name).More(10))

			env.Step("heal")
			env.Heal(cut, controlCut)
			env.Await("all follow one leader again", cluster.Healthy, homemade.Healthy)
			held := check.Outage(writes[old.Name], cut.InForce()).NothingSucceeds()
			broke := check.Outage(control[oldest.Name], controlCut.InForce()).NothingSucceeds()
			env.Contrast("a leader that is cut off takes no write", held, broke)
			env.Holds("writes go on through the others", check.Outage(writes.But(old.Name), cut.InForce()).Resumes())
			majority.Duration("time that it leads on, cut off "+form.how, reigns.LedFor(old.Member, cut.InForce()),
				cluster.StepDown().In(cut.Window()))
			majority.Count("writes that it takes", held.Violations, harness.Exactly(0).AgainstMore("no majority needed", 1))
			oldestLeads.Count("writes that it takes", broke.Violations, harness.AtLeast(1).Against("a majority needed", 0))
		}

		env.Step("verdict")
		leaders, controlLeaders := check.Leaders(reigns), check.Leaders(controlReigns)
		majority.Count("terms with two leaders", len(leaders.Contested),
			harness.Exactly(0).AgainstMore("no majority needed", len(forms)))
		oldestLeads.Count("terms with two leaders", len(controlLeaders.Contested),
			harness.AtLeast(len(forms)).Against("a majority needed", 0))
		env.Contrast("a term has one leader", leaders.OneATerm(), controlLeaders.OneATerm())
	})
}
