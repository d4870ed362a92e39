package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"assay/harness/engine"
	"assay/harness/engine/image"
	"assay/harness/evidence"
	"assay/harness/fault"
)

// Image says where a container's image comes from.
type Image = image.Source

// ImageOf is the image of one of Assay's own recipes (fixtures/images), ImageDir one built from a directory of one's own with
// a Dockerfile, ImageRef one that somebody else made. See package image.
var (
	ImageOf  = image.Recipe
	ImageDir = image.Dir
	ImageRef = image.Ref
)

// Container says what a node runs.
type Container struct {
	Name        string // unique in the Env; other containers reach it by this name
	Image       Image
	Entrypoint  []string // the image's own where nil
	Command     []string // the image's own where nil
	Environment map[string]string
	Files       map[string][]byte      // path in the container → contents
	Modes       map[string]fs.FileMode // of Files, 0644 by default
	Ports       []int                  // TCP ports of the server, the main one first; none of what only dials others
	// User is as whom it starts, "uid:gid", and whose its Files are. By default it is as the image says, and Files are root's.
	User string
	// Volumes are paths at which it has an empty directory, or what its image has there, for as long as it is there itself.
	Volumes      []string
	Tmpfs        map[string]int64 // path → size in bytes of a file system in memory that it has there, empty with each start
	SharedMemory int64            // bytes of /dev/shm, the engine's 64 MB by default
	// ReadOnly lets it write to Volumes, Tmpfs, its Disk and the directories of its Files only, which are volumes then.
	ReadOnly bool
	// After are servers that are ready before it starts.
	After     []Server
	Memory    int64 // limit in bytes, engine.DefaultMemory by default
	Processes int64 // limit of processes and threads, engine.DefaultProcesses by default
	// Capabilities are the only ones it has, none by default. An image that begins as root, takes its files over and goes on as
	// another user wants some of CHOWN, DAC_OVERRIDE, FOWNER, SETGID and SETUID.
	Capabilities []string
	Mesh         *Mesh // of which it is a member, if any; its Name is the member's
	// Skewable prepares the node for Skew: its image must have the library of fixtures/images/redis/clock.c.
	Skewable bool
	// Disk, where given, is the path at which the container has a disk of its own, on which the files are that the image has
	// there. It is in memory, so syncing takes no time, and it is what Node.PowerCut and the faults of Node.Disk are about.
	Disk     string
	DiskSize int64 // in bytes, DefaultDiskSize by default
	// Ready makes one round trip of the server's protocol with the main port at address, "" where there is none; nil when it went
	// well. It is called again until then. A TCP connect is no such round trip: the engine accepts before the server listens.
	Ready func(ctx context.Context, address string) error
	// Version, where given, asks the ready server which version it is, for the record.
	Version func(ctx context.Context, address string) (string, error)
}

// DefaultDiskSize is the size of a disk whose container does not ask.
const DefaultDiskSize int64 = 256 << 20

var containerName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

var userID = regexp.MustCompile(`^[0-9]{1,9}:[0-9]{1,9}$`)

// mainPort is the port that clients dial who are not told another.
func (c Container) mainPort() (int, error) {
	if len(c.Ports) == 0 {
		return 0, fmt.Errorf("container %s has no port: say which TCP ports its server listens on, the main one first", c.Name)
	}
	return c.Ports[0], nil
}

// valid refuses what could not run, or could not be reached.
func (c Container) valid() error {
	if !containerName.MatchString(c.Name) {
		return fmt.Errorf("container %q: a name is also a host name: lower-case letters, digits and dashes", c.Name)
	}
	const longest = 63 // of a label in the names of hosts (RFC 1035, 2.3.4)
	if n := len(c.Name); n > longest {
		return fmt.Errorf("container %.20s…: a name is also a host name, which has at most %d characters, and this one has %d", c.Name, longest, n)
	}
	if len(c.Ports) == 0 && c.Mesh != nil {
		return fmt.Errorf("container %s has no port, at which the other members of mesh %s reach it", c.Name, c.Mesh.Name)
	}
	for name := range c.Modes {
		if _, there := c.Files[name]; !there {
			return fmt.Errorf("container %s: Modes has %s, and Files has not", c.Name, name)
		}
	}
	for name := range c.Files {
		if c.ReadOnly && path.Dir(name) == "/" {
			return fmt.Errorf("container %s reads only, so its file %s can be in no volume: give it a directory of its own", c.Name, name)
		}
	}
	if c.User != "" && !userID.MatchString(c.User) {
		return fmt.Errorf("container %s: user %q: write it as uid:gid, such as 999:999, since only the image knows names", c.Name, c.User)
	}
	for _, p := range c.Ports {
		if p < 1 || p > 65535 {
			return fmt.Errorf("container %s: there is no TCP port %d", c.Name, p)
		}
	}
	if c.Mesh != nil && c.Mesh.networks[c.Name] == nil {
		return fmt.Errorf("container %s is no member of mesh %s: there are %q", c.Name, c.Mesh.Name, c.Mesh.Members)
	}
	return nil
}

// readyPace is how long rests between two attempts at a round trip with a server that starts.
const readyPace = time.Millisecond

// readyLimit is how long a server may take to become ready, after its image is there.
const readyLimit = 60 * time.Second

// Node is one container and what can happen to it.
type Node struct {
	*fault.Node

	env    *Env
	spec   Container
	places []engine.Place // the networks it is on

	started chan struct{} // closed when the container runs or err is set
	up      chan struct{} // closed when ready or err is set
	err     error

	mu        sync.Mutex
	container *engine.Container
	drive     *engine.Disk
	image     image.Built
	version   string
	links     []linkTo
	direct    *Link
	sidecar   *sidecar // where its packets can be lost

	// expected says of the container's present run that it is to end: a fault took it down, or the test is over. Each run has
	// one of its own, since the end of one may be noticed when the next has begun.
	expected atomic.Pointer[atomic.Bool]

	// What a server may end of by itself: a Squeeze, a full disk, and what a power cut has left of its files, until it answers.
	squeezed, filled span
	unplugged        atomic.Bool

	ended       atomic.Bool // it has, of one of those, and was not started since
	outOfMemory atomic.Bool // of a Squeeze: the kernel has ended it
}

// span is the time of a fault that a server may end of.
type span struct {
	lasts atomic.Bool
	over  atomic.Int64 // when the last one was healed, on the Env's clock
}

func (s *span) begin() { s.lasts.Store(true) }

func (s *span) end(now time.Duration) {
	s.over.Store(int64(now))
	s.lasts.Store(false)
}

// noticing is how long it may take until the engine has noticed the end of a container.
const noticing = 2 * time.Second

// had tells whether a server whose end is noticed now may have ended in that time.
func (s *span) had(now time.Duration) bool {
	over := s.over.Load()
	return s.lasts.Load() || over > 0 && now-time.Duration(over) < noticing
}

// Server is a node, or a fixture built on one.
type Server interface{ node() *Node }

func (n *Node) node() *Node { return n }

// linkTo is a link that must learn of the node's new ports.
type linkTo struct {
	link *fault.Link
	port int
}

// Start starts a container and returns at once, so that independent ones start together. Ready waits for it.
func (e *Env) Start(c Container) *Node {
	e.t.Helper()
	if err := c.valid(); err != nil {
		e.fatal(evidence.Broken, "%s", err)
	}
	if c.Mesh != nil {
		return e.launch(c, c.Mesh.place(c.Name))
	}
	return e.launch(c, engine.Place{Network: e.common()})
}

// launch starts a container that others find in these places.
func (e *Env) launch(c Container, places ...engine.Place) *Node {
	e.t.Helper()
	n := &Node{env: e, spec: c, places: places, started: make(chan struct{}), up: make(chan struct{})}
	n.expected.Store(new(atomic.Bool))
	n.Node = fault.NewNode(e.hooks, c.Name, machine{n}, drive{n})
	e.mu.Lock()
	for _, other := range e.nodes {
		if other.Name == c.Name {
			e.mu.Unlock()
			e.fatal(evidence.Broken, "two containers are called %q", c.Name)
		}
	}
	e.nodes = append(e.nodes, n)
	if c.Mesh != nil {
		for _, from := range c.Mesh.Members {
			if from != c.Name {
				n.links = append(n.links, linkTo{c.Mesh.Link(from, c.Name), c.Ports[0]})
			}
		}
	}
	e.mu.Unlock()
	e.work.Go(func() {
		n.err = n.start(e.ctx)
		close(n.started)
		if n.err == nil {
			n.err = n.await(e.ctx)
		}
		close(n.up)
		if n.err == nil && c.Version != nil {
			n.askVersion() // nobody waits for it but the record
		}
	})
	return n
}

func (n *Node) askVersion() {
	err := n.attempt(n.env.ctx, func(ctx context.Context, address string) (err error) {
		n.version, err = n.spec.Version(ctx, address)
		return err
	})
	if err != nil {
		n.version = "it did not tell: " + err.Error()
	}
}

func (n *Node) start(ctx context.Context) error {
	built, err := n.env.engine.Image(ctx, n.spec.Image)
	if err != nil {
		return err
	}
	for _, other := range n.spec.After {
		first := other.node()
		select {
		case <-first.up:
		case <-ctx.Done():
			return ctx.Err()
		}
		if first.err != nil {
			return fmt.Errorf("%s is to start after %s, which did not become ready: %w", n.Name, first.Name, first.err)
		}
	}
	spec := engine.Spec{
		Name: n.spec.Name, Image: built.Ref, Entrypoint: n.spec.Entrypoint, Command: n.spec.Command, Environment: n.spec.Environment,
		Modes: n.spec.Modes, User: n.spec.User, Volumes: n.spec.Volumes, Tmpfs: n.spec.Tmpfs, SharedMemory: n.spec.SharedMemory, ReadOnly: n.spec.ReadOnly,
		Ports: n.spec.Ports, Files: n.spec.Files, Memory: n.spec.Memory, Processes: n.spec.Processes, Capabilities: n.spec.Capabilities,
		Aliases: n.places[0].Aliases, Also: n.places[1:],
		Skewable: n.spec.Skewable,
	}
	if n.spec.Disk != "" {
		n.drive, err = n.env.engine.MakeDisk(ctx, n.places[0].Network, n.spec.Name+"-disk", cmp.Or(n.spec.DiskSize, DefaultDiskSize))
		if err != nil {
			return err
		}
		spec.Disks = map[string]*engine.Disk{n.spec.Disk: n.drive}
	}
	c, err := n.env.engine.Run(ctx, n.places[0].Network, spec)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.container, n.image = c, built
	n.mu.Unlock()
	n.watch()
	return n.retarget()
}

// await waits until the server answers a round trip of its protocol.
func (n *Node) await(ctx context.Context) error {
	if n.spec.Ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	tick := time.NewTicker(readyPace)
	defer tick.Stop()
	last := errors.New("it was never asked")
	for {
		if err := n.attempt(ctx, n.spec.Ready); err == nil {
			return n.container.Skewed(ctx)
		} else if ctx.Err() == nil {
			last = err
		}
		if d, ok := n.death(); ok {
			tail := n.tail()
			return endedEarly{fmt.Errorf("%v before it was ready\n%s%s", d, tail, n.spec.lacks(tail))}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready within %v: %w%s\n%s", n.Name, readyLimit, last, elsewhere(last)+n.itself(), n.tail())
		case <-tick.C:
		}
	}
}

// elsewhere guesses at the one reason for a refusal that lies outside of the container.
func elsewhere(err error) string {
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return ""
	}
	return "\n  (where the tests run in a container beside the engine's, 127.0.0.1 is not the engine's: run that container with --network host)"
}

// itself guesses at the reason why a server does not answer that does listen: only on its own container's loopback interface.
func (n *Node) itself() string {
	if len(n.spec.Ports) == 0 {
		return ""
	}
	port, hint := n.spec.Ports[0], ""
	for _, a := range n.container.Listens() {
		if int(a.Port()) != port {
			continue
		}
		if !a.Addr().IsLoopback() {
			return ""
		}
		hint = fmt.Sprintf("\n  (its server listens on %v, where only its own container reaches it: have it listen on 0.0.0.0:%d, or wherever there is an address)", a, port)
	}
	return hint
}

// wants says of a capability which words in a log tell that it is missing, beside those of a refusal.
var wants = []struct{ capability, words string }{
	{"CHOWN", `chown|changing ownership`},
	{"FOWNER", `chmod|changing permissions|utime`},
	{"SETUID", `setuid|setreuid|setresuid|su-exec|gosu|setpriv`},
	{"SETGID", `setgid|setregid|setresgid|setgroups|initgroups|su-exec|gosu|setpriv`},
	{"NET_BIND_SERVICE", `bind.*:\d{1,3}\b`},
	{"NET_RAW", `raw socket|icmp`},
	{"SYS_CHROOT", `chroot`},
	{"MKNOD", `mknod`},
	{"SYS_NICE", `setpriority|sched_set|nice`},
}

var refusals = regexp.MustCompile(`(?i)operation not permitted|permission denied|not permitted`)

// lacks guesses from a server's log which capability it lacks.
func (c Container) lacks(log string) string {
	var missing []string
	refused := false
	for line := range strings.Lines(log) {
		if !refusals.MatchString(line) {
			continue
		}
		refused = true
		for _, w := range wants {
			if regexp.MustCompile("(?i)"+w.words).MatchString(line) && !slices.Contains(c.Capabilities, w.capability) && !slices.Contains(missing, w.capability) {
				missing = append(missing, w.capability)
			}
		}
	}
	switch {
	case len(missing) > 0:
		return fmt.Sprintf("\n  (it has no capability that it is not given: Capabilities: %q may be what it lacks; an image that begins as root and goes on\n"+
			"  as another user wants some of CHOWN, DAC_OVERRIDE, FOWNER, SETGID and SETUID)", missing)
	case refused && !slices.Contains(c.Capabilities, "DAC_OVERRIDE"):
		return "\n  (it has no capability that it is not given: as root it needs DAC_OVERRIDE in its Capabilities for files of others; or start it as their owner, by User)"
	}
	return ""
}

// attempt bounds one round trip with the main port: the engine's proxy accepts a connection whose server does not listen yet,
// and nobody answers.
func (n *Node) attempt(ctx context.Context, trip func(context.Context, string) error) error {
	address := ""
	if len(n.spec.Ports) > 0 {
		var err error
		if address, err = n.container.Address(n.spec.Ports[0]); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return trip(ctx, address)
}

// Ready waits until the server has answered for the first time, and ends the test if it does not, with its log.
func (n *Node) Ready() {
	n.env.t.Helper()
	<-n.up
	if n.err == nil {
		return
	}
	if errors.As(n.err, &endedEarly{}) {
		n.env.fatal(evidence.Died, "%s", n.err)
	}
	n.env.broken(n.err, "%s", n.err)
}

// Answers is the condition that the server answers now, on its present address and past all links: for awaiting a restart.
func (n *Node) Answers() error {
	if n.Ready(); n.spec.Ready == nil {
		return fmt.Errorf("%s was not told how to see that its server is ready", n.Name)
	}
	if err := n.attempt(n.env.ctx, n.spec.Ready); err != nil {
		return fmt.Errorf("%s does not answer: %w", n.Name, err)
	}
	n.unplugged.Store(false)
	return nil
}

// Exec runs a command in the container and returns its output; an exit status other than 0 ends the test.
func (n *Node) Exec(command ...string) string {
	n.env.t.Helper()
	n.Ready()
	out, err := n.container.Exec(n.env.ctx, command...)
	if err != nil {
		n.env.broken(err, "%s", err)
	}
	return out
}

// attach adds a link that leads to the node, now and after every restart.
func (n *Node) attach(l linkTo) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links = append(n.links, l)
	if n.container == nil {
		return nil
	}
	return l.follow(n.container)
}

// retarget tells the links where the node's ports are now.
func (n *Node) retarget() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, l := range n.links {
		errs = append(errs, l.follow(n.container))
	}
	return errors.Join(errs...)
}

func (l linkTo) follow(c *engine.Container) error {
	address, err := c.Address(l.port)
	if errors.Is(err, engine.ErrEnded) {
		address, err = fault.Nowhere, nil // its death is told by who waits for the server
	}
	if err != nil {
		return err
	}
	return l.link.Retarget(address)
}

// unreachable points the links nowhere: the engine may give the ports of a container that is down to another one.
func (n *Node) unreachable() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, l := range n.links {
		errs = append(errs, l.link.Retarget(fault.Nowhere))
	}
	return errors.Join(errs...)
}

// watch notices when the container ends though nobody killed it.
func (n *Node) watch() {
	expected := n.expected.Load()
	n.env.watch.Go(func() {
		code, err := n.container.Exited(n.env.watching)
		if err != nil || expected.Load() {
			return
		}
		outOfMemory, err := n.container.OutOfMemory(n.env.watching)
		outOfMemory = err == nil && outOfMemory && code == 128+int64(syscall.SIGKILL) // else another process was killed, and this one went on
		now := n.env.Now()
		squeezed := outOfMemory && n.squeezed.had(now)
		if squeezed || n.filled.had(now) || n.unplugged.Load() {
			n.container.Down()
			if err := n.unreachable(); err != nil {
				n.env.backgroundError(evidence.Broken, err)
			}
			n.outOfMemory.Store(squeezed)
			n.ended.Store(true)
			return
		}
		n.env.mu.Lock()
		defer n.env.mu.Unlock()
		n.env.deaths = append(n.env.deaths, death{n, code, outOfMemory})
	})
}

// OutOfMemory is the condition that the kernel has ended the node for want of memory, as the engine tells, while it was
// squeezed. Then Restart starts it again.
func (n *Node) OutOfMemory() error {
	if n.ended.Load() && n.outOfMemory.Load() {
		return nil
	}
	return fmt.Errorf("%s runs on", n.Name)
}

// Ended is the condition that the server has ended by itself, as one may that is squeezed, whose disk is full, or that finds its
// files as a power cut has left them. (For any other reason it would end the test.) Then Restart starts it again.
func (n *Node) Ended() error {
	if n.ended.Load() {
		return nil
	}
	return fmt.Errorf("%s runs on", n.Name)
}

// endedEarly is the error of a server that ended while it was waited for.
type endedEarly struct{ error }

// death takes the news of the container's end, so that it is told once.
func (n *Node) death() (death, bool) {
	n.env.mu.Lock()
	defer n.env.mu.Unlock()
	for i, d := range n.env.deaths {
		if d.node == n {
			n.env.deaths = slices.Delete(n.env.deaths, i, i+1)
			return d, true
		}
	}
	return death{}, false
}

// tail words the end of the container's log.
func (n *Node) tail() string {
	const lines = 15
	n.mu.Lock()
	c := n.container
	n.mu.Unlock()
	if c == nil {
		return "it has no log"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	log, err := c.Logs(ctx, lines)
	if err != nil {
		return fmt.Sprintf("its log cannot be read: %v", err)
	}
	if log == "" {
		return "its log is empty"
	}
	return fmt.Sprintf("the end of its log:\n%s", indent(log, "  | "))
}

// machine is the node as its faults see it.
type machine struct{ n *Node }

func (m machine) Kill(ctx context.Context) (status int64, err error) {
	return m.end(ctx, (*engine.Container).Kill)
}

func (m machine) Terminate(ctx context.Context) (status int64, err error) {
	return m.end(ctx, (*engine.Container).Terminate)
}

func (m machine) end(ctx context.Context, how func(*engine.Container, context.Context) (int64, error)) (status int64, err error) {
	if err := m.ready(); err != nil {
		return 0, err
	}
	m.n.expected.Load().Store(true)
	if status, err = how(m.n.container, ctx); err != nil {
		return 0, err
	}
	return status, m.n.unreachable()
}

func (m machine) CutPower(ctx context.Context, half bool) error {
	if err := m.ready(); err != nil {
		return err
	}
	d, err := drive(m).there()
	if err != nil {
		return err
	}
	m.n.expected.Load().Store(true)
	// Who has lost its power sees no error of its disk, and so can tell nobody of one.
	if err := m.n.container.Pause(ctx); err != nil {
		return err
	}
	if err := d.Cut(ctx, half); err != nil {
		return err
	}
	m.n.unplugged.Store(true)
	_, err = m.Kill(ctx)
	return err
}

func (m machine) Lost() bool { return m.n.drive != nil && m.n.drive.Lost() }

func (m machine) Start(ctx context.Context) error {
	if err := m.n.container.Start(ctx); err != nil {
		return err
	}
	m.n.expected.Store(new(atomic.Bool))
	m.n.ended.Store(false)
	m.n.watch()
	if m.n.sidecar != nil {
		if err := m.n.sidecar.renew(ctx); err != nil {
			return err
		}
	}
	return m.n.retarget()
}

func (m machine) Pause(ctx context.Context) error {
	if err := m.ready(); err != nil {
		return err
	}
	return m.n.container.Pause(ctx)
}

func (m machine) Unpause(ctx context.Context) error { return m.n.container.Unpause(ctx) }

func (m machine) Processors(ctx context.Context, quota, period time.Duration) error {
	if err := m.ready(); err != nil {
		return err
	}
	return m.n.container.Processors(ctx, quota, period)
}

func (m machine) Throttled() (times int, took time.Duration, known bool) {
	if m.ready() != nil {
		return 0, 0, false
	}
	return m.n.container.Throttled()
}

func (m machine) Memory(ctx context.Context, bytes int64) error {
	if err := m.ready(); err != nil {
		return err
	}
	if bytes > 0 {
		m.n.squeezed.begin() // before it can be felt
		return m.n.container.Memory(ctx, bytes)
	}
	err := m.n.container.Memory(ctx, 0)
	m.n.squeezed.end(m.n.env.Now())
	return err
}

func (m machine) Clock(ctx context.Context, ahead time.Duration) error {
	if err := m.ready(); err != nil {
		return err
	}
	return m.n.container.Clock(ctx, ahead)
}

func (m machine) Ended() bool { return m.n.ended.Load() }

func (m machine) ready() error {
	<-m.n.up
	return m.n.err
}

// drive is the node's disk as its faults see it.
type drive struct{ n *Node }

func (d drive) there() (*engine.Disk, error) {
	if err := machine(d).ready(); err != nil {
		return nil, err
	}
	if d.n.drive == nil {
		return nil, fmt.Errorf("%s has no disk of its own: say in its Container at which path it is to have one (Disk)", d.n.Name)
	}
	return d.n.drive, nil
}

func (d drive) Fill(ctx context.Context) error {
	disk, err := d.there()
	if err != nil {
		return err
	}
	d.n.filled.begin()
	return disk.Fill(ctx)
}

func (d drive) Drain(ctx context.Context) error {
	err := d.n.drive.Drain(ctx)
	d.n.filled.end(d.n.env.Now())
	return err
}

func (d drive) Slow(ctx context.Context, every time.Duration) error {
	disk, err := d.there()
	if err != nil {
		return err
	}
	return disk.Slow(ctx, every)
}

// remove removes the container and its disk, as far as they were made.
func (n *Node) remove(ctx context.Context) error {
	var err error
	if n.sidecar != nil {
		err = n.sidecar.remove(ctx) // first: it holds on to the node's network
	}
	if n.container != nil {
		err = errors.Join(err, n.container.Remove(ctx))
	}
	if n.drive != nil {
		err = errors.Join(err, n.drive.Remove(ctx))
	}
	return err
}

// RespondsHTTP is a Ready for servers that speak HTTP: a GET of the path is answered with a status below 400.
func RespondsHTTP(path string) func(ctx context.Context, address string) error {
	return func(ctx context.Context, address string) error {
		_, err := GetHTTP(ctx, address, path)
		return err
	}
}

// GetHTTP is one GET of the path for what a fixture itself asks a server that speaks HTTP: the body of an answer with a status below
// 400. It records nothing, so it is not for what clients do.
func GetHTTP(ctx context.Context, address, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 400 {
		return nil, fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return body, nil
}
