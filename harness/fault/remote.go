package fault

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	toxiclient "github.com/Shopify/toxiproxy/v2/client"
)

// Proxies is a Toxiproxy in a container, for links between containers.
type Proxies struct {
	host string // what containers call it

	ready  chan struct{} // closed when client or err is set
	client *toxiclient.Client
	err    error

	mu   sync.Mutex
	next int // port of the next link
}

// firstPort is where links between containers begin to listen, away from Toxiproxy's control port.
const firstPort = 20001

// NewProxies returns the proxies of a Toxiproxy that containers call host. Its control address may come later (Started), so
// that containers can be told of links while it starts.
func NewProxies(host string) *Proxies {
	return &Proxies{host: host, ready: make(chan struct{}), next: firstPort}
}

// Started tells where Toxiproxy's control port is reached from this process, or why it is not.
func (ps *Proxies) Started(control string, err error) {
	if err == nil {
		ps.client = toxiclient.NewClient(control)
	}
	ps.err = err
	close(ps.ready)
}

// NewLink returns a link for clients in containers to a server in a container, given as name:port on the network that both
// share with Toxiproxy. Clients are refused until Toxiproxy runs.
func (ps *Proxies) NewLink(hooks *Hooks, name, to string) *Link {
	ps.mu.Lock()
	port := ps.next
	ps.next++
	ps.mu.Unlock()
	return &Link{
		Name: name, To: to, hooks: hooks, address: net.JoinHostPort(ps.host, strconv.Itoa(port)),
		proxy: ps.proxy(fmt.Sprintf("link-%d", port), to, func() (string, error) { return net.JoinHostPort("0.0.0.0", strconv.Itoa(port)), nil }),
	}
}

// proxy returns a proxy of that name to a server, made as soon as Toxiproxy runs: only then is listen asked where it listens.
func (ps *Proxies) proxy(name, to string, listen func() (string, error)) *remote {
	r := &remote{proxies: ps, name: name, listen: listen, target: to, made: make(chan struct{})}
	go func() {
		defer close(r.made)
		<-ps.ready
		if r.err = ps.err; r.err == nil {
			r.p, r.err = r.create()
		}
	}()
	return r
}

// remote is a proxy in that container.
type remote struct {
	proxies *Proxies
	name    string // of letters, digits and dashes: it is part of a path, unescaped
	listen  func() (string, error)
	target  string
	made    chan struct{} // closed when p or err is set
	err     error

	mu      sync.Mutex
	p       *toxiclient.Proxy
	serial  int // of its proxies: one that is stuck is left, and another takes its port
	effects []effect
	severed int // how many faults sever it
}

// toxic is Toxiproxy's word for an effect.
func toxic(e effect) (name, kind, way string, attributes toxiclient.Attributes) {
	switch e.kind {
	case delays:
		kind, attributes = "latency", toxiclient.Attributes{"latency": e.delay.Milliseconds()}
	case throttles:
		kind, attributes = "bandwidth", toxiclient.Attributes{"rate": e.rate}
	case drops:
		kind, attributes = "timeout", toxiclient.Attributes{"timeout": 0} // never
	case resets:
		kind, attributes = "reset_peer", toxiclient.Attributes{"timeout": 0} // at once
	}
	way = "upstream"
	if e.way == ServerToClient {
		way = "downstream"
	}
	return fmt.Sprintf("%s-%s-%d", kind, way, e.id), kind, way, attributes
}

func addTo(p *toxiclient.Proxy, e effect) error {
	name, kind, way, attributes := toxic(e)
	_, err := p.AddToxic(name, kind, way, 1, attributes)
	return err
}

func removeFrom(p *toxiclient.Proxy, e effect) error {
	name, _, _, _ := toxic(e)
	return p.RemoveToxic(name)
}

// create makes the proxy as it should be now.
func (r *remote) create() (*toxiclient.Proxy, error) {
	listen, err := r.listen()
	if err != nil {
		return nil, err
	}
	p := r.proxies.client.NewProxy()
	r.serial++
	p.Name = fmt.Sprintf("%s-%d", r.name, r.serial)
	p.Listen, p.Upstream, p.Enabled = listen, r.target, r.severed == 0
	if err := p.Save(); err != nil {
		return nil, fmt.Errorf("make a proxy on %s: %w", p.Listen, err)
	}
	for _, e := range r.effects {
		if err := addTo(p, e); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// replace puts a new proxy in the place of one that is stuck. The old one is disabled, which closes its port at once and its
// connections most of the time: not if a client has dialled while it was stuck, until whoever does not read reads again. Deleting it
// could lock up the whole Toxiproxy, and even disabling may never be answered.
func (r *remote) replace() error {
	stuck := *r.p
	go func() { _ = stuck.Disable() }()
	deadline := time.After(stallLimit)
	again := time.NewTicker(5 * time.Millisecond) // until its port is free
	defer again.Stop()
	for {
		p, err := r.create()
		if err == nil {
			r.p = p
			return nil
		}
		select {
		case <-deadline:
			return err
		case <-again.C:
		}
	}
}

// do calls the proxy once it is there, one call at a time.
func (r *remote) do(call func() error) error {
	<-r.made
	if r.err != nil {
		return r.err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return call()
}

func (r *remote) add(effects []effect) error {
	return r.do(func() error {
		before, p := r.effects, r.p
		for _, e := range effects {
			if err := unlessStalled(func() error { return addTo(p, e) }); err != nil {
				r.effects = before
				return errors.Join(err, r.replace())
			}
			r.effects = append(r.effects, e)
		}
		return nil
	})
}

func (r *remote) remove(effects []effect) error {
	return r.do(func() error {
		p, rest := r.p, without(r.effects, effects)
		if tears(effects, r.effects) {
			r.effects = rest
			return r.replace()
		}
		for _, e := range effects {
			if !slices.Contains(r.effects, e) {
				continue
			}
			err := unlessStalled(func() error { return removeFrom(p, e) })
			if errors.Is(err, errStalled) {
				r.effects = rest
				return r.replace()
			}
			if err != nil {
				return err
			}
			r.effects = without(r.effects, []effect{e})
		}
		return nil
	})
}

// stallLimit is how long Toxiproxy may take to add or remove a toxic. Both wait for every connection to pass on what it
// holds, so where the receiver of one does not read, they wait, and with them all that is asked of the proxy afterwards
// (toxiproxy#558).
const stallLimit = 2 * time.Second

var errStalled = errors.New("a client or server does not read what is sent to it, so that the fault cannot be put on its connection (toxiproxy#558): inject the fault before the reader stops")

// unlessStalled calls Toxiproxy and gives up waiting for it at stallLimit.
func unlessStalled(call func() error) error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	limit := time.NewTimer(stallLimit)
	defer limit.Stop()
	select {
	case err := <-done:
		return err
	case <-limit.C:
		return errStalled
	}
}

// tears says whether a removal takes out an effect before one of the same direction that came later. On a connection whose
// sender has ended it, and on which the later one still holds bytes back, Toxiproxy loses count of its toxics by that: the
// bytes stay where they are, and the next toxic that is added can end Toxiproxy (index out of range).
func tears(removed, all []effect) bool {
	for i, e := range all {
		if slices.Contains(removed, e) && slices.ContainsFunc(all[i:], func(later effect) bool { return later.way == e.way && !slices.Contains(removed, later) }) {
			return true
		}
	}
	return false
}

func (r *remote) sever() error {
	return r.do(func() error {
		if r.severed++; r.severed > 1 {
			return nil
		}
		if err := r.p.Disable(); err != nil {
			r.severed--
			return err
		}
		return nil
	})
}

func (r *remote) rejoin() error {
	return r.do(func() error {
		if r.severed--; r.severed > 0 {
			return nil
		}
		if err := r.p.Enable(); err != nil {
			r.severed++
			return err
		}
		return nil
	})
}

// retarget is not needed: the network's name for the server leads to it also after a restart.
func (r *remote) retarget(string) error { return nil }

// close is not needed: the proxy ends with its container.
func (r *remote) close() error { return nil }
