package harness

import (
	"testing"

	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
	"assay/harness/fault"
	"assay/harness/history"
)

// past runs a scenario whose client goes on while its link is cut, as one does that knows another way.
func past(t *testing.T, cut func(*Link) *fault.Fault, only bool) ran {
	t.Helper()
	return offline(t, func(e *Env) {
		w := newWire(t, e)
		e.enlist(w.Link, "test")
		if only {
			w.Only()
		}
		feels := e.Client("feels it", w.Link)
		e.Client("uses two", w.Link, &Link{Name: "other", To: "echo:8"}).Begin(history.Write, "echo", 2).End(history.OK, nil)
		e.Calm(good)
		require.NoError(t, w.call())
		f := cut(w.Link)
		for range 3 {
			w.Begin(history.Write, "echo", 1).End(history.OK, nil)
		}
		w.Begin(history.Deliver, "echo", 1).End(history.OK, nil) // it may have come before
		feels.Begin(history.Write, "echo", 1).End(history.Unknown, errNever)
		e.Heal(f)
		e.Await("the wire works", w.call)
		e.Contrast("nothing is lost", good, forgetful)
	})
}

func TestClientThatGoesPastItsLink(t *testing.T) {
	const words = "caller began and ended well 3 operations while its only link was cut, so it has found another way"
	for _, cut := range []func(*Link) *fault.Fault{(*Link).Sever, func(l *Link) *fault.Fault { return l.Drop(fault.Both) }} {
		r := past(t, cut, false)
		require.Empty(t, r.errors, "it is remarked upon")
		require.Equal(t, []string{words}, r.record(t).Faults[0].Past)
		require.Contains(t, r.notebook.String(), "REMARK: past wire: "+words)
		past(t, cut, true).failedWith(t, evidence.Vacuous, "did not cut off who uses it: "+words)
	}
	for _, mild := range []func(*Link) *fault.Fault{
		func(l *Link) *fault.Fault { return l.Drop(fault.ClientToServer) },
		func(l *Link) *fault.Fault { return l.Throttle(fault.Both, 1000) },
	} {
		r := past(t, mild, true)
		require.Empty(t, r.errors)
		require.Empty(t, r.record(t).Faults[0].Past)
	}
}

func TestTrafficIsToldOfEachWindowAndInAll(t *testing.T) {
	r := offline(t, func(e *Env) {
		w, other := newWire(t, e), newWireCalled(t, e, "other")
		e.enlist(w.Link, "test")
		e.enlist(other.Link, "test")
		e.Calm(good)
		require.NoError(t, w.call())
		slow := w.Throttle(fault.Both, 1000)
		require.NoError(t, w.call())
		require.NoError(t, w.call())
		require.NoError(t, other.call())
		e.Witness(slow, good)
		e.Heal(slow)
		e.Await("the wire works", w.call)
		e.Contrast("nothing is lost", good, forgetful)
	})
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Equal(t, []evidence.Traffic{{Link: "wire", Connections: 2, Sent: 2, Received: 2}, {Link: "other", Connections: 1, Sent: 1, Received: 1}}, rec.Faults[0].Traffic)
	require.Equal(t, []evidence.Link{
		{Name: "wire", From: "test", To: "echo:7", Connections: 4, Sent: 4, Received: 4}, {Name: "other", From: "test", To: "echo:7", Connections: 1, Sent: 1, Received: 1},
	}, rec.Links)
	require.Contains(t, r.notebook.String(), "    over wire: 2 new connections, 2 bytes to the server, 2 bytes back")
}
