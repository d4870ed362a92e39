package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/engine/image"
)

// debian runs a container with a shell in it.
func debian(t *testing.T, e *Engine, n *Network, s Spec) *Container {
	t.Helper()
	built, err := e.Image(t.Context(), image.Recipe("base"))
	require.NoError(t, err)
	s.Image, s.Command = built.Ref, []string{"sleep", "infinity"}
	return run(t, e, n, s)
}

func TestShell(t *testing.T) {
	e, n, _ := world(t)
	c := debian(t, e, n, Spec{Name: "debian"})
	sh, err := c.Shell(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sh.Close()) })

	out, err := sh.Run(t.Context(), "echo one; echo two >&2; printf three")
	require.NoError(t, err)
	require.Equal(t, "one\ntwo\nthree", out)
	out, err = sh.Run(t.Context(), "cat; cd /tmp; x=1; exit 0")
	require.NoError(t, err, "there is nothing to read")
	require.Empty(t, out)
	out, err = sh.Run(t.Context(), "pwd; echo $x")
	require.NoError(t, err)
	require.Equal(t, "/\n\n", out, "no run changes the shell for the next")

	_, err = sh.Run(t.Context(), "echo why; false")
	require.EqualError(t, err, `run "echo why; false" in debian: exit status 1: why`)
	_, err = sh.Run(t.Context(), "no-such-command")
	require.ErrorContains(t, err, "exit status 127")
	_, err = sh.Run(t.Context(), "(")
	require.Error(t, err, "what is no script is an error, and nothing hangs")
}

func TestShellIsGivenUpInTime(t *testing.T) {
	e, n, _ := world(t)
	c := debian(t, e, n, Spec{Name: "debian"})
	sh, err := c.Shell(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = sh.Run(ctx, "sleep 60")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = sh.Run(t.Context(), "true")
	require.ErrorContains(t, err, "the shell in debian is of no more use")

	other, err := c.Shell(t.Context())
	require.NoError(t, err)
	kill(t, c)
	_, err = other.Run(t.Context(), "true")
	require.ErrorContains(t, err, "in debian")
}

func TestContainerInTheNetworkOfAnother(t *testing.T) {
	e, n, ref := world(t)
	server := run(t, e, n, Spec{Name: "server", Image: ref, Ports: []int{8474}})
	beside := debian(t, e, n, Spec{Name: "beside", NetworkOf: server})
	eventually(t, "the server listens", func() bool { return answers(server) })
	sh, err := beside.Shell(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sh.Close()) })
	out, err := sh.Run(t.Context(), "cat /proc/net/tcp6 /proc/net/tcp")
	require.NoError(t, err)
	require.Contains(t, out, ":211A ", "the port on which the other one listens, 8474, is open here")
}

// BenchmarkShell is what a command costs in a shell that is open, against one that the engine starts.
func BenchmarkShell(b *testing.B) {
	e, err := Connect(b.Context())
	require.NoError(b, err)
	built, err := e.Image(b.Context(), image.Recipe("base"))
	require.NoError(b, err)
	n := e.BeginNetwork(b.Context(), "bench")
	c, err := e.Run(b.Context(), n, Spec{Name: "debian", Image: built.Ref, Command: []string{"sleep", "infinity"}})
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, c.Remove(context.Background()))
		require.NoError(b, n.Remove(context.Background()))
	})
	sh, err := c.Shell(b.Context())
	require.NoError(b, err)
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			_, err := sh.Run(b.Context(), "true")
			require.NoError(b, err)
		}
	})
	b.Run("exec", func(b *testing.B) {
		for b.Loop() {
			_, err := c.Exec(b.Context(), "true")
			require.NoError(b, err)
		}
	})
}
