package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// Network is a bridge network of one test.
type Network struct {
	Name string

	engine *Engine
	done   chan struct{} // closed when id or err is set
	id     string
	err    error
	gone   func()
}

// BeginNetwork begins to make a network whose name begins with the given one, and returns at once: containers can be created
// for it meanwhile. It takes a subnet of its own (/24, 253 containers): the engine's default pools hold about 31
// networks, which parallel runs exhaust.
//
// A process that has had several networks has one made ahead, while the last one is removed: its next test starts sooner. What
// was made in vain goes with the process, by the reaper.
func (e *Engine) BeginNetwork(ctx context.Context, name string) *Network {
	e.ahead.Lock()
	defer e.ahead.Unlock()
	e.networks++
	if n := e.spare; n != nil {
		e.spare = nil
		if n.Made() == nil {
			return n
		}
	}
	return e.begin(ctx, name)
}

// makeAhead makes the network of the next test, if there is likely to be one. What it returns waits until it is there.
func (e *Engine) makeAhead(ctx context.Context) (wait func()) {
	e.ahead.Lock()
	defer e.ahead.Unlock()
	if e.networks < 2 || e.spare != nil || e.keep {
		return func() {}
	}
	spare := e.begin(ctx, "spare")
	e.spare = spare
	return func() { <-spare.done }
}

func (e *Engine) begin(ctx context.Context, name string) *Network {
	n := &Network{engine: e, Name: fmt.Sprintf("assay-%s-%s", name, token()), done: make(chan struct{})}
	go func() {
		defer close(n.done)
		n.id, n.err = n.make(ctx)
	}()
	return n
}

// Made waits until the network is there, or tells why it is not.
func (n *Network) Made() error {
	<-n.done
	return n.err
}

func (n *Network) make(ctx context.Context) (id string, err error) {
	labels, err := n.engine.labels()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeLimit)
	defer cancel()
	const tries = 20
	for try := 1; ; try++ {
		subnet := freeSubnet(hostPrefixes())
		n.gone = n.engine.making()
		// Not by testcontainers, which lets a network's name and subnet be chosen no more.
		made, err := n.engine.cli.NetworkCreate(ctx, n.Name, client.NetworkCreateOptions{
			Driver: "bridge", Labels: labels,
			IPAM: &network.IPAM{Driver: "default", Config: []network.IPAMConfig{{Subnet: subnet}}},
		})
		if err == nil {
			return made.ID, nil
		}
		if refused(ctx, err) {
			n.gone()
		}
		if !strings.Contains(err.Error(), "overlap") || try == tries {
			return "", fmt.Errorf("make a network with subnet %s: %w", subnet, explain(err))
		}
	}
}

// Remove removes the network, if it came to be; the containers on it must be gone.
func (n *Network) Remove(ctx context.Context) error {
	if n.Made() != nil {
		return nil
	}
	defer n.engine.makeAhead(ctx)()
	if err := removeNetwork(ctx, n.engine.cli, n.id); err != nil {
		return fmt.Errorf("remove network %s: %w", n.Name, err)
	}
	n.gone()
	return nil
}

// freeSubnet draws a /24 from 10.160.0.0/11, away from what the machine's own interfaces are on, as far as they leave a choice.
// The engine refuses one that overlaps another network of its own.
func freeSubnet(taken []netip.Prefix) netip.Prefix {
	for tries := 1; ; tries++ {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 160 | byte(rand.IntN(32)), byte(rand.IntN(256)), 0}), 24)
		free := true
		for _, t := range taken {
			if t.Overlaps(p) {
				free = false
			}
		}
		if free || tries == 1000 {
			return p
		}
	}
}

func hostPrefixes() []netip.Prefix {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the engine still refuses what overlaps its own networks
	}
	var all []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, p.Masked())
		}
	}
	return all
}

// token is a short random name.
func token() string { return fmt.Sprintf("%08x", rand.Uint32()) }
