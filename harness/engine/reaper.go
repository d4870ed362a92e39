package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// The reaper removes what a test process leaves behind when it cannot do so itself: after SIGKILL, Ctrl-C, or the panic of
// `go test -timeout`, which skips every cleanup. It is this very binary, started again, detached, and waiting for its
// standard input to close, which the kernel does when the test process ends in whatever way. Ryuk, testcontainers' own, is
// not used: its image cannot be assumed, and it has reaped the containers of concurrent test packages
// (testcontainers-go#3743, #3827).

// reaperEnv carries the owner's id to the reaper. It is no setting of a user's.
const reaperEnv = "_ASSAY_REAPER"

// init makes the process the reaper when it was started as one. It is an init function because a test binary has no main of
// ours.
func init() {
	if id := os.Getenv(reaperEnv); id != "" {
		reap(id, os.Stdin)
		os.Exit(0)
	}
}

// reaper is the test process's side: it says over the pipe what exists, so that the reaper of a process that cleaned up
// after itself ends at once.
type reaper struct {
	pid int

	mu   sync.Mutex
	pipe io.WriteCloser
}

// The words of the pipe, one byte each.
const (
	made    = '+'
	removed = '-'
)

func startReaper(o *owner, host string) (*reaper, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this test binary: %w", err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), reaperEnv+"="+o.id, "DOCKER_HOST="+host)
	cmd.Dir = os.TempDir()
	cmd.SysProcAttr = detached()
	// No output: a pipe that `go test` reads would keep it waiting for the reaper.
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the process that cleans up after this one: %w", err)
	}
	pid := cmd.Process.Pid
	return &reaper{pid: pid, pipe: pipe}, cmd.Process.Release()
}

func (r *reaper) say(word byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// A reaper that is gone cannot be told, and the sweep at the next start does its work.
	_, _ = r.pipe.Write([]byte{word})
}

// reap is the reaper's life: sweep what earlier owners left, wait for this owner's end, sweep what it left.
func reap(id string, pipe io.Reader) {
	ctx := context.Background()
	cli, _, err := dial(ctx, os.Getenv)
	if err != nil {
		return
	}
	defer cli.Close()
	dir, home, err := ownersDir()
	if err != nil {
		return
	}
	go sweepDead(ctx, cli, dir, home)

	alive := 0
	in := bufio.NewReader(pipe)
	for {
		word, err := in.ReadByte()
		if err != nil {
			break
		}
		if word == made {
			alive++
		} else {
			alive--
		}
	}
	if alive > 0 {
		reapUntilGone(ctx, func(ctx context.Context) (int, error) {
			r, err := remove(ctx, cli, ofOwner(id), false)
			return r.total(), err
		})
	}
	_ = os.Remove(filepath.Join(dir, id))
}

// reapQuiet is how long the reaper must have found nothing.
const reapQuiet = 2 * time.Second

// reapUntilGone repeats a sweep until it has found nothing for a while: a request that the owner sent before it died may
// still make a container after the first sweep.
func reapUntilGone(ctx context.Context, sweep func(context.Context) (int, error)) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	last := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for time.Since(last) < reapQuiet {
		if n, err := sweep(ctx); n > 0 || err != nil {
			last = time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
