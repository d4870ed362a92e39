package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/check"
	"assay/harness/fault"
	wires "assay/harness/fault/wire"
)

// everything is all that can be done to a link and a node.
func everything(link *Link, node *Node, least, most time.Duration) []Action {
	way := func(inject func(fault.Direction) *fault.Fault) func(*Draw) []Injection {
		return func(d *Draw) []Injection {
			which := Pick(d, "way", fault.ClientToServer, fault.ServerToClient, fault.Both)
			return []Injection{func() *fault.Fault { return inject(which) }}
		}
	}
	return []Action{
		Does("sever", link.Sever),
		Draws("drop", way(link.Drop)),
		Draws("delay", func(d *Draw) []Injection {
			by := d.Duration("by", least, most)
			return way(func(which fault.Direction) *fault.Fault { return link.Delay(which, by) })(d)
		}),
		Does("pause", node.Pause),
		Does("kill", node.Kill),
	}
}

func TestNemesisOnAServer(t *testing.T) {
	t.Setenv("ASSAY_SEED", "5") // under which it does each of the five
	r := withEngine(t, func(e *Env) {
		server := e.Start(small("server"))
		server.Ready()
		link := e.Link("clients", server)
		client := e.Client("client", link)
		reach := func() error { return get(client, link) }
		for range 5 {
			require.NoError(t, reach())
		}
		e.Calm(good)
		work := e.Load(10*time.Millisecond, func(context.Context) { _ = reach() })
		work.Run()
		run := e.Nemesis(everything(link, server, 800*ms, 1000*ms)...).
			Over(Plan{Over: 17000 * ms, Shortest: 2400 * ms, Longest: 3000 * ms, Rest: 400 * ms})
		e.Await("the nemesis is at its end", run.Ended)
		e.Await("the server is back", server.Answers, reach)
		work.Stop()
		proven(e)
	})
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Len(t, rec.Faults, len(rec.Schedule.Windows))
	felt := map[string]int{}
	for i, f := range rec.Faults {
		require.NotNil(t, f.To)
		require.Equal(t, rec.Schedule.Windows[i].Fault, f.Kind)
		if i > 0 {
			require.GreaterOrEqual(t, f.From, *rec.Faults[i-1].To)
		}
		if len(f.Witnesses) > 0 {
			felt[f.Kind]++
		}
	}
	require.Len(t, felt, 5, "each of the five was felt: %v", felt)
}

// remember has the server store a name, which it does in memory.
func remember(l *Link, name string) error {
	order, err := json.Marshal(wires.Order{Listen: "127.0.0.1:0", State: wires.State{Target: wires.Nowhere}})
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPut, "http://"+l.Address()+"/wires/"+name, bytes.NewReader(order))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("PUT /wires/%s: %s: %s", name, resp.Status, text)
	}
	return nil
}

// remembers tells whether it still has the name.
func remembers(ctx context.Context, l *Link, name string) error {
	text, err := GetHTTP(ctx, l.Address(), "/wires")
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), name) {
		return fmt.Errorf("there is no %s", name)
	}
	return nil
}

// The test that `assay shrink` is tried on: its server keeps what it has acknowledged in memory only, and so forgets it when
// it is killed, and under no other fault. It is run by the command's test, in a process of its own.
func TestForgetfulServer(t *testing.T) {
	if os.Getenv("HARNESS_TEST_CHILD") == "" {
		t.Skip("it fails, as the test of `assay shrink` wants")
	}
	Prove(t, Claim{ID: "test", Says: "what the server has acknowledged is there"}, func(e *Env) {
		server := e.Start(small("server"))
		server.Ready()
		link := e.Link("clients", server)
		client := e.Client("client", link)
		reach := func() error { return get(client, link) }
		e.Require(remember(link, "order"), "store an order")
		e.Require(reach(), "reach the server")
		e.Calm(good)

		e.Step("storm")
		work := e.Load(5*time.Millisecond, func(context.Context) { _ = reach() })
		work.Run()
		run := e.Nemesis(everything(link, server, 50*ms, 100*ms)...).
			Over(Plan{Over: 1500 * ms, Shortest: 150 * ms, Longest: 300 * ms, Rest: 50 * ms})
		e.Await("the nemesis is at its end", run.Ended)
		e.Await("the server is back", server.Answers, reach)
		work.Stop()

		e.Step("verdict")
		err := remembers(e.Context(), link, "order")
		e.Contrast("nothing is lost", check.That("nothing is lost", err == nil, "the order: %v", err), forgetful)
	})
}
