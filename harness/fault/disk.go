package fault

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Drive is what a disk's faults are done to.
type Drive interface {
	Fill(context.Context) error
	Drain(context.Context) error
	// Slow lets the node do one read and one write in that time; 0 is no limit.
	Slow(ctx context.Context, every time.Duration) error
}

// Disk is what a node keeps its data on. It goes by the node's name: whoever uses the node is expected to feel its disk. The
// loss of its power is Node.PowerCut, since it takes the node with it.
type Disk struct {
	Name string

	hooks *Hooks
	drive Drive

	mu         sync.Mutex
	full, slow *Fault // the latest of each
}

// Fill takes all space that is left on the disk: what needs more fails with ENOSPC ("no space left on device"), whoever asks.
// A file may still be written where it has its space already, and what was written to the page cache before keeps the space that
// was set aside for it. What the node deletes gives it no space, as if somebody else were quicker to take it. A restart empties
// no disk, nor does a power cut. The undo, Heal, gives the space back.
//
// A server may end by itself rather than go on without space. Env does not take that for a crash of its own; a fixture sees it with
// Env's Ended, and Restart starts the node again.
func (d *Disk) Fill() *Fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.begin(&d.full, &Fault{Kind: "full disk", Target: d.Name, Undo: "heal"}, d.drive.Fill, d.drive.Drain)
}

// Slow lets the node do one read and one write in that time, as a worn or throttled drive does; up to 1 s. The kernel counts in
// tenths of a second: of accesses more frequent than that, as many as fit in one are done at once, and the next ones wait until
// it is over, so that it is the rate that is told and not how long each takes. What the node reads
// from the page cache is as fast as ever, and so is what it writes without syncing it; nor is what the kernel writes back or
// journals by itself slowed down where control groups are of version 1. The undo, Heal, lifts the limit; a restart of the node
// does not.
func (d *Disk) Slow(every time.Duration) *Fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	if every <= 0 || every > time.Second {
		d.hooks.Fatal(fmt.Errorf("slow disk on %s: one access every %v: it takes more than 0 and at most 1s", d.Name, every))
	}
	f := &Fault{Kind: "slow disk", Target: d.Name, Detail: every.String() + " an access", Undo: "heal", Delay: every}
	if d.hooks.halved(f) {
		every /= 2
	}
	return d.begin(&d.slow, f,
		func(ctx context.Context) error { return d.drive.Slow(ctx, every) },
		func(ctx context.Context) error { return d.drive.Slow(ctx, 0) })
}

func (d *Disk) begin(last **Fault, f *Fault, do, undo func(context.Context) error) *Fault {
	if *last != nil && !(*last).isHealed() {
		d.hooks.Fatal(fmt.Errorf("inject %s: there is one already; heal that first", f))
	}
	*last = d.hooks.inject(f, limited(do), limited(undo))
	return *last
}
