package fault

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
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

// A round trip through a Link costs at most 1.2 times one through a bare embedded Toxiproxy, by the medians of round trips
// that were measured in turn.
func BenchmarkLinkRoundTrip(b *testing.B) {
	const budget, least = 1.2, 3000
	to := echo(b)
	l := inProcess(b, newHooks().Hooks, "orders", to)
	bare := toxiproxy.NewProxy(api, "bare", "127.0.0.1:0", to)
	require.NoError(b, bare.Start())
	b.Cleanup(bare.Stop)

	type arm struct {
		conn net.Conn
		took []time.Duration
	}
	arms := []*arm{{conn: dial(b, l)}, {}}
	var err error
	arms[1].conn, err = net.Dial("tcp", bare.Listen)
	require.NoError(b, err)
	defer arms[1].conn.Close()
	message := make([]byte, 64)
	pair := func(n int) {
		for i := range arms { // whoever goes second finds the processor warm: in turn
			a := arms[(i+n)%2]
			start := time.Now()
			if _, err := a.conn.Write(message); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(a.conn, message); err != nil {
				b.Fatal(err)
			}
			a.took = append(a.took, time.Since(start))
		}
	}
	require.NoError(b, arms[0].conn.SetDeadline(time.Time{}))
	for n := range 200 {
		pair(n)
	}
	arms[0].took, arms[1].took = nil, nil
	for b.Loop() {
		pair(len(arms[0].took))
	}
	for len(arms[0].took) < least {
		pair(len(arms[0].took))
	}
	link, plain := quantile(arms[0].took, 0.5), quantile(arms[1].took, 0.5)
	ratio := float64(link) / float64(plain)
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(float64(link.Nanoseconds()), "link-ns")
	b.ReportMetric(float64(plain.Nanoseconds()), "bare-ns")
	if ratio > budget {
		b.Fatalf("a round trip through a link takes %v, through a bare Toxiproxy %v: %.2f times as long, at most %.1f are allowed", link, plain, ratio, budget)
	}
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
