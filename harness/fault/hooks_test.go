package fault

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/fault/wire"
)

// limit bounds every wait of these tests for something that is to happen. It is far beyond what a busy machine needs, and far
// below how long the faults would last that are to be undone.
const limit = 20 * time.Second

// forever is a delay that nothing in these tests outlasts: what arrives in spite of it was not delayed.
const forever = time.Hour

// spied is a scene that remembers what it was told.
type spied struct {
	*Hooks
	mu               sync.Mutex
	injected, healed []*Fault
}

// ended is what ends a goroutine in the place of a test's FailNow.
type ended struct{ error }

func (e ended) Unwrap() error { return e.error }

func newHooks() *spied {
	s := &spied{}
	epoch := time.Now()
	s.Hooks = &Hooks{
		Now:      func() time.Duration { return time.Since(epoch) },
		Injected: func(f *Fault) { s.mu.Lock(); defer s.mu.Unlock(); s.injected = append(s.injected, f) },
		Healed:   func(f *Fault) { s.mu.Lock(); defer s.mu.Unlock(); s.healed = append(s.healed, f) },
		Fatal:    func(err error) { panic(ended{err}) },
	}
	return s
}

// fatal returns the error with which do ended the test.
func fatal(t *testing.T, do func()) (err error) {
	t.Helper()
	defer func() {
		t.Helper()
		e, ok := recover().(ended)
		require.True(t, ok, "the scene was not told of anything fatal")
		err = e.error
	}()
	do()
	return nil
}

// backend is a TCP server whose ends of the connections the test holds.
type backend struct {
	net.Listener
	accepted chan *net.TCPConn
}

func serve(t testing.TB) *backend {
	t.Helper()
	return serveOn(t, "127.0.0.1:0")
}

func serveOn(t testing.TB, address string) *backend {
	t.Helper()
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	s := &backend{Listener: l, accepted: make(chan *net.TCPConn, 1000)}
	t.Cleanup(func() {
		l.Close()
		for {
			select {
			case c := <-s.accepted:
				c.Close()
			default:
				return
			}
		}
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.accepted <- c.(*net.TCPConn)
		}
	}()
	return s
}

func (s *backend) address() string { return s.Addr().String() }

// next returns the server's end of the next connection.
func (s *backend) next(t testing.TB) *net.TCPConn {
	t.Helper()
	select {
	case c := <-s.accepted:
		t.Cleanup(func() { c.Close() })
		require.NoError(t, c.SetDeadline(time.Now().Add(limit)))
		return c
	case <-time.After(limit):
		require.Fail(t, "no connection reached the server")
		return nil
	}
}

func dial(t testing.TB, l *Link) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", l.Address(), limit)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(limit)))
	return c.(*net.TCPConn)
}

// connect makes a connection over the link and returns both its ends.
func connect(t testing.TB, l *Link, s *backend) (client, serverEnd *net.TCPConn) {
	t.Helper()
	client = dial(t, l)
	serverEnd = s.next(t)
	return client, serverEnd
}

func write(t testing.TB, c net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(t, err)
}

// arrives requires that the text is what is read next.
func arrives(t testing.TB, c net.Conn, text string) {
	t.Helper()
	b := make([]byte, len(text))
	_, err := io.ReadFull(c, b)
	require.NoError(t, err)
	require.Equal(t, text, string(b))
}

// works requires that bytes travel both ways.
func works(t testing.TB, client, server net.Conn) {
	t.Helper()
	write(t, client, "ping")
	arrives(t, server, "ping")
	write(t, server, "pong")
	arrives(t, client, "pong")
}

// reaches requires that a new client's bytes come to the server and back, though others may have dialled before it.
func reaches(t testing.TB, l *Link, s *backend) {
	t.Helper()
	client := dial(t, l)
	write(t, client, "it is me")
	met := make(chan net.Conn, 1)
	for {
		select {
		case c := <-s.accepted:
			t.Cleanup(func() { c.Close() })
			go func() {
				b := make([]byte, 8)
				if _, err := io.ReadFull(c, b); err == nil && string(b) == "it is me" {
					met <- c
				}
			}()
		case server := <-met:
			write(t, server, "welcome")
			arrives(t, client, "welcome")
			return
		case <-time.After(limit):
			require.Fail(t, "a new client does not reach the server")
		}
	}
}

// closes requires that the connection ends with nothing more to read, in whatever way.
func closes(t testing.TB, c net.Conn) {
	t.Helper()
	n, err := c.Read(make([]byte, 1))
	require.Zero(t, n)
	require.Error(t, err)
	var timeout net.Error
	require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "the connection is still open")
}

// eof requires that the connection was closed (FIN).
func eof(t testing.TB, c net.Conn) {
	t.Helper()
	n, err := c.Read(make([]byte, 1))
	require.Zero(t, n)
	require.Equal(t, io.EOF, err)
}

// stall fills the connection in the direction of which nobody reads the other end, until no byte more goes in.
func stall(t testing.TB, c *net.TCPConn) {
	t.Helper()
	block := make([]byte, 1<<20)
	for {
		require.NoError(t, c.SetWriteDeadline(time.Now().Add(300*time.Millisecond)))
		if _, err := c.Write(block); err != nil {
			var timeout net.Error
			require.True(t, errors.As(err, &timeout) && timeout.Timeout(), "%v", err)
			require.NoError(t, c.SetWriteDeadline(time.Now().Add(limit)))
			return
		}
	}
}

// bounded requires that do comes back.
func bounded(t testing.TB, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(limit):
		require.Failf(t, "it hangs", "%s does not come back", what)
	}
}

func heal(t testing.TB, faults ...*Fault) {
	t.Helper()
	for _, f := range faults {
		bounded(t, "heal of "+f.String(), func() { require.NoError(t, f.Heal()) })
	}
}

// maker makes links in one of the two places in which wires run.
type maker func(t testing.TB, s *Hooks, name, to string) *Link

func inProcess(t testing.TB, s *Hooks, name, to string) *Link {
	t.Helper()
	l, err := NewLink(s, name, "server:1")
	require.NoError(t, err)
	t.Cleanup(func() { bounded(t, "closing the link", func() { require.NoError(t, l.Close()) }) })
	require.NoError(t, l.Retarget(to))
	return l
}

// control serves wires as the command in a container does.
func control(t testing.TB) *httptest.Server {
	c := new(wire.Control)
	s := httptest.NewServer(c.Handler())
	t.Cleanup(func() {
		s.Close()
		bounded(t, "closing the wires", func() { require.NoError(t, c.Close()) })
	})
	return s
}

// newProxies are proxies whose "container" shares the addresses and the ports of this machine.
func newProxies(t testing.TB) *Proxies {
	t.Helper()
	ps := NewProxies("127.0.0.1")
	ps.on, ps.next = "127.0.0.1", freePort(t)
	return ps
}

func inContainer(t testing.TB, s *Hooks, name, to string) *Link {
	t.Helper()
	ps := newProxies(t)
	ps.Started(strings.TrimPrefix(control(t).URL, "http://"), nil)
	l := ps.NewLink(s, name, to)
	require.NoError(t, l.place.there())
	return l
}

// freePort takes its port from the same source as links do: nobody comes upon it by chance.
func freePort(t testing.TB) int {
	t.Helper()
	port, err := ports.take()
	require.NoError(t, err)
	t.Cleanup(func() { ports.give(port) })
	return port
}

// inBothPlaces runs a test for links of this process and for links between containers: they must not differ.
func inBothPlaces(t *testing.T, test func(t *testing.T, in maker)) {
	t.Helper()
	for name, p := range map[string]maker{"in process": inProcess, "in a container": inContainer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// both returns a link with a server at its end.
func both(t testing.TB, in maker) (*spied, *Link, *backend) {
	t.Helper()
	st, s := newHooks(), serve(t)
	return st, in(t, st.Hooks, "orders", s.address()), s
}

func names(faults []*Fault) string { return fmt.Sprint(faults) }
