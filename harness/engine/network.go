package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
)

// Network is a bridge network of one test.
type Network struct {
	Name string

	engine *Engine
	id     string
}

// NewNetwork makes a network whose name begins with the given one. It takes a small subnet of its own (/28, 13 containers):
// the engine's default pools hold about 31 networks, which parallel runs exhaust.
func (e *Engine) NewNetwork(ctx context.Context, name string) (*Network, error) {
	labels, err := e.labels()
	if err != nil {
		return nil, err
	}
	const tries = 20
	for try := 1; ; try++ {
		subnet := freeSubnet(hostPrefixes())
		n := &Network{engine: e, Name: fmt.Sprintf("assay-%s-%s", name, token())}
		e.made()
		made, err := e.provider.CreateNetwork(ctx, testcontainers.NetworkRequest{
			Name: n.Name, Driver: "bridge", Labels: labels,
			IPAM: &network.IPAM{Driver: "default", Config: []network.IPAMConfig{{Subnet: subnet}}},
		})
		if err == nil {
			n.id = made.(*testcontainers.DockerNetwork).ID
			return n, nil
		}
		e.removed()
		if !strings.Contains(err.Error(), "overlap") || try == tries {
			return nil, fmt.Errorf("make a network with subnet %s: %w", subnet, explain(err))
		}
	}
}

// Remove removes the network; the containers on it must be gone.
func (n *Network) Remove(ctx context.Context) error {
	if err := removeNetwork(ctx, n.engine.cli, n.id); err != nil {
		return fmt.Errorf("remove network %s: %w", n.Name, err)
	}
	n.engine.removed()
	return nil
}

// freeSubnet draws a /28 from 10.160.0.0/11, away from what the machine's own interfaces are on. The engine refuses one that
// overlaps another network of its own.
func freeSubnet(taken []netip.Prefix) netip.Prefix {
	for {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 160 | byte(rand.IntN(32)), byte(rand.IntN(256)), byte(rand.IntN(16)) << 4}), 28)
		free := true
		for _, t := range taken {
			// An interface on all of 10.0.0.0/8 leaves no choice; a narrower one does.
			if t.Bits() > 11 && t.Overlaps(p) {
				free = false
			}
		}
		if free {
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
