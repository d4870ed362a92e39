package image

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"assay/harness/internal/cache"
)

// flight is one source on one engine, or what replaces it.
type flight struct {
	host        string
	src         Source
	replacement string
}

// flights runs the work of each key once in a process and hands its outcome to everybody who asks, then and later.
type flights struct {
	mu   sync.Mutex
	done map[flight]*outcome
}

type outcome struct {
	ready     chan struct{}
	built     Built
	err       error
	abandoned bool // the caller who did the work gave up: this says nothing about the image
}

func (f *flights) do(ctx context.Context, key flight, work func() (Built, error)) (Built, error) {
	for {
		f.mu.Lock()
		o, running := f.done[key]
		if !running {
			if f.done == nil {
				f.done = map[flight]*outcome{}
			}
			o = &outcome{ready: make(chan struct{})}
			f.done[key] = o
			f.mu.Unlock()
			o.built, o.err = work()
			if o.err != nil && ctx.Err() != nil {
				o.abandoned = true
				f.mu.Lock()
				delete(f.done, key)
				f.mu.Unlock()
			}
			close(o.ready)
			return o.built, o.err
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return Built{}, fmt.Errorf("waiting for image %s: %w", key.src.Name+key.src.Ref, context.Cause(ctx))
		case <-o.ready:
		}
		if !o.abandoned {
			return o.built, o.err
		}
	}
}

// lock keeps other processes of this user from making the same image at the same time.
func lock(ctx context.Context, r *recipe) (unlock func(), err error) {
	dir, err := cache.Dir("locks")
	if err != nil {
		return nil, fmt.Errorf("lock image %s between processes: %w", r.name, err)
	}
	l := flock.New(filepath.Join(dir, r.name+"-"+r.hash+".lock"))
	held, err := l.TryLock()
	if err == nil && !held {
		say("waiting for another process that is building image %s", r.name)
		_, err = l.TryLockContext(ctx, 100*time.Millisecond)
	}
	if err != nil {
		return nil, fmt.Errorf("lock image %s between processes (%s): %w", r.name, l.Path(), err)
	}
	// The file stays: removing a lock file lets two processes each hold one of that name.
	return func() { _ = l.Unlock() }, nil
}

// abandoned is the age at which unfinished work is nobody's any more: no build takes as long.
const abandoned = 24 * time.Hour

// workDir makes a directory for one build. What killed processes left goes first.
func workDir(name string) (string, error) {
	dir, err := cache.Dir("build")
	if err != nil {
		return "", err
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, entry := range left {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > abandoned {
			_ = os.RemoveAll(filepath.Join(dir, entry.Name()))
		}
	}
	return os.MkdirTemp(dir, name+"-")
}

// interruptible gives a build the chance to clean up after itself on Ctrl-C: the signal cancels ctx, and is raised
// again, for whoever else listens or else to end the process, when finish is called.
func interruptible(ctx context.Context) (_ context.Context, finish func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		// A process that was started to ignore a signal, in the background say, goes on ignoring it.
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	finished, watched := make(chan struct{}), make(chan struct{})
	var caught os.Signal
	go func() {
		defer close(watched)
		select {
		case caught = <-signals:
			cancel(fmt.Errorf("interrupted by signal %q", caught))
		case <-finished:
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(finished)
		<-watched
		if caught != nil {
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Signal(caught)
			}
		}
	}
}
