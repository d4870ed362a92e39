package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/rs/zerolog"
)

// embedded is a Toxiproxy in this process: its streams, with one toxic of our own (stage) in each, behind a listener of our
// own. Toxiproxy's listener accepts and dials in one loop, in which a stalled connection makes all others wait, and it closes
// and opens its port to change the server's address.
type embedded struct {
	name   string
	port   int
	listen string

	mu       sync.Mutex
	listener net.Listener // nil while clients are refused
	effects  []effect
	target   string
	severed  int // how many faults sever it
	closed   bool

	now atomic.Pointer[generation]
}

// api is what embedded streams report to. It is not served.
var api = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())

// NewLink returns a link for clients in this process, with a Toxiproxy of its own embedded in it: no container, and refusals
// and resets as the kernel makes them. It leads Nowhere until Retarget.
func NewLink(hooks *Hooks, name, to string) (*Link, error) {
	port, err := ports.take()
	if err != nil {
		return nil, fmt.Errorf("find a port for link %s: %w", name, err)
	}
	e := &embedded{name: name, port: port, listen: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), target: Nowhere}
	if err := e.renew(); err != nil {
		return nil, err
	}
	return &Link{Name: name, To: to, hooks: hooks, address: e.listen, proxy: e}, nil
}

// generation is the connections that live and end together, and their streams.
type generation struct {
	target   string
	streams  *toxiproxy.ToxicCollection
	up, down *stage
	serial   atomic.Int64

	dialling context.Context // ends with the generation
	cancel   context.CancelFunc

	mu    sync.Mutex
	over  bool
	reset bool // connections end by a reset
	pairs map[*pair]struct{}
}

// renew ends all connections and begins a new generation, with the effects and the target as they are now. Holding mu.
func (e *embedded) renew() error {
	g := &generation{target: e.target, streams: toxiproxy.NewProxy(api, e.name, e.listen, e.target).Toxics, pairs: map[*pair]struct{}{}}
	var err error
	if g.up, err = addStage(g.streams, stream.Upstream); err != nil {
		return err
	}
	if g.down, err = addStage(g.streams, stream.Downstream); err != nil {
		return err
	}
	g.apply(e.effects)
	g.dialling, g.cancel = context.WithCancel(context.Background())
	if old := e.now.Swap(g); old != nil {
		old.end()
	}
	return nil
}

func (g *generation) end() {
	g.cancel()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	for p := range g.pairs {
		p.close()
	}
}

// apply lets exactly these effects hold, for the living connections and for those to come.
func (g *generation) apply(effects []effect) {
	g.mu.Lock()
	g.reset = hasKind(effects, resets)
	for p := range g.pairs {
		p.endBy(g.reset) // also when no more: one that stayed idle must not lose what is said last on it
	}
	g.mu.Unlock()
	g.up.set(settingOf(effects, ClientToServer))
	g.down.set(settingOf(effects, ServerToClient))
}

func (e *embedded) add(effects []effect) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.effects = append(e.effects, effects...)
	e.now.Load().apply(e.effects)
	return nil
}

func (e *embedded) remove(effects []effect) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.effects = without(e.effects, effects)
	if hasKind(effects, drops) {
		return e.renew()
	}
	e.now.Load().apply(e.effects)
	return nil
}

func (e *embedded) sever() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.severed++
	if err := e.settle(); err != nil {
		return err
	}
	return e.renew()
}

func (e *embedded) rejoin() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.severed--
	if err := e.settle(); err != nil {
		e.severed++
		return err
	}
	return nil
}

func (e *embedded) retarget(address string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.target = address
	if err := e.renew(); err != nil {
		return err
	}
	return e.settle()
}

func (e *embedded) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	err := e.settle()
	e.now.Load().end()
	ports.give(e.port)
	return err
}

// settle listens exactly when clients are to be let in. Holding mu.
func (e *embedded) settle() error {
	in := !e.closed && e.severed == 0 && e.target != Nowhere
	switch {
	case in && e.listener == nil:
		l, err := net.Listen("tcp", e.listen)
		if err != nil {
			return fmt.Errorf("listen for link %s: %w", e.name, err)
		}
		e.listener = l
		go e.accept(l)
	case !in && e.listener != nil:
		l := e.listener
		e.listener = nil
		return l.Close()
	}
	return nil
}

func (e *embedded) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			go e.now.Load().connect(c.(*net.TCPConn))
		case errors.Is(err, net.ErrClosed):
			return
		default:
			time.Sleep(10 * time.Millisecond) //nolint:forbidigo // out of file descriptors, perhaps: others may give some back
		}
	}
}

// dialLimit bounds a dial to a server on this machine.
const dialLimit = 5 * time.Second

// connect connects a client with the server. Where the server's machine is there and nobody listens on it, the client finds
// its connection closed, as the engine's own proxy would have it.
func (g *generation) connect(client *net.TCPConn) {
	dialer := net.Dialer{Timeout: dialLimit}
	c, err := dialer.DialContext(g.dialling, "tcp", g.target)
	if err != nil {
		client.Close()
		return
	}
	p := &pair{client: client, server: c.(*net.TCPConn)}
	p.open.Store(2)
	g.mu.Lock()
	if g.over {
		g.mu.Unlock()
		p.close()
		return
	}
	g.pairs[p] = struct{}{}
	p.endBy(g.reset)
	g.mu.Unlock()
	// Under a name that no other stream ever had: Toxiproxy's own, the client's address, may come again while a stream of
	// that name is still ending.
	n := strconv.FormatInt(g.serial.Add(1), 10)
	g.streams.StartLink(api, n+"up", p.client, end{p.server, p, g}, stream.Upstream)
	g.streams.StartLink(api, n+"down", p.server, end{p.client, p, g}, stream.Downstream)
}

// pair is a client's connection and the one to the server that it leads to.
type pair struct {
	client, server *net.TCPConn
	open           atomic.Int32 // streams that write
}

func (p *pair) close() {
	p.client.Close()
	p.server.Close()
}

// endBy says whether the connections end by a reset when they are closed.
func (p *pair) endBy(reset bool) {
	seconds := -1 // the usual way
	if reset {
		seconds = 0
	}
	// An error says that the connection is closed.
	_ = p.client.SetLinger(seconds)
	_ = p.server.SetLinger(seconds)
}

// end is where a stream of Toxiproxy writes to.
type end struct {
	to   *net.TCPConn
	pair *pair
	of   *generation
}

// Write never fails: a stream whose end fails leaves behind those of its goroutines that still have bytes for it. Where nobody
// takes the bytes any more it closes the connection, which ends the other stream and that in turn this one, and swallows what
// comes until then.
func (e end) Write(b []byte) (int, error) {
	if _, err := e.to.Write(b); err != nil {
		e.to.Close()
	}
	return len(b), nil
}

// Close is called once by each of the two streams.
func (e end) Close() error {
	if e.pair.open.Add(-1) == 0 {
		e.of.mu.Lock()
		delete(e.of.pairs, e.pair)
		e.of.mu.Unlock()
	}
	return e.to.Close()
}
