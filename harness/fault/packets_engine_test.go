package fault

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/engine"
	"assay/harness/engine/image"
)

// containers is a server's network stack, with who meets its packets, and a client. Nothing listens at the server: packets to it are met, or
// not, all the same.
type containers struct {
	*Stack
	meets, client *engine.Container
}

func stack(t testing.TB, s *Hooks) containers {
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
	idle := []string{"sleep", "infinity"}
	client, server := start(engine.Spec{Name: "client", Command: idle}), start(engine.Spec{Name: "server", Command: idle})
	c := containers{NewStack(s, "server"), start(engine.Spec{Name: "packets", NetworkOf: server, Capabilities: []string{"NET_ADMIN"}}), client}
	sh, err := c.meets.Shell(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sh.Close()) })
	c.Started(sh, nil)
	return c
}

// send sends a datagram for each of the words to a port of the stack's.
func (c containers) send(t testing.TB, datagrams string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, err := c.shell.Run(ctx, "bash -c 'for i in "+datagrams+"; do echo $i >/dev/udp/127.0.0.1/7000; done'")
	require.NoError(t, err)
}

func TestPacketsAreMetInTheKernel(t *testing.T) {
	c := stack(t, newHooks().Hooks)
	every, other := c.Packets(7000).Lose(ClientToServer, EveryNth(2)), c.Packets(7001).Lose(Both, All())
	c.send(t, "1 2 3 4 5")
	require.Equal(t, 2, every.Packets())
	require.Zero(t, other.Packets(), "another port")
	heal(t, every)
	c.send(t, "1 2 3 4 5")
	require.Equal(t, 2, every.Packets())
	first := c.Packets(7000).Lose(ClientToServer, First())
	c.send(t, "1 2 3") // each from a port of its own
	require.Equal(t, 3, first.Packets())
	heal(t, other, first)
	out, err := c.shell.Run(t.Context(), "iptables-nft-save")
	require.NoError(t, err)
	require.NotContains(t, out, "NFQUEUE", "nothing is handed over any more")
}

// Whoever meets packets may end: then they pass, and the heal says so.
func TestPacketsPassWhereNobodyMeetsThem(t *testing.T) {
	c := stack(t, newHooks().Hooks)
	answered := func() string {
		t.Helper()
		out, err := c.client.Exec(t.Context(), "bash", "-c", "timeout 1 bash -c 'echo >/dev/tcp/server/7000' 2>&1; echo status $?")
		require.NoError(t, err)
		return out
	}
	require.Contains(t, answered(), "refused", "nothing listens, and says so")
	f := c.Packets(7000).Lose(ClientToServer, All())
	require.Contains(t, answered(), "status 124", "nobody is told of a lost packet")
	_, err := c.meets.Kill(t.Context())
	require.NoError(t, err)
	require.Contains(t, answered(), "refused", "it has come to the server")
	require.ErrorContains(t, f.Heal(), "heal of lose all packets client to server, port 7000 on server: ")
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
		{"Lose", func(p *Packets) *Fault { return p.Lose(ClientToServer, All()) }, true},
		{"Delay", func(p *Packets) *Fault { return p.Delay(Both, time.Millisecond) }, true},
		{"Reset", (*Packets).Reset, false}, // meets no datagrams
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			once := func() {
				start := time.Now()
				f := c.inject(s.Packets(7000))
				took = append(took, time.Since(start))
				s.send(b, "1")
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

// What a delay adds to its own length, at three rates, beside no fault and beside netem where the kernel has it.
func BenchmarkPackets(b *testing.B) {
	const delay = 5 * time.Millisecond
	if testing.Short() {
		b.Skip("-short leaves out what needs containers")
	}
	ctx := context.Background()
	e, err := engine.Connect(ctx)
	require.NoError(b, err)
	load, err := e.Image(ctx, image.Dir("load", "testdata/load"))
	require.NoError(b, err)
	meets, err := e.Image(ctx, image.Recipe("packets"))
	require.NoError(b, err)
	network := e.BeginNetwork(ctx, "packets")
	b.Cleanup(func() { require.NoError(b, network.Remove(ctx)) })
	start := func(spec engine.Spec) *engine.Container {
		c, err := e.Run(ctx, network, spec)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, c.Remove(ctx)) })
		return c
	}
	client, server := start(engine.Spec{Name: "client", Image: load.Ref}), start(engine.Spec{Name: "server", Image: load.Ref})
	shell := func(of *engine.Container) *engine.Shell {
		sh, err := start(engine.Spec{Name: of.Name + "-packets", Image: meets.Ref, NetworkOf: of, Capabilities: []string{"NET_ADMIN"}}).Shell(ctx)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, sh.Close()) })
		return sh
	}
	s := NewStack(newHooks().Hooks, "server")
	s.Started(shell(server), nil)
	sends := shell(client)

	arms := []struct {
		name  string
		added time.Duration
		do    func(b *testing.B) (undo func())
	}{
		{"none", 0, func(*testing.B) func() { return func() {} }},
		{"queued", delay, func(b *testing.B) func() {
			f := s.Packets(7000).Delay(ClientToServer, delay)
			return func() {
				heal(b, f)
				if _, err := f.Nature(); err != nil {
					b.Logf("%v: %v", f, err) // an overflow is noticed
				}
			}
		}},
		{"netem", delay, func(b *testing.B) func() {
			if _, err := sends.Run(ctx, fmt.Sprintf("tc qdisc add dev eth0 root netem limit 100000 delay %dus", delay.Microseconds())); err != nil {
				b.Skipf("this kernel has no netem: %v", err)
			}
			return func() {
				_, err := sends.Run(ctx, "tc qdisc del dev eth0 root")
				require.NoError(b, err)
			}
		}},
	}
	for _, rate := range []int{1_000, 10_000, 50_000} {
		for _, arm := range arms {
			b.Run(fmt.Sprintf("%dps/%s", rate, arm.name), func(b *testing.B) {
				undo := arm.do(b)
				defer undo()
				for b.Loop() {
					said := make(chan string, 1)
					go func() {
						out, err := server.Exec(ctx, "load", "receive", ":7000", "1")
						if err != nil {
							out = err.Error()
						}
						said <- out
					}()
					// It listens, or the sender is told so.
					_, err := client.Exec(ctx, "bash", "-c", fmt.Sprintf("sleep 0.3; load send server:7000 %d %d", rate, rate))
					require.NoError(b, err)
					var n, p50, p99 int
					out := <-said
					_, err = fmt.Sscan(out, &n, &p50, &p99)
					require.NoError(b, err, out)
					b.ReportMetric(float64(p50)-float64(arm.added.Microseconds()), "p50-µs")
					b.ReportMetric(float64(p99)-float64(arm.added.Microseconds()), "p99-µs")
					b.ReportMetric(100*float64(rate-n)/float64(rate), "lost-%")
				}
			})
		}
	}
}
