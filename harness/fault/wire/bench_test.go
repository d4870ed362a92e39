package wire

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

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// A round trip through a wire, as through a link, costs at most 1.2 times one through a bare embedded Toxiproxy, by the medians of round trips
// that were measured in turn.
func BenchmarkLinkRoundTrip(b *testing.B) {
	const budget, least = 1.2, 3000
	to := echo(b)
	w, err := New("orders", "127.0.0.1:0")
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, w.Close()) })
	_, err = w.Set(State{Target: to})
	require.NoError(b, err)
	bare := toxiproxy.NewProxy(api, "bare", "127.0.0.1:0", to)
	require.NoError(b, bare.Start())
	b.Cleanup(bare.Stop)

	type arm struct {
		conn net.Conn
		took []time.Duration
	}
	arms := []*arm{{}, {}}
	for i, address := range []string{w.listener.Addr().String(), bare.Listen} {
		arms[i].conn, err = net.Dial("tcp", address)
		require.NoError(b, err)
		defer arms[i].conn.Close()
	}
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
	link, plain := median(arms[0].took), median(arms[1].took)
	ratio := float64(link) / float64(plain)
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(float64(link.Nanoseconds()), "link-ns")
	b.ReportMetric(float64(plain.Nanoseconds()), "bare-ns")
	if ratio > budget {
		b.Fatalf("a round trip through a link takes %v, through a bare Toxiproxy %v: %.2f times as long, at most %.1f are allowed", link, plain, ratio, budget)
	}
}
