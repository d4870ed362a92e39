package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
)

func environment(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

// dockerConfig writes a Docker client's configuration with one context.
func dockerConfig(t *testing.T, current, name, host string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"currentContext":"`+current+`"}`), 0o600))
	sum := sha256.Sum256([]byte(name))
	meta := filepath.Join(dir, "contexts", "meta", hex.EncodeToString(sum[:]))
	require.NoError(t, os.MkdirAll(meta, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(meta, "meta.json"), []byte(`{"Name":"`+name+`","Endpoints":{"docker":{"Host":"`+host+`"}}}`), 0o600))
	return dir
}

func TestWhereTheEngineIsSought(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("pipes there, sockets here")
	}
	colima := dockerConfig(t, "colima", "colima", "unix:///colima.sock")
	plain := dockerConfig(t, "default", "colima", "unix:///colima.sock")
	run := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(run, "docker.sock"), nil, 0o600))
	empty := t.TempDir()
	for name, c := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"DOCKER_HOST comes first":           {map[string]string{"DOCKER_HOST": "unix:///x.sock", "DOCKER_CONTEXT": "colima", "DOCKER_CONFIG": colima}, []string{"unix:///x.sock"}},
		"then DOCKER_CONTEXT":               {map[string]string{"DOCKER_CONTEXT": "colima", "DOCKER_CONFIG": plain}, []string{"unix:///colima.sock"}},
		"then the current context":          {map[string]string{"DOCKER_CONFIG": colima}, []string{"unix:///colima.sock"}},
		"DOCKER_CONTEXT=default leads back": {map[string]string{"DOCKER_CONTEXT": "default", "DOCKER_CONFIG": colima, "HOME": empty}, []string{"unix:///var/run/docker.sock"}},
		"then the default socket":           {map[string]string{"DOCKER_CONFIG": plain, "HOME": empty}, []string{"unix:///var/run/docker.sock"}},
		"and the user's own":                {map[string]string{"HOME": empty, "XDG_RUNTIME_DIR": run}, []string{"unix:///var/run/docker.sock", "unix://" + run + "/docker.sock"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := candidates(environment(c.env))
			require.NoError(t, err)
			var hosts []string
			for _, c := range got {
				hosts = append(hosts, c.host)
			}
			require.Equal(t, c.want, hosts)
		})
	}
}

func TestContextsThatCannotBeRead(t *testing.T) {
	t.Run("unknown", func(t *testing.T) {
		_, err := candidates(environment(map[string]string{"DOCKER_CONFIG": dockerConfig(t, "gone", "other", "unix:///x")}))
		require.ErrorContains(t, err, `the current Docker context is "gone", which cannot be read`)
		require.ErrorContains(t, err, "docker context ls")
	})
	t.Run("without an endpoint", func(t *testing.T) {
		_, err := candidates(environment(map[string]string{"DOCKER_CONTEXT": "k8s", "DOCKER_CONFIG": dockerConfig(t, "", "k8s", "")}))
		require.ErrorContains(t, err, `DOCKER_CONTEXT is "k8s", which names no Docker endpoint`)
	})
	t.Run("torn", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"currentCon`), 0o600))
		_, err := candidates(environment(map[string]string{"DOCKER_CONFIG": dir}))
		require.ErrorContains(t, err, "read the Docker client's configuration: "+filepath.Join(dir, "config.json")+" is not the JSON that the Docker client writes")
		require.ErrorContains(t, err, "mend it, or move it away")
	})
}

// hasty is for tests of what is not there.
var hasty = patience{answer: time.Second, away: time.Second}

func TestEnginesThatCannotBeUsed(t *testing.T) {
	silent, err := net.Listen("unix", filepath.Join(t.TempDir(), "silent.sock"))
	require.NoError(t, err)
	t.Cleanup(func() { silent.Close() })
	for name, c := range map[string]struct {
		host  string
		words []string
	}{
		"nobody there":          {"unix:///no/such.sock", []string{"tried unix:///no/such.sock (DOCKER_HOST)", "no such file", "start Docker", "go test -short"}},
		"on another machine":    {"tcp://build.example:2376", []string{"tried tcp://build.example:2376", "another machine", "unset DOCKER_HOST"}},
		"through ssh":           {"ssh://me@build.example", []string{"another machine"}},
		"it says nothing":       {"unix://" + silent.Addr().String(), []string{"it did not answer within", "restart it"}},
		"an address that isn't": {"unix://%zz", []string{"not an address of an engine"}},
		"a path only":           {"/var/run/docker.sock", []string{"tried /var/run/docker.sock", "write it like unix:///var/run/docker.sock"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := hasty.open(t.Context(), environment(map[string]string{"DOCKER_HOST": c.host}))
			require.Less(t, time.Since(start), 10*time.Second)
			require.ErrorContains(t, err, "no Docker engine answers")
			for _, w := range c.words {
				require.ErrorContains(t, err, w)
			}
		})
	}
}

func TestEngineThatSpeaksTLS(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	for name, scheme := range map[string]string{"spoken to plainly": "tcp", "whose certificate nobody knows": "https"} {
		t.Run(name, func(t *testing.T) {
			_, err := hasty.open(t.Context(), environment(map[string]string{"DOCKER_HOST": scheme + "://" + secure.Listener.Addr().String()}))
			require.ErrorContains(t, err, "do not agree on TLS")
			require.ErrorContains(t, err, "DOCKER_TLS_VERIFY=1")
			require.ErrorContains(t, err, "DOCKER_CERT_PATH")
		})
	}
}

// However many sockets say nothing, the time that is lost is that of one.
func TestManySilentEnginesCostNoMoreThanOne(t *testing.T) {
	t.Parallel()
	var tries []candidate
	for range 5 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		tries = append(tries, candidate{"tcp://" + l.Addr().String(), "a test's"})
	}
	start := time.Now()
	_, _, err := hasty.ask(t.Context(), tries)
	require.Less(t, time.Since(start), 5*hasty.answer)
	for _, c := range tries {
		require.ErrorContains(t, err, "tried "+c.host+" (a test's): it did not answer within 1s")
	}

	answering := newFakeEngine(t)
	start = time.Now()
	cli, host, err := hasty.ask(t.Context(), append([]candidate{{answering.host, "a test's"}}, tries...))
	require.NoError(t, err)
	require.Equal(t, answering.host, host)
	require.Less(t, time.Since(start), hasty.answer, "nobody waits for those who come later")
	cli.Close()
}

func TestEngineThatFallsSilentIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	f := newFakeEngine(t)
	f.silent["/info"] = true
	start := time.Now()
	_, err := hasty.open(t.Context(), environment(map[string]string{"DOCKER_HOST": f.host}))
	require.Less(t, time.Since(start), 10*time.Second)
	require.ErrorContains(t, err, "the engine at "+f.host+" answers a ping and then: it did not answer within 1s")
	require.ErrorContains(t, err, "restart it")
}

// An engine that is started again is away for some seconds, with its socket or without.
func TestEngineThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	f := newFakeEngine(t)
	path := filepath.Join(t.TempDir(), "docker.sock")
	back := time.AfterFunc(2*time.Second, func() {
		l, err := net.Listen("unix", path)
		if err != nil {
			return
		}
		t.Cleanup(func() { l.Close() })
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", strings.TrimPrefix(f.host, "tcp://"))
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(s, c); s.Close() }()
			go func() { _, _ = io.Copy(c, s); c.Close() }()
		}
	})
	defer back.Stop()
	patient := patience{answer: 20 * time.Second, away: 20 * time.Second}
	var cli *client.Client
	require.NoError(t, patient.whileAway(t.Context(), func() (err error) {
		cli, _, err = patient.dial(t.Context(), environment(map[string]string{"DOCKER_HOST": "unix://" + path}))
		return err
	}))
	cli.Close()
}

func TestWhatFailedIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	c, finds := connection{holds: 100 * time.Millisecond}, 0
	failing := func() (*Engine, error) { finds++; return nil, errors.New("away") }
	for range 3 {
		_, err := c.get(failing)
		require.EqualError(t, err, "away")
	}
	require.Equal(t, 1, finds, "the tests of a process do not wait one after the other")
	found := &Engine{}
	require.Eventually(t, func() bool {
		e, err := c.get(func() (*Engine, error) { return found, nil })
		return err == nil && e == found
	}, 10*time.Second, 20*time.Millisecond)
	e, err := c.get(failing)
	require.NoError(t, err)
	require.Same(t, found, e)
}

func TestLoopbackIsThisMachine(t *testing.T) {
	for _, host := range []string{"tcp://127.0.0.1:2375", "tcp://localhost:2375", "tcp://[::1]:2375", "unix:///x", "npipe:////./pipe/x"} {
		require.NoError(t, local(host), host)
	}
}

func TestAdvice(t *testing.T) {
	denied := errors.New("dial unix /var/run/docker.sock: connect: permission denied")
	require.Contains(t, advice([]error{denied}), "usermod -aG docker")
}

func TestExplain(t *testing.T) {
	for text, advice := range map[string]string{
		"write /x: no space left on device":                       "docker system df",
		"Bind for 127.0.0.1:80 failed: port is already allocated": "another program holds the port",
		"unable to apply caps: operation not permitted":           "capability",
	} {
		require.ErrorContains(t, explain(errors.New(text)), advice)
		require.ErrorContains(t, explain(errors.New(text)), text)
	}
	require.NoError(t, explain(nil))
	plain := errors.New("plain")
	require.Equal(t, plain, explain(plain))
}
