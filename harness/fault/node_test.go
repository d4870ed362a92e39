package fault

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"assay/harness/history"
)

// puppet is a machine that remembers what was done to it.
type puppet struct {
	done []string
	err  error
}

func (p *puppet) do(ctx context.Context, what string) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("nobody bounds the call")
	}
	p.done = append(p.done, what)
	return p.err
}

func (p *puppet) Kill(ctx context.Context) error    { return p.do(ctx, "kill") }
func (p *puppet) Start(ctx context.Context) error   { return p.do(ctx, "start") }
func (p *puppet) Pause(ctx context.Context) error   { return p.do(ctx, "pause") }
func (p *puppet) Unpause(ctx context.Context) error { return p.do(ctx, "unpause") }

func TestNodeIsKilledAndFrozenAndComesBack(t *testing.T) {
	st, m := newScene(), &puppet{}
	n := NewNode(st.Scene, "primary", m)
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

func TestNodeThatIsDownCannotBeTakenDown(t *testing.T) {
	m := &puppet{}
	n := NewNode(newScene().Scene, "primary", m)
	n.Kill()
	assert.EqualError(t, fatal(t, func() { n.Kill() }), "inject kill on primary: the node is down already (kill); heal that first")
	assert.EqualError(t, fatal(t, func() { n.Pause() }), "inject pause on primary: the node is down already (kill); heal that first")
	assert.EqualError(t, fatal(t, func() { n.Resume() }), "primary is not down by a pause, so there is nothing to undo")
	n.Restart()
	assert.EqualError(t, fatal(t, func() { n.Restart() }), "primary is not down by a kill, so there is nothing to undo")
	assert.Equal(t, []string{"kill", "start"}, m.done)
}

func TestNodeTellsWhatTheEngineSays(t *testing.T) {
	st, m := newScene(), &puppet{err: errors.New("no such container")}
	n := NewNode(st.Scene, "primary", m)
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
	st, m := newScene(), &puppet{}
	st.Sabotaged = true
	n := NewNode(st.Scene, "primary", m)
	n.Kill()
	assert.Error(t, fatal(t, func() { n.Pause() }), "what cannot be injected cannot be sabotaged")
	n.Restart()
	n.Pause()
	n.Resume()
	heal(t, n.Kill())
	n.Kill()
	assert.Empty(t, m.done)
	assert.Len(t, st.injected, 4)
	assert.Len(t, st.healed, 3)
}
