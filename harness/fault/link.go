package fault

import (
	"errors"
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
// through a restart of the server.
type Link struct {
	Name string
	To   string // the server, as node:port

	scene   *Scene
	address string
	proxy   proxy
	serial  atomic.Int64
}

// Address is where clients dial, as host:port.
func (l *Link) Address() string { return l.address }

// Delay holds back every byte in the given direction by d, whole milliseconds. Order is kept, nothing is lost, and bulk
// transfer is hardly slower for delays up to about 100 ms. Setting up a connection is not delayed: the proxy accepts at once.
func (l *Link) Delay(dir Direction, d time.Duration) *Fault {
	f := &Fault{Kind: "delay", Target: l.Name, Detail: fmt.Sprintf("%v %v", d, dir), Undo: "heal", Delay: d}
	if d < time.Millisecond || d%time.Millisecond != 0 {
		l.scene.Fatal(fmt.Errorf("inject %s: a delay is a whole number of milliseconds, at least one", f))
	}
	return l.toxic(f, dir, "latency", map[string]any{"latency": d.Milliseconds()})
}

// Throttle limits the given direction to a rate in bytes per second, whole kilobytes (1000 bytes). Nothing is lost.
func (l *Link) Throttle(dir Direction, bytesPerSecond int) *Fault {
	f := &Fault{Kind: "throttle", Target: l.Name, Detail: fmt.Sprintf("%d B/s %v", bytesPerSecond, dir), Undo: "heal"}
	if bytesPerSecond < 1000 || bytesPerSecond%1000 != 0 {
		l.scene.Fatal(fmt.Errorf("inject %s: a rate is a whole number of kilobytes (1000 bytes) a second, at least one", f))
	}
	return l.toxic(f, dir, "bandwidth", map[string]any{"rate": bytesPerSecond / 1000})
}

// Drop makes the given direction a black hole: bytes are accepted and vanish, connections stay open, and new ones can be
// made. With one direction only, the link is half-open. Bytes that were lost cannot be made up for, so healing closes the
// connections of that time (the peer reads EOF).
func (l *Link) Drop(dir Direction) *Fault {
	f := &Fault{Kind: "drop", Target: l.Name, Detail: dir.String(), Undo: "heal"}
	return l.toxic(f, dir, "timeout", map[string]any{"timeout": 0})
}

// Reset closes every connection as soon as a byte travels on it: one made after the injection is reset (RST), an older one
// gets EOF. Idle connections are left alone. It models a peer or a middlebox that has forgotten the connection.
func (l *Link) Reset() *Fault {
	f := &Fault{Kind: "reset", Target: l.Name, Undo: "heal"}
	return l.toxic(f, Both, "reset_peer", map[string]any{"timeout": 0})
}

// Sever cuts the link: connections are closed (FIN) and new ones refused, until it is healed. For a cut that nobody is told
// of, use Drop.
func (l *Link) Sever() *Fault {
	f := &Fault{Kind: "sever", Target: l.Name, Undo: "heal"}
	return l.scene.inject(f,
		func() error { return l.proxy.enable(false) },
		func() error { return l.proxy.enable(true) })
}

// Retarget tells the link where its server is now. Connections are closed.
func (l *Link) Retarget(address string) error {
	if err := l.proxy.retarget(address); err != nil {
		return fmt.Errorf("point link %s at %s: %w", l.Name, address, err)
	}
	return nil
}

// Close ends the link with its connections.
func (l *Link) Close() error { return l.proxy.close() }

func (l *Link) toxic(f *Fault, dir Direction, kind string, attributes map[string]any) *Fault {
	var toxics []toxic
	n := l.serial.Add(1)
	for d, stream := range map[Direction]string{ClientToServer: "upstream", ServerToClient: "downstream"} {
		if dir&d != 0 {
			toxics = append(toxics, toxic{Name: fmt.Sprintf("%s-%s-%d", kind, stream, n), Type: kind, Stream: stream, Toxicity: 1, Attributes: attributes})
		}
	}
	if len(toxics) == 0 {
		l.scene.Fatal(fmt.Errorf("inject %s: there is no such direction", f))
	}
	return l.scene.inject(f,
		func() error { return each(toxics, l.proxy.add) },
		func() error { return each(toxics, l.proxy.remove) })
}

func each(toxics []toxic, do func(toxic) error) error {
	var errs []error
	for _, t := range toxics {
		errs = append(errs, do(t))
	}
	return errors.Join(errs...)
}
