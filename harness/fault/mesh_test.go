package fault

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/fault/wire"
)

// The members of these meshes are servers in this process, and their networks addresses of this machine: the whole of
// 127.0.0.0/8 leads to it.

var nextMesh atomic.Int64

type meshed struct {
	*Mesh
	*spied
	servers map[string]*backend
}

func newMesh(t testing.TB, members ...string) *meshed {
	t.Helper()
	st, n := newHooks(), nextMesh.Add(1)
	host := func(kind int, member string) string {
		return fmt.Sprintf("127.%d.%d.%d", 100+kind, n, slices.Index(members, member)+1)
	}
	ps := NewProxies("links")
	ps.on = "127.0.0.1"
	m := ps.NewMesh(st.Hooks, "cluster", members,
		func(member string) string { return host(1, member) },
		func(member string) (string, error) { return host(2, member), nil })
	servers := map[string]*backend{}
	for _, member := range members {
		servers[member] = serveOn(t, net.JoinHostPort(host(1, member), m.ports[member]))
	}
	ps.Started(strings.TrimPrefix(control(t).URL, "http://"), nil)
	return &meshed{m, st, servers}
}

// dialled is a connection that one member has dialled to another.
type dialled struct{ client, server *net.TCPConn }

func (m *meshed) dial(t testing.TB, p path) dialled {
	t.Helper()
	require.NoError(t, m.Made())
	address, err := m.proxyOf(p)
	require.NoError(t, err)
	c, err := net.DialTimeout("tcp", address, limit)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(limit)))
	return dialled{c.(*net.TCPConn), m.servers[p.to].next(t)}
}

// wires dials every peer of every member.
func (m *meshed) wires(t testing.TB) map[path]dialled {
	t.Helper()
	all := map[path]dialled{}
	for _, p := range m.paths() {
		all[p] = m.dial(t, p)
	}
	return all
}

// loses requires that exactly what is said on the lost paths does not arrive, on connections that either of the two dialled.
func loses(t testing.TB, wires map[path]dialled, lost []path) {
	t.Helper()
	said := func(p path) (speaks, hears *net.TCPConn, speaksBack, hearsBack *net.TCPConn) {
		out, in := wires[p], wires[p.back()]
		return out.client, out.server, in.server, in.client
	}
	for p := range wires {
		speaks, _, speaksBack, _ := said(p)
		write(t, speaks, "a")
		write(t, speaksBack, "b")
	}
	for p := range wires {
		if _, hears, _, hearsBack := said(p); !slices.Contains(lost, p) {
			arrives(t, hears, "a")
			arrives(t, hearsBack, "b")
		}
	}
	for _, p := range lost { // by now they would have arrived, like all others
		_, hears, _, hearsBack := said(p)
		for _, c := range []*net.TCPConn{hears, hearsBack} {
			hearsNothing(t, c)
		}
	}
}

// hearsNothing waits for a moment in vain. A deadline that has passed already would not even look.
func hearsNothing(t testing.TB, c net.Conn) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(5*time.Millisecond)))
	_, err := c.Read(make([]byte, 1))
	require.ErrorContains(t, err, "timeout")
	require.NoError(t, c.SetReadDeadline(time.Now().Add(limit)))
}

func paths(text string) (all []path) {
	for pair := range strings.FieldsSeq(text) {
		from, to, _ := strings.Cut(pair, ">")
		all = append(all, path{from, to})
	}
	return all
}

var forms = map[string]struct {
	inject func(*Mesh) *Fault
	lost   string
}{
	"cut n1 → n2 on cluster":          {func(m *Mesh) *Fault { return m.Cut("n1", "n2") }, "n1>n2"},
	"deafen n1 on cluster":            {func(m *Mesh) *Fault { return m.Deafen("n1") }, "n2>n1 n3>n1"},
	"mute n3 on cluster":              {func(m *Mesh) *Fault { return m.Mute("n3") }, "n3>n1 n3>n2"},
	"isolate n2 on cluster":           {func(m *Mesh) *Fault { return m.Isolate("n2") }, "n2>n1 n2>n3 n1>n2 n3>n2"},
	"partition n1 | n2 n3 on cluster": {func(m *Mesh) *Fault { return m.Partition([]string{"n1"}, []string{"n2", "n3"}) }, "n1>n2 n1>n3 n2>n1 n3>n1"},
	"partition n1 | n2 | n3 on cluster": {func(m *Mesh) *Fault { return m.Partition([]string{"n1"}, []string{"n2"}, []string{"n3"}) },
		"n1>n2 n1>n3 n2>n1 n3>n1 n2>n3 n3>n2"},
	"bridge n1 | n3 by n2 on cluster": {func(m *Mesh) *Fault { return m.Bridge("n2") }, "n1>n3 n3>n1"},
}

func TestMeshLosesWhatItIsToLoseAndNothingElse(t *testing.T) {
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, lost := newMesh(t, "n1", "n2", "n3"), paths(form.lost)
			before := m.wires(t)
			loses(t, before, nil)
			f := form.inject(m.Mesh)
			assert.Equal(t, name, f.String())
			assert.Len(t, m.injected, 1, "one fault, however many links")
			loses(t, before, lost)
			loses(t, m.wires(t), lost) // who dials again is no better off
			for _, p := range m.paths() {
				assert.Equal(t, slices.Contains(lost, p) || slices.Contains(lost, p.back()), m.Parts(p.from, p.to), p)
			}
			heal(t, f)
			for _, p := range lost {
				eof(t, before[p].client) // what was lost on it cannot be made up for
				eof(t, before[p.back()].server)
			}
			loses(t, m.wires(t), nil)
			for _, p := range m.paths() {
				assert.False(t, m.Parts(p.from, p.to))
			}
		})
	}
}

func TestConnectionsOfAMeshWithinASideLive(t *testing.T) {
	m := newMesh(t, "n1", "n2", "n3")
	wires := m.wires(t)
	heal(t, m.Isolate("n1"))
	kept := maps.Clone(wires)
	maps.DeleteFunc(kept, func(p path, _ dialled) bool { return p.from == "n1" || p.to == "n1" })
	require.Len(t, kept, 2)
	loses(t, kept, nil)
	for p, w := range wires {
		if _, ok := kept[p]; !ok {
			eof(t, w.client)
			eof(t, w.server)
		}
	}
}

// Who reached whom is told by the bytes on the links, and not by what they were told to do.
func TestNatureOfMeshFaults(t *testing.T) {
	m := newMesh(t, "n1", "n2", "n3")
	m.hooks.Links = func() []*Link { return slices.Collect(maps.Values(m.links)) }
	wires := m.wires(t)
	nature := func(f *Fault, lost []path) (string, error) {
		t.Helper()
		loses(t, wires, lost)
		heal(t, f)
		wires = m.wires(t)
		return f.Nature()
	}
	said, err := nature(m.Isolate("n1"), paths("n1>n2 n1>n3 n2>n1 n3>n1"))
	require.NoError(t, err)
	require.Equal(t, "8 bytes vanished, nothing went through on the paths that it cut; something went through n2 → n3, n3 → n2", said)
	said, err = nature(m.Cut("n1", "n2"), paths("n1>n2"))
	require.NoError(t, err)
	require.Equal(t, "2 bytes vanished, nothing went through on the paths that it cut; something went through n1 → n3, n2 → n1, n2 → n3, n3 → n1, n3 → n2", said)

	l := m.Link("n1", "n2")
	whole := l.place
	leaks := func() error {
		t.Helper()
		f, w := m.Cut("n1", "n2"), m.dial(t, path{"n1", "n2"})
		write(t, w.client, "a")
		arrives(t, w.server, "a")
		heal(t, f)
		_, err := f.Nature()
		return err
	}
	leak(l)
	require.EqualError(t, leaks(), "1 bytes went through")
	l.place = asleep{whole}
	require.EqualError(t, leaks(), "1 bytes went through n1 → n2", "also where the wire itself measures nothing")
	l.place = whole

	m.wires(t)
	f := m.Sever([]string{"n1"}, []string{"n2", "n3"})
	heal(t, f)
	said, err = f.Nature()
	require.NoError(t, err)
	require.Regexp(t, "^[0-9]+ connections were closed, nothing went through on the paths that it cut$", said)
}

// asleep is a wire that does not hear what it is told.
type asleep struct{ place }

func (asleep) Set(wire.State) (wire.Report, error) { return wire.Report{}, nil }

func TestBridgeOfFive(t *testing.T) {
	m := newMesh(t, "n1", "n2", "n3", "n4", "n5")
	wires := m.wires(t)
	f := m.Bridge("n1")
	assert.Equal(t, "bridge n2 n3 | n4 n5 by n1 on cluster", f.String())
	loses(t, wires, paths("n2>n4 n2>n5 n3>n4 n3>n5 n4>n2 n4>n3 n5>n2 n5>n3"))
	heal(t, f)
}

func TestSeveredMeshTellsBothSides(t *testing.T) {
	m := newMesh(t, "n1", "n2", "n3")
	wires := m.wires(t)
	f := m.Sever([]string{"n1"}, []string{"n2", "n3"})
	assert.Equal(t, "sever n1 | n2 n3 on cluster", f.String())
	for p, w := range wires {
		if p.from != "n1" && p.to != "n1" {
			works(t, w.client, w.server)
			continue
		}
		eof(t, w.client)
		eof(t, w.server)
		address, err := m.proxyOf(p)
		require.NoError(t, err)
		_, err = net.DialTimeout("tcp", address, limit)
		require.ErrorContains(t, err, "refused")
	}
	heal(t, f)
	loses(t, m.wires(t), nil)
}

func TestFaultsOfAMeshOverlapAndHealInAnyOrder(t *testing.T) {
	m := newMesh(t, "n1", "n2", "n3")
	cut, alone, slow := m.Cut("n1", "n2"), m.Isolate("n1"), m.Link("n2", "n3").Delay(Both, time.Millisecond)
	loses(t, m.wires(t), paths("n1>n2 n1>n3 n2>n1 n3>n1"))
	heal(t, cut)
	loses(t, m.wires(t), paths("n1>n2 n1>n3 n2>n1 n3>n1"))
	again := m.Cut("n1", "n2")
	heal(t, alone)
	loses(t, m.wires(t), paths("n1>n2"))
	assert.True(t, m.Parts("n2", "n1"))
	heal(t, slow, again)
	loses(t, m.wires(t), nil)
	assert.False(t, m.Parts("n2", "n1"))
}

func TestSabotagedMeshLosesNothingAndLooksTheSame(t *testing.T) {
	m := newMesh(t, "n1", "n2", "n3")
	m.Sabotaged = true
	wires := m.wires(t)
	f := m.Isolate("n1")
	loses(t, wires, nil)
	assert.True(t, m.Parts("n1", "n2"), "who asks whether it was felt must be told what was meant")
	heal(t, f)
	loses(t, wires, nil)
	assert.Len(t, m.injected, 1)
	assert.Len(t, m.healed, 1)
}

func TestMeshRefusesWhatMakesNoSense(t *testing.T) {
	m := newMesh(t, "n1", "n2", "n3")
	for want, do := range map[string]func(){
		`inject isolate n4 on cluster: "n4" is no member: there are ["n1" "n2" "n3"]`:    func() { m.Isolate("n4") },
		`inject cut n1 → n1 on cluster: n1 is named twice`:                               func() { m.Cut("n1", "n1") },
		`inject partition n1 n2 | n2 n3 on cluster: n2 is named twice`:                   func() { m.Partition([]string{"n1", "n2"}, []string{"n2", "n3"}) },
		`inject partition n1 n2 n3 on cluster: it would cut nobody off from anybody`:     func() { m.Partition([]string{"n1", "n2", "n3"}) },
		`mesh cluster has no link from "n1" to "n1": its members are ["n1" "n2" "n3"]`:   func() { m.Link("n1", "n1") },
		`inject sever n1 | n9 on cluster: "n9" is no member: there are ["n1" "n2" "n3"]`: func() { m.Sever([]string{"n1"}, []string{"n9"}) },
	} {
		assert.EqualError(t, fatal(t, do), want)
	}
	assert.Empty(t, m.injected)
	loses(t, m.wires(t), nil)
}

// What is lost on one of the two links of a pair alone is said on the other: the mistake that a mesh is to spare its users.
func TestOneLinkOfAMeshAloneCutsNobodyOff(t *testing.T) {
	m := newMesh(t, "n1", "n2")
	f := m.Link("n1", "n2").Sever()
	w := m.dial(t, path{"n2", "n1"})
	works(t, w.server, w.client) // n1 speaks first, and n2 answers
	heal(t, f)
}

func TestProbeOfAMeshTravelsAsTheMemberDoes(t *testing.T) {
	m, port := newMesh(t, "n1", "n2", "n3"), freePort(t)
	probe := func(from, to string) dialled {
		t.Helper()
		require.NoError(t, m.Probe(port, from, to))
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), limit)
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		require.NoError(t, c.SetDeadline(time.Now().Add(limit)))
		return dialled{c.(*net.TCPConn), m.servers[to].next(t)}
	}
	f := m.Cut("n1", "n2")
	for _, p := range m.paths() {
		w := probe(p.from, p.to)
		write(t, w.client, "asked")
		if (p == path{"n1", "n2"}) {
			continue
		}
		arrives(t, w.server, "asked")
		write(t, w.server, "answered")
		if (p != path{"n2", "n1"}) {
			arrives(t, w.client, "answered")
			continue
		}
		hearsNothing(t, w.client)
	}
	heal(t, f)
	for _, p := range m.paths() {
		w := probe(p.from, p.to)
		works(t, w.client, w.server)
	}
}

func TestMeshThatIsGoneEndsTheTest(t *testing.T) {
	st, ps := newHooks(), NewProxies("links")
	m := ps.NewMesh(st.Hooks, "cluster", []string{"n1", "n2"}, func(string) string { return "127.0.0.1" }, func(string) (string, error) { return "127.0.0.1", nil })
	assert.Equal(t, "n2:20002", m.Address("n2"))
	assert.Equal(t, "0.0.0.0:20002", m.Listen("n2"))
	ps.Started("", fmt.Errorf("links was not ready within 1m0s"))
	err := fatal(t, func() { m.Isolate("n1") })
	assert.ErrorContains(t, err, "inject isolate n1 on cluster: link cluster n1 → n2: links was not ready within 1m0s")
	assert.ErrorContains(t, err, "link cluster n2 → n1: links was not ready within 1m0s")
	assert.Empty(t, m.cuts)
	assert.ErrorContains(t, m.Probe(1, "n1", "n2"), "links was not ready")
}

// From the call of a fault on all links of a member until it is certain to be felt on each there pass at most 20 ms in 99 of 100
// injections.
func BenchmarkMeshFaultEffect(b *testing.B) {
	const budget, least = 20 * time.Millisecond, 100
	for _, name := range slices.Sorted(maps.Keys(forms)) {
		form := forms[name]
		b.Run(strings.TrimSuffix(name, " on cluster"), func(b *testing.B) {
			m, lost := newMesh(b, "n1", "n2", "n3"), paths(form.lost)
			var took []time.Duration
			once := func() {
				wires := m.wires(b)
				loses(b, wires, nil)
				start := time.Now()
				f := form.inject(m.Mesh)
				took = append(took, time.Since(start))
				loses(b, wires, lost)
				heal(b, f)
				for _, w := range wires {
					w.client.Close()
					w.server.Close()
				}
			}
			for b.Loop() {
				once()
			}
			for len(took) < least {
				once()
			}
			report(b, took, budget)
		})
	}
	b.Run("sever n1 | n2 n3", func(b *testing.B) {
		m := newMesh(b, "n1", "n2", "n3")
		var took []time.Duration
		once := func() {
			wires := m.wires(b)
			loses(b, wires, nil)
			start := time.Now()
			f := m.Sever([]string{"n1"}, []string{"n2", "n3"})
			for p, w := range wires {
				if p.from == "n1" || p.to == "n1" {
					closes(b, w.client)
					closes(b, w.server)
				}
			}
			took = append(took, time.Since(start))
			heal(b, f)
		}
		for b.Loop() {
			once()
		}
		for len(took) < least {
			once()
		}
		report(b, took, budget)
	})
}

func report(b *testing.B, took []time.Duration, budget time.Duration) {
	b.Helper()
	p99 := quantile(took, 0.99)
	b.ReportMetric(float64(quantile(took, 0.5).Microseconds()), "p50-µs")
	b.ReportMetric(float64(p99.Microseconds()), "p99-µs")
	if p99 > budget {
		b.Fatalf("99 of 100 injections are felt within %v, more than the %v that are allowed", p99, budget)
	}
}
