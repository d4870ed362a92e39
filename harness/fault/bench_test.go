package fault

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo serves every connection by sending back what comes.
func echo(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); io.Copy(c, c) }()
		}
	}()
	return l.Addr().String()
}

func quantile(all []time.Duration, q float64) time.Duration {
	slices.Sort(all)
	return all[int(q*float64(len(all)-1))]
}

// From the call of a fault until an established connection has felt it, or until it is certain to feel it with the next byte,
// there pass at most 20 ms in 99 of 100 injections.
func BenchmarkFaultEffect(b *testing.B) {
	const budget, least = 20 * time.Millisecond, 100
	for _, c := range []struct {
		name   string
		inject func(*Link) *Fault
		// felt returns when the fault was felt, and fails if it was not.
		felt func(b *testing.B, client, server *net.TCPConn, returned time.Time) time.Time
	}{
		{"Sever", (*Link).Sever, func(b *testing.B, client, server *net.TCPConn, _ time.Time) time.Time {
			closes(b, client)
			closes(b, server)
			return time.Now()
		}},
		{"Reset", (*Link).Reset, func(b *testing.B, client, server *net.TCPConn, _ time.Time) time.Time {
			write(b, client, "x")
			closes(b, client)
			closes(b, server)
			return time.Now()
		}},
		{"Drop", func(l *Link) *Fault { return l.Drop(ClientToServer) }, func(b *testing.B, client, server *net.TCPConn, returned time.Time) time.Time {
			write(b, client, "x")
			write(b, server, "y") // goes through, as x would have
			arrives(b, client, "y")
			require.NoError(b, server.SetReadDeadline(time.Now()))
			_, err := server.Read(make([]byte, 1))
			require.ErrorContains(b, err, "timeout")
			return returned
		}},
		{"Delay", func(l *Link) *Fault { return l.Delay(ClientToServer, 20*time.Millisecond) }, func(b *testing.B, client, server *net.TCPConn, returned time.Time) time.Time {
			start := time.Now()
			write(b, client, "x")
			arrives(b, server, "x")
			require.GreaterOrEqual(b, time.Since(start), 20*time.Millisecond)
			return returned
		}},
		{"Throttle", func(l *Link) *Fault { return l.Throttle(ClientToServer, 10_000) }, func(b *testing.B, client, server *net.TCPConn, returned time.Time) time.Time {
			start := time.Now()
			write(b, client, string(make([]byte, 200)))
			arrives(b, server, string(make([]byte, 200)))
			require.GreaterOrEqual(b, time.Since(start), 19*time.Millisecond)
			return returned
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			_, l, s := both(b, inProcess)
			var took []time.Duration
			once := func() {
				client, server := connect(b, l, s)
				works(b, client, server)
				start := time.Now()
				f := c.inject(l)
				took = append(took, c.felt(b, client, server, time.Now()).Sub(start))
				heal(b, f)
				client.Close()
				server.Close()
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
}
