// Package election_test puts the claims of section 9 to the test.
package election_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"assay/fixtures/etcdtest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/fault"
	"assay/harness/history"
)

// limit bounds every wait for something that takes a few election timeouts on a quiet machine.
const limit = 30 * time.Second

// writers are a writer for each member of a cluster, by the member's name.
type writers map[string]history.Source

// all are they together.
func (w writers) all() history.Source {
	return history.Named("writers", slices.Collect(maps.Values(w))...)
}

// but is all of them but one.
func (w writers) but(who string) history.Source {
	others := maps.Clone(w)
	delete(others, who)
	return history.Named("writers through the others", slices.Collect(maps.Values(others))...)
}

// taken is the condition that each of the writers, but those through some members, has had n writes acknowledged that it began no
// earlier than at a moment.
func (w writers) taken(from time.Duration, n int, but ...string) harness.Condition {
	return func() error {
		for name, writer := range w {
			taken := len(writer.History().Filter(func(op history.Operation) bool { return op.Start >= from && op.Outcome == history.OK }))
			if !slices.Contains(but, name) && taken < n {
				return fmt.Errorf("%d of %d writes through %s have been taken", taken, n, name)
			}
		}
		return nil
	}
}

// longestGap is the longest time without an acknowledgement in any of the windows, in which somebody leads: what the machine, as busy
// as it is, makes of a round trip.
func longestGap(load history.Source, led ...history.Window) time.Duration {
	var longest time.Duration
	for _, w := range led {
		longest = max(longest, check.Outage(load, w).LongestGap)
	}
	return longest
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

// ledFor is how long the member was seen to lead in a window.
func ledFor(reigns history.Source, who string, w history.Window) time.Duration {
	var last time.Duration
	for _, op := range reigns.History().Of(history.Lead).Within(w) {
		if op.Client == who {
			last = max(last, op.Start-w.From)
		}
	}
	return last
}

// taken tells whether all of the n writes to the resource were taken.
func taken(resource history.Source, n int) check.Result {
	got := check.Outage(resource, history.Window{To: history.Open}).Total.OK
	return check.That("all writes of leaders are taken", got == n, "%d of %d", got, n)
}
