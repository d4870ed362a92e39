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
	"fmt"
	"os"
	"strings"
	"sync"

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

// Connect returns the process's engine, found on the first call; so is its error, so that every test of a process fails at
// once where there is no engine. The error says which addresses were tried and what to do.
//
// The search follows the Docker client: DOCKER_HOST, then DOCKER_CONTEXT or the current context, then the local sockets.
func Connect(context.Context) (*Engine, error) { return connect() }

var connect = sync.OnceValues(func() (*Engine, error) {
	ctx := context.Background()
	cli, host, err := dial(ctx, os.Getenv)
	if err != nil {
		return nil, err
	}
	info, err := cli.Info(ctx, client.InfoOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask the engine at %s what it is: %w", host, err)
	}
	// testcontainers reads these once. It must not look for the engine again, nor for the host of published ports, nor start
	// a reaper of its own.
	for name, value := range map[string]string{
		"DOCKER_HOST":                  host,
		"TESTCONTAINERS_HOST_OVERRIDE": publishHost,
		"TESTCONTAINERS_RYUK_DISABLED": "true",
	} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	tclog.SetDefault(silent{})
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(silent{}))
	if err != nil {
		return nil, fmt.Errorf("testcontainers: %w", err)
	}
	return &Engine{
		cli:      cli,
		provider: provider,
		keep:     os.Getenv("ASSAY_KEEP") != "",
		Info: Info{
			Address: host, Version: info.Info.ServerVersion, API: cli.ClientVersion(),
			OS: info.Info.OperatingSystem, Kernel: info.Info.KernelVersion, Arch: info.Info.Architecture,
			CPUs: info.Info.NCPU, Memory: info.Info.MemTotal,
		},
	}, nil
})

// Image makes sure that the image is there, building it on first use.
func (e *Engine) Image(ctx context.Context, src image.Source) (image.Built, error) {
	return image.Ensure(ctx, e.cli, src)
}

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

func (e *Engine) made() {
	if e.reaper != nil {
		e.reaper.say(made)
	}
}

func (e *Engine) removed() {
	if e.reaper != nil {
		e.reaper.say(removed)
	}
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
	case strings.Contains(text, "unable to apply caps"), strings.Contains(text, "operation not permitted"):
		return fmt.Errorf("%w\n  what to do: the engine refuses a capability that the container asks for (a rootless engine grants fewer)", err)
	}
	return err
}
