package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Machine is what a node's faults are done to: a container.
type Machine interface {
	// Kill ends it with SIGKILL, and Terminate asks it to end; both return the exit status when it has.
	Kill(context.Context) (status int64, err error)
	Terminate(context.Context) (status int64, err error)
	Start(context.Context) error
	Pause(context.Context) error
	Unpause(context.Context) error
	// Processors limits its threads together to quota of processor time in each period; to what it had at first where both are 0.
	Processors(ctx context.Context, quota, period time.Duration) error
	// Throttled is how often its threads were held back for that since it was started, and for how long; not known everywhere.
	Throttled() (times int, took time.Duration, known bool)
	// Memory limits it to so many bytes; to what it had at first where 0.
	Memory(ctx context.Context, bytes int64) error
	// Clock sets how far the time of day that it sees is ahead of the true one.
	Clock(ctx context.Context, ahead time.Duration) error
	// Ended tells whether it has ended by itself of a fault that is none of being down, and was not started since: a limit of Memory,
	// a full disk, or what CutPower has left of its files.
	Ended() bool
	// CutPower ends the machine as its power does, with its disk as what was synced to it; half syncs first. Start is its undo, after
	// which Lost tells whether the cut took what was not synced.
	CutPower(ctx context.Context, half bool) error
	Lost() bool
}

// machineLimit bounds one call to the engine.
const machineLimit = 30 * time.Second

// Node is a part of the system that can be killed and frozen, starved of processor time and of memory, and shown a wrong time.
//
// A kill and a pause exclude each other; the others may be in force beside them and beside each other. A node that is killed
// and started again while it is starved, squeezed or skewed, is so after its start.
//
// How soon a fault is felt: where this process may write to the container's control groups and signal its processes (on the
// engine's machine as root, or as the user of a rootless engine), it does what the engine would have done, and 99 of 100 are
// felt within 8 ms. Elsewhere the engine does it, which starts a program for each call: 33 to 52 ms at the median and up to 83
// ms, a skew 150 and up to 280 ms (BenchmarkEffect of package engine, two cores with nothing else to do).
type Node struct {
	Name string

	hooks   *Hooks
	machine Machine
	disk    *Disk

	mu   sync.Mutex
	last map[string]*Fault // the latest of each sort; a kill, a power cut and a pause are of one
}

// NewNode returns the node of that name in the hooks, and what does to its disk what is done to it.
func NewNode(hooks *Hooks, name string, m Machine, d Drive) *Node {
	return &Node{Name: name, hooks: hooks, machine: m, disk: &Disk{Name: name, hooks: hooks, drive: d}, last: map[string]*Fault{}}
}

// Disk is what the node keeps its data on.
func (n *Node) Disk() *Disk { return n.disk }

// Kill ends the node's processes with SIGKILL: no handler runs, connections are closed by the kernel. What the processes had
// written to files stays, also what they had not synced: the page cache survives, so this is a crash of a process and not a
// power cut. The undo is Restart.
func (n *Node) Kill() *Fault {
	f := &Fault{Kind: "kill", Undo: "restart"}
	kill := n.machine.Kill
	if n.hooks.halved(f) {
		kill = n.machine.Terminate
	}
	return n.fault(down, f, func(ctx context.Context) error {
		status, err := kill(ctx)
		f.shows(func() (string, error) { return killedBy(status) })
		return err
	}, n.machine.Start)
}

// Pause freezes the node's processes: connections stay open and nothing answers, as in a long garbage collection or a
// suspended virtual machine. The kernel still acknowledges what arrives until its buffers are full. The undo is Resume.
func (n *Node) Pause() *Fault {
	return n.fault(down, &Fault{Kind: "pause", Undo: "resume"}, n.machine.Pause, n.machine.Unpause)
}

// PowerCut ends the node as the loss of its power does: at one instant its processes stop, and its disk is as it was synced.
// What they had written and not synced is gone, but for what the kernel had written back of its own accord, which it does to
// what is older than some seconds. The processes see no error, and say nobody goodbye. The node must have a disk of its own;
// outside of it, its files stay as after a kill. The undo is Restart.
//
// A server may find that it cannot go on from there, and end as soon as it has begun. Env does not take that for a crash of its
// own until the server has answered (Env's Answers); a fixture sees it with Env's Ended.
//
// What a drive's own cache loses is not modelled, nor torn sectors: what was given to the device is there, also where nobody
// had waited for it.
func (n *Node) PowerCut() *Fault {
	f := &Fault{Kind: "power cut", Undo: "restart"}
	half := n.hooks.halved(f)
	return n.fault(down, f, func(ctx context.Context) error { return n.machine.CutPower(ctx, half) }, func(ctx context.Context) error {
		err := n.machine.Start(ctx)
		lost := n.machine.Lost()
		f.nature = func() (string, error) { return cutOff(lost) } // Heal holds mu
		return err
	})
}

// killed is the exit status that SIGKILL leaves.
const killed = 128 + 9

// killedBy tells whether an exit status is that of a kill.
func killedBy(status int64) (string, error) {
	if status != killed {
		return "", fmt.Errorf("the engine tells exit status %d, and SIGKILL leaves %d: the process ended in another way", status, killed)
	}
	return fmt.Sprintf("exit status %d, as SIGKILL leaves it", status), nil
}

// cutOff tells whether a power cut took what was not synced.
func cutOff(lost bool) (string, error) {
	if !lost {
		return "", errors.New("what was written right before it and not synced is there afterwards: it took nothing")
	}
	return "what was written right before it and not synced is gone", nil
}

// What the kernel takes: no quota below 1 ms, no period above 1 s (Documentation/scheduler/sched-bwc.rst).
const (
	leastQuota    = time.Millisecond
	longestPeriod = time.Second
)

// starvingPeriod is short, so that a starved node is seen to be slow at once and not only when a tenth of a second is over.
const starvingPeriod = 10 * time.Millisecond

// Starve leaves the node so many processors' worth of time, 0.1 say, at least 0.001: a container with a tight limit, or a
// virtual machine on a host that has promised too much. The kernel (CFS bandwidth control) lets all its threads together run
// for that share of each period of 10 ms (longer ones for less than 0.1 processors, since a quota is no less than 1 ms). When
// it is used up, all of them stand still until the period is over.
//
// So it is no slower processor: what needs less than its quota in a period is as fast as ever, and what needs more stalls in
// steps of up to a period. Nor is it contention: caches stay warm, and the kernel goes on sending and acknowledging for the
// node. Heal gives it back what it had.
func (n *Node) Starve(processors float64) *Fault {
	least := float64(leastQuota) / float64(longestPeriod)
	f := &Fault{Kind: "starve", Detail: fmt.Sprintf("to %v processors", processors), Undo: "heal"}
	if !(processors >= least && processors <= 1<<10) { // not a number neither
		f.Target = n.Name
		n.hooks.Fatal(fmt.Errorf("inject %s: leave it at least %v processors", f, least))
	}
	if n.hooks.halved(f) {
		processors *= 2
	}
	period := starvingPeriod
	if float64(period)*processors < float64(leastQuota) {
		period = min(longestPeriod, time.Duration(float64(leastQuota)/processors).Round(time.Microsecond))
	}
	quota := max(leastQuota, time.Duration(float64(period)*processors).Round(time.Microsecond))
	f.Delay = max(0, period-quota)
	var times int
	var took time.Duration
	return n.fault("starve", f,
		func(ctx context.Context) error {
			times, took, _ = n.machine.Throttled()
			return n.machine.Processors(ctx, quota, period)
		},
		func(ctx context.Context) error {
			now, long, known := n.machine.Throttled()
			if now < times { // it was started again meanwhile
				times, took = 0, 0
			}
			err := n.machine.Processors(ctx, 0, 0)
			if err == nil && known && now > times {
				f.felt = fmt.Sprintf("the kernel: it held its threads back %d times, for %v in all", now-times, (long - took).Round(time.Millisecond))
			}
			return err
		})
}

// Squeeze leaves the node so many bytes of memory, without swap: what its processes have touched of their own, the page cache
// of the files that they read and write, and what the kernel holds for them. Page cache is taken back first, also that
// of the program itself: a node that grows in small steps can stand at the limit for long, hardly moving, and not be killed.
//
// A process that needs more than there is gets killed by the kernel (the OOM killer), at once and without a handler. If that is
// the one that the container was started with, the node is down: Env does not take that for a crash of its own, a fixture sees
// it with Env's OutOfMemory, and Restart starts it again, under the limit that holds then.
//
// It is no machine that runs out of memory: other nodes have theirs, nothing is swapped, and no allocation is refused (it is
// the use that kills). A node that holds more already than it is left with, and more than can be taken back, is killed at once
// where the kernel has control groups of version 2; version 1 refuses such a limit, and that ends the test. Squeeze to more
// than it holds and let it grow: that is the same on both. Heal gives back the limit that it had.
func (n *Node) Squeeze(bytes int64) *Fault {
	return n.fault("squeeze", &Fault{Kind: "squeeze", Detail: fmt.Sprintf("to %.3g MiB", float64(bytes)/(1<<20)), Undo: "heal"},
		func(ctx context.Context) error { return n.machine.Memory(ctx, bytes) },
		func(ctx context.Context) error { return n.machine.Memory(ctx, 0) })
}

// Skew puts the time of day that the node sees ahead by so much, or back where it is negative, in one step: as NTP steps a
// clock that was wrong, or as an administrator does. The node must have been started with harness.Container.Skewable.
//
// Containers share the kernel's clock, so it is the C library's answer that is changed: clock_gettime (CLOCK_REALTIME),
// gettimeofday and time. A program that asks the kernel itself, as every statically linked one does and so every Go server, cannot
// be skewed, and a claim that wants it is not provable. Not skewed are the monotonic clock (no step touches that on a real
// machine), times of files, and waits until a time of day. A clock that drifts is not modelled. Heal sets it right.
func (n *Node) Skew(ahead time.Duration) *Fault {
	f := &Fault{Kind: "skew", Detail: fmt.Sprintf("by %v", ahead), Undo: "heal"}
	if n.hooks.halved(f) {
		ahead /= 2
	}
	return n.fault("skew", f,
		func(ctx context.Context) error { return n.machine.Clock(ctx, ahead) },
		func(ctx context.Context) error { return n.machine.Clock(ctx, 0) })
}

// HeldBack tells whether a fault keeps the node from running as it would: it is starved, or paused, or down.
func (n *Node) HeldBack() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, sort := range []string{"starve", down} {
		if last := n.last[sort]; last != nil && !last.isHealed() {
			return true
		}
	}
	return false
}

// Restart starts a node again that was killed, lost its power, or has ended by itself of what was done to it (a Squeeze, a full
// disk). It returns when the processes run; whether the server in it is ready is for a condition to await.
func (n *Node) Restart() {
	if !n.machine.Ended() {
		n.heal("kill", "power cut")
		return
	}
	if err := limited(n.machine.Start)(); err != nil {
		n.hooks.Fatal(fmt.Errorf("restart of %s: %w", n.Name, err))
	}
}

// Resume lets a paused node run on.
func (n *Node) Resume() { n.heal("pause") }

// down is the sort of faults of which one takes the node down.
const down = "down"

func (n *Node) fault(sort string, f *Fault, do, undoing func(context.Context) error) *Fault {
	n.mu.Lock()
	defer n.mu.Unlock()
	f.Target = n.Name
	if last := n.last[sort]; last != nil && !last.isHealed() {
		if sort == down {
			n.hooks.Fatal(fmt.Errorf("inject %s: the node is down already (%s); heal that first", f, last.Kind))
		}
		n.hooks.Fatal(fmt.Errorf("inject %s: there is already %s; heal that first", f, last))
	}
	if sort == down && n.machine.Ended() {
		n.hooks.Fatal(fmt.Errorf("inject %s: the node is down already (it has ended by itself); Restart it first", f))
	}
	n.last[sort] = n.hooks.inject(f, limited(do), limited(undoing))
	return f
}

func (n *Node) heal(kinds ...string) {
	n.mu.Lock()
	f := n.last[down]
	n.mu.Unlock()
	if f == nil || !slices.Contains(kinds, f.Kind) || f.isHealed() {
		n.hooks.Fatal(fmt.Errorf("%s is not down by a %s, so there is nothing to undo", n.Name, strings.Join(kinds, " or a ")))
	}
	if err := f.Heal(); err != nil {
		n.hooks.Fatal(err)
	}
}

func limited(do func(context.Context) error) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), machineLimit)
		defer cancel()
		return do(ctx)
	}
}
