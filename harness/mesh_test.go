package harness

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"assay/harness/check"
	"assay/harness/evidence"
	"assay/harness/fault"
)

// These tests cut real members in containers off from each other, and look at what each has heard.

type peers struct {
	*Mesh
	t     *testing.T
	nodes map[string]*Node
	words int
}

func startPeers(t *testing.T, e *Env, names ...string) *peers {
	p := &peers{Mesh: e.Mesh("cluster", names...), t: t, nodes: map[string]*Node{}}
	p.Probe = pingPeer
	for _, name := range names {
		command := []string{name, p.Listen(name)}
		for _, other := range names {
			if other != name {
				command = append(command, other+"="+p.Address(other))
			}
		}
		p.nodes[name] = e.Start(Container{
			Name: name, Image: ImageDir("peer", "testdata/peer"), Command: command, Mesh: p.Mesh, Ports: []int{8080}, Ready: RespondsHTTP("/heard"),
		})
	}
	for _, n := range p.nodes {
		n.Ready()
	}
	p.Ready()
	return p
}

func pingPeer(ctx context.Context, address string) error {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return err
	}
	fmt.Fprintln(c, "ping")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && line != "pong\n" {
		err = fmt.Errorf("it answers %q", line)
	}
	return err
}

func (p *peers) get(name, path string) (string, error) {
	address, err := p.nodes[name].container.Address(8080)
	if err != nil {
		return "", err
	}
	resp, err := http.Get("http://" + address + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), err
}

// word is what one member says to another on a connection.
type word struct{ from, to, on, what string }

// say has each member say a word to each other, on the connection that it has dialled and on the one that the other has.
func (p *peers) say() (said []word, err error) {
	for _, from := range p.Members {
		for _, to := range p.Members {
			for _, on := range []string{"dialled", "accepted"} {
				if from == to {
					continue
				}
				p.words++
				w := word{from, to, on, fmt.Sprintf("%s-%s-%s-%d", from, to, on, p.words)}
				if _, err := p.get(from, fmt.Sprintf("/say?to=%s&on=%s&what=%s", to, on, w.what)); err != nil {
					return nil, fmt.Errorf("%v: %w", w, err)
				}
				said = append(said, w)
			}
		}
	}
	return said, nil
}

// heard is the condition that each word has been heard that was not lost.
func (p *peers) heard(said []word, lost map[string]bool) Condition {
	return func() error {
		for _, w := range said {
			if all, err := p.get(w.to, "/heard"); err != nil {
				return err
			} else if !lost[w.from+">"+w.to] && !strings.Contains(all, w.what+"\n") {
				return fmt.Errorf("%s has not heard %s", w.to, w.what)
			}
		}
		return nil
	}
}

// deaf requires that none of the words was heard that was to be lost.
func (p *peers) deaf(said []word, lost map[string]bool) {
	p.t.Helper()
	for _, w := range said {
		all, err := p.get(w.to, "/heard")
		require.NoError(p.t, err)
		if lost[w.from+">"+w.to] {
			require.NotContains(p.t, all, w.what+"\n")
		}
	}
}

// talks is the condition that words between all members are heard, on whatever connections there are now.
func (p *peers) talks() error {
	said, err := p.say()
	if err != nil {
		return err
	}
	return p.heard(said, nil)()
}

func TestMeshOfContainers(t *testing.T) {
	r := withEngine(t, func(e *Env) {
		p := startPeers(t, e, "n1", "n2", "n3")
		require.Equal(t, []string{"n1", "n1", "cluster", "n2", "n2"}, e.Client("client", p.nodes["n1"].Direct(), p.nodes["n2"].Direct()).Via(),
			"clients of members feel the mesh, too")
		e.Await("all talk with each other", p.Whole, p.talks)
		require.Equal(t, check.Unknown, p.Felt().Verdict, "without a fault nobody is cut off")
		e.Calm(good)

		for _, form := range []struct {
			inject func() *fault.Fault
			lost   string
		}{
			{func() *fault.Fault { return p.Cut("n1", "n2") }, "n1>n2"},
			{func() *fault.Fault { return p.Cut("n2", "n1") }, "n2>n1"},
			{func() *fault.Fault { return p.Deafen("n3") }, "n1>n3 n2>n3"},
			{func() *fault.Fault { return p.Mute("n3") }, "n3>n1 n3>n2"},
			{func() *fault.Fault { return p.Isolate("n2") }, "n1>n2 n3>n2 n2>n1 n2>n3"},
			{func() *fault.Fault { return p.Partition([]string{"n3"}, []string{"n1", "n2"}) }, "n1>n3 n2>n3 n3>n1 n3>n2"},
			{func() *fault.Fault { return p.Bridge("n1") }, "n2>n3 n3>n2"},
		} {
			lost := map[string]bool{}
			for pair := range strings.FieldsSeq(form.lost) {
				lost[pair] = true
			}
			f := form.inject()
			said, err := p.say()
			require.NoError(t, err, "a black hole takes what is said")
			e.Await("what is not lost is heard", p.heard(said, lost))
			p.deaf(said, lost)
			felt := p.Felt()
			require.Equal(t, check.Holds, felt.Verdict, felt.Summary)
			e.Witness(f, felt)
			e.Heal(f)
			e.Await("all talk with each other again", p.talks, p.Whole)
			p.deaf(said, lost) // nor did it come late
		}

		f := p.Sever([]string{"n1"}, []string{"n2", "n3"})
		e.Await("who is cut off is told", func() error {
			if _, err := p.get("n1", "/say?to=n2&on=dialled&what=severed"); err == nil {
				return fmt.Errorf("n1 still has a connection")
			}
			return nil
		})
		e.Witness(f, p.Felt())
		e.Heal(f)
		e.Await("all talk with each other again", p.talks, p.Whole)

		// A member comes back to the mesh, and to its links, as it went.
		killed := p.nodes["n2"].Kill()
		require.Error(t, p.Reaches("n1", "n2")())
		e.Witness(killed, check.That("n2 is dead", true, "it is"))
		e.Heal(killed)
		e.Await("all talk with each other again", p.nodes["n2"].Answers, p.talks, p.Whole)
		f = p.Isolate("n2")
		e.Witness(f, p.Felt())
		e.Heal(f)
		e.Await("all talk with each other again", p.talks, p.Whole)

		e.Contrast("nothing is lost", good, forgetful)
	})
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Len(t, rec.Faults, 10)
	require.Len(t, rec.Links, 8, "six between the members, and two of the client")
	require.True(t, slices.ContainsFunc(rec.Links, func(l evidence.Link) bool {
		return l.Name == "cluster n1 → n2" && l.From == "n1" && l.To == "n2:20002" && l.Connections > 0
	}), "%v", rec.Links)
	for _, f := range rec.Faults {
		if f.Kind != "kill" {
			require.Contains(t, f.Nature, "nothing went through on the paths that it cut", f.Kind)
		}
	}
	require.Contains(t, r.notebook.String(), "⚡ partition n3 | n1 n2 on cluster")
}

func TestSabotagedMeshIsNoticed(t *testing.T) {
	t.Setenv("ASSAY_SABOTAGE", "faults")
	r := withEngine(t, func(e *Env) {
		p := startPeers(t, e, "n1", "n2")
		e.Await("both talk", p.Whole, p.talks)
		e.Calm(good)
		f := p.Isolate("n1")
		e.Witness(f, p.Felt())
		e.Heal(f)
		e.Await("both talk", p.Whole)
		e.Contrast("nothing is lost", good, forgetful)
	})
	r.failedWith(t, evidence.Vacuous, "nobody felt isolate n1 on cluster", "n1 → n2 answers; n2 → n1 answers")
}

func TestMeshThatMakesNoSense(t *testing.T) {
	for want, test := range map[string]func(*Env){
		"mesh cluster has 1 members":                        func(e *Env) { e.Mesh("cluster", "n1") },
		`mesh cluster: two members are called "n1"`:         func(e *Env) { e.Mesh("cluster", "n1", "n1") },
		`mesh cluster: member "N 1": a name is also a host`: func(e *Env) { e.Mesh("cluster", "N 1", "n2") },
		`container n3 is no member of mesh cluster: there are`: func(e *Env) {
			e.Start(Container{Name: "n3", Ports: []int{80}, Mesh: &Mesh{Mesh: &fault.Mesh{Name: "cluster"}}})
		},
	} {
		offline(t, test).failedWith(t, evidence.Broken, want)
	}
	t.Run("a link from elsewhere", func(t *testing.T) {
		r := withEngine(t, func(e *Env) {
			m := e.Mesh("cluster", "n1", "n2")
			c := small("n1")
			c.Mesh = m
			e.LinkBetween("outside", e.Start(c))
		})
		r.failedWith(t, evidence.Broken, "n1 is a member of mesh cluster, which other containers do not reach")
	})
	t.Run("not told how to probe", func(t *testing.T) {
		r := withEngine(t, func(e *Env) {
			m := e.Mesh("cluster", "n1", "n2")
			_ = m.Whole()
		})
		r.failedWith(t, evidence.Broken, "mesh cluster was not told how its members speak with each other")
	})
}
