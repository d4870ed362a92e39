package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/fault/queue"
	"assay/harness/history"
	"assay/harness/internal/unprovable"
)

// kernel is a shell that remembers what it was told, and counts as many packets as it is told to.
type kernel struct {
	lines      []string      // of iptables' transactions
	orders     []queue.Order // that queued was set to
	copies     int           // how often nftables was told to send copies
	tally      queue.Tally   // of every fault of queued
	overflowed int
	seen, met  int    // of what the kernel does by itself
	tables     string // what nftables was told of pieces
	err        error
}

func (k *kernel) Run(ctx context.Context, script string) (said string, err error) {
	if _, limited := ctx.Deadline(); !limited {
		return "", errors.New("nobody bounds the call")
	}
	if k.err != nil {
		return "", k.err
	}
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		switch order, set := strings.CutPrefix(line, "queued set '"); {
		case set:
			var o queue.Order
			if err := json.Unmarshal([]byte(strings.TrimSuffix(order, "'")), &o); err != nil {
				return "", err
			}
			r := queue.Report{Tallies: map[int]queue.Tally{}, Overflowed: k.overflowed}
			if n := len(k.orders); n > 0 {
				for _, f := range k.orders[n-1].Faults {
					r.Tallies[f.ID] = k.tally
				}
			}
			k.orders = append(k.orders, o)
			text, err := json.Marshal(r)
			if err != nil {
				return "", err
			}
			said += string(text)
		case strings.HasPrefix(line, "table ip assay {"):
			k.copies++
		case strings.HasPrefix(line, "-"), strings.HasPrefix(line, ":"):
			k.lines = append(k.lines, line)
		}
	}
	if strings.Contains(script, "table ip assay-") {
		k.tables += script
	}
	if strings.Contains(script, "nft list table ip assay-") {
		said += fmt.Sprintf("table ip t {\n counter packets %d bytes 1\n numgen random mod 8 < 4 counter packets %d bytes 1 drop\n}\n", k.seen, k.met)
	}
	if _, chain, counts := strings.Cut(script, " -nvxL "); counts {
		chain, _, _ = strings.Cut(chain, "\n")
		said += fmt.Sprintf("Chain %s (2 references)\n    pkts      bytes target     prot opt in     out     source               destination\n", chain)
		said += fmt.Sprintf("%8d %8d            tcp  --  *      *       0.0.0.0/0            0.0.0.0/0\n", k.seen, 100*k.seen)
		said += fmt.Sprintf("%8d %8d REJECT     tcp  --  *      *       0.0.0.0/0            0.0.0.0/0\n", k.met, 100*k.met)
	}
	return said, nil
}

// told is what iptables was told since it was last asked.
func (k *kernel) told() []string {
	lines := k.lines
	k.lines = nil
	return lines
}

func (k *kernel) order() queue.Order { return k.orders[len(k.orders)-1] }

func onPackets(t *testing.T) (*spied, *kernel, *Stack) {
	t.Helper()
	st, k := newHooks(), &kernel{}
	s := NewStack(st.Hooks, "server")
	s.Started(k, nil)
	return st, k, s
}

// jumps are iptables' words for what is handed over.
func jumps(does string, from ...string) (lines []string) {
	for _, f := range from {
		lines = append(lines, does+" "+f+" -m mark ! --mark 0x5a552 -j NFQUEUE --queue-num 7 --queue-bypass")
	}
	return lines
}

var (
	intoPort = []string{"INPUT -p tcp --dport 7000", "INPUT -p udp --dport 7000"}
	fromPort = []string{"POSTROUTING -p tcp --sport 7000", "POSTROUTING -p udp --sport 7000"}
	ofPort   = []string{"INPUT -p tcp --dport 7000", "POSTROUTING -p tcp --sport 7000", "INPUT -p udp --dport 7000", "POSTROUTING -p udp --sport 7000"}
)

func TestWhatQueuedIsTold(t *testing.T) {
	for _, c := range []struct {
		inject func(*Packets) *Fault
		says   string
		fault  queue.Fault
		jumps  []string
	}{
		{
			func(p *Packets) *Fault { return p.Lose(ClientToServer, Each(0.125)) },
			"lose 12.5 % of packets client to server, port 7000 on server",
			queue.Fault{In: true, What: queue.Lose, Which: Which{Share: 0.125}}, intoPort,
		},
		{
			func(p *Packets) *Fault { return p.Lose(Both, EveryNth(3)) },
			"lose one packet in 3 both ways, port 7000 on server",
			queue.Fault{In: true, Out: true, What: queue.Lose, Which: Which{Every: 3}}, ofPort,
		},
		{
			func(p *Packets) *Fault { return p.Lose(ServerToClient, First()) },
			"lose the first packet of each flow server to client, port 7000 on server",
			queue.Fault{Out: true, What: queue.Lose, Which: Which{Nth: 1}}, fromPort,
		},
		{
			func(p *Packets) *Fault { return p.Lose(ClientToServer, Data(1)) },
			"lose the first packet with data of each flow client to server, port 7000 on server",
			queue.Fault{In: true, What: queue.Lose, Which: Which{Data: 1}}, intoPort,
		},
		{
			func(p *Packets) *Fault { return p.Lose(ClientToServer, Bytes(10, 20)) },
			"lose packets with bytes 10 to 19 of each stream client to server, port 7000 on server",
			queue.Fault{In: true, What: queue.Lose, Which: Which{Bytes: &queue.Range{From: 10, To: 20}}}, intoPort,
		},
		{
			func(p *Packets) *Fault { return p.Delay(Both, 20*time.Millisecond) },
			"delay 20ms both ways, port 7000 on server",
			queue.Fault{In: true, Out: true, What: queue.Hold, Which: All(), Least: 20 * time.Millisecond, Most: 20 * time.Millisecond}, ofPort,
		},
		{
			func(p *Packets) *Fault { return p.Jitter(ClientToServer, time.Millisecond, 2*time.Millisecond) },
			"jitter 1ms to 2ms client to server, port 7000 on server",
			queue.Fault{In: true, What: queue.Hold, Which: All(), Least: time.Millisecond, Most: 2 * time.Millisecond}, intoPort,
		},
		{
			func(p *Packets) *Fault { return p.Reorder(ServerToClient, Each(0.25), 10*time.Millisecond) },
			"reorder 25 % of packets late by 10ms, server to client, port 7000 on server",
			queue.Fault{Out: true, What: queue.Hold, Which: Which{Share: 0.25}, Least: 10 * time.Millisecond, Most: 10 * time.Millisecond}, fromPort,
		},
		{
			func(p *Packets) *Fault { return p.Corrupt(ClientToServer, Nth(2)) },
			"corrupt packet 2 of each flow client to server, port 7000 on server",
			queue.Fault{In: true, What: queue.Damage, Which: Which{Nth: 2}}, intoPort,
		},
	} {
		t.Run(c.says, func(t *testing.T) {
			st, k, s := onPackets(t)
			st.Seed = 42
			f := c.inject(s.Packets(7000))
			assert.Equal(t, c.says, f.String())
			c.fault.ID, c.fault.Port, c.fault.Seed = 1, 7000, 43
			assert.Equal(t, []queue.Fault{c.fault}, k.order().Faults)
			assert.Equal(t, jumps("-A", c.jumps...), k.told())
			k.tally = queue.Tally{Seen: 9, Met: 7}
			assert.Equal(t, 7, f.Packets())
			assert.Empty(t, k.told(), "who counts changes nothing")
			k.tally.Met = 9
			heal(t, f)
			assert.Empty(t, k.order().Faults)
			assert.Equal(t, jumps("-D", c.jumps...), k.told())
			k.tally.Met = 1000
			assert.Equal(t, 9, f.Packets(), "as counted at the end")
			assert.Zero(t, k.copies)
		})
	}
}

// Nftables sends copies from the first fault on that wants some.
func TestCopiesAreSentOnceTheyAreWanted(t *testing.T) {
	_, k, s := onPackets(t)
	heal(t, s.Packets(7000).Duplicate(Both, Each(0.5)))
	require.Equal(t, 1, k.copies)
	f := s.Packets(7001).Duplicate(ClientToServer, EveryNth(2))
	require.Equal(t, "duplicate one packet in 2 client to server, port 7001 on server", f.String())
	require.Equal(t, 1, k.copies)
	require.Equal(t, queue.Double, k.order().Faults[0].What)
}

func TestWhatIptablesIsToldOfAReset(t *testing.T) {
	_, k, s := onPackets(t)
	f := s.Packets(7000).Reset()
	assert.Equal(t, "reset connections, port 7000 on server", f.String())
	assert.Equal(t, []string{
		":assay-1 -", "-A assay-1 -p tcp ! --tcp-flags RST RST", "-A assay-1 -p tcp ! --tcp-flags RST RST -j REJECT --reject-with tcp-reset",
		"-A INPUT -p tcp --dport 7000 -j assay-1", "-A OUTPUT -p tcp --sport 7000 -j assay-1",
	}, k.told())
	k.seen, k.met = 7, 7
	assert.Equal(t, 7, f.Packets())
	k.told()
	heal(t, f)
	assert.Equal(t, []string{"-D INPUT -p tcp --dport 7000 -j assay-1", "-D OUTPUT -p tcp --sport 7000 -j assay-1", "-F assay-1", "-X assay-1"}, k.told())
	said, err := f.Nature()
	require.NoError(t, err)
	require.Equal(t, "of 7 packets that came it met 7", said)
	k.seen, k.met = 0, 0
	assert.Equal(t, 7, f.Packets(), "as counted at the end")

	_, k, s = onPackets(t)
	f = s.Packets(7000).Reset()
	k.seen, k.met = 7, 6
	_, err = f.Nature()
	require.EqualError(t, err, "it met 6 packets of 7, where it was to meet every one")
}

func TestWhatNftablesIsToldOfPieces(t *testing.T) {
	st, k, s := onPackets(t)
	f := s.Packets(7000).LosePieces(0.25)
	assert.Equal(t, "lose 25 % of packets, fragments too, client to server on server", f.String())
	assert.Contains(t, k.tables, "table ip assay-1 {")
	assert.Contains(t, k.tables, "type filter hook prerouting priority -450;")
	assert.Contains(t, k.tables, "numgen random mod 1048576 < 262144 counter drop")
	k.seen, k.met = 2000, 500
	assert.Equal(t, 500, f.Packets())
	heal(t, f)
	assert.Contains(t, k.tables, "nft delete table ip assay-1")
	said, err := f.Nature()
	require.NoError(t, err)
	require.Equal(t, "of 2000 packets that came it met 500", said)

	f = s.Packets(7000).LosePieces(0.5)
	_, err = f.Nature()
	require.ErrorContains(t, err, "it met 500 packets of 2000, where it was to meet about 50 %")
	assert.ErrorContains(t, fatal(t, func() { s.Packets(7000).LosePieces(2) }), "a probability is above 0 and at most 1")
	st.Halved = true
	s.Packets(7000).LosePieces(0.25)
	assert.Contains(t, k.tables, "mod 1048576 < 131072 ")
}

// What was counted is held against what was asked for, and not against what anybody was told.
func TestNatureOfPacketFaults(t *testing.T) {
	lose := func(p *Packets) *Fault { return p.Lose(ClientToServer, Each(0.1)) }
	every := func(p *Packets) *Fault { return p.Lose(ClientToServer, EveryNth(10)) }
	first := func(p *Packets) *Fault { return p.Lose(ClientToServer, First()) }
	data := func(p *Packets) *Fault { return p.Lose(ClientToServer, Data(1)) }
	delay := func(p *Packets) *Fault { return p.Delay(ClientToServer, 20*time.Millisecond) }
	for _, c := range []struct {
		inject func(*Packets) *Fault
		tally  queue.Tally
		fails  string
	}{
		{lose, queue.Tally{}, ""},
		{lose, queue.Tally{Seen: 100, Met: 10}, ""},
		{lose, queue.Tally{Seen: 100, Met: 2}, ""}, // as chance may have it
		{lose, queue.Tally{Seen: 2000, Met: 200}, ""},
		{lose, queue.Tally{Seen: 2000, Met: 100}, "it met 100 packets of 2000, where it was to meet about 10 %"},
		{lose, queue.Tally{Seen: 2000, Met: 400}, "it met 400 packets of 2000, where it was to meet about 10 %"},
		{lose, queue.Tally{Seen: 2000}, "it met 0 packets of 2000"},
		{lose, queue.Tally{Seen: 2000, Met: 2000}, "it met 2000 packets of 2000"},
		{every, queue.Tally{Seen: 99, Met: 9}, ""},
		{every, queue.Tally{Seen: 100, Met: 10}, ""},
		{every, queue.Tally{Seen: 100, Met: 9}, "where it was to meet one in 10"},
		{every, queue.Tally{Seen: 100, Met: 11}, "where it was to meet one in 10"},
		{every, queue.Tally{Seen: 100, Met: 5}, "where it was to meet one in 10"},
		{first, queue.Tally{Seen: 100, Met: 5, Flows: 5}, ""},
		{first, queue.Tally{Seen: 100, Met: 4, Flows: 5}, "where it was to meet the first of each of 5 flows"},
		{data, queue.Tally{Seen: 100, Met: 4, Flows: 5}, ""}, // one may send none
		{data, queue.Tally{Seen: 100, Met: 6, Flows: 5}, "where it was to meet at most one of each of 5 flows"},
		{delay, queue.Tally{Seen: 100, Met: 100, Shortest: 20 * time.Millisecond}, ""},
		{delay, queue.Tally{Seen: 100, Met: 100, Shortest: 10 * time.Millisecond}, "it held one packet back for 10ms only"},
		{delay, queue.Tally{Seen: 100, Met: 99, Shortest: 20 * time.Millisecond}, "where it was to meet about 100 %"},
	} {
		_, k, s := onPackets(t)
		f := c.inject(s.Packets(7000))
		k.tally = c.tally
		heal(t, f)
		said, err := f.Nature()
		if c.fails != "" {
			assert.ErrorContains(t, err, c.fails, "%v: %+v", f, c.tally)
			continue
		}
		require.NoError(t, err, "%v: %+v", f, c.tally)
		if c.tally.Seen == 0 {
			assert.Empty(t, said)
		} else {
			assert.Contains(t, said, fmt.Sprintf("of %d packets that came it met %d", c.tally.Seen, c.tally.Met))
		}
	}

	// Each network stack counts to n by itself.
	_, k, s := onPackets(t)
	f := s.Packets(7000).Lose(ClientToServer, EveryNth(10))
	k.tally = queue.Tally{Seen: 19, Met: 1}
	next := &kernel{tally: queue.Tally{Seen: 19, Met: 1}}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	require.NoError(t, s.Renew(ctx, func() (Shell, error) { return next, nil }))
	said, err := f.Nature()
	require.NoError(t, err)
	require.Equal(t, "of 38 packets that came it met 2", said)
}

// What the kernel could not hand over is lost without a fault's doing, and never silently.
func TestOverflowIsNoticed(t *testing.T) {
	for _, halved := range []bool{false, true} {
		st, k, s := onPackets(t)
		st.Halved = halved
		k.overflowed = 5 // before
		f := s.Packets(7000).Delay(Both, time.Second)
		k.tally = queue.Tally{Seen: 1, Met: 1, Shortest: time.Second}
		_, err := f.Nature()
		require.NoError(t, err)
		k.overflowed = 8
		heal(t, f)
		_, err = f.Nature()
		require.ErrorContains(t, err, "the kernel has lost 3 of them by itself")
	}
}

func TestHalfOfPacketFaults(t *testing.T) {
	for _, c := range []struct {
		inject func(*Packets) *Fault
		want   queue.Fault
		halved bool
	}{
		{func(p *Packets) *Fault { return p.Lose(ClientToServer, Each(0.5)) }, queue.Fault{What: queue.Lose, Which: Which{Share: 0.25}}, true},
		{func(p *Packets) *Fault { return p.Duplicate(ClientToServer, EveryNth(4)) }, queue.Fault{What: queue.Double, Which: Which{Every: 8}}, true},
		{func(p *Packets) *Fault { return p.Delay(ClientToServer, 8) }, queue.Fault{What: queue.Hold, Which: All(), Least: 4, Most: 4}, true},
		{func(p *Packets) *Fault { return p.Jitter(ClientToServer, 4, 8) }, queue.Fault{What: queue.Hold, Which: All(), Least: 2, Most: 4}, true},
		{func(p *Packets) *Fault { return p.Reorder(ClientToServer, Each(0.5), 8) }, queue.Fault{What: queue.Hold, Which: Which{Share: 0.25}, Least: 8, Most: 8}, true},
		{func(p *Packets) *Fault { return p.Lose(ClientToServer, First()) }, queue.Fault{What: queue.Lose, Which: First()}, false},
	} {
		st, k, s := onPackets(t)
		st.Halved = true
		f := c.inject(s.Packets(7000))
		c.want.ID, c.want.In, c.want.Port, c.want.Seed = 1, true, 7000, 1
		assert.Equal(t, []queue.Fault{c.want}, k.order().Faults)
		assert.Equal(t, c.halved, f.Halved)
		k.tally = queue.Tally{Seen: 100_000, Met: 1, Flows: 1}
		_, err := f.Nature()
		assert.NoError(t, err, "laws are to notice by themselves")
	}
}

func TestPacketFaultsAreUndoneOneByOne(t *testing.T) {
	_, k, s := onPackets(t)
	a, b, c := s.Packets(7000).Lose(ClientToServer, All()), s.Packets(7000).Delay(Both, time.Second), s.Packets(2).Reset()
	assert.Equal(t, append(jumps("-A", intoPort...), jumps("-A", fromPort...)...), k.told()[:4], "what is handed over is so once")
	assert.Len(t, k.order().Faults, 2)
	heal(t, a)
	assert.Empty(t, k.told(), "the other one still wants them")
	assert.Len(t, k.order().Faults, 1)
	heal(t, b)
	assert.Len(t, k.told(), 4)
	heal(t, c)
	assert.Len(t, k.told(), 4)
}

func TestPacketFaultsOutliveTheNetworkStack(t *testing.T) {
	_, k, s := onPackets(t)
	p := s.Packets(7000)
	healed, lasting, reset := p.Lose(ClientToServer, EveryNth(2)), p.Lose(ClientToServer, Each(0.5)), p.Reset()
	k.tally = queue.Tally{Seen: 6, Met: 3}
	k.seen, k.met = 2, 2
	heal(t, healed)
	next := &kernel{tally: queue.Tally{Seen: 8, Met: 4}, seen: 1, met: 1}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	require.NoError(t, s.Renew(ctx, func() (Shell, error) { return next, nil }))
	assert.Len(t, next.order().Faults, 1, "what is healed stays so")
	assert.Equal(t, jumps("-A", intoPort...), next.told()[:2])
	assert.Equal(t, 7, lasting.Packets(), "3 in the old stack, 4 in the new one")
	assert.Equal(t, 3, reset.Packets())
	heal(t, lasting, reset)
	assert.Equal(t, 7, lasting.Packets())
	assert.Equal(t, 3, healed.Packets())

	assert.EqualError(t, s.Renew(ctx, func() (Shell, error) { return nil, errors.New("no such container") }), "no such container")
}

func TestPacketFaultsThatMakeNoSense(t *testing.T) {
	st, k, s := onPackets(t)
	p := s.Packets(7000)
	for _, probability := range []float64{-1, 1.5} {
		assert.ErrorContains(t, fatal(t, func() { p.Lose(Both, Each(probability)) }), "a probability is above 0 and at most 1")
	}
	assert.ErrorContains(t, fatal(t, func() { p.Lose(Both, Each(0)) }), "say in one way which packets")
	assert.EqualError(t, fatal(t, func() { p.Lose(Both, EveryNth(1)) }), "inject lose one packet in 1 both ways, port 7000 on server: say every second packet, or a higher number")
	assert.ErrorContains(t, fatal(t, func() { p.Lose(0, First()) }), "there is no such direction")
	assert.ErrorContains(t, fatal(t, func() { p.Corrupt(8, All()) }), "there is no such direction")
	for _, d := range []time.Duration{0, -time.Second, 2 * time.Minute} {
		assert.ErrorContains(t, fatal(t, func() { p.Delay(Both, d) }), "held back for more than 0 and at most 1m0s")
	}
	assert.ErrorContains(t, fatal(t, func() { p.Jitter(Both, 2, 1) }), "no less at most than at least")
	assert.Empty(t, k.orders)
	assert.Empty(t, st.injected)
}

func TestKernelThatHandsNoPacketsOver(t *testing.T) {
	_, k, s := onPackets(t)
	k.err = errors.New("exit status 1: Warning: Extension NFQUEUE revision 0 not supported, missing kernel module?\niptables: No chain/target/match by that name.") //nolint:revive // as iptables words it
	err := fatal(t, func() { s.Packets(7000).Lose(Both, All()) })
	cannot, ok := errors.AsType[*unprovable.Error](err)
	require.True(t, ok, "%v", err)
	assert.EqualError(t, cannot, "what happens to single packets cannot be had here: the engine's kernel has no module for it (iptables: No chain/target/match by that name.)")

	k.err = errors.New("no space left on device")
	err = fatal(t, func() { s.Packets(7000).Lose(Both, All()) })
	_, ok = errors.AsType[*unprovable.Error](err)
	assert.False(t, ok, "what goes wrong is no excuse")
	assert.ErrorContains(t, err, "inject lose all packets both ways, port 7000 on server: no space left on device")
}

func TestPacketFaultWhoseUndoFailsCanBeHealedAgain(t *testing.T) {
	_, k, s := onPackets(t)
	f := s.Packets(7000).Lose(Both, All())
	k.err = errors.New("the shell is gone")
	assert.EqualError(t, f.Heal(), "heal of lose all packets both ways, port 7000 on server: the shell is gone")
	assert.Equal(t, history.Open, f.Window().To)
	assert.EqualError(t, fatal(t, func() { f.Packets() }), "count the packets of lose all packets both ways, port 7000 on server: the shell is gone")
	k.err = nil
	heal(t, f)
}

func TestStackWithoutAShell(t *testing.T) {
	s := NewStack(newHooks().Hooks, "server")
	s.Started(nil, errors.New("the engine refuses NET_ADMIN"))
	assert.ErrorContains(t, fatal(t, func() { s.Packets(7000).Reset() }), "the engine refuses NET_ADMIN")
	assert.EqualError(t, s.Renew(t.Context(), nil), "the engine refuses NET_ADMIN")
}

func TestSabotagedPacketsAreLeftAlone(t *testing.T) {
	st, k, s := onPackets(t)
	st.Sabotaged = true
	f := s.Packets(7000).Lose(Both, All())
	assert.Zero(t, f.Packets())
	heal(t, f)
	assert.Zero(t, f.Packets())
	assert.Empty(t, k.orders)
	assert.Empty(t, k.told())
	assert.Len(t, st.injected, 1)
	assert.Len(t, st.healed, 1)
}

func TestCountThatCannotBeRead(t *testing.T) {
	r := resets{chain: "assay-1"}
	for _, table := range []string{"", "Chain assay-2 (1 references)\npkts\n1 2\n1 2\n", "Chain assay-1 (1 references)\n", "Chain assay-1 (1 references)\npkts\n1 2\nmany\n", "Chain assay-1 (1 references)\npkts\n1 2\n", "Chain assay-1 (1 references)\npkts\n1 2\n1 2\n1 2\n"} {
		_, err := r.counted(table)
		assert.Error(t, err, "%q", table)
	}
	for _, table := range []string{"", "counter packets 1 bytes 2", "counter packets x bytes 2 counter packets 1 bytes 2"} {
		_, err := pieces{}.counted(table)
		assert.Error(t, err, "%q", table)
	}
	assert.Zero(t, (&Fault{}).Packets(), "faults of other kinds meet no packets")
}
