package fault

import (
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/gofrs/flock"

	"assay/harness/internal/cache"
)

// The ports of links lie below the ranges from which kernels draw for outgoing connections and engines for published ports.
// So nobody takes a link's port by chance while the link does not listen (severed, or its server is down), save another link:
// test processes share the range by blocks, and a process holds the lock of a block from which it takes ports.
const (
	lowestPort  = 20000
	highestPort = 31999
	blockPorts  = 100
	blocks      = (highestPort + 1 - lowestPort) / blockPorts
)

var ports portPool

type portPool struct {
	mu    sync.Mutex
	free  []int
	locks []*flock.Flock // held until the process ends
}

// take returns a port on which nobody listens.
func (p *portPool) take() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if len(p.free) == 0 {
			if err := p.claim(); err != nil {
				return 0, err
			}
		}
		port := p.free[0]
		p.free = p.free[1:]
		// A port that somebody outside of Assay listens on is not given out again.
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
}

// give takes a port back. It is the last to be taken again, so that a client that was left over does not soon meet another
// link at its address.
func (p *portPool) give(port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, port)
}

// claim locks a block that no process has. Holding mu.
func (p *portPool) claim() error {
	dir, err := cache.Dir("ports")
	if err != nil {
		return err
	}
	first := rand.IntN(blocks)
	for i := range blocks {
		low := lowestPort + (first+i)%blocks*blockPorts
		lock := flock.New(filepath.Join(dir, strconv.Itoa(low)))
		ok, err := lock.TryLock()
		if err != nil {
			return fmt.Errorf("lock the ports from %d on against other test processes: %w", low, err)
		}
		if ok {
			p.locks = append(p.locks, lock)
			for port := low; port < low+blockPorts; port++ {
				p.free = append(p.free, port)
			}
			return nil
		}
	}
	return fmt.Errorf("all ports from %d to %d of 127.0.0.1 are taken, by links of other test processes (locks in %s) or by others", lowestPort, highestPort, dir)
}
