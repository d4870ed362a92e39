//go:build unix

package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	e, err := Connect(ctx)
	if err != nil {
		return err
	}
	built, err := e.Image(ctx, image.Recipe("toxiproxy"))
	if err != nil {
		return err
	}
	n := e.BeginNetwork(ctx, "child")
	var containers []*Container
	for _, name := range []string{"one", "two"} {
		c, err := e.Run(ctx, n, Spec{Name: name, Image: built.Ref, Ports: []int{8474}})
		if err != nil {
			return err
		}
		containers = append(containers, c)
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
	case "panic":
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
	if way == "panic" {
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
	return e.cli
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
	dir, _, err := ownersDir()
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(dir, p.owner))
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
	} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			p := start(t, way)
			require.NotZero(t, p.reaper)
			if way != "clean" && way != "panic" {
				require.NotEmpty(t, left(t, cli, p.owner), "there is something to leave behind")
			}
			end(p)
			_ = p.Wait()
			goneAltogether(t, cli, p)
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
	p := start(t, "kept", "ASSAY_KEEP=1")
	require.Zero(t, p.reaper, "nobody removes what is to be kept")
	require.NoError(t, p.Process.Kill())
	_ = p.Wait()
	sweeper := start(t, "clean")
	require.NoError(t, sweeper.Wait())
	eventually(t, "the sweep is over", func() bool { return !alive(sweeper.reaper) })
	require.Len(t, left(t, cli, p.owner), 3, "a sweep leaves what was to be kept")

	living := start(t, "killed")
	removed, err := Clean(t.Context(), false)
	require.NoError(t, err)
	require.GreaterOrEqual(t, removed.Containers, 2)
	require.GreaterOrEqual(t, removed.Networks, 1)
	goneAltogether(t, cli, p)
	require.Len(t, left(t, cli, living.owner), 3, "Clean leaves the living alone")
	require.NoError(t, living.Process.Kill())
}
