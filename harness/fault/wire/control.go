package wire

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Order asks a Control for a wire as it is to be. Listen is where it listens, which does not change later.
type Order struct {
	Listen string `json:"listen"`
	State  State  `json:"state"`
}

// Control has wires made and set from afar, over HTTP: PUT /wires/NAME with an Order as its body makes the wire if it is not there, sets
// it, and is answered with its Report when it is so; GET /wires is answered with the Reports of all wires by their names. What cannot be done
// is answered with status 409 and the reason. It asks for no password.
type Control struct {
	mu    sync.Mutex
	wires map[string]*Wire
}

// orderLimit bounds the size of an order, in bytes.
const orderLimit = 1 << 20

// Handler serves the control.
func (c *Control) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /wires", func(rw http.ResponseWriter, _ *http.Request) {
		answer(rw, c.reports())
	})
	mux.HandleFunc("PUT /wires/{name}", func(rw http.ResponseWriter, r *http.Request) {
		var o Order
		if err := json.NewDecoder(io.LimitReader(r.Body, orderLimit)).Decode(&o); err != nil {
			http.Error(rw, fmt.Sprintf("that is no order: %v", err), http.StatusBadRequest)
			return
		}
		report, err := c.set(r.PathValue("name"), o)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusConflict)
			return
		}
		answer(rw, report)
	})
	return mux
}

func answer(rw http.ResponseWriter, what any) {
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(what) // who asked has gone, if anything
}

func (c *Control) set(name string, o Order) (Report, error) {
	w, err := c.wire(name, o.Listen)
	if err != nil {
		return Report{}, err
	}
	return w.Set(o.State)
}

func (c *Control) wire(name, listen string) (*Wire, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.wires[name]; w != nil {
		return w, nil
	}
	w, err := New(name, listen)
	if err != nil {
		return nil, err
	}
	if c.wires == nil {
		c.wires = map[string]*Wire{}
	}
	c.wires[name] = w
	return w, nil
}

func (c *Control) reports() map[string]Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]Report{}
	for name, w := range c.wires {
		all[name] = w.Report()
	}
	return all
}

// Close ends all wires.
func (c *Control) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.wires {
		_ = w.Close()
	}
	return nil
}
