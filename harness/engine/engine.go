// Package engine is the Docker engine: finding it, images, networks, containers, their ports, and their removal.
//
// It is the sole importer of testcontainers and of the engine's client (harness/engine/image, below it, builds the images).
// Faults, claims and checks may not enter; nor may anything that knows which server runs in a container.
//
// Everything made here carries the label assay.owner. It is removed by whoever made it, by the reaper when that process was
// killed, by the sweep at the next start, and by `assay clean`.
package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"assay/harness/engine/image"
)

// Engine is this process's connection to the Docker engine.
type Engine struct {
	Info Info

	cli      *client.Client
	provider *testcontainers.DockerProvider
	keep     bool
	groups   string // see groupsOfContainers

	ahead    sync.Mutex
	networks int      // how many there have been
	spare    *Network // made ahead, nobody's yet

	// The owner and its reaper exist once there is something to own.
	owning sync.Once
	owner  *owner
	reaper *reaper
	ownErr error
}

// Info says which engine it is.
type Info struct {
	Address, Version, API, OS, Kernel, Arch string
	CPUs                                    int
	Memory                                  int64 // bytes
}

// Connect returns the process's engine, found on the first call that finds one. An engine that is away, as while it is started
// again, is waited for. An error holds for some seconds, so that of a process's tests only the first waits where there is no engine,
// and not for ever: later ones look again. It says which addresses were tried and what to do.
//
// The search follows the Docker client: DOCKER_HOST, then DOCKER_CONTEXT or the current context, then the local sockets.
func Connect(context.Context) (*Engine, error) {
	return connected.get(func() (*Engine, error) { return usual.open(context.Background(), os.Getenv) })
}

var connected = connection{holds: 10 * time.Second}

// connection keeps an engine for good, and an error for a while.
type connection struct {
	holds time.Duration // an error

	mu     sync.Mutex
	engine *Engine
	err    error
	failed time.Time
}

func (c *connection) get(find func() (*Engine, error)) (*Engine, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.engine == nil && (c.err == nil || time.Since(c.failed) > c.holds) {
		c.engine, c.err = find()
		c.failed = time.Now()
	}
	return c.engine, c.err
}

func (p patience) open(ctx context.Context, getenv func(string) string) (e *Engine, err error) {
	return e, p.whileAway(ctx, func() error {
		e, err = p.openNow(ctx, getenv)
		return err
	})
}

func (p patience) openNow(ctx context.Context, getenv func(string) string) (*Engine, error) {
	cli, host, err := p.dial(ctx, getenv)
	if err != nil {
		return nil, err
	}
	// It has answered a ping; what it says next is bounded too.
	ctx, cancel := context.WithTimeout(ctx, p.answer)
	defer cancel()
	var provider *testcontainers.DockerProvider
	found, err := cli.Info(ctx, client.InfoOptions{})
	if err == nil {
		provider, err = newProvider(ctx, cli, host)
	}
	if err != nil {
		cli.Close()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("the engine at %s answers a ping and then: %w\n%s", host, p.silent(), advice([]error{errSilent}))
	case err != nil && secured(err.Error()):
		return nil, fmt.Errorf("ask the engine at %s what it is: %w\n%s", host, err, advice([]error{err}))
	case err != nil:
		return nil, fmt.Errorf("ask the engine at %s what it is: %w", host, err)
	}
	i := found.Info
	return &Engine{
		cli:      cli,
		provider: provider,
		keep:     getenv("ASSAY_KEEP") != "",
		groups:   groupsOfContainers(i.CgroupVersion, i.CgroupDriver),
		Info: Info{
			Address: host, Version: i.ServerVersion, API: cli.ClientVersion(),
			OS: i.OperatingSystem, Kernel: i.KernelVersion, Arch: i.Architecture,
			CPUs: i.NCPU, Memory: i.MemTotal,
		},
	}, nil
}

// Image makes sure that the image is there, building it on first use.
func (e *Engine) Image(ctx context.Context, src image.Source) (image.Built, error) {
	builds, _ := ctx.Value(buildsKey{}).(*Builds)
	defer builds.begin()()
	return image.Ensure(ctx, e.cli, src)
}

// Rest closes the connections to the engine that nobody uses, and with them their goroutines: a package may look for what its tests have
// left. The next call connects again.
func (e *Engine) Rest() { _ = e.cli.Close() }

// Keeps says whether ASSAY_KEEP asks to leave the containers for a look.
func (e *Engine) Keeps() bool { return e.keep }

// labels returns the labels for what is about to be made, and makes sure that it will be removed come what may.
func (e *Engine) labels() (map[string]string, error) {
	e.owning.Do(func() {
		if e.owner, e.ownErr = newOwner(); e.ownErr != nil {
			return
		}
		if !e.keep {
			e.reaper, e.ownErr = startReaper(e.owner, e.Info.Address)
		}
	})
	if e.ownErr != nil {
		return nil, e.ownErr
	}
	return e.owner.labels(e.keep), nil
}

// making announces something that is about to be made, and returns what to call once when it is gone, or was not made.
func (e *Engine) making() (gone func()) {
	if e.reaper == nil {
		return func() {}
	}
	e.reaper.say(made)
	return sync.OnceFunc(func() { e.reaper.say(removed) })
}

// refused says whether an error of the engine means that nothing was made. Where no answer came, because the test gave up
// waiting or the connection broke, something may have been, or may still be: the reaper looks.
func refused(ctx context.Context, err error) bool {
	return ctx.Err() == nil && !client.IsErrConnectionFailed(err)
}

// newProvider returns testcontainers on the engine that was found. testcontainers would look for an engine by rules of its own
// (~/.testcontainers.properties comes first), put a registry before the names of images, and start Ryuk. It reads what it goes
// by once, so it is shown a bare environment for that moment; the client is ours.
func newProvider(ctx context.Context, cli *client.Client, host string) (*testcontainers.DockerProvider, error) {
	restore, err := showTestcontainers(host)
	defer restore()
	if err != nil {
		return nil, err
	}
	type made struct {
		provider *testcontainers.DockerProvider
		err      error
	}
	answer := make(chan made, 1)
	go func() { // it asks the engine things, and has no limit to how long it waits
		p, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(silent{}))
		answer <- made{p, err}
	}()
	select {
	case m := <-answer:
		if m.err != nil {
			return nil, fmt.Errorf("testcontainers: %w", m.err)
		}
		m.provider.Close()
		m.provider.SetClient(cli)
		return m.provider, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// showTestcontainers sets up the environment that testcontainers is to see, and returns what sets it back.
func showTestcontainers(host string) (restore func(), err error) {
	show := map[string]string{}
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "TESTCONTAINERS_") {
			show[name] = "" // as good as not there
		}
	}
	maps.Copy(show, map[string]string{"DOCKER_HOST": host, "HOME": os.DevNull, "USERPROFILE": os.DevNull, "TESTCONTAINERS_RYUK_DISABLED": "true"})
	logger := tclog.Default()
	tclog.SetDefault(silent{})
	undo := []func(){func() { tclog.SetDefault(logger) }}
	restore = func() {
		for _, u := range undo {
			u()
		}
	}
	for name, value := range show {
		if before, was := os.LookupEnv(name); was {
			undo = append(undo, func() { os.Setenv(name, before) })
		} else {
			undo = append(undo, func() { os.Unsetenv(name) })
		}
		if err := os.Setenv(name, value); err != nil {
			return restore, err
		}
	}
	return restore, nil
}

// silent is testcontainers' logger: what happens to containers is told by the harness, in its own words.
type silent struct{}

func (silent) Printf(string, ...any) {}

// explain adds to an engine's error what to do about it, where that can be told.
func explain(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "no space left on device"):
		return fmt.Errorf("%w\n  what to do: the engine's disk is full: `docker system df` shows what fills it, `docker image prune` frees some", err)
	case strings.Contains(text, "port is already allocated"), strings.Contains(text, "address already in use"):
		return fmt.Errorf("%w\n  what to do: another program holds the port on 127.0.0.1: end it, or let the engine choose a port", err)
	case strings.Contains(text, "no available IPv4 addresses"):
		return fmt.Errorf("%w\n  what to do: the network is full, it has room for 253 containers: let some of them go, or put them into a mesh", err)
	case strings.Contains(text, "unable to apply caps"), strings.Contains(text, "operation not permitted"):
		return fmt.Errorf("%w\n  what to do: the engine refuses a capability that the container asks for (a rootless engine grants fewer)", err)
	}
	return err
}
