package fault

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Machine is what a node's faults are done to: a container.
type Machine interface {
	Kill(context.Context) error
	Start(context.Context) error
	Pause(context.Context) error
	Unpause(context.Context) error
}

// machineLimit bounds one call to the engine.
const machineLimit = 30 * time.Second

// Node is a part of the system that can be killed and frozen.
type Node struct {
	Name string

	scene   *Scene
	machine Machine

	mu   sync.Mutex
	last *Fault // the latest kill or pause
}

// NewNode returns the node of that name in the scene.
func NewNode(scene *Scene, name string, m Machine) *Node {
	return &Node{Name: name, scene: scene, machine: m}
}

// Kill ends the node's processes with SIGKILL: no handler runs, connections are closed by the kernel. What the processes had
// written to files stays, also what they had not synced: the page cache survives, so this is a crash of a process and not a
// power cut. The undo is Restart.
func (n *Node) Kill() *Fault {
	return n.fault("kill", "restart", n.machine.Kill, n.machine.Start)
}

// Pause freezes the node's processes: connections stay open and nothing answers, as in a long garbage collection or a
// suspended virtual machine. The kernel still acknowledges what arrives until its buffers are full. The undo is Resume.
func (n *Node) Pause() *Fault {
	return n.fault("pause", "resume", n.machine.Pause, n.machine.Unpause)
}

// Restart starts a killed node again, with its files as they were. It returns when the processes run; whether the server in
// it is ready is for a condition to await.
func (n *Node) Restart() { n.heal("kill") }

// Resume lets a paused node run on.
func (n *Node) Resume() { n.heal("pause") }

func (n *Node) fault(kind, undo string, do, undoing func(context.Context) error) *Fault {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := &Fault{Kind: kind, Target: n.Name, Undo: undo}
	if n.last != nil && !n.last.isHealed() {
		n.scene.Fatal(fmt.Errorf("inject %s: the node is down already (%s); heal that first", f, n.last.Kind))
	}
	n.last = n.scene.inject(f, limited(do), limited(undoing))
	return f
}

func (n *Node) heal(kind string) {
	n.mu.Lock()
	f := n.last
	n.mu.Unlock()
	if f == nil || f.Kind != kind || f.isHealed() {
		n.scene.Fatal(fmt.Errorf("%s is not down by a %s, so there is nothing to undo", n.Name, kind))
	}
	if err := f.Heal(); err != nil {
		n.scene.Fatal(err)
	}
}

func limited(do func(context.Context) error) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), machineLimit)
		defer cancel()
		return do(ctx)
	}
}
