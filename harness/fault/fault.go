// Package fault is what can happen to a system: to the links between its parts (Link), to the packets on the way to a part
// (Packets), to the parts themselves (Node), and to what they keep their data on (Disk). Every fault is a value with a window
// in time and an undo.
//
// What carries the bytes of a link is package wire. Judging whether a fault was felt may not enter: that is for who sees the operations
// (harness).
package fault

import (
	"fmt"
	"sync"
	"time"

	"assay/harness/history"
)

// Hooks is where faults happen: the clock of the test, and who wants to know.
type Hooks struct {
	Now       func() time.Duration // monotonic, since the test's epoch
	Seed      uint64               // of what is drawn
	Sabotaged bool                 // injections do nothing: the test of the tests
	Halved    bool                 // injections do half of what they say, where that has a size: its other mode
	Links     func() []*Link       // all there are, whose traffic during a fault is counted; nil for none
	Injected  func(*Fault)
	Healed    func(*Fault)
	Fatal     func(error) // ends the test; it does not return
}

// Fault is one injection. It lasts until Heal.
type Fault struct {
	Kind   string        // "delay", "throttle", "drop", "sever", "reset", "kill", "power cut", "pause", "partition", "lose", …
	Target string        // the link's, node's or mesh's name
	Detail string        // e.g. "client to server", "500ms server to client"
	Undo   string        // what undoes it: "heal", "restart", "resume"
	Delay  time.Duration // how much it delays, each way that it delays; 0 for other kinds
	Cuts   bool          // nothing gets through the link that is its target
	Halved bool          // sabotage has made it half of what it says

	hooks   *Hooks
	undo    func() error
	nature  func() (string, error) // nil where there is nothing to show yet
	felt    string                 // by what the kernel tells, in words
	packets func() (tally, error)  // of packets' faults
	used    map[*Link]Traffic      // before it
	traffic map[*Link]Traffic      // while it lasted

	mu            sync.Mutex
	from, to      time.Duration // with the injection and the undo
	first, ending time.Duration // without them
	healed        bool
}

// String says what was done to what, as in "drop client to server on consumers".
func (f *Fault) String() string {
	s := f.Kind
	if f.Detail != "" {
		s += " " + f.Detail
	}
	return s + " on " + f.Target
}

// Window is the time during which the fault lasted; one that was not healed lasts until history.Open.
func (f *Fault) Window() history.Window {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := history.Window{Name: f.String(), From: f.from, To: history.Open}
	if f.healed {
		w.To = f.to
	}
	return w
}

// InForce is the window without the moments that the injection and its undo themselves took: what happens in it surely happens
// under the fault. An outage is judged by it: an operation that slipped through while a kill was under way is no recovery, nor
// is one that a restart let through.
func (f *Fault) InForce() history.Window {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := history.Window{Name: f.String(), From: f.first, To: history.Open}
	if f.healed {
		w.To = f.ending
	}
	return w
}

// Heal undoes the fault. Healing twice is harmless.
func (f *Fault) Heal() error {
	f.mu.Lock()
	if f.healed {
		f.mu.Unlock()
		return nil
	}
	ending, traffic := f.hooks.Now(), f.since()
	if err := f.undo(); err != nil {
		f.mu.Unlock()
		return fmt.Errorf("%s of %s: %w", f.Undo, f, err)
	}
	f.healed, f.ending, f.to, f.traffic = true, ending, f.hooks.Now(), traffic
	f.mu.Unlock()
	f.hooks.Healed(f)
	return nil
}

// Felt is what the kernel tells of who felt the fault, in words; "" where it tells nothing.
func (f *Fault) Felt() string {
	if n := f.Packets(); n > 0 {
		return fmt.Sprintf("the network stack: it met %d packets", n)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.felt
}

// OfPackets tells whether it is one of Packets.
func (f *Fault) OfPackets() bool { return f.packets != nil }

// Packets is how many packets a fault of Packets has met so far, as was counted in the network stack: lost, late, doubled, damaged, or
// answered with a reset. It is 0 for other faults.
func (f *Fault) Packets() int {
	if f.packets == nil {
		return 0
	}
	n, err := f.packets()
	if err != nil {
		f.hooks.Fatal(fmt.Errorf("count the packets of %s: %w", f, err))
	}
	return n.met
}

// Traffic is what went over each link while the fault was in force, once it is healed. A link that was made meanwhile is counted from its
// first byte; one that could not be asked is left out.
func (f *Fault) Traffic() map[*Link]Traffic {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.traffic
}

// since is what went over each link since the injection.
func (f *Fault) since() map[*Link]Traffic {
	now := f.hooks.use()
	for l, t := range now {
		before := f.used[l]
		now[l] = Traffic{Connections: t.Connections - before.Connections, Sent: t.Sent - before.Sent, Received: t.Received - before.Received}
	}
	return now
}

func (h *Hooks) use() map[*Link]Traffic {
	if h.Links == nil {
		return nil
	}
	return Use(h.Links())
}

// Nature says what shows that the fault was what it says, beside being felt: the exit status that a kill has left, what a power cut has
// taken, how long bytes were held. It is "" where nothing shows it, as of a fault that sabotage has made do nothing, and an error where
// it was something else.
func (f *Fault) Nature() (string, error) {
	f.mu.Lock()
	nature := f.nature
	f.mu.Unlock()
	if nature == nil {
		return "", nil
	}
	return nature()
}

// shows sets what Nature says.
func (f *Fault) shows(nature func() (string, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nature = nature
}

func (f *Fault) isHealed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.healed
}

// inject starts the fault. Its window begins before the injection, at the first moment at which it could be felt. Under
// sabotage neither it nor its undo does anything, and nobody can tell but by its effect.
func (h *Hooks) inject(f *Fault, do, undo func() error) *Fault {
	if h.Sabotaged {
		nothing := func() error { return nil }
		do, undo = nothing, nothing
	}
	f.hooks, f.undo, f.from = h, undo, h.Now()
	if err := do(); err != nil {
		h.Fatal(fmt.Errorf("inject %s: %w", f, err))
	}
	f.first, f.used = h.Now(), h.use()
	h.Injected(f)
	return f
}

// halved tells, for a fault that has a size, whether sabotage leaves it half of that. The fault keeps the size that it was asked for. One
// whose size laws can tell from half of it does not show its nature then: it is for the laws to notice.
func (h *Hooks) halved(f *Fault) bool {
	f.Halved = h.Halved
	return h.Halved
}
