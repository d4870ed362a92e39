//go:build unix

package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"assay/harness/engine/image"
)

// These tests end processes in the ways in which test processes end, and look at what is left of them in the engine.

// childVar makes the test binary a child that owns a network and two containers, and then ends in the given way.
const childVar = "ENGINE_TEST_CHILD"

func TestMain(m *testing.M) {
	if way := os.Getenv(childVar); way != "" && os.Getenv(reaperEnv) == "" {
		if err := child(way); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(way string) error {
	ctx := context.Background()
	before := os.Environ()
	e, err := Connect(ctx)
	if err != nil {
		return err
	}
	if after := os.Environ(); !slices.Equal(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(after))) {
		return fmt.Errorf("the environment was %q and is %q", before, after)
	}
	built, err := e.Image(ctx, image.Recipe("links"))
	if err != nil {
		return err
	}
	if way == "ahead" {
		for range 2 {
			if err := e.BeginNetwork(ctx, "child").Remove(ctx); err != nil {
				return err
			}
		}
		if e.spare == nil || e.spare.Made() != nil {
			return errors.New("no network was made ahead")
		}
		fmt.Println(e.owner.id, e.reaper.pid)
		return nil // with nobody but the reaper to remove it
	}
	n := e.BeginNetwork(ctx, "child")
	var disks map[string]*Disk
	if strings.HasPrefix(way, "disk") {
		d, err := e.MakeDisk(ctx, n, "disk", diskSize)
		if err != nil {
			return err
		}
		disks = map[string]*Disk{"/data": d}
	}
	var containers []*Container
	for _, name := range []string{"one", "two"} {
		c, err := e.Run(ctx, n, Spec{Name: name, Image: built.Ref, Ports: []int{8474}, Disks: disks})
		if err != nil {
			return err
		}
		containers, disks = append(containers, c), nil
	}
	if way == "paused" {
		if err := containers[0].Pause(ctx); err != nil {
			return err
		}
	}
	reaper := 0
	if e.reaper != nil {
		reaper = e.reaper.pid
	}
	fmt.Println(e.owner.id, reaper)
	switch way {
	case "clean":
		for _, c := range containers {
			if err := c.Remove(ctx); err != nil {
				return err
			}
		}
		return n.Remove(ctx)
	case "panic", "disk, panic":
		panic("as go test -timeout does")
	case "in flight":
		// A request on its way when the process dies: the engine makes the container all the same.
		for i := range 20 {
			go func() {
				_, _ = e.Run(ctx, n, Spec{Name: fmt.Sprintf("late%d", i), Image: built.Ref, Ports: []int{8474}})
			}()
		}
	}
	_, err = io.Copy(io.Discard, os.Stdin) // until the parent ends it
	return err
}

// process is a running child.
type process struct {
	*exec.Cmd
	owner  string
	reaper int
	stdin  io.Closer
}

func start(t *testing.T, way string, env ...string) process {
	t.Helper()
	needsEngine(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childVar+"="+way), env...)
	cmd.Stderr = os.Stderr
	if strings.HasSuffix(way, "panic") {
		cmd.Stderr = nil
	}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "the child tells who it is")
	owner, pid, _ := strings.Cut(strings.TrimSpace(line), " ")
	reaper, err := strconv.Atoi(pid)
	require.NoError(t, err)
	return process{cmd, owner, reaper, in}
}

func needsEngine(t *testing.T) *client.Client {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out what needs containers")
	}
	e, err := Connect(t.Context())
	require.NoError(t, err)
	_, err = e.Image(t.Context(), image.Recipe("links")) // in the cache of this process, not in a child's
	require.NoError(t, err)
	return e.cli
}

// apart gives the test and its children a registry of their own: what they clean up is theirs, and not other tests' that run
// on this machine.
func apart(t *testing.T) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
}

// left lists what is there of an owner's.
func left(t *testing.T, cli *client.Client, owner string) (things []string) {
	t.Helper()
	mine := make(client.Filters).Add("label", labelOwner+"="+owner)
	containers, err := cli.ContainerList(context.Background(), client.ContainerListOptions{All: true, Filters: mine})
	require.NoError(t, err)
	for _, c := range containers.Items {
		things = append(things, "container "+c.Names[0])
	}
	networks, err := cli.NetworkList(context.Background(), client.NetworkListOptions{Filters: mine})
	require.NoError(t, err)
	for _, n := range networks.Items {
		things = append(things, "network "+n.Name)
	}
	volumes, err := cli.VolumeList(context.Background(), client.VolumeListOptions{Filters: mine})
	require.NoError(t, err)
	for _, v := range volumes.Items {
		things = append(things, "volume "+v.Name)
		for _, path := range devices(t, v.Name) {
			things = append(things, "device "+path)
		}
	}
	return things
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if os.IsNotExist(err) {
		if _, err := os.Stat("/proc/self"); err != nil {
			return syscall.Kill(pid, 0) == nil // no /proc, as on macOS
		}
		return false
	}
	// A zombie has ended; that nobody has asked for its status is its parent's affair.
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// goneAltogether requires that nothing is left of the child: in the engine, of its reaper, of its lock.
func goneAltogether(t *testing.T, cli *client.Client, p process) {
	t.Helper()
	eventually(t, "everything of "+p.owner+" is removed", func() bool { return len(left(t, cli, p.owner)) == 0 })
	eventually(t, "its reaper has ended", func() bool { return !alive(p.reaper) })
	require.Empty(t, left(t, cli, p.owner), "and nothing has come after")
	owners, err := openRegistry()
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(owners.dir, p.owner))
}

func TestNothingIsLeftOfAProcess(t *testing.T) {
	cli := needsEngine(t)
	for way, end := range map[string]func(process){
		"killed":      func(p process) { _ = p.Process.Kill() },
		"interrupted": func(p process) { _ = p.Process.Signal(os.Interrupt) },
		"terminated":  func(p process) { _ = p.Process.Signal(syscall.SIGTERM) },
		"paused":      func(p process) { _ = p.Process.Kill() },
		"in flight":   func(p process) { _ = p.Process.Kill() },
		"panic":       func(process) {},
		"clean":       func(process) {},
		"ahead":       func(process) {},
		"disk":        func(p process) { _ = p.Process.Kill() },
		"disk, panic": func(process) {},
	} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			p := start(t, way)
			require.NotZero(t, p.reaper)
			before := left(t, cli, p.owner)
			if way != "clean" && way != "panic" && way != "disk, panic" && way != "ahead" {
				require.NotEmpty(t, before, "there is something to leave behind")
			}
			end(p)
			_ = p.Wait()
			goneAltogether(t, cli, p)
			if way == "disk" {
				require.Len(t, before, 6, "two containers and a keeper, a network, a volume and its device")
			}
			for _, thing := range before {
				if volume, is := strings.CutPrefix(thing, "volume "); is {
					eventually(t, "the device of "+volume+" is gone", func() bool { return len(devices(t, volume)) == 0 })
				}
			}
		})
	}
}

// A reaper that has nothing to do does not linger.
func TestReaperOfACleanProcessEndsAtOnce(t *testing.T) {
	needsEngine(t)
	p := start(t, "clean")
	require.NoError(t, p.Wait())
	ended := time.Now()
	eventually(t, "its reaper has ended", func() bool { return !alive(p.reaper) })
	require.Less(t, time.Since(ended), reapQuiet, "it took as long as a reaper that has work")
}

// The reaper holds no output of its process: `go test` waits for those to close.
func TestReaperHoldsNoOutput(t *testing.T) {
	needsEngine(t)
	p := start(t, "killed")
	require.NoError(t, p.Process.Kill())
	waited := make(chan struct{})
	go func() { _ = p.Wait(); close(waited) }() // Wait returns when the pipes are closed, too
	select {
	case <-waited:
	case <-time.After(10 * time.Second):
		t.Fatal("somebody still holds the output of a process that has ended")
	}
}

func TestProcessesSideBySide(t *testing.T) {
	cli := needsEngine(t)
	a, b := start(t, "killed"), start(t, "killed")
	before := left(t, cli, b.owner)
	require.Len(t, before, 3)
	require.NoError(t, a.Process.Kill())
	_ = a.Wait()
	goneAltogether(t, cli, a)
	require.Equal(t, before, left(t, cli, b.owner), "nobody touches what another process owns")
	require.NoError(t, b.Process.Kill())
	_ = b.Wait()
	goneAltogether(t, cli, b)
}

// Where the reaper was killed as well, the next process to start sweeps.
func TestSweepOfTheDead(t *testing.T) {
	cli := needsEngine(t)
	apart(t)
	p, living := start(t, "killed"), start(t, "killed")
	require.NoError(t, syscall.Kill(p.reaper, syscall.SIGKILL))
	eventually(t, "the reaper has ended", func() bool { return !alive(p.reaper) })
	require.NoError(t, p.Process.Kill())
	_ = p.Wait()
	require.NotEmpty(t, left(t, cli, p.owner), "nobody was there to remove it")

	next := start(t, "clean")
	require.NoError(t, next.Wait())
	goneAltogether(t, cli, p)
	require.Len(t, left(t, cli, living.owner), 3, "the living keep theirs")
	require.NoError(t, living.Process.Kill())
}

func TestKeptUntilClean(t *testing.T) {
	cli := needsEngine(t)
	apart(t)
	p := start(t, "kept", "ASSAY_KEEP=1")
	require.Zero(t, p.reaper, "nobody removes what is to be kept")
	require.NoError(t, p.Process.Kill())
	_ = p.Wait()
	sweeper := start(t, "clean")
	require.NoError(t, sweeper.Wait())
	eventually(t, "the sweep is over", func() bool { return !alive(sweeper.reaper) })
	require.Len(t, left(t, cli, p.owner), 3, "a sweep leaves what was to be kept")

	living, keeping := start(t, "killed"), start(t, "kept", "ASSAY_KEEP=1")
	removed, err := Clean(t.Context(), false)
	require.NoError(t, err)
	require.Equal(t, Removed{Containers: 2, Networks: 1}, removed)
	goneAltogether(t, cli, p)
	require.Len(t, left(t, cli, living.owner), 3, "Clean leaves the living alone")
	require.Len(t, left(t, cli, keeping.owner), 3, "also those who keep")

	require.NoError(t, living.Process.Kill())
	require.NoError(t, keeping.Process.Kill())
	_, _ = living.Wait(), keeping.Wait()
	goneAltogether(t, cli, living)
	removed, err = Clean(t.Context(), false)
	require.NoError(t, err)
	require.Equal(t, Removed{Containers: 2, Networks: 1}, removed)
}

// Who ends a job in a hurry asks all its processes to end: the reaper has work to do first.
func TestReaperIsNotAskedAway(t *testing.T) {
	cli := needsEngine(t)
	p := start(t, "killed")
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		require.NoError(t, syscall.Kill(p.reaper, s))
	}
	require.NoError(t, p.Process.Kill())
	_ = p.Wait()
	goneAltogether(t, cli, p)
}

// testcontainers has an idea of its own of where the engine is and what images are called.
func TestSettingsOfTestcontainersDoNotMatter(t *testing.T) {
	needsEngine(t)
	e, err := Connect(t.Context())
	require.NoError(t, err)
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, ".testcontainers.properties"), []byte(
		"tc.host=tcp://127.0.0.1:1\ndocker.host=tcp://127.0.0.1:1\nhub.image.name.prefix=registry.invalid\nprovider=podman\nryuk.disabled=false\n"), 0o600))
	p := start(t, "clean", "HOME="+home, "DOCKER_HOST="+e.Info.Address, "TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX=registry.invalid",
		"TESTCONTAINERS_SESSION_ID=../x", "TESTCONTAINERS_RYUK_DISABLED=false", "TESTCONTAINERS_HOST_OVERRIDE=192.0.2.1")
	require.NoError(t, p.Wait())
}
