package engine

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"
)

// Spec says what to run.
type Spec struct {
	Name         string                 // host name and alias on the network
	Image        string                 // reference of an image that is there
	Entrypoint   []string               // the image's own where nil
	Command      []string               // the image's own where nil
	Environment  map[string]string      // added to the image's
	Ports        []int                  // TCP ports of the container, published on 127.0.0.1
	Files        map[string][]byte      // path in the container → contents, put there before it starts
	Modes        map[string]fs.FileMode // of Files, 0644 by default
	User         string                 // as whom it starts, "uid:gid", to whom Files belong then; as the image says by default, and root's Files
	Volumes      []string               // paths at which it has an empty directory, or what its image has there, that goes with it
	Tmpfs        map[string]int64       // path → bytes of a file system in memory that it has there, empty with each start
	SharedMemory int64                  // bytes of /dev/shm; 0: the engine's default, 64 MB
	ReadOnly     bool                   // it can write to its volumes, disks and memory only, and to the directories of Files, which are volumes then
	Memory       int64                  // limit in bytes; 0: DefaultMemory
	Processes    int64                  // limit of processes and threads; 0: DefaultProcesses
	Capabilities []string               // the only capabilities it has, e.g. "NET_ADMIN"; none by default
	Aliases      []string               // further names on the network
	Also         []Place                // further networks
	Skewable     bool                   // its clock can be set apart from the others' (Clock)
	// NetworkOf is the container whose network stack it shares, in place of one of its own: it publishes no ports, and its
	// name is unknown to others. When that one is started again, it has another stack, and so must this one be started again.
	NetworkOf *Container
	Offline   bool // it has no network at all
	// Disks are the disks that it alone has, by the path at which it finds them. What it writes to one may count as its memory,
	// which therefore is its limit and the disk's size.
	Disks map[string]*Disk

	host func(*container.HostConfig) // what only this package asks for
}

// Place is a network on which a container is found, and the names by which it is.
type Place struct {
	Network *Network
	Aliases []string
}

// What a container gets that does not ask.
const (
	DefaultMemory    int64 = 512 << 20
	DefaultProcesses int64 = 512
)

// Container is a container, running or killed.
type Container struct {
	Name    string
	ImageID string

	engine *Engine
	id     string
	c      testcontainers.Container
	disks  []*Disk
	gone   func()

	skewable bool

	mu        sync.Mutex
	ports     map[int]string        // container port → address on this machine; changes with every start, nil while it is killed
	addresses map[string]netip.Addr // network's name → its own address there, as of the last start
	ended     bool                  // it was over before its ports could be asked for
	cgroup    *cgroup               // nil where there is none
	threads   string                // the file that lists its threads, "" where it is not in reach
	pid       int                   // of its first process, 0 where that is not in reach

	kills atomic.Pointer[int64] // killsForMemory when its memory was limited, nil while it is not, or where nobody counts

	limiting sync.Mutex // guards those below
	made     limits     // what it was made with
	limits   limits     // what it has now
	unknown  bool       // the engine does not know of them yet
}

// makeLimit bounds the making of a container or a network. Making is not given up when a test ends in the middle of it: the
// engine would go on all the same, and nobody would know what it made.
const makeLimit = time.Minute

// Run makes a container on the network and starts it. It does not wait until the server inside is ready: only a round trip
// of its protocol tells that. A container that could not be started is removed.
func (e *Engine) Run(ctx context.Context, n *Network, spec Spec) (*Container, error) {
	labels, err := e.labels()
	if err != nil {
		return nil, err
	}
	gone := e.making()
	making, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeLimit)
	defer cancel()
	tc, err := e.provider.CreateContainer(making, request(n, spec, labels))
	if tc == nil {
		if refused(making, err) {
			gone()
		}
		return nil, fmt.Errorf("create container %s from %s: %w", spec.Name, spec.Image, unmountable(explain(err)))
	}
	c := &Container{Name: spec.Name, engine: e, id: tc.GetContainerID(), c: tc, gone: gone, skewable: spec.Skewable, disks: slices.Collect(maps.Values(spec.Disks))}
	if err == nil {
		err = c.put(making, spec)
	}
	if err == nil {
		err = n.Made()
	}
	if err == nil {
		err = c.Start(ctx)
	}
	for _, p := range spec.Also {
		if err == nil {
			err = c.join(making, p)
		}
	}
	if err == nil && len(spec.Also) > 0 {
		err = c.look(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start container %s from %s: %w", spec.Name, spec.Image, unmountable(explain(err))), c.Remove(context.WithoutCancel(ctx)))
	}
	return c, nil
}

func request(n *Network, spec Spec, labels map[string]string) testcontainers.ContainerRequest {
	r := testcontainers.ContainerRequest{
		Name:  n.Name + "-" + spec.Name, // for people who look
		Image: spec.Image, Entrypoint: spec.Entrypoint, Cmd: spec.Command, Env: spec.Environment,
		Labels: maps.Clone(labels),
		// Not testcontainers' Networks: the network may still be in the making, and the engine needs it at the start only.
		EndpointSettingsModifier: func(endpoints map[string]*network.EndpointSettings) {
			endpoints[n.Name] = &network.EndpointSettings{Aliases: append([]string{spec.Name}, spec.Aliases...)}
		},
	}
	if spec.Skewable {
		skewable(&r)
	}
	shares := spec.NetworkOf
	if shares != nil || spec.Offline {
		r.EndpointSettingsModifier = nil
	}
	var config *container.Config
	var host *container.HostConfig
	r.ConfigModifier = func(c *container.Config) {
		config = c
		c.User = spec.User
		if shares == nil {
			c.Hostname = spec.Name
		}
	}
	r.HostConfigModifier = func(h *container.HostConfig) {
		host = h
		h.NetworkMode = container.NetworkMode(n.Name)
		// The name of a container that is down is not to be sought elsewhere: without an ndots of one's own the engine asks the
		// machine's name servers for what it does not know.
		h.DNSOptions, h.DNSSearch = []string{"ndots:1"}, []string{"."}
		switch {
		case shares != nil:
			h.NetworkMode = container.NetworkMode("container:" + shares.id)
			h.DNSOptions, h.DNSSearch = nil, nil // they come with it
		case spec.Offline:
			h.NetworkMode = "none"
		}
		h.CapDrop, h.CapAdd = []string{"ALL"}, spec.Capabilities
		h.SecurityOpt = []string{"no-new-privileges"}
		h.Memory = cmp.Or(spec.Memory, DefaultMemory)
		h.PidsLimit = new(cmp.Or(spec.Processes, DefaultProcesses))
		h.ReadonlyRootfs, h.ShmSize = spec.ReadOnly, spec.SharedMemory
		for _, at := range spec.volumes() {
			h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeVolume, Target: at})
		}
		for at, size := range spec.Tmpfs {
			h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeTmpfs, Target: at, TmpfsOptions: &mount.TmpfsOptions{SizeBytes: size, Mode: 0o1777}})
		}
		for path, d := range spec.Disks {
			h.Memory += d.size
			h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeVolume, Source: d.volume, Target: path})
		}
		if spec.host != nil {
			spec.host(h)
		}
	}
	// After the modifiers, because testcontainers decides on ports after them too: asked for none, it publishes on every
	// interface all that the image exposes.
	r.LifecycleHooks = []testcontainers.ContainerLifecycleHooks{{PreCreates: []testcontainers.ContainerRequestHook{
		func(context.Context, testcontainers.ContainerRequest) error {
			config.ExposedPorts, host.PortBindings = network.PortSet{}, network.PortMap{}
			for _, p := range spec.Ports {
				port, err := network.ParsePort(strconv.Itoa(p) + "/tcp")
				if err != nil {
					return fmt.Errorf("port %d: %w", p, err)
				}
				config.ExposedPorts[port] = struct{}{}
				host.PortBindings[port] = []network.PortBinding{{HostIP: netip.MustParseAddr(publishHost), HostPort: "0"}}
			}
			return nil
		},
	}}}
	return r
}

// put puts the files there that it is to find.
func (c *Container) put(ctx context.Context, spec Spec) error {
	if len(spec.Files) == 0 {
		return nil
	}
	var uid, gid int
	if spec.User != "" {
		if _, err := fmt.Sscanf(spec.User, "%d:%d", &uid, &gid); err != nil {
			return fmt.Errorf("user %q: write it as uid:gid, such as 999:999, since only the image knows names", spec.User)
		}
	}
	// What may write to its volumes only is given files there only.
	places := map[string][]string{"/": slices.Sorted(maps.Keys(spec.Files))}
	if spec.ReadOnly {
		places = map[string][]string{}
		for _, name := range slices.Sorted(maps.Keys(spec.Files)) {
			volume := path.Dir(name)
			places[volume] = append(places[volume], name)
		}
	}
	for place, names := range places {
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		for _, name := range names {
			header := &tar.Header{Name: strings.TrimPrefix(name, place), Mode: int64(cmp.Or(spec.Modes[name], 0o644)), Size: int64(len(spec.Files[name])), Uid: uid, Gid: gid}
			if err := w.WriteHeader(header); err != nil {
				return fmt.Errorf("file %s: %w", name, err)
			}
			if _, err := w.Write(spec.Files[name]); err != nil {
				return fmt.Errorf("file %s: %w", name, err)
			}
		}
		if err := w.Close(); err != nil {
			return err
		}
		if _, err := c.engine.cli.CopyToContainer(ctx, c.id, client.CopyToContainerOptions{DestinationPath: place, Content: &archive}); err != nil {
			return fmt.Errorf("put files there: %w", explain(err))
		}
	}
	return nil
}

// volumes are the paths at which the container has volumes.
func (s Spec) volumes() []string {
	all := slices.Clone(s.Volumes)
	if s.ReadOnly {
		for name := range s.Files {
			all = append(all, path.Dir(name))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// join puts the running container on a further network: engines before API 1.44 create it on one only, and it need not wait for all
// of them to be made.
func (c *Container) join(ctx context.Context, p Place) error {
	if err := p.Network.Made(); err != nil {
		return err
	}
	_, err := c.engine.cli.NetworkConnect(ctx, p.Network.id, client.NetworkConnectOptions{
		Container: c.id, EndpointConfig: &network.EndpointSettings{Aliases: p.Aliases},
	})
	if err != nil {
		return fmt.Errorf("put it on network %s: %w", p.Network.Name, err)
	}
	return nil
}

// Start starts the container, the first time or after Kill. Its ports on this machine are others than before.
func (c *Container) Start(ctx context.Context) error {
	c.limiting.Lock()
	defer c.limiting.Unlock()
	if c.unknown {
		if err := c.update(ctx, c.limits); err != nil {
			return fmt.Errorf("set its limits: %w", err)
		}
		c.unknown = false
	}
	for _, d := range c.disks {
		if err := d.starting(ctx); err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	if _, err := c.engine.cli.ContainerStart(ctx, c.id, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start: %w", explain(err))
	}
	for _, d := range c.disks {
		if err := d.started(ctx, c); err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	return c.look(ctx)
}

// look finds out where the container is now: its ports on this machine can have changed with each network that it joined.
func (c *Container) look(ctx context.Context) error {
	inspect, err := c.engine.cli.ContainerInspect(ctx, c.id, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	ports := map[int]string{}
	for port, bound := range inspect.Container.NetworkSettings.Ports {
		for _, b := range bound {
			ports[int(port.Num())] = net.JoinHostPort(publishHost, b.HostPort)
		}
	}
	addresses := map[string]netip.Addr{}
	for name, on := range inspect.Container.NetworkSettings.Networks {
		addresses[name] = on.IPAddress
	}
	if c.made == (limits{}) {
		c.made = limitsOf(inspect.Container.HostConfig.Resources)
		c.limits = c.made
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ports, c.addresses, c.ImageID = ports, addresses, inspect.Container.Image
	c.ended = !inspect.Container.State.Running
	c.cgroup = cgroupOf(c.id, inspect.Container.State.Pid)
	c.threads = threadsOf(c.id, inspect.Container.State.Pid)
	if c.pid = 0; c.threads != "" {
		c.pid = inspect.Container.State.Pid
	}
	return nil
}

// killed says whether it was killed and not started since.
func (c *Container) killed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ports == nil
}

// ErrEnded is the error of a container whose process ended as soon as it had begun.
var ErrEnded = errors.New("its process ended at once")

// Address returns where the container's port is published on this machine, as of the last start.
func (c *Container) Address(port int) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.ports[port]; ok {
		return a, nil
	}
	if c.ended {
		return "", fmt.Errorf("container %s: %w", c.Name, ErrEnded)
	}
	if c.ports == nil {
		return "", fmt.Errorf("container %s is killed: it has no port %d until it is started", c.Name, port)
	}
	return "", fmt.Errorf("container %s publishes no port %d: it publishes %v", c.Name, port, slices.Sorted(maps.Keys(c.ports)))
}

// On returns the container's own address on the network, as of the last start.
func (c *Container) On(n *Network) (netip.Addr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.addresses[n.Name]; a.IsValid() {
		return a, nil
	}
	if c.ended {
		return netip.Addr{}, fmt.Errorf("container %s: %w", c.Name, ErrEnded)
	}
	return netip.Addr{}, fmt.Errorf("container %s has no address on network %s", c.Name, n.Name)
}

// Kill ends the container's processes with SIGKILL, and returns the exit status when they have ended.
func (c *Container) Kill(ctx context.Context) (status int64, err error) {
	if h := c.hold(); h != nil {
		if err := h.kill(); err != nil && !ended(err) {
			return 0, fmt.Errorf("kill: %w", err)
		}
	} else if err := c.signal(ctx, "SIGKILL"); err != nil {
		return 0, fmt.Errorf("kill: %w", err)
	}
	c.Down()
	return c.Exited(ctx)
}

// politely is how long Terminate waits for what a signal asks for.
const politely = 2 * time.Second

// Terminate asks the container's processes to end, and returns the exit status when they have: by SIGTERM, to one that does not for
// that by the signal that the image names (STOPSIGNAL), and by SIGKILL when both were in vain.
func (c *Container) Terminate(ctx context.Context) (status int64, err error) {
	inspect, err := c.engine.cli.ContainerInspect(ctx, c.id, client.ContainerInspectOptions{})
	if err != nil {
		return 0, fmt.Errorf("terminate: %w", err)
	}
	for _, signal := range []string{"SIGTERM", inspect.Container.Config.StopSignal} {
		if signal == "" {
			continue
		}
		if err := c.signal(ctx, signal); err != nil {
			return 0, fmt.Errorf("terminate: %w", err)
		}
		patience, cancel := context.WithTimeout(ctx, politely)
		status, err = c.Exited(patience)
		cancel()
		if err == nil {
			c.Down()
			return status, nil
		}
	}
	return c.Kill(ctx)
}

func (c *Container) signal(ctx context.Context, signal string) error {
	_, err := c.engine.cli.ContainerKill(ctx, c.id, client.ContainerKillOptions{Signal: signal})
	return err
}

// Down notes that the container's processes have ended: from now on its ports are the engine's to give to others.
func (c *Container) Down() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ports, c.cgroup, c.threads, c.pid = nil, nil, "", 0
}

// Pause freezes the container's processes (the cgroup freezer): connections stay open, nothing answers.
func (c *Container) Pause(ctx context.Context) error {
	if h := c.hold(); h != nil {
		return h.freeze(ctx, true)
	}
	_, err := c.engine.cli.ContainerPause(ctx, c.id, client.ContainerPauseOptions{})
	return err
}

// Unpause lets them run on.
func (c *Container) Unpause(ctx context.Context) error {
	if h := c.hold(); h != nil {
		return h.freeze(ctx, false)
	}
	_, err := c.engine.cli.ContainerUnpause(ctx, c.id, client.ContainerUnpauseOptions{})
	return err
}

// Exited waits until the container is not running and returns its exit code.
func (c *Container) Exited(ctx context.Context) (int64, error) {
	wait := c.engine.cli.ContainerWait(ctx, c.id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case err := <-wait.Error:
		return 0, fmt.Errorf("wait for the end of %s: %w", c.Name, err)
	case r := <-wait.Result:
		return r.StatusCode, nil
	}
}

// Exec runs a command in the container and returns its combined output; a non-zero exit is an error that carries it.
func (c *Container) Exec(ctx context.Context, command ...string) (string, error) {
	code, out, err := c.c.Exec(ctx, command, tcexec.Multiplexed())
	if err != nil {
		return "", fmt.Errorf("run %v in %s: %w", command, c.Name, err)
	}
	text, err := io.ReadAll(out)
	if err == nil && code != 0 {
		err = fmt.Errorf("run %v in %s: exit status %d: %s", command, c.Name, code, bytes.TrimSpace(text))
	}
	return string(text), err
}

// Logs returns what the container's processes wrote, both streams in the order of writing; only the last lines where tail > 0.
func (c *Container) Logs(ctx context.Context, tail int) (string, error) {
	o := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true}
	if tail > 0 {
		o.Tail = strconv.Itoa(tail)
	}
	r, err := c.engine.cli.ContainerLogs(ctx, c.id, o)
	if err != nil {
		return "", fmt.Errorf("logs of %s: %w", c.Name, err)
	}
	defer r.Close()
	var b bytes.Buffer
	_, err = stdcopy.StdCopy(&b, &b, r)
	return b.String(), err
}

// Remove kills the container and removes it with its anonymous volumes.
func (c *Container) Remove(ctx context.Context) error {
	if err := removeContainer(ctx, c.engine.cli, c.id); err != nil {
		return fmt.Errorf("remove container %s: %w", c.Name, err)
	}
	c.gone()
	return nil
}
