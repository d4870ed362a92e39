package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"assay/harness/internal/cache"
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
// after itself ends at once, and another knows how much to look for.
type reaper struct {
	pid int

	mu   sync.Mutex
	pipe io.WriteCloser
}

// The words of the pipe, one byte each. What is about to be made is told before it is: a request may be on its way when the
// process dies.
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
	if cmd.Dir, err = cache.Temp(); err != nil {
		return nil, err
	}
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
	// Who ends a job in a hurry asks its processes politely first: that time is for the work.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx := context.Background()
	// Not by a ping: an engine that is slow to answer now may be well when it is needed.
	cli, err := newClient(os.Getenv("DOCKER_HOST"))
	if err != nil {
		return
	}
	defer cli.Close()
	owners, err := openRegistry()
	if err != nil {
		return
	}
	var sweep sync.WaitGroup
	sweep.Go(func() { sweepDead(ctx, cli, owners) })

	left := listen(pipe)
	reapUntilGone(ctx, left, func(ctx context.Context) (int, error) {
		r, err := remove(ctx, cli, ofOwner(id), false)
		return r.Containers + r.Networks + r.Volumes, err
	})
	_ = owners.remove(id)
	sweep.Wait()
}

// listen returns how many things the owner left, when it has ended.
func listen(pipe io.Reader) (left int) {
	in := bufio.NewReader(pipe)
	for {
		word, err := in.ReadByte()
		switch {
		case err != nil:
			return left
		case word == made:
			left++
		case word == removed:
			left--
		}
	}
}

// reapQuiet is for how long the reaper must have found nothing to give up on what has not appeared.
const reapQuiet = 5 * time.Second

// reapUntilGone sweeps until as much as was left is removed: a request that the owner sent before it died may make a
// container after the first sweep. What was never made never appears, so it gives up after a while without a find.
func reapUntilGone(ctx context.Context, left int, sweep func(context.Context) (int, error)) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	last := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := sweep(ctx)
		left -= n
		if left <= 0 && err == nil {
			return
		}
		if n > 0 || err != nil {
			last = time.Now()
		}
		if time.Since(last) > reapQuiet {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
