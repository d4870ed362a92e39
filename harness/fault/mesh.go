package fault

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"assay/harness/fault/wire"
)

// Mesh is the links between the members of a cluster, each of whom dials each other: for every ordered pair one Link. Any set
// of members can be cut off from any other, in both directions or in one, as one Fault.
//
// Who dials whom is not who speaks to whom: a connection that A has dialled carries what B says to A, too. So what A says to B
// is lost only where it is lost on both links of the pair, on A's towards the server and on B's towards the client. Cutting
// one of the two links alone cuts nothing; the faults here go by who speaks.
//
// Cuts are silent (see Link.Drop): bytes vanish, and nobody is told, also not of the end of a peer's process. What they do not model: a
// member that dials a peer from whom it is cut off is let in by the proxy. Healing closes the connections of that time; those between
// members that were not cut off from each other stay.
type Mesh struct {
	Name    string
	Members []string

	hooks   *Hooks
	proxies *Proxies
	ports   map[string]string
	links   map[path]*Link
	probe   *remote
	at      func(member string) (string, error)

	mu   sync.Mutex
	cuts map[*Fault][]path
}

// path is what one member says to another.
type path struct{ from, to string }

func (p path) back() path     { return path{p.to, p.from} }
func (p path) String() string { return p.from + " → " + p.to }

// NewMesh returns the links between the members. The members call each other by their names, and find in the place of each
// other the proxies. These find a member itself at the host that real tells, and listen at their own address where that member
// looks for its peers, which at tells as soon as they run.
func (ps *Proxies) NewMesh(hooks *Hooks, name string, members []string, real func(member string) string, at func(member string) (string, error)) *Mesh {
	m := &Mesh{Name: name, Members: members, hooks: hooks, proxies: ps, ports: map[string]string{}, links: map[path]*Link{}, cuts: map[*Fault][]path{}, at: at}
	for i, member := range members {
		m.ports[member] = strconv.Itoa(firstPort + i)
	}
	for _, p := range m.paths() {
		m.links[p] = ps.link(hooks, fmt.Sprintf("%s %s", name, p), p.to+":"+m.ports[p.to], m.Address(p.to),
			net.JoinHostPort(real(p.to), m.ports[p.to]), p.from+"-to-"+p.to, func() (string, error) { return m.proxyOf(p) })
	}
	return m
}

// proxyOf is where the proxy listens to which a member connects when it dials a peer.
func (m *Mesh) proxyOf(p path) (string, error) {
	host, err := m.at(p.from)
	return net.JoinHostPort(host, m.ports[p.to]), err
}

// paths are all ordered pairs of members.
func (m *Mesh) paths() []path { return between(m.Members, m.Members) }

// between is what each of some says to each of others.
func between(some, others []string) (all []path) {
	for _, from := range some {
		for _, to := range others {
			if from != to {
				all = append(all, path{from, to})
			}
		}
	}
	return all
}

// Made waits until all links are there, or tells why they are not.
func (m *Mesh) Made() error {
	var errs []error
	for _, p := range m.paths() {
		if err := m.links[p].place.there(); err != nil {
			errs = append(errs, fmt.Errorf("link %s: %w", m.links[p].Name, err))
		}
	}
	return errors.Join(errs...)
}

// Address is where every member finds the peer of that name, as host:port. It reads the same on all of them, and on the peer
// itself is the peer.
func (m *Mesh) Address(member string) string { return net.JoinHostPort(member, m.ports[member]) }

// Listen is where the member must listen for its peers, as host:port.
func (m *Mesh) Listen(member string) string { return net.JoinHostPort("0.0.0.0", m.ports[member]) }

// Link is the link over which the one member dials the other. It carries what both say on that connection.
func (m *Mesh) Link(from, to string) *Link {
	l := m.links[path{from, to}]
	if l == nil {
		m.hooks.Fatal(fmt.Errorf("mesh %s has no link from %q to %q: its members are %q", m.Name, from, to, m.Members))
	}
	return l
}

// Cut loses all that from says to to. What to says to from arrives.
func (m *Mesh) Cut(from, to string) *Fault {
	return m.lose("cut", path{from, to}.String(), [][]string{{from}, {to}}, between([]string{from}, []string{to}))
}

// Deafen loses all that the others say to the member. They hear it.
func (m *Mesh) Deafen(member string) *Fault {
	return m.lose("deafen", member, [][]string{{member}}, between(m.Members, []string{member}))
}

// Mute loses all that the member says to the others. It hears them.
func (m *Mesh) Mute(member string) *Fault {
	return m.lose("mute", member, [][]string{{member}}, between([]string{member}, m.Members))
}

// Isolate cuts the member off from all others, both ways.
func (m *Mesh) Isolate(member string) *Fault {
	return m.lose("isolate", member, [][]string{{member}}, bothWays([]string{member}, m.Members))
}

// Partition cuts the sides off from each other, both ways. Within a side all is well, and so it is between a member that is on
// no side and all others.
func (m *Mesh) Partition(sides ...[]string) *Fault {
	return m.lose("partition", divided(sides), sides, across(sides))
}

// Bridge cuts the other members into two halves, in the order of Members, that are cut off from each other and not from the
// bridge: the members do not agree on who is there.
func (m *Mesh) Bridge(member string) *Fault {
	others := slices.DeleteFunc(slices.Clone(m.Members), func(other string) bool { return other == member })
	halves := [][]string{others[:len(others)/2], others[len(others)/2:]}
	return m.lose("bridge", strings.Join([]string{divided(halves), "by", member}, " "), append(halves, []string{member}), across(halves))
}

// Sever is Partition where everybody is told: connections between the sides are closed (FIN) and new ones refused.
func (m *Mesh) Sever(sides ...[]string) *Fault {
	lost, effects := across(sides), map[*Link][]wire.Effect{}
	for _, p := range lost {
		if l := m.links[p]; l != nil { // inject tells of others
			effects[l] = l.effects(Both, wire.Effect{Kind: wire.Severs})
		}
	}
	return m.inject("sever", divided(sides), sides, lost, effects)
}

func divided(sides [][]string) string {
	var words []string
	for _, side := range sides {
		words = append(words, strings.Join(side, " "))
	}
	return strings.Join(words, " | ")
}

func bothWays(some, others []string) []path {
	return append(between(some, others), between(others, some)...)
}

func across(sides [][]string) (lost []path) {
	for i, side := range sides {
		for _, other := range sides[i+1:] {
			lost = append(lost, bothWays(side, other)...)
		}
	}
	return lost
}

// lose makes what is said on the paths vanish, on whichever connection it is said.
func (m *Mesh) lose(kind, detail string, named [][]string, lost []path) *Fault {
	effects := map[*Link][]wire.Effect{}
	add := func(p path, way Direction) {
		if l := m.links[p]; l != nil { // inject tells of others
			effects[l] = append(effects[l], l.effects(way, wire.Effect{Kind: wire.Drops})...)
		}
	}
	for _, p := range lost {
		add(p, ClientToServer)
		add(p.back(), ServerToClient)
	}
	return m.inject(kind, detail, named, lost, effects)
}

// inject is one fault on several links: all at once, or none and an error. What they measured shows its nature when it is over.
func (m *Mesh) inject(kind, detail string, named [][]string, lost []path, effects map[*Link][]wire.Effect) *Fault {
	f := &Fault{Kind: kind, Target: m.Name, Detail: detail, Undo: "heal"}
	if err := m.valid(named, lost); err != nil {
		m.hooks.Fatal(fmt.Errorf("inject %s: %w", f, err))
	}
	var done []*Link
	var meters []wire.Meter
	undo := func() error {
		var mu sync.Mutex
		undone, err := each(done, func(l *Link) error {
			seen, err := l.remove(effects[l])
			mu.Lock()
			defer mu.Unlock()
			meters = append(meters, seen...)
			return err
		})
		done = slices.DeleteFunc(done, func(l *Link) bool { return slices.Contains(undone, l) })
		return err
	}
	m.hooks.inject(f, func() (err error) {
		var all []*Link
		for _, p := range m.paths() {
			if l := m.links[p]; effects[l] != nil {
				all = append(all, l)
			}
		}
		if done, err = each(all, func(l *Link) error { return l.add(effects[l]) }); err != nil {
			err = errors.Join(err, undo())
		}
		return err
	}, func() error {
		err := undo()
		if err == nil {
			f.nature = func() (string, error) { return m.reached(f, lost, meters) } // Heal holds mu
		}
		return err
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cuts[f] = lost
	return f
}

// reached tells who reached whom while the fault lasted, by the bytes on all links: nobody whom it kept apart.
func (m *Mesh) reached(f *Fault, lost []path, meters []wire.Meter) (string, error) {
	words, err := dropped(meters)
	if f.Kind == "sever" {
		words, err = severed(meters)
	}
	if err != nil {
		return "", err
	}
	said := map[path]int64{}
	meanwhile := f.Traffic()
	for p, l := range m.links {
		said[p] += meanwhile[l].Sent
		said[p.back()] += meanwhile[l].Received
	}
	var others []string
	for _, p := range m.paths() {
		switch {
		case slices.Contains(lost, p) && said[p] > 0:
			return "", fmt.Errorf("%d bytes went through %v", said[p], p)
		case said[p] > 0:
			others = append(others, p.String())
		}
	}
	if len(others) == 0 {
		return words + " on the paths that it cut", nil
	}
	return fmt.Sprintf("%s on the paths that it cut; something went through %s", words, strings.Join(others, ", ")), nil
}

// each does something with all links at the same time, and returns those with which it went well.
func each(links []*Link, do func(*Link) error) (done []*Link, err error) {
	errs := make([]error, len(links))
	var all sync.WaitGroup
	for i, l := range links {
		all.Go(func() {
			if errs[i] = do(l); errs[i] != nil {
				errs[i] = fmt.Errorf("link %s: %w", l.Name, errs[i])
			}
		})
	}
	all.Wait()
	for i, l := range links {
		if errs[i] == nil {
			done = append(done, l)
		}
	}
	return done, errors.Join(errs...)
}

// valid refuses a fault that names somebody who is no member or on two sides, or that cuts nothing.
func (m *Mesh) valid(named [][]string, lost []path) error {
	seen := map[string]bool{}
	for _, member := range slices.Concat(named...) {
		if !slices.Contains(m.Members, member) {
			return fmt.Errorf("%q is no member: there are %q", member, m.Members)
		}
		if seen[member] {
			return fmt.Errorf("%s is named twice", member)
		}
		seen[member] = true
	}
	if len(lost) == 0 {
		return errors.New("it would cut nobody off from anybody")
	}
	return nil
}

// Parts tells whether a fault that was injected and not healed is to lose what one of the two says to the other, so that no
// round trip between them goes well.
func (m *Mesh) Parts(one, other string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := path{one, other}
	for f, lost := range m.cuts {
		if !f.isHealed() && (slices.Contains(lost, p) || slices.Contains(lost, p.back())) {
			return true
		}
	}
	return false
}

// Probe aims a proxy of its own, which listens on the given port, at the one that the member from finds when it dials to: who
// dials the port travels as from does, and meets the same faults.
func (m *Mesh) Probe(port int, from, to string) error {
	_ = m.Link(from, to) // there is one, or the test ends
	if err := m.Made(); err != nil {
		return err
	}
	target, err := m.proxyOf(path{from, to})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	state := wire.State{Target: target}
	if m.probe == nil {
		m.probe = m.proxies.wire("probe", state, func() (string, error) { return net.JoinHostPort(m.proxies.on, strconv.Itoa(port)), nil })
	}
	_, err = m.probe.Set(state)
	return err
}
