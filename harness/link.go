package harness

import (
	"fmt"
	"slices"

	"assay/harness/engine/image"
	"assay/harness/evidence"
	"assay/harness/fault"
	"assay/harness/history"
)

// Link is a path between clients and a server's port, on which faults can be put. See package fault.
type Link = fault.Link

// Link returns a link from this test to the server's main port: a stable address for clients in this process.
func (e *Env) Link(name string, to Server) *Link {
	e.t.Helper()
	return e.LinkPort(name, to, e.mainPort(name, to))
}

// LinkPort is Link for another port of the server.
func (e *Env) LinkPort(name string, to Server, port int) *Link {
	e.t.Helper()
	n := to.node()
	l, err := fault.NewLink(e.hooks, name, fmt.Sprintf("%s:%d", n.Name, port))
	if err != nil {
		e.fatal(evidence.Broken, "%s", err)
	}
	e.enlist(l, "test")
	e.OnClose(l.Close)
	if err := n.attach(linkTo{l, port}); err != nil {
		e.fatal(evidence.Broken, "%s", err)
	}
	return l
}

// LinkBetween returns a link to the server's main port for clients in other containers, which dial its Address. The first
// one starts a container for them on the Env's network.
func (e *Env) LinkBetween(name string, to Server) *Link {
	e.t.Helper()
	return e.LinkPortBetween(name, to, e.mainPort(name, to))
}

func (e *Env) mainPort(link string, to Server) int {
	e.t.Helper()
	port, err := to.node().spec.mainPort()
	if err != nil {
		e.fatal(evidence.Broken, "link %q: %s", link, err)
	}
	return port
}

// LinkPortBetween is LinkBetween for another port of the server.
func (e *Env) LinkPortBetween(name string, to Server, port int) *Link {
	e.t.Helper()
	n := to.node()
	if n.spec.Mesh != nil {
		e.fatal(evidence.Broken, "link %q: %s is a member of mesh %s, which other containers do not reach", name, n.Name, n.spec.Mesh.Name)
	}
	if e.proxies == nil {
		const host = "links"
		e.proxies = fault.NewProxies(host)
		e.proxied(e.proxies, e.Start(linksContainer(host)))
	}
	l := e.proxies.NewLink(e.hooks, name, fmt.Sprintf("%s:%d", n.Name, port))
	e.enlist(l, "containers")
	if err := n.attach(linkTo{l, port}); err != nil {
		e.fatal(evidence.Broken, "%s", err)
	}
	return l
}

// linksContainer carries links between containers.
func linksContainer(name string, ports ...int) Container {
	return Container{Name: name, Image: image.Recipe("links"), Ports: append([]int{controlPort}, ports...), Ready: RespondsHTTP("/ready")}
}

// proxied tells the proxies when their container is up, or why it is not.
func (e *Env) proxied(proxies *fault.Proxies, n *Node) {
	e.work.Go(func() {
		<-n.up
		if n.err != nil {
			proxies.Started("", n.err)
			return
		}
		address, err := n.container.Address(controlPort)
		proxies.Started(address, err)
	})
}

func (e *Env) enlist(l *Link, from string) {
	e.t.Helper()
	for _, other := range e.record.Links {
		if other.Name == l.Name {
			e.fatal(evidence.Broken, "two links are called %q", l.Name)
		}
	}
	e.record.Links = append(e.record.Links, evidence.Link{Name: l.Name, From: from, To: l.To})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.links = append(e.links, l)
}

// Direct is the link that clients use on which the scenario puts no fault: the server's own stable address, called as the
// server is.
func (n *Node) Direct() *Link {
	n.env.t.Helper()
	if n.direct == nil {
		n.direct = n.env.Link(n.Name, n)
	}
	return n.direct
}

// Client returns a recorder of one client's operations, which travel over the links. What happens to a link, to the server at
// its end, or to the mesh of which that server is a member, this client is expected to feel.
func (e *Env) Client(name string, over ...*Link) *history.Client { return e.client("", name, over...) }

// client is Client for one on a side.
func (e *Env) client(side, name string, over ...*Link) *history.Client {
	var via []string
	for _, l := range over {
		server := serverOf(l.To)
		via = append(via, l.Name, server)
		if mesh := e.meshOf(server); mesh != nil && !slices.Contains(via, mesh.Name) {
			via = append(via, mesh.Name)
		}
	}
	e.mu.Lock()
	e.over[name] = over
	e.mu.Unlock()
	return e.recorder.ClientOn(side, name, via...)
}

// meshOf is the mesh of which the node is a member, if any.
func (e *Env) meshOf(node string) *Mesh {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range e.nodes {
		if n.Name == node {
			return n.spec.Mesh
		}
	}
	return nil
}
