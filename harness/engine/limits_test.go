package engine

import (
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"assay/harness/engine/image"
)

// bothWays tests what is done past the engine also as the engine does it, and the other way round.
func bothWays(t *testing.T, test func(t *testing.T, c *Container, start func())) {
	e, n, _ := world(t)
	for _, way := range []string{"past the engine", "by the engine"} {
		t.Run(way, func(t *testing.T) {
			c := debian(t, e, n, Spec{Name: "debian"})
			choose := func() {
				if way == "by the engine" {
					c.cgroup = nil
				} else if c.cgroup == nil {
					t.Skip("this process may not write to the control groups of the engine's containers")
				}
			}
			choose()
			test(t, c, func() {
				require.NoError(t, c.Start(t.Context()))
				choose()
			})
		})
	}
}

// seen is what the container's control groups say, of either version.
func seen(t *testing.T, c *Container) string {
	t.Helper()
	out, err := c.Exec(t.Context(), "sh", "-c", `cd /sys/fs/cgroup
cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes cpu.max memory.max memory.swap.max 2>/dev/null; true`)
	require.NoError(t, err)
	require.NotEmpty(t, out)
	return out
}

func TestLimitsAreSetAndSetBack(t *testing.T) {
	bothWays(t, func(t *testing.T, c *Container, _ func()) {
		before := seen(t, c)
		require.NoError(t, c.Processors(t.Context(), 5*time.Millisecond, 50*time.Millisecond))
		starved := seen(t, c)
		require.NotEqual(t, before, starved)
		require.Contains(t, starved, "5000")
		require.Contains(t, starved, "50000")
		require.NoError(t, c.Memory(t.Context(), 64<<20))
		both := seen(t, c)
		require.Contains(t, both, "5000")
		require.Contains(t, both, "67108864")
		require.NoError(t, c.Processors(t.Context(), 0, 0))
		require.NoError(t, c.Memory(t.Context(), 0))
		require.Equal(t, before, seen(t, c))
	})
}

func TestLimitsOutliveARestart(t *testing.T) {
	bothWays(t, func(t *testing.T, c *Container, start func()) {
		before := seen(t, c)
		require.NoError(t, c.Processors(t.Context(), 20*time.Millisecond, 50*time.Millisecond))
		require.NoError(t, c.Memory(t.Context(), 64<<20))
		starved := seen(t, c)
		kill(t, c)
		start()
		require.Equal(t, starved, seen(t, c))
		kill(t, c)
		require.NoError(t, c.Processors(t.Context(), 0, 0), "healed while it is down")
		require.NoError(t, c.Memory(t.Context(), 0))
		start()
		require.Equal(t, before, seen(t, c))
	})
}

func TestKernelEndsWhatNeedsMore(t *testing.T) {
	e, n, _ := world(t)
	built, err := e.Image(t.Context(), image.Recipe("base"))
	require.NoError(t, err)
	c := run(t, e, n, Spec{Name: "greedy", Image: built.Ref, Command: []string{"sh", "-c", "mkfifo /tmp/go; read x </tmp/go; exec dd if=/dev/zero of=/dev/null bs=100M count=1"}})
	kills := killsForMemory()
	require.NoError(t, c.Memory(t.Context(), 24<<20))
	_, err = c.Exec(t.Context(), "sh", "-c", "until [ -p /tmp/go ]; do :; done; echo >/tmp/go")
	require.NoError(t, err)
	code, err := c.Exited(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 137, code)
	out, err := c.OutOfMemory(t.Context())
	require.NoError(t, err)
	require.True(t, out)
	if kills != nil {
		require.Greater(t, *killsForMemory(), *kills, "the kernel counts it")
	}
	require.NoError(t, c.Memory(t.Context(), 0), "healed when it is over")
	c.Down()
	require.NoError(t, c.Start(t.Context()))
	kill(t, c)
	out, err = c.OutOfMemory(t.Context())
	require.NoError(t, err)
	require.False(t, out, "a kill is none for want of memory")
	if kills != nil {
		c.kills.Store(kills)
		out, err = c.OutOfMemory(t.Context())
		require.NoError(t, err)
		require.True(t, out, "where the engine says nothing, the count does")
	}
}

func TestLimitBelowWhatIsHeld(t *testing.T) {
	bothWays(t, func(t *testing.T, c *Container, _ func()) {
		// Its buffer is full as soon as it writes, and nobody reads.
		_, err := c.Exec(t.Context(), "sh", "-c", `mkfifo /tmp/full /tmp/never && { dd if=/dev/zero bs=40M count=1 2>/dev/null | { head -c 1 >/tmp/full; read x </tmp/never; } >/dev/null 2>&1 & } && head -c 1 /tmp/full >/dev/null`)
		require.NoError(t, err)
		before := seen(t, c)
		err = c.Memory(t.Context(), 16<<20)
		if info, e := c.engine.cli.Info(t.Context(), client.InfoOptions{}); e == nil && info.Info.CgroupVersion == "2" {
			require.NoError(t, err, "version 2 takes it, and ends who holds too much")
			return
		}
		require.ErrorContains(t, err, "squeeze to more than that and let it grow")
		require.Equal(t, before, seen(t, c), "what is refused changes nothing")
	})
}

func TestFrozenPastTheEngine(t *testing.T) {
	e, n, ref := world(t)
	c := run(t, e, n, Spec{Name: "server", Image: ref, Ports: []int{8474}})
	if c.cgroup == nil {
		t.Skip("this process may not write to the control groups of the engine's containers")
	}
	eventually(t, "the server answers", func() bool { return answers(c) })
	require.NoError(t, c.Pause(t.Context()))
	require.NoError(t, c.Unpause(t.Context()))
	require.True(t, answers(c))
	require.NoError(t, c.Pause(t.Context()))
	start := time.Now()
	require.NoError(t, c.Remove(t.Context()), "as whoever sweeps does, who knows nothing of it")
	require.Less(t, time.Since(start), 9*time.Second, "the engine would wait so long for processes that do not die")
}

func TestNoHandOnAnother(t *testing.T) {
	e, n, ref := world(t)
	c := run(t, e, n, Spec{Name: "server", Image: ref})
	other := run(t, e, n, Spec{Name: "other", Image: ref})
	require.Nil(t, cgroupOf(c.id, e.inspect(t, other).Container.State.Pid), "the process is another container's")
	require.Nil(t, cgroupOf(c.id, 1))
	require.Nil(t, cgroupOf(c.id, 0))
	kill(t, c)
	require.Nil(t, c.cgroup)
}
