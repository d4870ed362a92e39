package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	toxiclient "github.com/Shopify/toxiproxy/v2/client"
	"github.com/rs/zerolog"
)

// proxy is the one surface of the two places in which Toxiproxy runs.
type proxy interface {
	add(toxic) error
	remove(toxic) error
	enable(bool) error
	retarget(address string) error
	close() error
}

// toxic is Toxiproxy's word for what a proxy does to a stream.
type toxic struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Toxicity   float32        `json:"toxicity"`
	Attributes map[string]any `json:"attributes"`
}

// Nowhere is the target of a link whose server has no address at the moment: dialling it is refused at once. A killed
// server's port on this machine may be given to another container, which its clients must not reach.
const Nowhere = "127.0.0.1:0"

// healLimit is how long the removal of a toxic may take before its proxy is made anew: Toxiproxy's control plane wedges
// where the receiver of a stream does not read (toxiproxy#558).
const healLimit = 2 * time.Second

// NewLink returns a link for clients in this process, with a Toxiproxy of its own embedded in it: no container, and refusals
// and resets as the kernel makes them. It leads Nowhere until Retarget.
func NewLink(scene *Scene, name, to string) (*Link, error) {
	p := &embedded{name: name, target: Nowhere}
	// Below the ranges that kernels draw from for outgoing connections, so that no such connection can take the port in the
	// moment between the stop and the start of a proxy that is retargeted.
	const low, high, tries = 20000, 32000, 200
	var err error
	for range tries {
		p.listen = net.JoinHostPort("127.0.0.1", strconv.Itoa(low+rand.IntN(high-low)))
		if err = p.make(); err == nil {
			return &Link{Name: name, To: to, scene: scene, address: p.listen, proxy: p}, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, fmt.Errorf("listen for link %s on 127.0.0.1, ports %d to %d: %w", name, low, high, err)
}

// server is what embedded proxies report to. Its API is not served.
var server = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())

// embedded is a Toxiproxy proxy in this process.
type embedded struct {
	name, listen string

	mu       sync.Mutex
	p        *toxiproxy.Proxy
	target   string
	disabled bool
	toxics   []toxic
}

// make makes the proxy as it should be now. Holding mu.
func (e *embedded) make() error {
	e.p = toxiproxy.NewProxy(server, e.name, e.listen, e.target)
	for _, t := range e.toxics {
		if err := addTo(e.p, t); err != nil {
			return err
		}
	}
	if e.disabled {
		return nil
	}
	return e.p.Start()
}

func addTo(p *toxiproxy.Proxy, t toxic) error {
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	_, err = p.Toxics.AddToxicJson(bytes.NewReader(b))
	return err
}

func (e *embedded) add(t toxic) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := addTo(e.p, t); err != nil {
		return err
	}
	e.toxics = append(e.toxics, t)
	return nil
}

func (e *embedded) remove(t toxic) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.toxics = without(e.toxics, t)
	done := make(chan error, 1)
	go func(p *toxiproxy.Proxy) { done <- p.Toxics.RemoveToxic(context.Background(), t.Name) }(e.p)
	select {
	case err := <-done:
		return err
	case <-time.After(healLimit):
		e.p.Stop()
		return e.make()
	}
}

func (e *embedded) enable(on bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.disabled = !on
	if !on {
		e.p.Stop()
		return nil
	}
	return e.p.Start()
}

func (e *embedded) retarget(address string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.target = address
	e.p.Stop()
	return e.make()
}

func (e *embedded) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.p.Stop()
	return nil
}

func without(all []toxic, t toxic) []toxic {
	var rest []toxic
	for _, o := range all {
		if o.Name != t.Name {
			rest = append(rest, o)
		}
	}
	return rest
}

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
func (ps *Proxies) NewLink(scene *Scene, name, to string) *Link {
	ps.mu.Lock()
	port := ps.next
	ps.next++
	ps.mu.Unlock()
	r := &remote{proxies: ps, made: make(chan struct{})}
	go func() {
		defer close(r.made)
		<-ps.ready
		if r.err = ps.err; r.err == nil {
			r.listen, r.target = fmt.Sprintf("0.0.0.0:%d", port), to
			r.p, r.err = ps.client.CreateProxy(name, r.listen, to)
		}
	}()
	return &Link{Name: name, To: to, scene: scene, address: net.JoinHostPort(ps.host, strconv.Itoa(port)), proxy: r}
}

// remote is a proxy in that container.
type remote struct {
	proxies        *Proxies
	made           chan struct{} // closed when p or err is set
	err            error
	listen, target string

	mu     sync.Mutex
	p      *toxiclient.Proxy
	toxics []toxic
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

func (r *remote) add(t toxic) error {
	return r.do(func() error {
		if _, err := r.p.AddToxic(t.Name, t.Type, t.Stream, t.Toxicity, t.Attributes); err != nil {
			return err
		}
		r.toxics = append(r.toxics, t)
		return nil
	})
}

func (r *remote) remove(t toxic) error {
	return r.do(func() error {
		r.toxics = without(r.toxics, t)
		done := make(chan error, 1)
		go func(p *toxiclient.Proxy) { done <- p.RemoveToxic(t.Name) }(r.p)
		select {
		case err := <-done:
			return err
		case <-time.After(healLimit):
			return r.remake()
		}
	})
}

// remake replaces a proxy whose control plane is stuck.
func (r *remote) remake() error {
	enabled := r.p.Enabled
	if err := r.p.Delete(); err != nil {
		return err
	}
	var err error
	if r.p, err = r.proxies.client.CreateProxy(r.p.Name, r.listen, r.target); err != nil {
		return err
	}
	for _, t := range r.toxics {
		if _, err := r.p.AddToxic(t.Name, t.Type, t.Stream, t.Toxicity, t.Attributes); err != nil {
			return err
		}
	}
	if !enabled {
		return r.p.Disable()
	}
	return nil
}

func (r *remote) enable(on bool) error {
	return r.do(func() error {
		if on {
			return r.p.Enable()
		}
		return r.p.Disable()
	})
}

// retarget is not needed: the network's name for the server leads to it also after a restart.
func (r *remote) retarget(string) error { return nil }

// close is not needed: the proxy ends with its container.
func (r *remote) close() error { return nil }
