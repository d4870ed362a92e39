package harness

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"assay/harness/evidence"
	"assay/harness/fault"
	"assay/harness/history"
)

// These tests put real containers under the fake TB. The server is that of links between containers, which is as small as any.

func needsEngine(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out what needs containers")
	}
}

func withEngine(t *testing.T, test func(*Env)) ran {
	t.Helper()
	needsEngine(t)
	return run(t, func(tb TB) { Prove(tb, Claim{ID: "test", Says: "a test is a test"}, test) })
}

func small(name string) Container {
	return Container{Name: name, Image: ImageOf("links"), Ports: []int{8474}, Ready: RespondsHTTP("/ready")}
}

// get is one operation of a client: an HTTP round trip.
func get(c *history.Client, l *Link) error {
	op := c.Begin(history.Read, "version", 0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := RespondsHTTP("/ready")(ctx, l.Address())
	// Connections are not kept: each operation shows whether the server can be reached now.
	http.DefaultClient.CloseIdleConnections()
	if err != nil {
		op.End(history.Unknown, err)
		return err
	}
	op.EndRead(1, nil)
	return nil
}

func TestContainerThatDies(t *testing.T) {
	r := withEngine(t, func(e *Env) {
		n := e.Start(small("server"))
		n.Ready()
		// Behind the harness's back, as the kernel's OOM killer would.
		_, err := n.container.Kill(e.ctx)
		require.NoError(t, err)
		e.Await("never", func() error { return errNever })
	})
	r.failedWith(t, evidence.Died, "container server ended by itself with status 137", "the end of its log")
	require.Len(t, r.record(t).Logs, 1)
}

func TestServerThatNeverBecomesReady(t *testing.T) {
	t.Run("it ends", func(t *testing.T) {
		r := withEngine(t, func(e *Env) {
			c := small("server")
			c.Command = []string{"-no-such-flag"}
			e.Start(c).Ready()
		})
		r.failedWith(t, evidence.Died, "container server ended by itself with status 2 before it was ready", "the end of its log", "Usage of /links")
	})
	t.Run("it cannot start", func(t *testing.T) {
		r := withEngine(t, func(e *Env) {
			c := small("server")
			c.Entrypoint = []string{"/no-such-program"}
			e.Start(c).Ready()
		})
		r.failedWith(t, evidence.Broken, "start container server", "no-such-program")
	})
	t.Run("a name that is none", func(t *testing.T) {
		r := offline(t, func(e *Env) { e.Start(Container{Name: "my server", Ports: []int{80}}) })
		r.failedWith(t, evidence.Broken, `container "my server"`, "host name")
	})
	t.Run("two of a name", func(t *testing.T) {
		r := withEngine(t, func(e *Env) {
			e.Start(small("server"))
			e.Start(small("server"))
		})
		r.failedWith(t, evidence.Broken, `two containers are called "server"`)
	})
}

func TestNodeFaults(t *testing.T) {
	r := withEngine(t, func(e *Env) {
		n := e.Start(small("server"))
		n.Ready()
		link := e.Link("clients", n)
		client := e.Client("client", link)
		reach := func() error { return get(client, link) }
		require.NoError(t, reach())
		e.Calm(good)

		before := link.Address()
		published, err := n.container.Address(8474)
		require.NoError(t, err)
		killed := n.Kill()
		require.Error(t, reach())
		e.Heal(killed)
		e.Await("the server is back", n.Answers, reach)
		require.Equal(t, before, link.Address(), "a client's address outlives a restart")
		now, err := n.container.Address(8474)
		require.NoError(t, err)
		require.NotEqual(t, published, now, "the engine gave another port, or this proves nothing")

		paused := n.Pause()
		require.Error(t, reach())
		e.Heal(paused)
		e.Await("the server is awake", reach)
		e.Contrast("nothing is lost", good, forgetful)
	})
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Len(t, rec.Faults, 2)
	require.Equal(t, "restart", rec.Faults[0].Undo)
	require.Equal(t, "resume", rec.Faults[1].Undo)
	require.Len(t, rec.Links, 1)
	link := rec.Links[0]
	require.Positive(t, min(link.Connections, link.Sent, link.Received))
	link.Connections, link.Sent, link.Received = 0, 0, 0
	require.Equal(t, evidence.Link{Name: "clients", From: "test", To: "server:8474"}, link)
	require.Equal(t, "clients", rec.Faults[0].Traffic[0].Link, "a fault of the server is about the links that lead to it")
	require.Contains(t, r.notebook.String(), "    over clients: ")
	require.Len(t, rec.Nodes, 1)
	require.NotEmpty(t, rec.Nodes[0].ImageID)
	require.NotEmpty(t, rec.Engine.Version)
}

// A link between containers carries the same faults as one from the test. The client in a container is links again: one of
// its own, which leads to the link.
func TestLinkBetweenContainers(t *testing.T) {
	r := withEngine(t, func(e *Env) {
		server := e.Start(small("server"))
		between := e.LinkBetween("between", server)
		hop := fault.NewProxies("hop")
		n := e.Start(linksContainer("hop", 20001))
		n.Ready()
		server.Ready()
		control, err := n.container.Address(8474)
		require.NoError(t, err)
		hop.Started(control, nil)
		hop.NewLink(e.hooks, "hop", between.Address())
		link := e.LinkPort("way in", n, 20001)
		client := e.recorder.Client("client", "between")
		reach := func() error { return get(client, link) }
		e.Await("the server is reached through both", reach)
		e.Calm(good)

		for _, inject := range []func() *fault.Fault{
			between.Sever,
			func() *fault.Fault { return between.Drop(fault.ServerToClient) },
			func() *fault.Fault { return between.Delay(fault.ClientToServer, 300*time.Millisecond) },
		} {
			f := inject()
			_ = reach()
			e.Heal(f)
			e.Await("the server is reached again", reach)
		}
		e.Contrast("nothing is lost", good, forgetful)
	})
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Len(t, rec.Faults, 3)
	for _, f := range rec.Faults {
		require.NotEmpty(t, f.Witnesses, f.Kind)
		require.NotEmpty(t, f.Nature, f.Kind)
		require.Equal(t, "between", f.Traffic[0].Link)
	}
	i := slices.IndexFunc(rec.Links, func(l evidence.Link) bool { return l.Name == "between" })
	between := rec.Links[i]
	require.Equal(t, "containers", between.From)
	require.Equal(t, "server:8474", between.To)
	require.Positive(t, between.Connections)
	require.Positive(t, between.Sent)
	require.Positive(t, between.Received)
}

func TestNoEngine(t *testing.T) {
	if os.Getenv("HARNESS_TEST_CHILD") != "" {
		Prove(t, Claim{ID: "test", Says: "a test is a test"}, proven)
		return
	}
	// The engine of a process is found once, so a process of its own.
	cmd := exec.Command(os.Args[0], "-test.run=^TestNoEngine$", "-test.v")
	cmd.Env = append(os.Environ(), "HARNESS_TEST_CHILD=1", "DOCKER_HOST=unix:///no/such.sock", "ASSAY_EVIDENCE="+t.TempDir())
	start := time.Now()
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "a test without an engine fails; it is not skipped")
	require.Less(t, time.Since(start), time.Minute, "one that is away is waited for, and not for long")
	for _, words := range []string{"no Docker engine answers", "unix:///no/such.sock (DOCKER_HOST)", "what to do: start Docker", "--- FAIL"} {
		require.Contains(t, string(out), words)
	}
}

// Many packages look in their TestMain for goroutines that their tests have left.
func TestNoGoroutineIsLeft(t *testing.T) {
	needsEngine(t)
	if os.Getenv("HARNESS_TEST_CHILD") != "" {
		for range 3 { // from the third on a network is made ahead
			r := withEngine(t, func(e *Env) {
				n := e.Start(small("server"))
				link := e.Link("clients", n)
				n.Ready()
				require.NoError(t, get(e.Client("client", link), link))
				e.Heal(n.Kill())
				e.Await("the server is back", n.Answers)
			})
			require.NotEmpty(t, r.errors, "it came to its end, and proves nothing")
		}
		http.DefaultClient.CloseIdleConnections() // the test's own
		require.NoError(t, goleak.Find(goleak.IgnoreAnyFunction("testing.(*T).Run")))
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestNoGoroutineIsLeft$", "-test.v")
	cmd.Env = append(os.Environ(), "HARNESS_TEST_CHILD=1", "ASSAY_EVIDENCE="+t.TempDir())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestShort(t *testing.T) {
	if os.Getenv("HARNESS_TEST_CHILD") != "" {
		Prove(t, Claim{ID: "test", Says: "a test is a test"}, proven)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestShort$", "-test.v", "-test.short")
	cmd.Env = append(os.Environ(), "HARNESS_TEST_CHILD=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err)
	require.Contains(t, string(out), "-short leaves out what needs containers: claim test is not put to the test")
}

func TestReadyIsARoundTrip(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	require.Error(t, RespondsHTTP("/")(ctx, l.Addr().String()), "an open port that says nothing is not ready")
}

// What is repeated is repeated in a new world, of containers of the same names.
func TestUndecidedIsRepeatedInANewWorld(t *testing.T) {
	runs := 0
	r := withEngine(t, func(e *Env) {
		e.Start(small("server")).Ready()
		if runs++; runs == 1 {
			delayed(e, 30*ms)
		}
		proven(e)
	})
	require.Empty(t, r.errors)
	require.Equal(t, 2, runs)
	rec := r.record(t)
	require.Equal(t, evidence.Holds, rec.Verdict)
	require.Len(t, rec.Repeats, 1)
	require.Len(t, rec.Nodes, 1)
}
