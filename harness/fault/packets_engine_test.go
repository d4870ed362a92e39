package fault

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/engine"
	"assay/harness/engine/image"
	"assay/harness/internal/unprovable"
)

// stack returns the network stack of a container in which nothing listens: datagrams to it are met, or not, all the same.
func stack(t testing.TB, s *Hooks) *Stack {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out what needs containers")
	}
	ctx := context.Background()
	e, err := engine.Connect(ctx)
	require.NoError(t, err)
	built, err := e.Image(ctx, image.Recipe("packets"))
	require.NoError(t, err)
	network := e.BeginNetwork(ctx, "packets")
	t.Cleanup(func() { require.NoError(t, network.Remove(ctx)) })
	start := func(spec engine.Spec) *engine.Container {
		spec.Image = built.Ref
		c, err := e.Run(ctx, network, spec)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Remove(ctx)) })
		return c
	}
	start(engine.Spec{Name: "client"})
	server := start(engine.Spec{Name: "server"})
	sh, err := start(engine.Spec{Name: "packets", NetworkOf: server, Capabilities: []string{"NET_ADMIN"}}).Shell(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sh.Close()) })
	st := NewStack(s, "server")
	st.Started(sh, nil)
	return st
}

// send sends a datagram for each of the words to a port of the stack's.
func send(t testing.TB, s *Stack, datagrams string) {
	t.Helper()
	sendTo(t, s, "127.0.0.1", datagrams)
}

func sendTo(t testing.TB, s *Stack, host, datagrams string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, err := s.shell.Run(ctx, "bash -c 'for i in "+datagrams+"; do echo $i >/dev/udp/"+host+"/7000; done'")
	require.NoError(t, err)
}

func TestPacketsAreMetInTheKernel(t *testing.T) {
	s := stack(t, newHooks().Hooks)
	every, other := s.Packets(7000).LoseEvery(ClientToServer, 2), s.Packets(7001).Lose(Both, 1)
	send(t, s, "1 2 3 4 5")
	require.Equal(t, 2, every.Packets())
	require.Zero(t, other.Packets(), "another port")
	heal(t, every)
	send(t, s, "1 2 3 4 5")
	require.Equal(t, 2, every.Packets())
	first := s.Packets(7000).LoseFirst(ClientToServer)
	send(t, s, "1 2 3") // each from a port of its own
	require.Equal(t, 3, first.Packets())
	heal(t, other, first)
	out, err := s.shell.Run(t.Context(), "iptables-nft-save")
	require.NoError(t, err)
	require.NotContains(t, out, "assay", "nothing is left")
}

// Not every kernel has netem. All but that is seen here: with another queue in its place, packets of the port go through it, and all
// others past it.
func TestPacketsAreLedToAQueue(t *testing.T) {
	s := stack(t, newHooks().Hooks)
	n := &netem{what: "a queue", queue: "pfifo limit 100", rule: rule{table: "mangle", chain: "assay-1", does: []string{"-j CLASSIFY --set-class 1:4"}, jumps: []string{"POSTROUTING -p udp --dport 7000"}}}
	f := s.inject(&Fault{Kind: "queue", Target: "server", Undo: "heal"}, n)
	sendTo(t, s, "client", "1 2 3")
	_, err := s.shell.Run(t.Context(), "bash -c 'echo 4 >/dev/udp/client/7001'")
	require.NoError(t, err)
	require.Equal(t, 3, f.Packets())
	out, err := s.shell.Run(t.Context(), "tc -s qdisc show dev eth0")
	require.NoError(t, err)
	_, queue, _ := strings.Cut(out, "qdisc pfifo 40:")
	require.Contains(t, queue, " 3 pkt (dropped 0,")
	heal(t, f)
	require.Equal(t, 3, f.Packets())
	out, err = s.shell.Run(t.Context(), "tc qdisc show dev eth0; iptables-nft-save")
	require.NoError(t, err)
	require.NotContains(t, out, "htb")
	require.NotContains(t, out, "assay", "nothing is left")

	missing := &netem{what: "delay of single packets", queue: "no-such-queue", rule: n.rule}
	_, ok := errors.AsType[*unprovable.Error](fatal(t, func() { s.inject(&Fault{Kind: "queue", Undo: "heal"}, missing) }))
	require.True(t, ok, "these are tc's own words")
}

// From the call of a fault of packets until the next packet is certain to meet it, there pass at most 20 ms in 99 of 100
// injections.
func BenchmarkPacketFaultEffect(b *testing.B) {
	const budget, least = 20 * time.Millisecond, 100
	s := stack(b, newHooks().Hooks)
	for _, c := range []struct {
		name   string
		inject func(*Packets) *Fault
		meets  bool
	}{
		{"Lose", func(p *Packets) *Fault { return p.Lose(ClientToServer, 1) }, true},
		{"LoseFirst", func(p *Packets) *Fault { return p.LoseFirst(Both) }, true},
		{"Reset", (*Packets).Reset, false}, // meets no datagrams
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			once := func() {
				start := time.Now()
				f := c.inject(s.Packets(7000))
				took = append(took, time.Since(start))
				send(b, s, "1")
				require.Equal(b, c.meets, f.Packets() == 1)
				heal(b, f)
			}
			for b.Loop() {
				once()
			}
			for len(took) < least {
				once()
			}
			p99 := quantile(took, 0.99)
			b.ReportMetric(float64(quantile(took, 0.5).Microseconds()), "p50-µs")
			b.ReportMetric(float64(p99.Microseconds()), "p99-µs")
			if p99 > budget {
				b.Fatalf("99 of 100 injections are felt within %v, more than the %v that are allowed", p99, budget)
			}
		})
	}
}
