package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
)

// generation is the connections that live and end together, and their streams.
type generation struct {
	wire     *Wire
	target   string
	streams  *toxiproxy.ToxicCollection
	up, down *stage
	serial   atomic.Int64

	dialling context.Context // ends with the generation
	cancel   context.CancelFunc

	mu    sync.Mutex
	over  bool
	shut  bool // to clients: one may have been let in a moment before
	pairs map[*pair]struct{}
}

// renew ends all connections and begins a new generation, of the present state. Holding mu.
func (w *Wire) renew() error {
	target := w.state.Target
	g := &generation{wire: w, target: target, streams: toxiproxy.NewProxy(api, w.name, w.listen, target).Toxics, pairs: map[*pair]struct{}{}}
	var err error
	if g.up, err = addStage(g.streams, stream.Upstream); err != nil {
		return err
	}
	if g.down, err = addStage(g.streams, stream.Downstream); err != nil {
		return err
	}
	g.apply(w.state, w.meters)
	g.dialling, g.cancel = context.WithCancel(context.Background())
	if old := w.now.Swap(g); old != nil {
		old.end()
	}
	return nil
}

func (g *generation) end() {
	g.cancel()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	for _, s := range []*stage{g.up, g.down} {
		s.set(&setting{over: true, past: make(chan struct{})})
	}
	for p := range g.pairs {
		p.close()
	}
}

func (g *generation) size() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.pairs)
}

// apply lets the effects of the state hold, for the living connections and for those to come.
func (g *generation) apply(state State, meters map[int64]*meter) {
	g.mu.Lock()
	g.shut = !state.open()
	g.mu.Unlock()
	g.up.set(settingOf(state, meters, ClientToServer))
	g.down.set(settingOf(state, meters, ServerToClient))
}

func (w *Wire) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			go w.now.Load().connect(c.(*net.TCPConn))
		case errors.Is(err, net.ErrClosed):
			return
		default:
			time.Sleep(10 * time.Millisecond) //nolint:forbidigo // out of file descriptors, perhaps: others may give some back
		}
	}
}

// dialLimit bounds a dial to a server.
const dialLimit = 5 * time.Second

// connect connects a client with the server. Where the server's machine is there and nobody listens on it, the client finds
// its connection closed, as the engine's own proxy would have it.
func (g *generation) connect(client *net.TCPConn) {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut {
		client.Close()
		return
	}
	dialer := net.Dialer{Timeout: dialLimit}
	c, err := dialer.DialContext(g.dialling, "tcp", g.target)
	if err != nil {
		client.Close()
		return
	}
	p := &pair{of: g, client: client, server: c.(*net.TCPConn)}
	p.open.Store(2)
	g.mu.Lock()
	if g.over {
		g.mu.Unlock()
		p.close()
		return
	}
	g.pairs[p] = struct{}{}
	g.mu.Unlock()
	g.wire.connections.Add(1)
	// Under a name that no other stream ever had: Toxiproxy's own, the client's address, may come again while a stream of
	// that name is still ending.
	n := strconv.FormatInt(g.serial.Add(1), 10)
	g.up.start(p, func() {
		g.streams.StartLink(api, n+"up", source{client, p}, sink{p.server, p, &g.wire.sent}, stream.Upstream)
	})
	g.down.start(p, func() {
		g.streams.StartLink(api, n+"down", source{p.server, p}, sink{client, p, &g.wire.received}, stream.Downstream)
	})
}

// pair is a client's connection and the one to the server that it leads to.
type pair struct {
	of             *generation
	client, server *net.TCPConn
	open           atomic.Int32 // streams that write
	broken         atomic.Bool  // it ends by a reset
}

func (p *pair) close() {
	p.client.Close()
	p.server.Close()
}

// abort closes both connections by a reset. An error says that one is closed already.
func (p *pair) abort() {
	_ = p.client.SetLinger(0)
	_ = p.server.SetLinger(0)
	p.close()
}

// source is where a stream of Toxiproxy reads from.
type source struct {
	conn *net.TCPConn
	pair *pair
}

// Read notes where the stream ends in another way than by an end.
func (s source) Read(b []byte) (int, error) {
	n, err := s.conn.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		s.pair.broken.Store(true)
	}
	return n, err
}

// sink is where a stream of Toxiproxy writes to.
type sink struct {
	conn  *net.TCPConn
	pair  *pair
	bytes *atomic.Int64 // that went this way, of all connections
}

// Write never fails: a stream whose end fails leaves behind those of its goroutines that still have bytes for it. Where nobody
// takes the bytes any more it closes the connection, which ends the other stream and that in turn this one, and swallows what
// comes until then.
//
// It counts before whoever reads can know of the bytes.
func (s sink) Write(b []byte) (int, error) {
	s.bytes.Add(int64(len(b)))
	if _, err := s.conn.Write(b); err != nil {
		s.conn.Close()
	}
	return len(b), nil
}

// Close is called once by each of the two streams, when it has ended. The other one goes on.
func (s sink) Close() error {
	g := s.pair.of
	if s.pair.broken.Load() {
		s.pair.abort()
	}
	if s.pair.open.Add(-1) == 0 {
		g.mu.Lock()
		delete(g.pairs, s.pair)
		g.mu.Unlock()
		s.pair.close()
		return nil
	}
	return s.conn.CloseWrite()
}
