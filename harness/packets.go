package harness

import (
	"context"
	"errors"
	"fmt"

	"assay/harness/engine"
	"assay/harness/engine/image"
	"assay/harness/evidence"
	"assay/harness/fault"
)

// Packets is the path of single packets between clients and a server's port, on which faults can be put. See package fault.
type Packets = fault.Packets

// Packets returns the path of packets to and from a port of the server, TCP or UDP. The first one for a server starts a container in
// the network stack of the server's, with the right to change it (NET_ADMIN); it returns at once. Draws are the test's seed's.
func (e *Env) Packets(to Server, port int) *Packets {
	e.t.Helper()
	if port < 1 || port > 65535 {
		e.fatal(evidence.Broken, "there is no port %d", port)
	}
	n := to.node()
	if n.sidecar == nil {
		n.sidecar = &sidecar{n: n, stack: fault.NewStack(e.hooks, n.Name)}
		e.work.Go(func() { n.sidecar.stack.Started(n.sidecar.start(e.ctx)) })
	}
	return n.sidecar.stack.Packets(port)
}

// sidecar is the container in a node's network stack.
type sidecar struct {
	n     *Node
	stack *fault.Stack

	container *engine.Container
	shell     *engine.Shell
}

func (b *sidecar) start(ctx context.Context) (fault.Shell, error) {
	e := b.n.env
	built, err := e.engine.Image(ctx, image.Recipe("packets"))
	if err != nil {
		return nil, err
	}
	<-b.n.started
	b.n.mu.Lock()
	of := b.n.container
	b.n.mu.Unlock()
	if of == nil {
		return nil, fmt.Errorf("%s was not started", b.n.Name)
	}
	b.container, err = e.engine.Run(ctx, b.n.places[0].Network, engine.Spec{
		Name: b.n.Name + "-packets", Image: built.Ref, NetworkOf: of, Capabilities: []string{"NET_ADMIN"},
	})
	if err != nil {
		return nil, err
	}
	return b.open(ctx)
}

func (b *sidecar) open(ctx context.Context) (fault.Shell, error) {
	shell, err := b.container.Shell(ctx)
	if err != nil {
		return nil, err
	}
	b.shell = shell
	return shell, nil
}

// renew follows a node that has been started again into its new network stack.
func (b *sidecar) renew(ctx context.Context) error {
	return b.stack.Renew(ctx, func() (fault.Shell, error) {
		_ = b.shell.Close()
		if _, err := b.container.Kill(ctx); err != nil {
			return nil, err
		}
		if err := b.container.Start(ctx); err != nil {
			return nil, err
		}
		return b.open(ctx)
	})
}

func (b *sidecar) remove(ctx context.Context) error {
	if b.container == nil {
		return nil
	}
	var err error
	if b.shell != nil {
		err = b.shell.Close()
	}
	return errors.Join(err, b.container.Remove(ctx))
}
