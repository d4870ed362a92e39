package engine

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"assay/harness/engine/image"
)

// world is an engine with a network, and the reference of the smallest image there is.
func world(t *testing.T) (*Engine, *Network, string) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out what needs containers")
	}
	e, err := Connect(t.Context())
	require.NoError(t, err)
	built, err := e.Image(t.Context(), image.Recipe("links"))
	require.NoError(t, err)
	n := e.BeginNetwork(t.Context(), "test")
	require.NoError(t, n.Made())
	t.Cleanup(func() { require.NoError(t, n.Remove(context.Background())) })
	return e, n, built.Ref
}

func (e *Engine) inspect(t *testing.T, c *Container) client.ContainerInspectResult {
	t.Helper()
	i, err := e.cli.ContainerInspect(t.Context(), c.id, client.ContainerInspectOptions{})
	require.NoError(t, err)
	return i
}

func run(t *testing.T, e *Engine, n *Network, s Spec) *Container {
	t.Helper()
	c, err := e.Run(t.Context(), n, s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Remove(context.Background())) })
	return c
}

func eventually(t *testing.T, what string, reached func() bool) {
	t.Helper()
	require.Eventually(t, reached, time.Minute, 50*time.Millisecond, what)
}

func answers(c *Container) bool {
	address, err := c.Address(8474)
	if err != nil {
		return false
	}
	resp, err := http.Get("http://" + address + "/ready")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func TestContainerGetsLittle(t *testing.T) {
	e, n, ref := world(t)
	for name, c := range map[string]struct {
		spec  Spec
		ports []string
		caps  []string
	}{
		"by default":   {Spec{Ports: []int{8474}}, []string{"8474/tcp"}, nil},
		"with a wish":  {Spec{Ports: []int{8474}, Capabilities: []string{"NET_ADMIN"}, Memory: 64 << 20, Processes: 50}, []string{"8474/tcp"}, []string{"NET_ADMIN"}},
		"with no port": {Spec{}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Name, c.spec.Image = "server", ref
			i := e.inspect(t, run(t, e, n, c.spec)).Container
			require.Equal(t, []string{"ALL"}, i.HostConfig.CapDrop)
			require.Len(t, i.HostConfig.CapAdd, len(c.caps))
			require.False(t, i.HostConfig.Privileged)
			require.Contains(t, i.HostConfig.SecurityOpt, "no-new-privileges")
			memory, processes := c.spec.Memory, c.spec.Processes
			if memory == 0 {
				memory, processes = DefaultMemory, DefaultProcesses
			}
			require.Equal(t, memory, i.HostConfig.Memory)
			require.Equal(t, processes, *i.HostConfig.PidsLimit)
			require.Equal(t, []string{"ndots:1"}, i.HostConfig.DNSOptions, "or names that are not found are asked for elsewhere")
			require.Equal(t, e.owner.id, i.Config.Labels[labelOwner])
			var published []string
			for port, bindings := range i.NetworkSettings.Ports {
				for _, b := range bindings {
					require.Equal(t, publishHost, b.HostIP.String(), "%s is published beyond this machine", port)
					published = append(published, port.String())
				}
			}
			require.Equal(t, c.ports, published)
			require.Len(t, i.NetworkSettings.Networks, 1, "it is on its Env's network and on no other")
			require.Contains(t, i.NetworkSettings.Networks, n.Name)
		})
	}
}

func TestContainerOnTwoNetworks(t *testing.T) {
	e, n, ref := world(t)
	other := e.BeginNetwork(t.Context(), "other")
	t.Cleanup(func() { require.NoError(t, other.Remove(context.Background())) })
	c := run(t, e, n, Spec{Name: "server", Image: ref, Ports: []int{8474}, Aliases: []string{"too"}, Also: []Place{{other, []string{"peer"}}}})
	eventually(t, "it answers", func() bool { return answers(c) })
	found := e.inspect(t, c).Container.NetworkSettings.Networks
	require.Len(t, found, 2)
	require.Subset(t, found[n.Name].Aliases, []string{"server", "too"})
	require.Contains(t, found[other.Name].Aliases, "peer")
	for _, n := range []*Network{n, other} {
		address, err := c.On(n)
		require.NoError(t, err)
		require.Equal(t, found[n.Name].IPAddress, address)
	}
	_, err := c.On(&Network{Name: "elsewhere"})
	require.EqualError(t, err, "container server has no address on network elsewhere")
}

func TestFilesAreThereBeforeTheStart(t *testing.T) {
	e, n, _ := world(t)
	built, err := e.Image(t.Context(), image.Recipe("packets")) // it has a shell
	require.NoError(t, err)
	c := run(t, e, n, Spec{Name: "reader", Image: built.Ref, Files: map[string][]byte{"/etc/orders": []byte("from a file")}, Command: []string{"cat", "/etc/orders"}})
	code, err := c.Exited(t.Context())
	require.NoError(t, err)
	require.Zero(t, code)
	log, err := c.Logs(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, "from a file", strings.TrimSpace(log))
}

func TestContainerLife(t *testing.T) {
	e, n, ref := world(t)
	c := run(t, e, n, Spec{Name: "server", Image: ref, Ports: []int{8474}})
	eventually(t, "it answers", func() bool { return answers(c) })
	require.NotEmpty(t, c.ImageID)
	eventually(t, "its log is there", func() bool {
		log, err := c.Logs(t.Context(), 0)
		return err == nil && len(log) > 0
	})
	log, err := c.Logs(t.Context(), 0)
	require.NoError(t, err)
	require.Contains(t, log, "takes orders on :8474")

	_, err = c.Address(1234)
	require.ErrorContains(t, err, "container server publishes no port 1234: it publishes [8474]")

	require.NoError(t, c.Pause(t.Context()))
	require.NoError(t, c.Unpause(t.Context()))
	before, err := c.Address(8474)
	require.NoError(t, err)
	kill(t, c)
	code, err := c.Exited(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 137, code)
	_, err = c.Address(8474)
	require.ErrorContains(t, err, "container server is killed: it has no port 8474 until it is started")
	require.NoError(t, c.Start(t.Context()))
	after, err := c.Address(8474)
	require.NoError(t, err)
	require.NotEqual(t, before, after, "the engine gave the port anew, or links would have nothing to learn")
	eventually(t, "it answers again", func() bool { return answers(c) })

	require.NoError(t, c.Remove(t.Context()))
	require.NoError(t, removeContainer(t.Context(), e.cli, c.id), "removing what is gone is no error")
	// The cleanup removes it once more.
}

// An image may expose what it likes.
func TestExposedPortsAreNotPublished(t *testing.T) {
	e, n, ref := world(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+ref+"\nEXPOSE 8474 9999/udp\n"), 0o600))
	built, err := e.Image(t.Context(), image.Source{Name: "engine-test-expose", Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := e.cli.ImageRemove(context.Background(), built.Ref, client.ImageRemoveOptions{})
		require.NoError(t, err)
	})
	for name, ports := range map[string][]int{"none": nil, "one": {8475}} {
		t.Run(name, func(t *testing.T) {
			i := e.inspect(t, run(t, e, n, Spec{Name: "server", Image: built.Ref, Ports: ports})).Container
			require.False(t, i.HostConfig.PublishAllPorts)
			require.Len(t, i.HostConfig.PortBindings, len(ports))
			for port, bindings := range i.NetworkSettings.Ports {
				for _, b := range bindings {
					require.Equal(t, "8475/tcp", port.String())
					require.Equal(t, publishHost, b.HostIP.String())
				}
			}
		})
	}
}

func TestExec(t *testing.T) {
	e, n, _ := world(t)
	built, err := e.Image(t.Context(), image.Recipe("base"))
	require.NoError(t, err)
	c := run(t, e, n, Spec{Name: "server", Image: built.Ref, Command: []string{"sh", "-c", "echo out; echo err >&2; exec tail -f /dev/null"},
		Environment: map[string]string{"GREETING": "hello"}, Files: map[string][]byte{"/new/dir/file": []byte("content\n")}})
	out, err := c.Exec(t.Context(), "sh", "-c", `echo $GREETING; cat /new/dir/file; stat -c %a /new/dir/file; hostname; echo to stderr >&2`)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"hello", "content", "644", "server", "to stderr"}, strings.Split(strings.TrimSpace(out), "\n"))
	_, err = c.Exec(t.Context(), "sh", "-c", "echo it broke; exit 3")
	require.EqualError(t, err, "run [sh -c echo it broke; exit 3] in server: exit status 3: it broke")
	_, err = c.Exec(t.Context(), "/no-such-program")
	require.ErrorContains(t, err, "run [/no-such-program] in server: ")

	var log string
	eventually(t, "both streams are in the log", func() bool {
		log, err = c.Logs(t.Context(), 0)
		return err == nil && strings.Contains(log, "out\n") && strings.Contains(log, "err\n")
	})
	last, err := c.Logs(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(last, "\n"))
}

// A test may end while its containers are being made.
func TestNothingIsLeftOfARunThatIsGivenUp(t *testing.T) {
	e, n, ref := world(t)
	for i := range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*20*time.Millisecond)
		c, err := e.Run(ctx, n, Spec{Name: "server", Image: ref, Ports: []int{8474}})
		cancel()
		if err == nil {
			require.NoError(t, c.Remove(t.Context()))
		}
		list, err := e.cli.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("network", n.Name)})
		require.NoError(t, err)
		require.Empty(t, list.Items)

		ctx, cancel = context.WithTimeout(t.Context(), time.Duration(i)*20*time.Millisecond)
		given := e.BeginNetwork(ctx, "given-up")
		err = given.Made()
		cancel()
		require.NoError(t, err, "a network that is begun is made")
		require.NoError(t, given.Remove(t.Context()))
	}
}

func TestContainerThatCannotStart(t *testing.T) {
	e, n, ref := world(t)
	_, err := e.Run(t.Context(), n, Spec{Name: "server", Image: ref, Entrypoint: []string{"/no-such-program"}, Ports: []int{8474}})
	require.ErrorContains(t, err, "start container server from "+ref)
	require.ErrorContains(t, err, "no-such-program")
	_, err = e.Run(t.Context(), n, Spec{Name: "server", Image: "assay/no-such-image:1", Ports: []int{8474}})
	require.ErrorContains(t, err, "create container server from assay/no-such-image:1")
	mine := make(client.Filters).Add("label", labelOwner+"="+e.owner.id).Add("network", n.Name)
	list, err := e.cli.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: mine})
	require.NoError(t, err)
	require.Empty(t, list.Items, "what could not start is removed")
}

func TestContainerThatEndsAtOnce(t *testing.T) {
	e, n, ref := world(t)
	c := run(t, e, n, Spec{Name: "server", Image: ref, Command: []string{"-help"}, Ports: []int{8474}})
	code, err := c.Exited(t.Context())
	require.NoError(t, err)
	require.Zero(t, code)
	if _, err := c.Address(8474); err != nil {
		require.ErrorIs(t, err, ErrEnded)
	}
}

func TestManyNetworks(t *testing.T) {
	e, _, _ := world(t)
	const many = 40 // the engine's default pools hold about 31
	networks := make([]*Network, many)
	for i := range networks {
		networks[i] = e.BeginNetwork(t.Context(), fmt.Sprintf("many-%d", i))
	}
	var all sync.WaitGroup
	for _, n := range networks {
		all.Go(func() { <-n.done })
	}
	all.Wait()
	for _, n := range networks {
		if err := n.Made(); err != nil {
			t.Error(err)
		}
		all.Go(func() {
			if err := n.Remove(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestSubnetsKeepAwayFromTheMachine(t *testing.T) {
	taken := []netip.Prefix{netip.MustParsePrefix("10.160.0.0/12"), netip.MustParsePrefix("10.176.0.0/13")}
	for range 1000 {
		p := freeSubnet(taken)
		require.Equal(t, 24, p.Bits(), "room for more than a dozen containers")
		require.Equal(t, p, p.Masked())
		for _, other := range taken {
			require.False(t, other.Overlaps(p), p)
		}
	}
	for _, all := range []string{"10.0.0.0/8", "0.0.0.0/0", "10.160.0.0/11"} {
		require.True(t, freeSubnet([]netip.Prefix{netip.MustParsePrefix(all)}).IsValid(), "no choice is no reason to search for ever")
	}
	for _, p := range hostPrefixes() {
		require.Equal(t, p, p.Masked())
	}
}

func TestNetworkMadeAhead(t *testing.T) {
	e, _, _ := world(t)
	require.NoError(t, e.BeginNetwork(t.Context(), "one").Remove(t.Context()))
	require.NoError(t, e.BeginNetwork(t.Context(), "two").Remove(t.Context()))
	spare := e.spare
	require.NotNil(t, spare, "a process that has had several networks is likely to want another")
	require.NoError(t, spare.Made())
	next := e.BeginNetwork(t.Context(), "three")
	require.Same(t, spare, next)
	require.Nil(t, e.spare, "it is somebody's now")
	other := e.BeginNetwork(t.Context(), "four")
	require.NotSame(t, next, other, "no network is given to two")
	require.NoError(t, next.Remove(t.Context()))
	require.NoError(t, other.Remove(t.Context()))
}

// kill kills a container and looks at what the engine tells of its end.
func kill(t *testing.T, c *Container) {
	t.Helper()
	status, err := c.Kill(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(137), status, "as SIGKILL leaves it")
}

// A container that has only just been started is in the middle of becoming its program, where version 1 of control groups cannot freeze it.
func TestPauseRightAfterTheStart(t *testing.T) {
	e, n, _ := world(t)
	built, err := e.Image(t.Context(), image.Recipe("base"))
	require.NoError(t, err)
	c := run(t, e, n, Spec{Name: "server", Image: built.Ref, Command: []string{"sleep", "infinity"}})
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		require.NoError(t, c.Pause(ctx))
		cancel()
		_, err := c.Kill(t.Context())
		require.NoError(t, err)
		require.NoError(t, c.Start(t.Context()))
	}
}
