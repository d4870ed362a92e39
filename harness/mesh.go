package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"assay/harness/check"
	"assay/harness/engine"
	"assay/harness/evidence"
	"assay/harness/fault"
	"assay/harness/history"
)

// Mesh is where the members of a cluster live: each on a network of its own, on which it finds a proxy in the place of every
// peer. So every path from one member to another is a link of its own, and there is no way past it. See [fault.Mesh] for what
// can happen to it.
//
// Containers that are no members do not reach members, nor the other way round; clients in this process do, by Link.
type Mesh struct {
	*fault.Mesh

	// Probe is one round trip of the protocol that the members speak with each other; nil when it went well. With it the mesh
	// can tell who reaches whom (Reaches, Whole, Felt).
	Probe func(ctx context.Context, address string) error

	env      *Env
	proxies  *Node
	networks map[string]*engine.Network
	probes   *history.Client

	probing sync.Mutex // the way in is one
}

// Ports of the proxies' container, besides those of the links.
const (
	controlPort = 8474
	probePort   = 8475
)

// Mesh makes the network of each member and starts a container of links on all of them, and returns at once. The members are containers
// of these names to be started with Mesh: each listens for its peers on Listen, and finds each peer at Address.
func (e *Env) Mesh(name string, members ...string) *Mesh {
	e.t.Helper()
	m := &Mesh{env: e, networks: map[string]*engine.Network{}, probes: e.recorder.Client("probes of " + name)}
	if err := validMembers(name, members); err != nil {
		e.fatal(evidence.Broken, "%s", err)
	}
	var places []engine.Place
	for i, member := range members {
		n := e.newNetwork("-" + member)
		m.networks[member] = n
		peers := slices.Delete(slices.Clone(members), i, i+1)
		places = append(places, engine.Place{Network: n, Aliases: peers})
	}
	host := name + "-links"
	proxies := fault.NewProxies(host)
	m.proxies = e.launch(linksContainer(host, probePort), places...)
	m.Mesh = proxies.NewMesh(e.hooks, name, members, alone, func(member string) (string, error) {
		address, err := m.proxies.container.On(m.networks[member])
		return address.String(), err
	})
	for _, from := range members {
		for _, to := range members {
			if from != to {
				e.enlist(m.Link(from, to), from)
			}
		}
	}
	e.proxied(proxies, m.proxies)
	return m
}

// alone is a name for a member by which only the proxies call it: its own they have themselves, in the eyes of its peers. No
// container can be called so.
func alone(member string) string { return "itself_" + member }

func validMembers(name string, members []string) error {
	if len(members) < 2 {
		return fmt.Errorf("mesh %s has %d members: there is nothing between fewer than two", name, len(members))
	}
	for i, member := range members {
		if !containerName.MatchString(member) {
			return fmt.Errorf("mesh %s: member %q: a name is also a host name: lower-case letters, digits and dashes", name, member)
		}
		if slices.Contains(members[:i], member) {
			return fmt.Errorf("mesh %s: two members are called %q", name, member)
		}
	}
	return nil
}

// Ready waits until all links between the members are there, and ends the test if they cannot be made.
func (m *Mesh) Ready() {
	m.env.t.Helper()
	m.proxies.Ready()
	m.env.Require(m.Made(), "make the links of mesh %s", m.Name)
}

// place is where a member lives.
func (m *Mesh) place(member string) engine.Place {
	return engine.Place{Network: m.networks[member], Aliases: []string{alone(member)}}
}

// How long the answer to a probe may take: where one is expected, and where none is. The first is a limit, the second a time
// to wait in vain, long compared with the milliseconds that an answer takes.
const (
	answerLimit  = 5 * time.Second
	silenceLimit = 400 * time.Millisecond
)

// Reaches is the condition that the one member, dialling the other as it does in the cluster, gets an answer.
func (m *Mesh) Reaches(from, to string) Condition {
	return func() error { return m.reaches(from, to, answerLimit) }
}

// Whole is the condition that each member reaches each other.
func (m *Mesh) Whole() error {
	var errs []error
	for _, from := range m.Members {
		for _, to := range m.Members {
			if from != to {
				errs = append(errs, m.reaches(from, to, answerLimit))
			}
		}
	}
	return errors.Join(errs...)
}

// Felt asks on all paths who reaches whom now: those that a fault is to keep apart must get no answer, and all others must. It
// is a witness for a fault of the mesh: bring it to Env.Witness while the fault lasts. A round trip needs both directions, so it
// cannot tell which of the two a one-way cut has taken.
func (m *Mesh) Felt() check.Result {
	m.env.t.Helper()
	var silent, wrong []string
	paths := 0
	for _, from := range m.Members {
		for _, to := range m.Members {
			if from == to {
				continue
			}
			paths++
			path, limit, parted := from+" → "+to, answerLimit, m.Parts(from, to)
			if parted {
				limit = silenceLimit
			}
			switch err := m.reaches(from, to, limit); {
			case parted && err == nil:
				wrong = append(wrong, path+" answers")
			case parted:
				silent = append(silent, path)
			case err != nil:
				wrong = append(wrong, fmt.Sprintf("%s gives no answer (%v)", path, err))
			}
		}
	}
	const property = "who is cut off gets no answer, and everybody else does"
	if len(wrong) > 0 {
		return check.That(property, false, "%s", strings.Join(wrong, "; "))
	}
	if len(silent) == 0 {
		return check.Result{Property: property, Summary: "no fault is to keep anybody apart"}
	}
	return check.That(property, true, "no answer on %d of %d paths (%s)", len(silent), paths, strings.Join(silent, ", "))
}

func (m *Mesh) reaches(from, to string, limit time.Duration) error {
	m.env.t.Helper()
	if m.Probe == nil {
		m.env.fatal(evidence.Broken, "mesh %s was not told how its members speak with each other (Probe), so nobody can tell who reaches whom", m.Name)
	}
	m.Ready()
	m.probing.Lock()
	defer m.probing.Unlock()
	m.env.Require(m.Mesh.Probe(probePort, from, to), "probe %s → %s", from, to)
	address, err := m.proxies.container.Address(probePort)
	m.env.Require(err, "probe %s → %s", from, to)
	ctx, cancel := context.WithTimeout(m.env.ctx, limit)
	defer cancel()
	op := m.probes.Begin("probe", from+" → "+to, 0)
	if err := m.Probe(ctx, address); err != nil {
		op.End(history.Unknown, err)
		return fmt.Errorf("%s gets no answer from %s: %w", from, to, err)
	}
	op.End(history.OK, nil)
	return nil
}
