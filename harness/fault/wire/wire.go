// Package wire is what a link is made of: a listener, and for each connection two streams of Toxiproxy's, each of which runs through one
// toxic of our own (stage). A link without a fault is a wire: what goes in at one end comes out at the other, also the end of one
// direction (FIN) and a reset (RST).
//
// It runs in two places, in the test process for the test's own clients, and in a container for clients in containers (command links),
// and does the same in both. It is the sole importer of Toxiproxy.
//
// What may not enter: what a fault is to the test (package fault), and anything that only one of the two places has.
package wire

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Direction is the way in which bytes travel.
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

// Kind is what an effect does.
type Kind string

// What is done to bytes, and to the end of a direction, which travels behind them.
const (
	Delays    Kind = "delay"    // holds them for Delay
	Throttles Kind = "throttle" // lets Rate bytes a millisecond through
	Drops     Kind = "drop"     // swallows them without a word
	Resets    Kind = "reset"    // ends a connection on which they travel by a reset
	Severs    Kind = "sever"    // closes all connections and refuses new ones
)

// Effect is what one fault does to a wire.
type Effect struct {
	ID    int64         `json:"id"` // of its fault, on this wire
	Kind  Kind          `json:"kind"`
	Way   Direction     `json:"way"`
	Delay time.Duration `json:"delay,omitempty"`
	Rate  int           `json:"rate,omitempty"`
}

// State is how a wire is to be.
type State struct {
	Target  string   `json:"target"` // the server's address; Nowhere if it has none at present
	Effects []Effect `json:"effects,omitempty"`
}

// Nowhere is the target of a wire whose server has no address at the moment: clients are refused, as by a machine on which nothing
// listens.
const Nowhere = "127.0.0.1:0"

func (s State) has(k Kind) bool {
	return slices.ContainsFunc(s.Effects, func(e Effect) bool { return e.Kind == k })
}

func (s State) with(id int64) bool {
	return slices.ContainsFunc(s.Effects, func(e Effect) bool { return e.ID == id })
}

// Traffic is what has travelled over a wire since it was made.
type Traffic struct {
	Connections int64 `json:"connections"` // that were made
	Sent        int64 `json:"sent"`        // bytes, client to server
	Received    int64 `json:"received"`    // bytes, server to client
}

// Report is what a wire has seen.
type Report struct {
	Traffic Traffic         `json:"traffic"`
	Meters  map[int64]Meter `json:"meters,omitempty"` // of effects that are in force or end now, by ID
}

// Wire is one of them. Its methods may be called from any goroutine.
type Wire struct {
	name   string
	listen string

	mu       sync.Mutex
	listener net.Listener // nil while clients are refused
	state    State
	meters   map[int64]*meter
	closed   bool

	now            atomic.Pointer[generation]
	connections    atomic.Int64
	sent, received atomic.Int64 // bytes
}

// api is what streams report to. It is not served.
var api = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())

// New returns a wire that is to listen on that address. It leads Nowhere until Set.
func New(name, listen string) (*Wire, error) {
	w := &Wire{name: name, listen: listen, state: State{Target: Nowhere}, meters: map[int64]*meter{}}
	return w, w.renew()
}

// Set makes the wire be so, and returns when it is. Connections live on, but for three reasons to end: the server has another address,
// the wire is severed, or bytes were dropped, which nobody can make up for.
func (w *Wire) Set(next State) (Report, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.state
	if w.closed {
		next.Target = Nowhere
	}
	for _, e := range next.Effects {
		if w.meters[e.ID] == nil {
			w.meters[e.ID] = new(meter)
		}
	}
	severed := next.has(Severs) && !last.has(Severs)
	stopped := slices.ContainsFunc(last.Effects, func(e Effect) bool { return e.Kind == Drops && !next.with(e.ID) })
	change := func() error {
		if !severed && !stopped && next.Target == last.Target {
			w.now.Load().apply(next, w.meters)
			return nil
		}
		if i := slices.IndexFunc(next.Effects, func(e Effect) bool { return e.Kind == Severs && !last.with(e.ID) }); i >= 0 {
			w.meters[next.Effects[i].ID].end(w.now.Load().size())
		}
		return w.renew()
	}
	// Nobody comes in who would meet the last state, nor stays who was let in by it.
	w.state = next
	steps := []func() error{w.settle, change}
	if w.open() {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			w.state = last
			w.forget()
			return Report{}, errors.Join(err, w.renew())
		}
	}
	for _, e := range next.Effects {
		if !last.with(e.ID) {
			w.meters[e.ID].begin()
		}
	}
	r := w.report()
	w.forget()
	return r, nil
}

// forget lets go of the meters of effects that are no more. Holding mu.
func (w *Wire) forget() {
	for id := range w.meters {
		if !w.state.with(id) {
			delete(w.meters, id)
		}
	}
}

// Report tells what the wire has seen.
func (w *Wire) Report() Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.report()
}

func (w *Wire) report() Report {
	r := Report{
		Traffic: Traffic{Connections: w.connections.Load(), Sent: w.sent.Load(), Received: w.received.Load()},
		Meters:  map[int64]Meter{},
	}
	for id, m := range w.meters {
		r.Meters[id] = m.read()
	}
	return r
}

// Close ends the wire with its connections.
func (w *Wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	err := w.settle()
	w.now.Load().end()
	return err
}

// open tells whether clients are to be let in. Holding mu.
func (w *Wire) open() bool { return !w.closed && w.state.open() }

// open tells whether clients are let in.
func (s State) open() bool { return !s.has(Severs) && s.Target != Nowhere }

// settle listens exactly when clients are to be let in. Holding mu.
func (w *Wire) settle() error {
	switch in := w.open(); {
	case in && w.listener == nil:
		l, err := net.Listen("tcp", w.listen)
		if err != nil {
			return fmt.Errorf("listen for link %s: %w", w.name, err)
		}
		w.listener = l
		go w.accept(l)
	case !in && w.listener != nil:
		l := w.listener
		w.listener = nil
		return l.Close()
	}
	return nil
}
