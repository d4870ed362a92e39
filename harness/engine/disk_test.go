package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/engine/image"
	"assay/harness/internal/unprovable"
)

const diskSize = 64 << 20

func disk(t *testing.T, e *Engine, n *Network, name string) *Disk {
	t.Helper()
	d, err := e.MakeDisk(t.Context(), n, name, diskSize)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Remove(context.Background())) })
	return d
}

// onDisk is a container whose /data is a disk, and a shell in it.
func onDisk(t *testing.T) (c *Container, d *Disk, sh func(script string) (string, error)) {
	t.Helper()
	e, n, _ := world(t)
	d = disk(t, e, n, "disk")
	c = debian(t, e, n, Spec{Name: "server", Disks: map[string]*Disk{"/data": d}})
	return c, d, func(script string) (string, error) { return c.Exec(t.Context(), "bash", "-c", script) }
}

func says(t *testing.T, sh func(string) (string, error), script string) string {
	t.Helper()
	out, err := sh(script)
	require.NoError(t, err)
	return strings.TrimSpace(out)
}

const twoFiles = "cd /data; echo 1 >synced; sync synced .; echo 2 >written"

func TestDiskAfterAPowerCut(t *testing.T) {
	t.Parallel()
	c, d, sh := onDisk(t)
	for round := range 3 {
		says(t, sh, twoFiles)
		require.NoError(t, d.Cut(t.Context(), false))
		_, err := sh("echo 3 >/data/synced; sync /data/synced")
		require.Error(t, err, "nothing can be written without power")
		kill(t, c)
		require.NoError(t, c.Start(t.Context()))
		require.True(t, d.Lost(), "the cut took what was not synced")
		require.Equal(t, "synced\n1", says(t, sh, "cd /data; echo *; cat *"), "what was synced is there and nothing else, round %d", round)
		says(t, sh, "rm -r /data/*; sync")
	}
}

// A cut that syncs first takes nothing, and that is noticed; what it was noticed by, nobody gets to see.
func TestPowerCutThatSyncsFirst(t *testing.T) {
	t.Parallel()
	c, d, sh := onDisk(t)
	says(t, sh, twoFiles)
	require.NoError(t, d.Cut(t.Context(), true))
	kill(t, c)
	require.NoError(t, c.Start(t.Context()))
	require.False(t, d.Lost())
	require.Equal(t, ". .. synced written", strings.ReplaceAll(says(t, sh, "ls -a /data"), "\n", " "))
}

// To be asked to end leaves another exit status than to be killed, also where it takes the image's own signal, or a kill in the end.
func TestTerminate(t *testing.T) {
	t.Parallel()
	e, n, _ := world(t)
	built, err := e.Image(t.Context(), image.Recipe("base"))
	require.NoError(t, err)
	for script, want := range map[string]int64{
		"trap 'exit 3' TERM; echo trapped; while :; do sleep 0.1; done": 3,
		"trap '' TERM; echo trapped; while :; do sleep 0.1; done":       137, // nothing else ends it
	} {
		c := run(t, e, n, Spec{Name: fmt.Sprintf("server-%d", want), Image: built.Ref, Command: []string{"bash", "-c", script}})
		// Before that it has no trap yet.
		require.Eventually(t, func() bool { log, _ := c.Logs(t.Context(), 0); return strings.Contains(log, "trapped") }, 10*time.Second, 10*time.Millisecond)
		status, err := c.Terminate(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, status)
	}
}

// The control: a kill is no power cut.
func TestDiskAfterAKill(t *testing.T) {
	t.Parallel()
	c, _, sh := onDisk(t)
	says(t, sh, twoFiles)
	kill(t, c)
	require.NoError(t, c.Start(t.Context()))
	require.Equal(t, "synced written\n1\n2", says(t, sh, "cd /data; echo *; cat *"))
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	c, d, sh := onDisk(t)
	says(t, sh, "head -c 100000 /dev/urandom >/data/before; sync /data/before; sum </data/before >/data/sum; sync")
	for _, cut := range []bool{false, true} {
		require.NoError(t, d.Fill(t.Context()))
		_, err := sh("head -c 5000 /dev/zero >/data/more")
		require.ErrorContains(t, err, "No space left on device")
		require.Equal(t, "0", says(t, sh, "stat -f -c %a /data"))
		require.Equal(t, "before more sum", says(t, sh, "cd /data; sum <before | cmp - sum; echo *"), "what was there is there, and nothing that shows")
		says(t, sh, "echo 1 | dd of=/data/before conv=notrunc,fsync; sum </data/before | dd of=/data/sum conv=notrunc,fsync") // in the space it has
		// A full disk is full after a restart, too.
		if cut {
			require.NoError(t, d.Cut(t.Context(), false))
		}
		kill(t, c)
		require.NoError(t, c.Start(t.Context()))
		require.Equal(t, "0", says(t, sh, "stat -f -c %a /data"))
		require.NoError(t, d.Drain(t.Context()))
		says(t, sh, "head -c 5000000 /dev/zero >/data/more; sync /data/more; rm /data/more")
	}
}

// took returns how long n synced writes take.
func took(t *testing.T, sh func(string) (string, error), n int) time.Duration {
	t.Helper()
	start := time.Now()
	says(t, sh, fmt.Sprintf("dd if=/dev/zero of=/data/file bs=512 count=%d oflag=dsync conv=notrunc", n))
	return time.Since(start)
}

func TestSlowDisk(t *testing.T) {
	t.Parallel()
	const every, n = 50 * time.Millisecond, 40
	c, d, sh := onDisk(t)
	took(t, sh, n)
	require.NoError(t, d.Slow(t.Context(), every))
	require.GreaterOrEqual(t, took(t, sh, n), (n-1)*every)
	kill(t, c)
	require.NoError(t, c.Start(t.Context()))
	require.GreaterOrEqual(t, took(t, sh, n), (n-1)*every, "a restart makes no disk faster")
	says(t, sh, "head -c 100000 /dev/zero >/data/read; sync /data/read")
	start := time.Now()
	says(t, sh, fmt.Sprintf("dd if=/data/read of=/dev/null bs=4096 count=%d iflag=direct", n/2))
	// One for each read, less the first, and less the one that the kernel may begin early: it counts in ticks of its own.
	require.GreaterOrEqual(t, time.Since(start), (n/2-2)*every, "and it reads no faster")
	require.NoError(t, d.Slow(t.Context(), 0))
	require.Less(t, took(t, sh, 2*n), 2*(n-1)*every)

	kill(t, c)
	require.NoError(t, d.Slow(t.Context(), every), "it will be slow")
	require.NoError(t, c.Start(t.Context()))
	require.GreaterOrEqual(t, took(t, sh, n), (n-1)*every)
	require.ErrorContains(t, d.Slow(t.Context(), 2*time.Second), "at most 1s")
}

// A server finds on its disk what its image has at that path, with its owner and mode, also after a power cut.
func TestDiskHasTheImagesFiles(t *testing.T) {
	t.Parallel()
	e, n, _ := world(t)
	built, err := e.Image(t.Context(), image.Recipe("redis"))
	require.NoError(t, err)
	listing := []string{"sh", "-c", "stat -c '%n %U %a' /data /var/log/apt/*"}
	plain := run(t, e, n, Spec{Name: "plain", Image: built.Ref})
	want, err := plain.Exec(t.Context(), listing...)
	require.NoError(t, err)
	data, logs := disk(t, e, n, "data"), disk(t, e, n, "logs")
	c := run(t, e, n, Spec{Name: "server", Image: built.Ref, Disks: map[string]*Disk{"/data": data, "/var/log/apt": logs}})
	require.NoError(t, logs.Cut(t.Context(), false))
	kill(t, c)
	require.NoError(t, c.Start(t.Context()))
	got, err := c.Exec(t.Context(), listing...)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestKeeperGetsLittle(t *testing.T) {
	t.Parallel()
	e, n, _ := world(t)
	d := disk(t, e, n, "disk")
	i := e.inspect(t, d.keeper).Container
	require.False(t, i.HostConfig.Privileged)
	require.Equal(t, []string{"ALL"}, i.HostConfig.CapDrop)
	require.Len(t, i.HostConfig.CapAdd, 3)
	require.Contains(t, i.HostConfig.SecurityOpt, "no-new-privileges")
	require.Len(t, i.Mounts, 1, "it sees nothing of the machine's files")
	require.Equal(t, e.groups, i.Mounts[0].Source, "but the control groups of containers")
	require.Empty(t, i.NetworkSettings.Ports)
	require.Len(t, devices(t, d.volume), 1)
	require.NoError(t, d.Remove(t.Context()))
	eventually(t, "its device is gone", func() bool { return len(devices(t, d.volume)) == 0 })
	require.NoError(t, d.Remove(t.Context()), "it is gone already")
}

// What is as good as root on the machine with control groups of version 1: their release_agent, in the root of each hierarchy, or in one
// of one's own.
func TestKeeperReachesNoReleaseAgent(t *testing.T) {
	t.Parallel()
	_, d, _ := onDisk(t)
	said, err := d.shell.Run(t.Context(), `mkdir -p /run/try
		for group in $(awk 'NR > 1 { print $1 }' /proc/cgroups) name=systemd none,name=own; do
			mount -t cgroup -o $group none /run/try 2>/dev/null || continue
			echo "$group is mounted"
			find /run/try -name release_agent
			umount /run/try
		done
		find /run/cgroup -name release_agent; echo looked`)
	require.NoError(t, err)
	require.NotContains(t, said, "release_agent")
	require.NotContains(t, said, "own is mounted", "no hierarchy that is new")
	require.Contains(t, said, "looked")
}

func TestWhereControlGroupsAre(t *testing.T) {
	require.Equal(t, "/sys/fs/cgroup/blkio/docker", groupsOfContainers("1", "cgroupfs"))
	require.Equal(t, "/sys/fs/cgroup/system.slice", groupsOfContainers("2", "systemd"))
}

func TestManyDisks(t *testing.T) {
	t.Parallel()
	e, n, _ := world(t)
	made := make(chan *Disk)
	const many = 8
	for i := range many {
		go func() {
			d, err := e.MakeDisk(t.Context(), n, fmt.Sprintf("disk%d", i), diskSize)
			if err != nil {
				t.Error(err)
			}
			made <- d
		}()
	}
	var volumes []string
	for range many {
		if d := <-made; d != nil {
			t.Cleanup(func() { require.NoError(t, d.Remove(context.Background())) })
			volumes = append(volumes, d.volume)
			require.Len(t, devices(t, d.volume), 1)
		}
	}
	require.Len(t, volumes, many)
}

// What an engine cannot do is told apart from what goes wrong.
func TestDiskThatCannotBeHad(t *testing.T) {
	t.Parallel()
	e, n, _ := world(t)
	d := disk(t, e, n, "disk")
	_, err := d.tell(t.Context(), "no-such-word")
	require.ErrorContains(t, err, "usage: disk")
	require.NotErrorAs(t, err, new(*unprovable.Error))

	built, err := e.Image(t.Context(), image.Recipe("disk"))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		capabilities []string
		says         string
	}{
		"may not mount":       {[]string{"MKNOD"}, "mount"},
		"may make no devices": {[]string{"SYS_ADMIN"}, "mknod"},
		"sees no devices":     {[]string{"MKNOD", "SYS_ADMIN"}, "open /run/disk/control: Operation not permitted"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &Disk{Name: name, engine: e, volume: "none", size: diskSize, gone: func() {}}
			d.keeper = run(t, e, n, Spec{Name: "keeper", Image: built.Ref, Offline: true, Capabilities: c.capabilities})
			err := d.make(t.Context(), nil)
			var cannot *unprovable.Error
			require.ErrorAs(t, err, &cannot)
			require.Contains(t, cannot.Why, c.says)
			require.NoError(t, d.Remove(t.Context()))
		})
	}

	err = refusal(errors.New("OCI runtime create failed: unable to apply caps: operation not permitted"), "unable to apply caps")
	require.ErrorAs(t, err, new(*unprovable.Error))
	require.NotErrorAs(t, unmountable(errors.New("no such image")), new(*unprovable.Error))
	require.NoError(t, unmountable(nil))
}

// devices lists the loop devices whose file has that name.
func devices(t *testing.T, name string) (found []string) {
	t.Helper()
	all, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	require.NoError(t, err)
	for _, path := range all {
		file, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(file), name) {
			found = append(found, path)
		}
	}
	slices.Sort(found)
	return found
}
