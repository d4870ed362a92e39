package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"assay/harness/fault/wire"
)

// Proxies is a container of wires, for links between containers.
type Proxies struct {
	host string // what containers call it
	on   string // where in it links listen: on all its addresses, of which no other machine knows

	ready   chan struct{} // closed when control or err is set
	control string        // its control port, as a URL
	err     error

	mu   sync.Mutex
	next int // port of the next link
}

// firstPort is where links between containers begin to listen, away from the control port.
const firstPort = 20001

// NewProxies returns the wires of a container that others call host. Its control address may come later (Started), so that containers can
// be told of links while it starts.
func NewProxies(host string) *Proxies {
	return &Proxies{host: host, on: "0.0.0.0", ready: make(chan struct{}), next: firstPort}
}

// Started tells where the control port is reached from this process, or why it is not.
func (ps *Proxies) Started(control string, err error) {
	ps.control, ps.err = "http://"+control, err
	close(ps.ready)
}

// NewLink returns a link for clients in containers to a server in a container, given as name:port on the network that both
// share with the proxies. Clients are refused until those run.
func (ps *Proxies) NewLink(hooks *Hooks, name, to string) *Link {
	ps.mu.Lock()
	port := ps.next
	ps.next++
	ps.mu.Unlock()
	listen := func() (string, error) { return net.JoinHostPort(ps.on, strconv.Itoa(port)), nil }
	return ps.link(hooks, name, to, net.JoinHostPort(ps.host, strconv.Itoa(port)), to, fmt.Sprintf("link-%d", port), listen)
}

// link is a link that leads to its server from the moment at which the proxies run: only then is listen asked where it listens.
func (ps *Proxies) link(hooks *Hooks, name, to, address, home, as string, listen func() (string, error)) *Link {
	l := &Link{Name: name, To: to, hooks: hooks, address: address, home: home, state: wire.State{Target: home}}
	l.place = ps.wire(as, l.state, listen)
	return l
}

// wire has a wire made as soon as the proxies run.
func (ps *Proxies) wire(name string, state wire.State, listen func() (string, error)) *remote {
	r := &remote{proxies: ps, name: name, made: make(chan struct{})}
	go func() {
		defer close(r.made)
		<-ps.ready
		if r.err = ps.err; r.err != nil {
			return
		}
		if r.listen, r.err = listen(); r.err == nil {
			_, r.err = r.put(state)
		}
	}()
	return r
}

// remote is a wire in that container.
type remote struct {
	proxies *Proxies
	name    string // to the control, of letters, digits and dashes
	listen  string
	made    chan struct{} // closed when the wire is there or err is set
	err     error
}

func (r *remote) there() error {
	<-r.made
	return r.err
}

// Set waits until the wire is there.
func (r *remote) Set(state wire.State) (wire.Report, error) {
	if err := r.there(); err != nil {
		return wire.Report{}, err
	}
	return r.put(state)
}

func (r *remote) put(state wire.State) (report wire.Report, err error) {
	order, err := json.Marshal(wire.Order{Listen: r.listen, State: state})
	if err != nil {
		return report, err
	}
	return report, r.proxies.ask(http.MethodPut, "/wires/"+url.PathEscape(r.name), order, &report)
}

func (r *remote) seen(told map[*Proxies]map[string]wire.Report) (wire.Report, bool) {
	if _, asked := told[r.proxies]; !asked {
		told[r.proxies] = r.proxies.reports()
	}
	report, ok := told[r.proxies][r.name]
	return report, ok
}

// Close is not needed: the wire ends with its container.
func (r *remote) Close() error { return nil }

// controlLimit bounds one call of the control, which answers in less than a millisecond.
const controlLimit = 30 * time.Second

// ask has the control do something, and reads its answer.
func (ps *Proxies) ask(method, path string, body []byte, answer any) error {
	ctx, cancel := context.WithTimeout(context.Background(), controlLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, ps.control+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", strings.TrimSpace(string(said)))
	}
	return json.Unmarshal(said, answer)
}

// reports tells what the wires have seen, or nothing where they do not run.
func (ps *Proxies) reports() map[string]wire.Report {
	select {
	case <-ps.ready:
	default:
		return nil
	}
	var all map[string]wire.Report
	if ps.err != nil || ps.ask(http.MethodGet, "/wires", nil, &all) != nil {
		return nil // whoever needs the links is told
	}
	return all
}
