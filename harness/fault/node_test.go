package fault

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/history"
)

// puppet is a machine that remembers what was done to it.
type puppet struct {
	done  []string
	err   error
	ended bool
	kept  bool // what was not synced survives a power cut

	throttled int // times, for a millisecond each
}

func (p *puppet) do(ctx context.Context, what string) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("nobody bounds the call")
	}
	p.done = append(p.done, what)
	return p.err
}

func (p *puppet) Kill(ctx context.Context) (int64, error) { return killed, p.do(ctx, "kill") }
func (p *puppet) Terminate(ctx context.Context) (int64, error) {
	return 0, p.do(ctx, "terminate")
}
func (p *puppet) Lost() bool                        { return !p.kept }
func (p *puppet) Start(ctx context.Context) error   { return p.do(ctx, "start") }
func (p *puppet) Pause(ctx context.Context) error   { return p.do(ctx, "pause") }
func (p *puppet) Unpause(ctx context.Context) error { return p.do(ctx, "unpause") }
func (p *puppet) CutPower(ctx context.Context, half bool) error {
	if p.kept = p.kept || half; half {
		return p.do(ctx, "sync, cut power")
	}
	return p.do(ctx, "cut power")
}
func (p *puppet) Fill(ctx context.Context) error  { return p.do(ctx, "fill") }
func (p *puppet) Drain(ctx context.Context) error { return p.do(ctx, "drain") }
func (p *puppet) Slow(ctx context.Context, every time.Duration) error {
	return p.do(ctx, fmt.Sprintf("slow %v", every))
}

func (p *puppet) Processors(ctx context.Context, quota, period time.Duration) error {
	return p.do(ctx, fmt.Sprintf("%v in %v", quota, period))
}
func (p *puppet) Throttled() (times int, took time.Duration, known bool) {
	return p.throttled, time.Duration(p.throttled) * time.Millisecond, true
}

func (p *puppet) Memory(ctx context.Context, bytes int64) error {
	return p.do(ctx, fmt.Sprintf("%d bytes", bytes))
}
func (p *puppet) Clock(ctx context.Context, ahead time.Duration) error {
	return p.do(ctx, fmt.Sprintf("%v ahead", ahead))
}
func (p *puppet) Ended() bool { return p.ended }

func TestNodeIsKilledAndFrozenAndComesBack(t *testing.T) {
	st, m := newHooks(), &puppet{}
	n := NewNode(st.Hooks, "primary", m, m)
	kill := n.Kill()
	assert.Equal(t, "kill on primary", kill.String())
	assert.Equal(t, "restart", kill.Undo)
	assert.Equal(t, history.Open, kill.Window().To)
	n.Restart()
	assert.Less(t, kill.Window().To, history.Open)
	pause := n.Pause()
	assert.Equal(t, "pause on primary", pause.String())
	assert.Equal(t, "resume", pause.Undo)
	n.Resume()
	heal(t, n.Kill()) // as Env.Heal does
	heal(t, n.Pause())
	assert.Equal(t, []string{"kill", "start", "pause", "unpause", "kill", "start", "pause", "unpause"}, m.done)
	assert.Len(t, st.injected, 4)
	assert.Len(t, st.healed, 4)
}

func TestNodeLosesItsPowerAndComesBack(t *testing.T) {
	st, m := newHooks(), &puppet{}
	n := NewNode(st.Hooks, "primary", m, m)
	cut := n.PowerCut()
	assert.Equal(t, "power cut on primary", cut.String())
	assert.Equal(t, "restart", cut.Undo)
	assert.EqualError(t, fatal(t, func() { n.Kill() }), "inject kill on primary: the node is down already (power cut); heal that first")
	n.Restart()
	heal(t, n.PowerCut())
	assert.Equal(t, []string{"cut power", "start", "cut power", "start"}, m.done)
	assert.Len(t, st.healed, 2)
}

func TestDiskIsFullAndSlowAndWellAgain(t *testing.T) {
	st, m := newHooks(), &puppet{}
	d := NewNode(st.Hooks, "primary", m, m).Disk()
	full, slow := d.Fill(), d.Slow(20*time.Millisecond)
	assert.Equal(t, "full disk on primary", full.String())
	assert.Equal(t, "slow disk 20ms an access on primary", slow.String())
	assert.Equal(t, 20*time.Millisecond, slow.Delay, "who waits for the disk waits as long")
	assert.EqualError(t, fatal(t, func() { d.Fill() }), "inject full disk on primary: there is one already; heal that first")
	assert.EqualError(t, fatal(t, func() { d.Slow(time.Second) }), "inject slow disk 1s an access on primary: there is one already; heal that first")
	heal(t, full)
	heal(t, slow)
	heal(t, d.Fill())
	assert.EqualError(t, fatal(t, func() { d.Slow(0) }), "slow disk on primary: one access every 0s: it takes more than 0 and at most 1s")
	assert.EqualError(t, fatal(t, func() { d.Slow(2 * time.Second) }), "slow disk on primary: one access every 2s: it takes more than 0 and at most 1s")
	assert.Equal(t, []string{"fill", "slow 20ms", "drain", "slow 0s", "fill", "drain"}, m.done)
	assert.Len(t, st.healed, 3)
}

func TestNodeThatIsDownCannotBeTakenDown(t *testing.T) {
	m := &puppet{}
	n := NewNode(newHooks().Hooks, "primary", m, m)
	n.Kill()
	assert.EqualError(t, fatal(t, func() { n.Kill() }), "inject kill on primary: the node is down already (kill); heal that first")
	assert.EqualError(t, fatal(t, func() { n.Pause() }), "inject pause on primary: the node is down already (kill); heal that first")
	assert.EqualError(t, fatal(t, func() { n.Resume() }), "primary is not down by a pause, so there is nothing to undo")
	n.Restart()
	assert.EqualError(t, fatal(t, func() { n.Restart() }), "primary is not down by a kill or a power cut, so there is nothing to undo")
	assert.Equal(t, []string{"kill", "start"}, m.done)
}

func TestNodeTellsWhatTheEngineSays(t *testing.T) {
	st, m := newHooks(), &puppet{err: errors.New("no such container")}
	n := NewNode(st.Hooks, "primary", m, m)
	assert.EqualError(t, fatal(t, func() { n.Kill() }), "inject kill on primary: no such container")
	assert.Empty(t, st.injected)
	m.err = nil
	f := n.Kill() // the one that failed took nothing down
	m.err = errors.New("no space left on device")
	assert.EqualError(t, fatal(t, func() { n.Restart() }), "restart of kill on primary: no space left on device")
	assert.Equal(t, history.Open, f.Window().To)
	assert.Empty(t, st.healed)
	m.err = nil
	n.Restart() // an undo that failed can be tried again
	assert.Less(t, f.Window().To, history.Open)
}

func TestSabotagedNodeIsLeftAlone(t *testing.T) {
	st, m := newHooks(), &puppet{}
	st.Sabotaged = true
	n := NewNode(st.Hooks, "primary", m, m)
	n.Kill()
	assert.Error(t, fatal(t, func() { n.Pause() }), "what cannot be injected cannot be sabotaged")
	n.Restart()
	n.Pause()
	n.Resume()
	heal(t, n.Kill())
	heal(t, n.PowerCut())
	heal(t, n.Disk().Fill())
	heal(t, n.Disk().Slow(time.Millisecond))
	n.Kill()
	heal(t, n.Starve(0.1))
	heal(t, n.Squeeze(1))
	heal(t, n.Skew(1))
	assert.Empty(t, m.done)
	assert.Len(t, st.injected, 10)
	assert.Len(t, st.healed, 9)
}

func TestNodeIsStarvedSqueezedAndSkewedBesideAKill(t *testing.T) {
	st, m := newHooks(), &puppet{}
	n := NewNode(st.Hooks, "cache", m, m)
	starved, squeezed, skewed := n.Starve(0.25), n.Squeeze(24<<20), n.Skew(-2*time.Second)
	assert.Equal(t, "starve to 0.25 processors on cache", starved.String())
	assert.Equal(t, 7500*time.Microsecond, starved.Delay, "the longest that it stands still")
	assert.Equal(t, "squeeze to 24 MiB on cache", squeezed.String())
	assert.Equal(t, "skew by -2s on cache", skewed.String())
	n.Kill()
	assert.EqualError(t, fatal(t, func() { n.Starve(1) }), "inject starve to 1 processors on cache: there is already starve to 0.25 processors on cache; heal that first")
	assert.EqualError(t, fatal(t, func() { n.Squeeze(1) }), "inject squeeze to 9.54e-07 MiB on cache: there is already squeeze to 24 MiB on cache; heal that first")
	assert.EqualError(t, fatal(t, func() { n.Skew(1) }), "inject skew by 1ns on cache: there is already skew by -2s on cache; heal that first")
	n.Restart()
	for _, f := range []*Fault{starved, squeezed, skewed} {
		assert.Equal(t, "heal", f.Undo)
		heal(t, f)
	}
	heal(t, n.Starve(1.5))
	assert.Equal(t, []string{
		"2.5ms in 10ms", "25165824 bytes", "-2s ahead", "kill", "start", "0s in 0s", "0 bytes", "0s ahead", "15ms in 10ms", "0s in 0s",
	}, m.done)
}

func TestStarvingStaysWithinWhatTheKernelTakes(t *testing.T) {
	for processors, want := range map[float64]string{0.1: "1ms in 10ms", 0.05: "1ms in 20ms", 0.003: "1ms in 333.333ms", 0.001: "1ms in 1s", 2: "20ms in 10ms"} {
		m := &puppet{}
		NewNode(newHooks().Hooks, "cache", m, m).Starve(processors)
		assert.Equal(t, []string{want}, m.done)
	}
	for _, none := range []float64{0, -1, 0.0009, math.NaN(), math.Inf(1)} {
		m := &puppet{}
		n := NewNode(newHooks().Hooks, "cache", m, m)
		assert.ErrorContains(t, fatal(t, func() { n.Starve(none) }), "processors on cache: leave it at least 0.001 processors")
		assert.Empty(t, m.done)
	}
}

func TestNodeThatASqueezeHasEndedIsRestarted(t *testing.T) {
	st, m := newHooks(), &puppet{}
	n := NewNode(st.Hooks, "cache", m, m)
	squeezed := n.Squeeze(24 << 20)
	m.ended = true
	const down = "the node is down already (it has ended by itself); Restart it first"
	assert.EqualError(t, fatal(t, func() { n.Kill() }), "inject kill on cache: "+down)
	assert.EqualError(t, fatal(t, func() { n.Pause() }), "inject pause on cache: "+down)
	heal(t, squeezed)
	n.Restart()
	m.ended = false
	heal(t, n.Kill())
	assert.Equal(t, []string{"25165824 bytes", "0 bytes", "start", "kill", "start"}, m.done)

	m.ended, m.err = true, errors.New("no space left on device")
	assert.EqualError(t, fatal(t, n.Restart), "restart of cache: no space left on device")
}

// The kernel tells how often it has held a node back, also of one that was started again meanwhile.
func TestStarvationIsFeltByTheKernelsCount(t *testing.T) {
	for _, c := range []struct {
		before, after int
		felt          string
	}{
		{5, 12, "the kernel: it held its threads back 7 times, for 7ms in all"},
		{5, 3, "the kernel: it held its threads back 3 times, for 3ms in all"}, // started again
		{5, 5, ""},
	} {
		st, m := newHooks(), &puppet{throttled: c.before}
		f := NewNode(st.Hooks, "cache", m, m).Starve(0.5)
		m.throttled = c.after
		require.Empty(t, f.Felt(), "it is not over")
		heal(t, f)
		require.Equal(t, c.felt, f.Felt())
	}
	st, m := newHooks(), &puppet{}
	st.Sabotaged = true
	f := NewNode(st.Hooks, "cache", m, m).Starve(0.5)
	m.throttled = 100
	heal(t, f)
	require.Empty(t, f.Felt())
}

// A kill and a power cut show what they were, beside being felt.
func TestNatureOfNodesFaults(t *testing.T) {
	nature := func(halved bool, kind func(*Node) *Fault) (*puppet, string, error) {
		h, m := newHooks(), &puppet{}
		h.Halved = halved
		n := NewNode(h.Hooks, "primary", m, m)
		f := kind(n)
		assert.Equal(t, halved, f.Halved)
		heal(t, f)
		said, err := f.Nature()
		return m, said, err
	}
	_, said, err := nature(false, (*Node).Kill)
	assert.NoError(t, err)
	assert.Equal(t, "exit status 137, as SIGKILL leaves it", said)
	m, _, err := nature(true, (*Node).Kill)
	assert.EqualError(t, err, "the engine tells exit status 0, and SIGKILL leaves 137: the process ended in another way")
	assert.Equal(t, []string{"terminate", "start"}, m.done)

	_, said, err = nature(false, (*Node).PowerCut)
	assert.NoError(t, err)
	assert.Equal(t, "what was written right before it and not synced is gone", said)
	m, _, err = nature(true, (*Node).PowerCut)
	assert.EqualError(t, err, "what was written right before it and not synced is there afterwards: it took nothing")
	assert.Equal(t, []string{"sync, cut power", "start"}, m.done)

	h, m := newHooks(), &puppet{}
	h.Sabotaged = true
	f := NewNode(h.Hooks, "primary", m, m).Kill()
	heal(t, f)
	said, err = f.Nature()
	assert.NoError(t, err)
	assert.Empty(t, said, "nothing was done, which is for others to notice")
	assert.Empty(t, m.done)
}
