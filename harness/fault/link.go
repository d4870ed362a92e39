package fault

import (
	"fmt"
	"net"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"

	"assay/harness/fault/wire"
)

// Direction is the way in which bytes travel over a link.
type Direction = wire.Direction

// The client is who dials, the server who is dialled.
const (
	ClientToServer = wire.ClientToServer
	ServerToClient = wire.ServerToClient
	Both           = wire.Both
)

// Nowhere is the target of a link whose server has no address at the moment: clients are refused, as by a machine on which
// nothing listens. A killed server's port on this machine may be given to another container, which its clients must not
// reach.
const Nowhere = wire.Nowhere

// Traffic is how many connections and bytes went over a link.
type Traffic = wire.Traffic

// Link is a TCP path between clients and one port of a server, on which faults can be put. Its address stays the same
// through a restart of the server. Without a fault it is a wire: bytes go through both ways, and so do the end of either direction (a
// half-close) and a reset. It can have several faults at once: delays add up, the narrowest throttle counts.
//
// What it is not: it ends TCP on both sides, so setting up a connection is quick and never fails while the link listens, whatever the
// faults, and single packets are for Packets.
type Link struct {
	Name string
	To   string // the server, as node:port

	hooks   *Hooks
	address string
	home    string // where the server always is, for clients that have its name; else Retarget tells
	place   place

	mu     sync.Mutex
	state  wire.State
	serial int64
	only   bool
}

// place is where a link's wire is: in this process, or in a container.
type place interface {
	there() error // waits until the wire is there, or tells why it is not
	Set(wire.State) (wire.Report, error)
	// seen is what the wire has seen, if it can be asked. What proxies tell of all their wires is kept in told, so that each is asked once.
	seen(told map[*Proxies]map[string]wire.Report) (wire.Report, bool)
	Close() error
}

// NewLink returns a link for clients in this process, with a wire of its own in it: no container, and refusals and resets as the kernel
// makes them. It leads Nowhere until Retarget.
func NewLink(hooks *Hooks, name, to string) (*Link, error) {
	port, err := ports.take()
	if err != nil {
		return nil, fmt.Errorf("find a port for link %s: %w", name, err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	w, err := wire.New(name, address)
	if err != nil {
		return nil, err
	}
	return &Link{Name: name, To: to, hooks: hooks, address: address, place: &here{w, port}, state: wire.State{Target: Nowhere}}, nil
}

// here is a wire in this process, on a port of its own.
type here struct {
	*wire.Wire
	port int
}

func (h *here) there() error { return nil }

func (h *here) seen(map[*Proxies]map[string]wire.Report) (wire.Report, bool) { return h.Report(), true }

func (h *here) Close() error {
	err := h.Wire.Close()
	if h.port != 0 {
		ports.give(h.port)
		h.port = 0
	}
	return err
}

// Address is where clients dial, as host:port.
func (l *Link) Address() string { return l.address }

// Only says that clients have no other way to the server: one that has this link alone and whose operations succeed while it is cut has
// found a way past it, as a client does to which a cluster tells its members' own addresses. That fails the test; without Only it is
// remarked upon.
func (l *Link) Only() *Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.only = true
	return l
}

// IsOnly tells whether it was said to be (Only).
func (l *Link) IsOnly() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.only
}

// Delay holds back every byte in the given direction by d, whole milliseconds, and the end of a connection behind them. Order is kept,
// nothing is lost, and bulk transfer is hardly slower for delays up to about 100 ms. Setting up a connection is not delayed: the proxy
// accepts at once.
func (l *Link) Delay(dir Direction, d time.Duration) *Fault {
	f := &Fault{Kind: "delay", Target: l.Name, Detail: fmt.Sprintf("%v %v", d, dir), Undo: "heal", Delay: d}
	if d < time.Millisecond || d%time.Millisecond != 0 {
		l.hooks.Fatal(fmt.Errorf("inject %s: a delay is a whole number of milliseconds, at least one", f))
	}
	shows := delayed(d)
	if l.hooks.halved(f) {
		d, shows = d/2, nil
	}
	return l.inject(f, dir, wire.Effect{Kind: wire.Delays, Delay: d}, shows)
}

// Throttle limits the given direction to a rate in bytes per second, whole kilobytes (1000 bytes); both ways, each to that rate.
// It is the rate of each connection by itself. Nothing is lost.
func (l *Link) Throttle(dir Direction, bytesPerSecond int) *Fault {
	f := &Fault{Kind: "throttle", Target: l.Name, Detail: fmt.Sprintf("%d B/s %v", bytesPerSecond, dir), Undo: "heal"}
	if bytesPerSecond < 1000 || bytesPerSecond%1000 != 0 {
		l.hooks.Fatal(fmt.Errorf("inject %s: a rate is a whole number of kilobytes (1000 bytes) a second, at least one", f))
	}
	shows := throttled(bytesPerSecond)
	if l.hooks.halved(f) {
		bytesPerSecond, shows = 2*bytesPerSecond, nil
	}
	return l.inject(f, dir, wire.Effect{Kind: wire.Throttles, Rate: bytesPerSecond / 1000}, shows)
}

// Drop makes the given direction a black hole: bytes are accepted and vanish, connections stay open, and new ones can be
// made. The end of a connection vanishes too, so nobody at the other side is told. With one direction only, the link is half-open. Bytes
// that were lost cannot be made up for, so healing closes the connections of that time.
func (l *Link) Drop(dir Direction) *Fault {
	f := &Fault{Kind: "drop", Target: l.Name, Detail: dir.String(), Undo: "heal", Cuts: dir == Both}
	return l.inject(f, dir, wire.Effect{Kind: wire.Drops}, dropped)
}

// Reset resets every connection (RST) as soon as a byte travels on it, or its end. Idle connections are left alone. It models
// a peer or a middlebox that has forgotten its connections.
func (l *Link) Reset() *Fault {
	f := &Fault{Kind: "reset", Target: l.Name, Undo: "heal"}
	return l.inject(f, Both, wire.Effect{Kind: wire.Resets}, reset)
}

// Sever cuts the link: connections are closed (FIN) and new ones refused, until it is healed. What is under way is lost. For a
// cut that nobody is told of, use Drop.
func (l *Link) Sever() *Fault {
	f := &Fault{Kind: "sever", Target: l.Name, Undo: "heal", Cuts: true}
	return l.inject(f, Both, wire.Effect{Kind: wire.Severs}, severed)
}

// Retarget tells the link where its server is now, or that it is Nowhere. Connections to another address are closed; faults stay. A link
// for clients in containers finds its server by name, so it need only be told whether there is one.
func (l *Link) Retarget(address string) error {
	if l.home != "" && address != Nowhere {
		address = l.home
	}
	if _, err := l.change(func(s *wire.State) { s.Target = address }); err != nil {
		return fmt.Errorf("point link %s at %s: %w", l.Name, address, err)
	}
	return nil
}

// Close ends the link with its connections.
func (l *Link) Close() error { return l.place.Close() }

// change has the link's wire be otherwise. One that is so already is left alone.
func (l *Link) change(how func(*wire.State)) (wire.Report, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := wire.State{Target: l.state.Target, Effects: slices.Clone(l.state.Effects)}
	how(&next)
	if reflect.DeepEqual(next, l.state) {
		return wire.Report{}, nil
	}
	report, err := l.place.Set(next)
	if err == nil {
		l.state = next
	}
	return report, err
}

// effects returns the effect for each way that the direction covers, by itself, so that each is measured by itself.
func (l *Link) effects(dir Direction, e wire.Effect) (all []wire.Effect) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, way := range []Direction{ClientToServer, ServerToClient} {
		if dir&way != 0 {
			l.serial++
			e.ID, e.Way = l.serial, way
			all = append(all, e)
		}
	}
	return all
}

func (l *Link) add(effects []wire.Effect) error {
	_, err := l.change(func(s *wire.State) { s.Effects = append(s.Effects, effects...) })
	return err
}

// remove returns what the wire measured of the effects.
func (l *Link) remove(effects []wire.Effect) (all []wire.Meter, err error) {
	report, err := l.change(func(s *wire.State) {
		s.Effects = slices.DeleteFunc(s.Effects, func(e wire.Effect) bool { return slices.Contains(effects, e) })
	})
	for _, e := range effects {
		if m, ok := report.Meters[e.ID]; ok {
			all = append(all, m)
		}
	}
	return all, err
}

// inject has the effect on each way that the direction covers. What the wire measured shows the fault's nature when it is over.
func (l *Link) inject(f *Fault, dir Direction, e wire.Effect, shows nature) *Fault {
	if dir&^Both != 0 || dir == 0 {
		l.hooks.Fatal(fmt.Errorf("inject %s: there is no such direction", f))
	}
	effects := l.effects(dir, e)
	return l.hooks.inject(f,
		func() error { return l.add(effects) },
		func() error {
			meters, err := l.remove(effects)
			if err == nil && shows != nil {
				f.nature = func() (string, error) { return shows(meters) } // Heal holds mu
			}
			return err
		})
}

// nature tells of what was measured whether it is as the fault says, and words it. Of nothing there is nothing to tell: whether anybody
// felt it, the clients tell.
type nature func([]wire.Meter) (string, error)

// all sums meters up.
func all(meters []wire.Meter) (sum wire.Meter) {
	for _, m := range meters {
		if m.Chunks > 0 && (sum.Chunks == 0 || m.Shortest < sum.Shortest) {
			sum.Shortest = m.Shortest
		}
		sum.Chunks += m.Chunks
		sum.Bytes += m.Bytes
		sum.Took = max(sum.Took, m.Took)
		sum.Swallowed += m.Swallowed
		sum.Ended += m.Ended
	}
	return sum
}

func delayed(by time.Duration) nature {
	return func(meters []wire.Meter) (string, error) {
		m := all(meters)
		switch {
		case m.Chunks == 0:
			return "", nil
		case m.Shortest < by:
			return "", fmt.Errorf("of %d chunks of bytes that came and went meanwhile, one was held for %v only", m.Chunks, m.Shortest.Round(time.Millisecond))
		}
		return fmt.Sprintf("%d chunks of bytes were held, each for %v or more", m.Chunks, m.Shortest.Round(time.Millisecond)), nil
	}
}

// throttled allows for the tenth of a second's worth that goes at a time.
func throttled(rate int) nature {
	return func(meters []wire.Meter) (string, error) {
		for _, m := range meters {
			if allowed := float64(rate) * (m.Took.Seconds() + 0.1); float64(m.Bytes) > allowed {
				return "", fmt.Errorf("%d bytes went through in %v", m.Bytes, m.Took.Round(time.Millisecond))
			}
		}
		m := all(meters)
		if m.Chunks == 0 {
			return "", nil
		}
		return fmt.Sprintf("%d bytes went through in %v", m.Bytes, m.Took.Round(time.Millisecond)), nil
	}
}

// nothing is the nature of what lets nothing through.
func nothing(m wire.Meter, words string) (string, error) {
	if m.Chunks > 0 {
		return "", fmt.Errorf("%d bytes went through", m.Bytes)
	}
	return words + ", nothing went through", nil
}

func dropped(meters []wire.Meter) (string, error) {
	m := all(meters)
	return nothing(m, fmt.Sprintf("%d bytes vanished", m.Swallowed))
}

func reset(meters []wire.Meter) (string, error) {
	m := all(meters)
	return nothing(m, several(m.Ended, "connection was reset", "connections were reset"))
}

func severed(meters []wire.Meter) (string, error) {
	m := all(meters)
	return nothing(m, several(m.Ended, "connection was closed", "connections were closed"))
}

func several(n int, one, more string) string {
	switch n {
	case 0:
		return "no " + more
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// Use is what has gone over each of the links since it was made. A link whose proxies do not run yet, or no more, is left out.
func Use(links []*Link) map[*Link]Traffic {
	seen := map[*Link]Traffic{}
	told := map[*Proxies]map[string]wire.Report{}
	for _, l := range links {
		if r, ok := l.place.seen(told); ok {
			seen[l] = r.Traffic
		}
	}
	return seen
}
