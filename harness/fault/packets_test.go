package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/history"
	"assay/harness/internal/unprovable"
)

// kernel is a shell that remembers what it was told, and counts as many packets as it is told to.
type kernel struct {
	scripts []string
	seen    int
	met     int // of each rule
	rules   int // in a chain, 1 where it is 0
	err     error
}

func (k *kernel) Run(ctx context.Context, script string) (string, error) {
	if _, limited := ctx.Deadline(); !limited {
		return "", errors.New("nobody bounds the call")
	}
	k.scripts = append(k.scripts, script)
	if k.err != nil {
		return "", k.err
	}
	_, chain, counts := strings.Cut(script, " -nvxL ")
	if !counts {
		return "", nil
	}
	chain, _, _ = strings.Cut(chain, "\n")
	table := fmt.Sprintf("Chain %s (2 references)\n    pkts      bytes target     prot opt in     out     source               destination\n", chain)
	table += fmt.Sprintf("%8d %8d            all  --  *      *       0.0.0.0/0            0.0.0.0/0\n", k.seen, 100*k.seen)
	for range max(1, k.rules) {
		table += fmt.Sprintf("%8d %8d NFQUEUE    all  --  *      *       0.0.0.0/0            0.0.0.0/0            NFQUEUE num 65535\n", k.met, 100*k.met)
	}
	return table, nil
}

// told is the transactions that the kernel was told, without what is around them.
func (k *kernel) told() (lines []string) {
	for _, s := range k.scripts {
		for line := range strings.Lines(s) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "-") || strings.HasPrefix(line, ":") {
				lines = append(lines, line)
			}
		}
	}
	k.scripts = nil
	return lines
}

func onPackets(t *testing.T) (*spied, *kernel, *Stack) {
	t.Helper()
	st, k := newHooks(), &kernel{}
	s := NewStack(st.Hooks, "server")
	s.Started(k, nil)
	return st, k, s
}

func TestWhatIptablesIsTold(t *testing.T) {
	for _, c := range []struct {
		name   string
		inject func(*Packets) *Fault
		says   string
		sees   string
		rules  []string
		jumps  []string
	}{
		{
			"lose", func(p *Packets) *Fault { return p.Lose(ClientToServer, 0.125) },
			"lose 12.5 % of packets client to server, port 7000 on server", "",
			[]string{"-m statistic --mode random --probability 0.125 -j NFQUEUE --queue-num 65535"},
			[]string{"INPUT -p tcp --dport 7000", "INPUT -p udp --dport 7000"},
		},
		{
			"lose every", func(p *Packets) *Fault { return p.LoseEvery(Both, 3) },
			"lose one packet in 3 both ways, port 7000 on server", "",
			[]string{"-m statistic --mode nth --every 3 --packet 2 -j NFQUEUE --queue-num 65535"},
			[]string{"INPUT -p tcp --dport 7000", "OUTPUT -p tcp --sport 7000", "INPUT -p udp --dport 7000", "OUTPUT -p udp --sport 7000"},
		},
		{
			"lose first", func(p *Packets) *Fault { return p.LoseFirst(ServerToClient) },
			"lose the first packet of each flow server to client, port 7000 on server", "",
			[]string{
				"-p tcp -m hashlimit --hashlimit-name assay-1-tcp --hashlimit-mode srcip,srcport,dstip,dstport --hashlimit-upto 1/day --hashlimit-burst 1 --hashlimit-htable-expire 86400000 -j NFQUEUE --queue-num 65535",
				"-p udp -m hashlimit --hashlimit-name assay-1-udp --hashlimit-mode srcip,srcport,dstip,dstport --hashlimit-upto 1/day --hashlimit-burst 1 --hashlimit-htable-expire 86400000 -j NFQUEUE --queue-num 65535",
			},
			[]string{"OUTPUT -p tcp --sport 7000", "OUTPUT -p udp --sport 7000"},
		},
		{
			"reset", (*Packets).Reset,
			"reset connections, port 7000 on server", "-p tcp ! --tcp-flags RST RST",
			[]string{"-p tcp ! --tcp-flags RST RST -j REJECT --reject-with tcp-reset"},
			[]string{"INPUT -p tcp --dport 7000", "OUTPUT -p tcp --sport 7000"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, k, s := onPackets(t)
			f := c.inject(s.Packets(7000))
			assert.Equal(t, c.says, f.String())
			put, gone := []string{":assay-1 -", strings.TrimSpace("-A assay-1 " + c.sees)}, []string{}
			for _, r := range c.rules {
				put = append(put, "-A assay-1 "+r)
			}
			for _, j := range c.jumps {
				put, gone = append(put, "-A "+j+" -j assay-1"), append(gone, "-D "+j+" -j assay-1")
			}
			require.Len(t, k.scripts, 1, "it is one transaction")
			assert.Equal(t, put, k.told())
			k.met, k.rules = 7, len(c.rules)
			assert.Equal(t, 7*len(c.rules), f.Packets())
			k.scripts, k.met = nil, 9
			heal(t, f)
			assert.Equal(t, append(gone, "-F assay-1", "-X assay-1"), k.told())
			k.met = 1000
			assert.Equal(t, 9*len(c.rules), f.Packets(), "as counted at the end")
			assert.Empty(t, k.scripts)
		})
	}
}

// What the kernel counted is held against what was asked for, and not against what iptables was told.
func TestNatureOfPacketFaults(t *testing.T) {
	lose := func(p *Packets) *Fault { return p.Lose(ClientToServer, 0.1) }
	every := func(p *Packets) *Fault { return p.LoseEvery(ClientToServer, 10) }
	for _, c := range []struct {
		inject    func(*Packets) *Fault
		seen, met int
		fails     string
	}{
		{lose, 0, 0, ""},
		{lose, 100, 10, ""},
		{lose, 100, 2, ""}, // as chance may have it
		{lose, 2000, 200, ""},
		{lose, 2000, 100, "it met 100 packets of 2000, where it was to meet about 10 %"},
		{lose, 2000, 400, "it met 400 packets of 2000, where it was to meet about 10 %"},
		{lose, 2000, 0, "it met 0 packets of 2000"},
		{lose, 2000, 2000, "it met 2000 packets of 2000"},
		{every, 99, 9, ""},
		{every, 100, 10, ""},
		{every, 100, 9, "where it was to meet one in 10"},
		{every, 100, 11, "where it was to meet one in 10"},
		{every, 100, 5, "where it was to meet one in 10"},
		{(*Packets).Reset, 7, 7, ""},
		{(*Packets).Reset, 7, 6, "where it was to meet every one"},
	} {
		_, k, s := onPackets(t)
		f := c.inject(s.Packets(7000))
		k.seen, k.met = c.seen, c.met
		heal(t, f)
		said, err := f.Nature()
		if c.fails != "" {
			assert.ErrorContains(t, err, c.fails, "%v: %d of %d", f, c.met, c.seen)
			continue
		}
		require.NoError(t, err, "%v: %d of %d", f, c.met, c.seen)
		if c.seen == 0 {
			assert.Empty(t, said)
		} else {
			assert.Equal(t, fmt.Sprintf("the kernel saw %d packets, and it met %d of them", c.seen, c.met), said)
		}
	}

	_, k, s := onPackets(t)
	first := s.Packets(7000).LoseFirst(ClientToServer)
	k.rules, k.seen = 2, 5
	_, err := first.Nature()
	require.ErrorContains(t, err, "where it was to meet the first of each flow")
	k.met = 1
	_, err = first.Nature()
	require.NoError(t, err)

	// Each network stack counts to n by itself.
	_, k, s = onPackets(t)
	f := s.Packets(7000).LoseEvery(ClientToServer, 10)
	k.seen, k.met = 19, 1
	next := &kernel{seen: 19, met: 1}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	require.NoError(t, s.Renew(ctx, func() (Shell, error) { return next, nil }))
	said, err := f.Nature()
	require.NoError(t, err)
	require.Equal(t, "the kernel saw 38 packets, and it met 2 of them", said)

	st, _, s := onPackets(t)
	st.Halved = true
	said, err = s.Packets(7000).Lose(ClientToServer, 0.1).Nature()
	require.NoError(t, err)
	require.Empty(t, said, "laws are to notice by themselves")
}

func TestPacketFaultsAreUndoneOneByOne(t *testing.T) {
	_, k, s := onPackets(t)
	a, b := s.Packets(1).Lose(ClientToServer, 1), s.Packets(2).Lose(ClientToServer, 1)
	k.told()
	heal(t, a)
	assert.NotContains(t, strings.Join(k.told(), "\n"), "assay-2")
	heal(t, b)
	assert.NotContains(t, strings.Join(k.told(), "\n"), "assay-1")
}

func TestPacketFaultsOutliveTheNetworkStack(t *testing.T) {
	_, k, s := onPackets(t)
	p := s.Packets(7000)
	healed, lasting := p.LoseEvery(ClientToServer, 2), p.Lose(ClientToServer, 0.5)
	k.met = 3
	heal(t, healed)
	next := &kernel{met: 4}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	require.NoError(t, s.Renew(ctx, func() (Shell, error) { return next, nil }))
	assert.Equal(t, []string{":assay-2 -", "-A assay-2", "-A assay-2 -m statistic --mode random --probability 0.5 -j NFQUEUE --queue-num 65535",
		"-A INPUT -p tcp --dport 7000 -j assay-2", "-A INPUT -p udp --dport 7000 -j assay-2"}, next.told(), "what is healed stays so")
	assert.Equal(t, 7, lasting.Packets(), "3 in the old stack, 4 in the new one")
	heal(t, lasting)
	assert.Equal(t, 7, lasting.Packets())
	assert.Equal(t, 3, healed.Packets())

	assert.EqualError(t, s.Renew(ctx, func() (Shell, error) { return nil, errors.New("no such container") }), "no such container")
}

func TestPacketFaultsThatMakeNoSense(t *testing.T) {
	st, k, s := onPackets(t)
	p := s.Packets(7000)
	for _, probability := range []float64{0, -1, 1.5} {
		assert.ErrorContains(t, fatal(t, func() { p.Lose(Both, probability) }), "a probability is above 0 and at most 1")
	}
	assert.EqualError(t, fatal(t, func() { p.LoseEvery(Both, 1) }), "inject lose one packet in 1 both ways, port 7000 on server: say every second packet, or a higher number")
	assert.ErrorContains(t, fatal(t, func() { p.LoseFirst(0) }), "there is no such direction")
	assert.ErrorContains(t, fatal(t, func() { p.Lose(8, 1) }), "there is no such direction")
	assert.Empty(t, k.scripts)
	assert.Empty(t, st.injected)
}

func TestKernelThatCannotLosePackets(t *testing.T) {
	_, k, s := onPackets(t)
	k.err = errors.New("exit status 1: Warning: Extension statistic revision 0 not supported, missing kernel module?\niptables: No chain/target/match by that name.") //nolint:revive // as iptables words it
	err := fatal(t, func() { s.Packets(7000).Lose(Both, 1) })
	cannot, ok := errors.AsType[*unprovable.Error](err)
	require.True(t, ok, "%v", err)
	assert.EqualError(t, cannot, "loss of single packets cannot be had here: the engine's kernel has no module for it (iptables: No chain/target/match by that name.)")

	k.err = errors.New("no space left on device")
	err = fatal(t, func() { s.Packets(7000).Lose(Both, 1) })
	_, ok = errors.AsType[*unprovable.Error](err)
	assert.False(t, ok, "what goes wrong is no excuse")
	assert.ErrorContains(t, err, "inject lose 100 % of packets both ways, port 7000 on server: no space left on device")
}

func TestPacketFaultWhoseUndoFailsCanBeHealedAgain(t *testing.T) {
	_, k, s := onPackets(t)
	f := s.Packets(7000).Lose(Both, 1)
	k.err = errors.New("the shell is gone")
	assert.EqualError(t, f.Heal(), "heal of lose 100 % of packets both ways, port 7000 on server: the shell is gone")
	assert.Equal(t, history.Open, f.Window().To)
	assert.EqualError(t, fatal(t, func() { f.Packets() }), "count the packets of lose 100 % of packets both ways, port 7000 on server: the shell is gone")
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
	f := s.Packets(7000).Lose(Both, 1)
	assert.Zero(t, f.Packets())
	heal(t, f)
	assert.Zero(t, f.Packets())
	assert.Empty(t, k.scripts)
	assert.Len(t, st.injected, 1)
	assert.Len(t, st.healed, 1)
}

func TestCountThatCannotBeRead(t *testing.T) {
	r := &rule{chain: "assay-1", does: []string{"-j DROP"}}
	for _, table := range []string{"", "Chain assay-2 (1 references)\npkts\n1 2\n", "Chain assay-1 (1 references)\n", "Chain assay-1 (1 references)\npkts\n1 2\nmany\n", "Chain assay-1 (1 references)\npkts\n1 2\n", "Chain assay-1 (1 references)\npkts\n1 2\n1 2\n1 2\n"} {
		_, err := r.counted(table)
		assert.Error(t, err, "%q", table)
	}
	assert.Zero(t, (&Fault{}).Packets(), "faults of other kinds meet no packets")
}

func TestWhatNetemIsTold(t *testing.T) {
	for _, c := range []struct {
		inject func(*Packets) *Fault
		says   string
		queue  string
	}{
		{func(p *Packets) *Fault { return p.Delay(20 * time.Millisecond) }, "delay 20ms server to client, port 7000 on server", "netem limit 100000 delay 20000us"},
		{
			func(p *Packets) *Fault { return p.Reorder(0.25, 10*time.Millisecond) },
			"reorder 25 % of packets ahead by 10ms, server to client, port 7000 on server", "netem limit 100000 delay 10000us reorder 25%",
		},
		{func(p *Packets) *Fault { return p.Duplicate(0.125) }, "duplicate 12.5 % of packets server to client, port 7000 on server", "netem limit 100000 duplicate 12.5%"},
	} {
		t.Run(c.queue, func(t *testing.T) {
			_, k, s := onPackets(t)
			p := s.Packets(7000)
			f := c.inject(p)
			assert.Equal(t, c.says, f.String())
			require.Len(t, k.scripts, 1)
			assert.Contains(t, k.scripts[0], "tc qdisc add dev $d root handle 1: htb\n")
			assert.Contains(t, k.scripts[0], "tc qdisc add dev $d parent 1:4 handle 40: "+c.queue+" ||")
			assert.Contains(t, k.scripts[0], "\n*mangle\n")
			assert.Equal(t, []string{":assay-1 -", "-A assay-1", "-A assay-1 -j CLASSIFY --set-class 1:4", "-A POSTROUTING -p tcp --sport 7000 -j assay-1", "-A POSTROUTING -p udp --sport 7000 -j assay-1"}, k.told())

			assert.ErrorContains(t, fatal(t, func() { p.Delay(time.Second) }), "there is a delay, reorder or duplicate in force on server already; heal that first")
			lossy := p.Lose(Both, 0.5) // what is lost is another matter
			next := &kernel{met: 2}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			require.NoError(t, s.Renew(ctx, func() (Shell, error) { return next, nil }))
			assert.Contains(t, next.scripts[0], c.queue)
			next.told()
			heal(t, f)
			assert.Equal(t, 2, f.Packets())
			require.Len(t, next.scripts, 1)
			assert.True(t, strings.HasSuffix(next.scripts[0], "tc qdisc del dev $d root\ndone\n"))
			assert.Equal(t, []string{"-D POSTROUTING -p tcp --sport 7000 -j assay-1", "-D POSTROUTING -p udp --sport 7000 -j assay-1", "-F assay-1", "-X assay-1"}, next.told())
			heal(t, p.Delay(time.Second), lossy)
		})
	}
}

func TestKernelWithoutNetem(t *testing.T) {
	_, k, s := onPackets(t)
	k.err = errors.New("run … in server-packets: exit status 1: Error: Specified qdisc kind is unknown.") //nolint:revive // as tc words it
	for what, inject := range map[string]func(){
		"delay of single packets": func() { s.Packets(7000).Delay(time.Second) },
		"reordering of packets":   func() { s.Packets(7000).Reorder(0.5, time.Second) },
		"duplication of packets":  func() { s.Packets(7000).Duplicate(0.5) },
	} {
		cannot, ok := errors.AsType[*unprovable.Error](fatal(t, inject))
		require.True(t, ok)
		assert.Equal(t, what, cannot.What)
		assert.Equal(t, "the engine's kernel has no module for it (Error: Specified qdisc kind is unknown.)", cannot.Why)
	}
}

func TestNetemThatMakesNoSense(t *testing.T) {
	_, k, s := onPackets(t)
	p := s.Packets(7000)
	for _, d := range []time.Duration{0, -time.Second, 1500} {
		assert.ErrorContains(t, fatal(t, func() { p.Delay(d) }), "a delay is a whole number of microseconds, at least one")
	}
	assert.ErrorContains(t, fatal(t, func() { p.Reorder(2, time.Second) }), "a probability is above 0 and at most 1")
	assert.ErrorContains(t, fatal(t, func() { p.Duplicate(0) }), "a probability is above 0 and at most 1")
	assert.Empty(t, k.scripts)
}
