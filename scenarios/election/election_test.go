// Package election_test puts the claims of section 9 to the test.
package election_test

import (
	"maps"

	"assay/fixtures/etcdtest"
	"assay/harness"
	"assay/harness/fault"
	"assay/harness/history"
)

// writer writes through one member of a cluster.
type writer interface {
	harness.Runs
	history.Source
	More(n int) harness.Condition
}

// writers are one for each member, by the member's name.
type writers map[string]writer

func each[W writer](through map[string]W) writers {
	w := writers{}
	for member, writer := range through {
		w[member] = writer
	}
	return w
}

// Run and Stop are those of a load.
func (w writers) Run() {
	for _, writer := range w {
		writer.Run()
	}
}

func (w writers) Stop() {
	for _, writer := range w {
		writer.Stop()
	}
}

// but are all of them but one.
func (w writers) but(member string) writers {
	others := maps.Clone(w)
	delete(others, member)
	return others
}

// History is that of all of them.
func (w writers) History() history.History {
	var all []history.Source
	for _, writer := range w {
		all = append(all, writer)
	}
	return history.Merge(all...)
}

// More is the condition that each of them has n more writes acknowledged.
func (w writers) More(n int) harness.Condition {
	var all []harness.Condition
	for _, writer := range w {
		all = append(all, writer.More(n))
	}
	return func() error {
		for len(all) > 0 {
			if err := all[0](); err != nil {
				return err
			}
			all = all[1:]
		}
		return nil
	}
}

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

// bridges has a nemesis cut off the leader of three members and a follower from each other, and nobody from the other follower: by
// the leader as the bridge nobody would be cut off from it.
func bridges(cluster *etcdtest.Cluster) harness.Action {
	return harness.Draws("bridge", func(draw *harness.Draw) []harness.Injection {
		follower := draw.Int("rank", 1, 2)
		return []harness.Injection{func() *fault.Fault { return cluster.Mesh.Bridge(cluster.LeaderFirst()[follower]) }}
	})
}
