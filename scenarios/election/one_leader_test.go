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
// In both, each path from one member to another is a link of its own. The leader is cut off three times: both ways; so that nobody
// hears it; so that it hears nobody. Each time the other two elect one of their own, in a later term, and writes go on through
// them. A leader of etcd that does not hear of a majority ceases to lead, and has taken no write meanwhile, since that takes the
// answers of a majority. In the control nobody needs a majority: the oldest goes on, so does the oldest of the others, and
// both lead the next term.
//
// How long a leader that is cut off leads on follows from how etcd checks its quorum (go.etcd.io/raft, CheckQuorum): once in an
// election timeout it looks who has answered since it last looked. What was answered just before the cut counts once more, so it
// leads on for two timeouts at most. It counts ticks, of which a busy machine lets some slip: one timeout more is allowed for those.
func TestOneLeader(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "9.2", Says: "there is one leader, even when some servers are cut off: the minority's leader steps down, and takes no write"})
	election := env.Knob("election", 500*time.Millisecond)

	cluster := etcdtest.Start(env, "cluster", 3, etcdtest.Timing(election/10, election), etcdtest.Meshed())
	homemade := apptest.OldestLeads(env, "homemade", 3, election)
	env.Await("both have a leader", cluster.Healthy, homemade.Healthy)
	reigns, controlReigns := cluster.Reigns(), homemade.Reigns()
	writes, control := writers(cluster.WriteThroughEach(election)), writers(homemade.WriteThroughEach())

	env.Step("steady state: one leads, and takes writes")
	env.Await("writes are taken through each member", writes.taken(0, 10), control.taken(0, 10))
	calm := history.Window{To: env.Now()}
	env.Calm(check.Outage(writes.all(), calm).NoGapOf(3*election), check.Outage(control.all(), calm).NoGapOf(3*election),
		check.Leaders(reigns).OneATerm(), check.Leaders(controlReigns).OneATerm())

	for _, form := range forms {
		env.Step("fault: the leader is cut off, " + form.how)
		old, oldest := cluster.Leader(), homemade.Leader()
		cut, controlCut := form.cuts(cluster.Mesh, old.Name), form.cuts(homemade.Mesh, oldest.Name)
		env.Await("the others have a leader of their own", cluster.Replaced(old), old.Deposed,
			writes.taken(env.Now(), 10, old.Name), control.taken(env.Now(), 10, oldest.Name))

		env.Step("heal")
		env.Heal(cut, controlCut)
		env.Await("all follow one leader again", cluster.Healthy, homemade.Healthy)
		held := check.Outage(writes[old.Name], cut.InForce()).NothingSucceeds()
		broke := check.Outage(control[oldest.Name], controlCut.InForce()).NothingSucceeds()
		// The control's leader is never held up, but by what holds up the whole machine.
		busy := check.Outage(control[oldest.Name], history.Window{To: env.Now()}).LongestGap
		env.Holds("a leader that is cut off takes no write", held)
		env.Breaks("a leader that is cut off takes no write", "the oldest leads", broke)
		env.Holds("writes go on through the others", check.Outage(writes.but(old.Name), cut.InForce()).Resumes())
		env.Measure("time that it leads on, cut off "+form.how, harness.Time(ledFor(reigns, old.Name, cut.InForce())),
			harness.AtMost(harness.Time(3*election+2*busy)))
		env.Measure("writes that it takes", harness.Count(held.Violations), harness.Exactly(harness.Count(0)))
		env.Measure("writes that the control's takes", harness.Count(broke.Violations), harness.AtLeast(harness.Count(1)))
	}

	env.Step("verdict")
	leaders, controlLeaders := check.Leaders(reigns), check.Leaders(controlReigns)
	env.Measure("terms with two leaders", harness.Count(len(leaders.Contested)), harness.Exactly(harness.Count(0)))
	env.Measure("terms with two leaders in the control", harness.Count(len(controlLeaders.Contested)), harness.AtLeast(harness.Count(len(forms))))
	env.Holds("a term has one leader", leaders.OneATerm())
	env.Breaks("a term has one leader", "the oldest leads", controlLeaders.OneATerm())
}
