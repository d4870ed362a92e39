package harness

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
)

// These tests start images as people publish them. All stand on the one of Redis, which has a shell.

// published is a container whose entrypoint is a script.
func published(name, script string) Container {
	return Container{
		Name: name, Image: ImageOf("redis"), Entrypoint: []string{"/start.sh"}, Command: []string{}, Ports: []int{6379},
		Files: map[string][]byte{"/start.sh": []byte("#!/bin/sh\nset -e\n" + script)}, Modes: map[string]fs.FileMode{"/start.sh": 0o755},
		Ready: answersPing,
	}
}

// starts runs a test under the fake TB that is to fail of nothing.
func starts(t *testing.T, test func(*Env)) {
	t.Helper()
	r := withEngine(t, func(e *Env) {
		e.Calm(good)
		test(e)
		e.Contrast("nothing is lost", good, forgetful)
	})
	require.Empty(t, r.errors)
}

// takesOver begins as root, takes its directory over, and goes on as another user.
const takesOver = `chown -R 999:999 /var/lib/db
chmod 700 /var/lib/db
exec setpriv --reuid=999 --regid=999 --clear-groups redis-server --dir /var/lib/db --bind 0.0.0.0 --protected-mode no
`

func TestImageThatBeginsAsRoot(t *testing.T) {
	root := published("db", takesOver)
	root.User, root.Volumes = "0:0", []string{"/var/lib/db"}
	t.Run("with what it needs", func(t *testing.T) {
		starts(t, func(e *Env) {
			c := root
			c.Capabilities = []string{"CHOWN", "FOWNER", "SETGID", "SETUID"}
			n := e.Start(c)
			n.Ready()
			require.Contains(t, n.Exec("sh", "-c", "grep Uid /proc/1/status"), "999")
			require.Equal(t, "999 700\n", n.Exec("stat", "-c", "%u %a", "/var/lib/db"))
		})
	})
	t.Run("without", func(t *testing.T) {
		r := withEngine(t, func(e *Env) { e.Start(root).Ready() })
		r.failedWith(t, evidence.Died, "before it was ready", "Operation not permitted", `Capabilities: ["CHOWN"] may be what it lacks`, "CHOWN, DAC_OVERRIDE, FOWNER, SETGID and SETUID")
	})
}

func TestWhatAContainerCanHave(t *testing.T) {
	starts(t, func(e *Env) {
		c := published("db", "exec redis-server --save '' --bind 0.0.0.0 --protected-mode no\n")
		c.Files["/opt/bin/start.sh"], c.Modes["/opt/bin/start.sh"], c.Entrypoint = c.Files["/start.sh"], 0o755, []string{"/opt/bin/start.sh"}
		delete(c.Files, "/start.sh")
		delete(c.Modes, "/start.sh")
		c.Files["/kept/it"] = []byte("kept")
		c.User, c.ReadOnly, c.SharedMemory = "999:999", true, 128<<20
		c.Tmpfs, c.Volumes = map[string]int64{"/scratch": 16 << 20}, []string{"/kept"}
		c.Files["/etc/deep/er/server.key"] = []byte("secret")
		c.Modes["/etc/deep/er/server.key"] = 0o600
		n := e.Start(c)
		n.Ready()
		require.Equal(t, "999:999 600\n", n.Exec("stat", "-c", "%u:%g %a", "/etc/deep/er/server.key"))
		require.Equal(t, "secret", n.Exec("cat", "/etc/deep/er/server.key"))
		require.Equal(t, "kept", n.Exec("cat", "/kept/it"))
		require.Equal(t, "16M\n", n.Exec("sh", "-c", "df -h --output=size /scratch | tail -n 1 | tr -d ' '"))
		require.Equal(t, "128M\n", n.Exec("sh", "-c", "df -h --output=size /dev/shm | tail -n 1 | tr -d ' '"))
		n.Exec("touch", "/scratch/x")
		require.Contains(t, n.Exec("sh", "-c", "touch /var/x 2>&1 || true"), "Read-only file system")
		require.Contains(t, n.Exec("sh", "-c", "grep ' /kept ' /proc/mounts"), " rw,")
	})
}

func TestContainerWithoutAPortAndOneAfterAnother(t *testing.T) {
	starts(t, func(e *Env) {
		server := e.Start(published("server", "sleep 1; exec redis-server --bind 0.0.0.0 --protected-mode no\n"))
		worker := published("worker", "redis-cli -h server set seen yes; exec sleep 1000\n")
		worker.Ports, worker.Ready, worker.After = nil, nil, []Server{server}
		w := e.Start(worker)
		w.Ready()
		e.Await("the worker has dialled", func() error {
			if said := server.Exec("redis-cli", "get", "seen"); !strings.Contains(said, "yes") {
				return fmt.Errorf("it has not: %q", said)
			}
			return nil
		})
	})
	r := withEngine(t, func(e *Env) {
		worker := small("worker")
		worker.Ports, worker.Ready = nil, nil
		e.Link("customers", e.Start(worker))
	})
	r.failedWith(t, evidence.Broken, `link "customers": container worker has no port`)
}

func TestWhatIsToBeReadyFirstAndIsNot(t *testing.T) {
	r := withEngine(t, func(e *Env) {
		broken := small("first")
		broken.Entrypoint = []string{"/no-such-program"}
		second := small("second")
		second.After = []Server{e.Start(broken)}
		e.Start(second).Ready()
	})
	r.failedWith(t, evidence.Broken, "second is to start after first, which did not become ready", "no-such-program")
}

func TestServerThatListensForItsOwnContainerOnly(t *testing.T) {
	starts(t, func(e *Env) {
		alone, open := published("alone", "exec redis-server --bind 127.0.0.1\n"), published("open", "exec redis-server --bind 0.0.0.0\n")
		alone.Ready, open.Ready = nil, nil
		hidden, seen := e.Start(alone), e.Start(open)
		hidden.Ready()
		seen.Ready()
		on := func(n *Node) bool { // the engine's own server of names listens in it too
			return slices.ContainsFunc(n.container.Listens(), func(a netip.AddrPort) bool { return a.Port() == 6379 })
		}
		require.Eventually(t, func() bool { return on(hidden) && on(seen) }, time.Minute, 20*time.Millisecond)
		require.Contains(t, hidden.itself(), "its server listens on 127.0.0.1:6379, where only its own container reaches it: have it listen on 0.0.0.0:6379")
		require.Empty(t, seen.itself())
	})
}

func TestMoreThanADozenContainers(t *testing.T) {
	starts(t, func(e *Env) {
		var all []*Node
		for i := range 15 {
			all = append(all, e.Start(small(fmt.Sprintf("server-%d", i))))
		}
		for _, n := range all {
			n.Ready()
		}
	})
}

func TestLinkBetweenToAnotherPort(t *testing.T) {
	starts(t, func(e *Env) {
		c := published("server", "redis-server --bind 0.0.0.0 --port 7000 --protected-mode no &\nexec redis-server --bind 0.0.0.0 --protected-mode no\n")
		c.Ports = []int{6379, 7000}
		server := e.Start(c)
		link := e.LinkPortBetween("peers", server, 7000)
		server.Ready()
		host, port, _ := strings.Cut(link.Address(), ":")
		require.Contains(t, server.Exec("redis-cli", "-h", host, "-p", port, "config", "get", "port"), "7000")
	})
}

func TestContainersThatCannotBe(t *testing.T) {
	for words, change := range map[string]func(*Container){
		"at most 63 characters, and this one has 64": func(c *Container) { c.Name = strings.Repeat("x", 64) },
		"Modes has /x, and Files has not":            func(c *Container) { c.Modes = map[string]fs.FileMode{"/x": 0o600} },
		"reads only, so its file /x can be":          func(c *Container) { c.ReadOnly, c.Files = true, map[string][]byte{"/x": nil} },
		"write it as uid:gid":                        func(c *Container) { c.User = "postgres" },
	} {
		c := Container{Name: "server", Ports: []int{80}}
		change(&c)
		offline(t, func(e *Env) { e.Start(c) }).failedWith(t, evidence.Broken, words)
	}
	ok := Container{Name: strings.Repeat("x", 63), Ports: []int{80}}
	require.NoError(t, ok.valid())
}

func TestWhichCapabilityIsMissing(t *testing.T) {
	for log, words := range map[string]string{
		"chown: changing ownership of '/var/lib/db': Operation not permitted": `["CHOWN"]`,
		"chmod: changing permissions of '/x': Operation not permitted":        `["FOWNER"]`,
		"error: failed switching to \"redis\": operation not permitted gosu":  `["SETUID" "SETGID"]`,
		"nginx: bind() to 0.0.0.0:80 failed (13: Permission denied)":          `["NET_BIND_SERVICE"]`,
		"cat: /secret: Permission denied":                                     "DAC_OVERRIDE",
	} {
		require.Contains(t, Container{}.lacks("fine\n"+log+"\n"), words, log)
	}
	require.Empty(t, Container{}.lacks("chown went well\n"))
	require.NotContains(t, Container{Capabilities: []string{"CHOWN"}}.lacks("chown: Operation not permitted\n"), `["CHOWN"]`)
}

// answersPing is one round trip of Redis' protocol.
func answersPing(ctx context.Context, address string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprint(conn, "PING\r\n"); err != nil {
		return err
	}
	said := make([]byte, len("+PONG"))
	if _, err := io.ReadFull(conn, said); err != nil {
		return err
	}
	if string(said) != "+PONG" {
		return fmt.Errorf("it said %q", said)
	}
	return nil
}
