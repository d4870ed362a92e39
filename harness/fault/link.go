package fault

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Direction is the way in which bytes travel over a link.
type Direction int

// The client is who dials, the server who is dialled.
const (
	ClientToServer Direction = 1 << iota
	ServerToClient
	Both = ClientToServer | ServerToClient
)

func (d Direction) String() string {
	switch d {
	case ClientToServer:
		return "client to server"
	case ServerToClient:
		return "server to client"
	case Both:
		return "both ways"
	}
	return fmt.Sprintf("direction %d", int(d))
}

// Link is a TCP path between clients and one port of a server, on which faults can be put. Its address stays the same
// through a restart of the server. It can have several faults at once: delays add up, the narrowest throttle counts.
// Between containers, healing another than the last one closes the connections, and one that the proxy is still setting up
// may have met no fault that came and went meanwhile.
type Link struct {
	Name string
	To   string // the server, as node:port

	hooks   *Hooks
	address string
	proxy   proxy
	serial  atomic.Int64
}

// Address is where clients dial, as host:port.
func (l *Link) Address() string { return l.address }

// Delay holds back every byte in the given direction by d, whole milliseconds. Order is kept, nothing is lost, and bulk
// transfer is hardly slower for delays up to about 100 ms. Setting up a connection is not delayed: the proxy accepts at once.
// Nor is its end, unless bytes go before it.
func (l *Link) Delay(dir Direction, d time.Duration) *Fault {
	f := &Fault{Kind: "delay", Target: l.Name, Detail: fmt.Sprintf("%v %v", d, dir), Undo: "heal", Delay: d}
	if d < time.Millisecond || d%time.Millisecond != 0 {
		l.hooks.Fatal(fmt.Errorf("inject %s: a delay is a whole number of milliseconds, at least one", f))
	}
	m := new(meter)
	if l.hooks.halved(f) {
		d /= 2
	} else {
		f.nature = func() (string, error) { return m.delayed(d) }
	}
	return l.inject(f, dir, effect{kind: delays, delay: d, meter: m})
}

// Throttle limits the given direction to a rate in bytes per second, whole kilobytes (1000 bytes). Nothing is lost.
func (l *Link) Throttle(dir Direction, bytesPerSecond int) *Fault {
	f := &Fault{Kind: "throttle", Target: l.Name, Detail: fmt.Sprintf("%d B/s %v", bytesPerSecond, dir), Undo: "heal"}
	if bytesPerSecond < 1000 || bytesPerSecond%1000 != 0 {
		l.hooks.Fatal(fmt.Errorf("inject %s: a rate is a whole number of kilobytes (1000 bytes) a second, at least one", f))
	}
	m := new(meter)
	if l.hooks.halved(f) {
		bytesPerSecond *= 2
	} else {
		f.nature = func() (string, error) { return m.throttled(bytesPerSecond) }
	}
	return l.inject(f, dir, effect{kind: throttles, rate: bytesPerSecond / 1000, meter: m})
}

// Drop makes the given direction a black hole: bytes are accepted and vanish, connections stay open, and new ones can be
// made. With one direction only, the link is half-open. Bytes that were lost cannot be made up for, so healing closes the
// connections of that time. The proxy swallows bytes and not the end of a connection: who closes one is noticed at the other
// side, which behind a real black hole would not be told.
func (l *Link) Drop(dir Direction) *Fault {
	f := &Fault{Kind: "drop", Target: l.Name, Detail: dir.String(), Undo: "heal"}
	return l.inject(f, dir, effect{kind: drops})
}

// Reset resets every connection (RST) as soon as a byte travels on it, or its end. Idle connections are left alone. It models
// a peer or a middlebox that has forgotten its connections. Between containers, a connection that is older than the fault gets
// EOF in place of the reset.
func (l *Link) Reset() *Fault {
	f := &Fault{Kind: "reset", Target: l.Name, Undo: "heal"}
	return l.inject(f, Both, effect{kind: resets})
}

// Sever cuts the link: connections are closed (FIN) and new ones refused, until it is healed. What is under way is lost. For a
// cut that nobody is told of, use Drop.
func (l *Link) Sever() *Fault {
	f := &Fault{Kind: "sever", Target: l.Name, Undo: "heal"}
	return l.hooks.inject(f, l.proxy.sever, l.proxy.rejoin)
}

// Retarget tells the link where its server is now, or that it is Nowhere. Connections are closed; faults stay.
func (l *Link) Retarget(address string) error {
	if err := l.proxy.retarget(address); err != nil {
		return fmt.Errorf("point link %s at %s: %w", l.Name, address, err)
	}
	return nil
}

// Close ends the link with its connections.
func (l *Link) Close() error { return l.proxy.close() }

// inject has the effect on each way that the direction covers.
func (l *Link) inject(f *Fault, dir Direction, e effect) *Fault {
	if dir&^Both != 0 || dir == 0 {
		l.hooks.Fatal(fmt.Errorf("inject %s: there is no such direction", f))
	}
	e.id = l.serial.Add(1)
	var effects []effect
	for _, e.way = range []Direction{ClientToServer, ServerToClient} {
		if dir&e.way != 0 {
			effects = append(effects, e)
		}
	}
	return l.hooks.inject(f,
		func() error {
			err := l.proxy.add(effects)
			if e.meter != nil {
				e.meter.begin()
			}
			return err
		},
		func() error { return l.proxy.remove(effects) })
}
