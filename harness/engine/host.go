package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// publishHost is where every published port is reached: ports are published on the loopback interface of the engine's
// machine, and only an engine on this machine is used. Deciding it here, once, keeps testcontainers from guessing: its guess
// is the default gateway wherever /.dockerenv exists, and it would poll that address.
const publishHost = "127.0.0.1"

// patience bounds the search for an engine, so that no test hangs. It is long, because a machine that is kept busy by others makes
// every answer late: 4 s for an answer refused a live engine.
type patience struct {
	answer time.Duration // of one that listens
	away   time.Duration // for one that does not, as while it is started again
}

var usual = patience{answer: 30 * time.Second, away: 12 * time.Second}

// candidate is one address at which an engine may answer.
type candidate struct {
	host string // as DOCKER_HOST would say it
	from string // why it is tried
}

// candidates lists the addresses to try. An address that the user chose (DOCKER_HOST, a context) is the only one tried:
// falling back to another engine would surprise.
func candidates(getenv func(string) string) ([]candidate, error) {
	if h := getenv("DOCKER_HOST"); h != "" {
		return []candidate{{h, "DOCKER_HOST"}}, nil
	}
	home := getenv("HOME")
	if home == "" {
		home, _ = os.UserHomeDir()
	}
	c, err := fromContext(getenv, home)
	if err != nil {
		return nil, err
	}
	if c.host != "" {
		return []candidate{c}, nil
	}
	if runtime.GOOS == "windows" {
		return []candidate{{"npipe:////./pipe/docker_engine", "the default pipe"}}, nil
	}
	all := []candidate{{"unix:///var/run/docker.sock", "the default socket"}}
	rootless := []string{filepath.Join(home, ".docker", "run", "docker.sock"), filepath.Join(home, ".docker", "desktop", "docker.sock")}
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		rootless = append([]string{filepath.Join(dir, "docker.sock")}, rootless...)
	}
	for _, path := range rootless {
		if _, err := os.Stat(path); err == nil {
			all = append(all, candidate{"unix://" + path, "a socket of this user's"})
		}
	}
	return all, nil
}

// fromContext reads the Docker context that DOCKER_CONTEXT or the client's configuration selects. The layout (config.json,
// contexts/meta/<sha256 of the name>/meta.json) is the Docker CLI's, https://docs.docker.com/engine/manage-resources/contexts/.
// No candidate without an error means: the default context.
func fromContext(getenv func(string) string, home string) (candidate, error) {
	dir := getenv("DOCKER_CONFIG")
	if dir == "" {
		dir = filepath.Join(home, ".docker")
	}
	name, from := getenv("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	if name == "" {
		var config struct{ CurrentContext string }
		if err := readJSON(filepath.Join(dir, "config.json"), &config); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return candidate{}, fmt.Errorf("read the Docker client's configuration: %w", err)
		}
		name, from = config.CurrentContext, "the current Docker context"
	}
	if name == "" || name == "default" {
		return candidate{}, nil
	}
	sum := sha256.Sum256([]byte(name))
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	if err := readJSON(filepath.Join(dir, "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"), &meta); err != nil {
		return candidate{}, fmt.Errorf("%s is %q, which cannot be read: %w; `docker context ls` lists those that exist, `docker context use default` goes back", from, name, err)
	}
	host := meta.Endpoints["docker"].Host
	if host == "" {
		return candidate{}, fmt.Errorf("%s is %q, which names no Docker endpoint; `docker context inspect %s` shows it", from, name, name)
	}
	return candidate{host, fmt.Sprintf("%s, %q", from, name)}, nil
}

func readJSON(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s is not the JSON that the Docker client writes: %w; mend it, or move it away", path, err)
	}
	return nil
}

// local refuses an engine on another machine: Assay publishes on 127.0.0.1 only, because the control port of links has no
// password, so nothing there could be reached from here.
func local(host string) error {
	u, err := url.Parse(host)
	if err != nil {
		return fmt.Errorf("not an address of an engine: %w", err)
	}
	switch u.Scheme {
	case "unix", "npipe":
		return nil
	case "tcp", "http", "https":
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			return nil
		}
	case "ssh":
	default:
		return errors.New("not an address of an engine: write it like unix:///var/run/docker.sock or tcp://127.0.0.1:2375")
	}
	return errors.New("the engine is on another machine, where ports published on 127.0.0.1 cannot be reached from here; run the tests on that machine, or use a local engine")
}

// dial finds the engine and returns a client that has spoken to it.
func (p patience) dial(ctx context.Context, getenv func(string) string) (*client.Client, string, error) {
	tries, err := candidates(getenv)
	if err != nil {
		return nil, "", fmt.Errorf("find the Docker engine: %w", err)
	}
	return p.ask(ctx, tries)
}

// whileAway does what asks an engine, and again where the engine was not there, until it is back or that has taken too long.
func (p patience) whileAway(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, p.away)
	defer cancel()
	tick := time.NewTicker(p.away / 50)
	defer tick.Stop()
	for {
		err := do()
		if err == nil || !away(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// away tells whether an error is that of an engine which is not there now, and may be soon.
func away(err error) bool {
	text := err.Error()
	return client.IsErrConnectionFailed(err) && !strings.Contains(text, "permission denied") && !secured(text)
}

// secured tells whether an error is about TLS.
func secured(text string) bool {
	return slices.ContainsFunc([]string{"tls", "x509", "certificate", "handshake", "to HTTPS", "to an HTTPS", "malformed HTTP"},
		func(word string) bool { return strings.Contains(text, word) })
}

// ask returns a client of the first of the candidates that answers. All are asked at once, so that those which say nothing
// cost no more time than one.
func (p patience) ask(ctx context.Context, tries []candidate) (*client.Client, string, error) {
	type answer struct {
		cli *client.Client
		err error
	}
	answers := make([]chan answer, len(tries))
	for i, c := range tries {
		answers[i] = make(chan answer, 1)
		go func() {
			cli, err := p.ping(ctx, c.host)
			answers[i] <- answer{cli, err}
		}()
	}
	var failed []string
	var errs []error
	for i, c := range tries {
		a := <-answers[i]
		if a.err == nil {
			go func() {
				for _, later := range answers[i+1:] {
					if a := <-later; a.cli != nil {
						a.cli.Close()
					}
				}
			}()
			return a.cli, c.host, nil
		}
		errs = append(errs, a.err)
		failed = append(failed, fmt.Sprintf("  tried %s (%s): %v", c.host, c.from, a.err))
	}
	return nil, "", unreachable{fmt.Sprintf("no Docker engine answers\n%s\n%s", strings.Join(failed, "\n"), advice(errs)), errs}
}

// unreachable is the error of a search in vain: what it says, and of each address why.
type unreachable struct {
	text string
	errs []error
}

func (u unreachable) Error() string   { return u.text }
func (u unreachable) Unwrap() []error { return u.errs }

func (p patience) ping(ctx context.Context, host string) (*client.Client, error) {
	if err := local(host); err != nil {
		return nil, err
	}
	cli, err := newClient(host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.answer)
	defer cancel()
	if _, err := cli.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		cli.Close()
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, p.silent()
		}
		return nil, err
	}
	return cli, nil
}

// errSilent is the error of an engine that listens and says nothing.
var errSilent = errors.New("it did not answer")

func (p patience) silent() error { return fmt.Errorf("%w within %v", errSilent, p.answer) }

// newClient returns a client of the engine at host, with the TLS settings of the environment.
func newClient(host string) (*client.Client, error) {
	return client.New(client.FromEnv, client.WithHost(host))
}

// advice says what to do about the way in which the engine could not be reached.
func advice(errs []error) string {
	text := errors.Join(errs...).Error()
	switch {
	case strings.Contains(text, "another machine"):
		return "  what to do: unset DOCKER_HOST or `docker context use default`, with an engine on this machine"
	case secured(text):
		return "  what to do: the engine and this client do not agree on TLS: DOCKER_TLS_VERIFY=1 asks for it and DOCKER_CERT_PATH is the folder of ca.pem, cert.pem\n" +
			"  and key.pem; unset both for an engine that speaks plainly"
	case strings.Contains(text, "permission denied"):
		return "  what to do: this user may not use the socket: `sudo usermod -aG docker $USER`, then log in again; or use rootless Docker"
	case strings.Contains(text, errSilent.Error()):
		return "  what to do: the engine listens and says nothing: restart it (`sudo systemctl restart docker`, or Docker Desktop)"
	default:
		return "  what to do: start Docker (`sudo systemctl start docker`, or Docker Desktop), or point DOCKER_HOST or `docker context use` at a running engine;\n" +
			"  `go test -short ./...` runs what needs no containers"
	}
}
