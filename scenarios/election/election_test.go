// Package election_test puts the claims of section 9 to the test.
package election_test

import (
	"assay/fixtures/etcdtest"
	"assay/harness"
	"assay/harness/fault"
)

// form is a way to cut a member off from all others.
type form struct {
	how  string
	cuts func(*harness.Mesh, string) *fault.Fault
}

func (f form) String() string { return f.how }

// forms are all of them.
var forms = []form{
	{"both ways", func(m *harness.Mesh, who string) *fault.Fault { return m.Isolate(who) }},
	{"so that nobody hears it", func(m *harness.Mesh, who string) *fault.Fault { return m.Mute(who) }},
	{"so that it hears nobody", func(m *harness.Mesh, who string) *fault.Fault { return m.Deafen(who) }},
}

// cutsOff has a nemesis cut off one member of three in one of the forms: whoever leads by then, or one of the others.
func cutsOff(cluster *etcdtest.Cluster) harness.Action {
	return harness.Draws("cut off", func(draw *harness.Draw) []harness.Injection {
		rank, form := draw.Int("rank", 0, 2), harness.Pick(draw, "how", forms...)
		return []harness.Injection{func() *fault.Fault { return form.cuts(cluster.Mesh, cluster.LeaderFirst()[rank]) }}
	})
}

// bridges has a nemesis cut off the leader of three members and a follower from each other, and nobody from the other
// follower: by the leader as the bridge nobody would be cut off from it.
func bridges(cluster *etcdtest.Cluster) harness.Action {
	return harness.Draws("bridge", func(draw *harness.Draw) []harness.Injection {
		follower := draw.Int("rank", 1, 2)
		return []harness.Injection{func() *fault.Fault { return cluster.Mesh.Bridge(cluster.LeaderFirst()[follower]) }}
	})
}
