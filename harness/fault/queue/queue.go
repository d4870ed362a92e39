// Package queue is what happens to single packets that the kernel hands to a program (NFQUEUE): which of them a fault meets, and what it
// does to them. It is pure: packets in, fates out, and the same seed gives the same fates. Command queued, in the network stack of the
// server, is told of the faults (Order), asks for the fate of each packet, and lets the kernel do it.
//
// The kernel's interface and what a fault is to a test may not enter: that is for queued and for package fault.
package queue

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Which says which packets a fault meets. Exactly one of its parts is set.
type Which struct {
	// Share meets each packet with that probability, independently of the others. The draws are the seed's: whether the n-th packet of
	// the k-th flow is met does not depend on anything else.
	Share float64 `json:"share,omitempty"`
	// Every meets every n-th packet, those of all flows counted together.
	Every int `json:"every,omitempty"`
	// Nth meets the n-th packet of each flow, counted from 1.
	Nth int `json:"nth,omitempty"`
	// Data meets the n-th packet of each flow that carries data, counted from 1.
	Data int `json:"data,omitempty"`
	// Bytes meets packets that carry some of these bytes of a TCP stream, counted from 0 after the handshake, or where a connection
	// is older than the fault, from the first byte that is seen.
	Bytes *Range `json:"bytes,omitempty"`
}

// Range is bytes From up to and without To.
type Range struct{ From, To int64 }

func (w Which) String() string {
	switch {
	case w.Share == 1:
		return "all packets"
	case w.Share > 0:
		return fmt.Sprintf("%v %% of packets", float64(float32(w.Share*100)))
	case w.Every > 0:
		return fmt.Sprintf("one packet in %d", w.Every)
	case w.Nth == 1:
		return "the first packet of each flow"
	case w.Nth > 0:
		return fmt.Sprintf("packet %d of each flow", w.Nth)
	case w.Data == 1:
		return "the first packet with data of each flow"
	case w.Data > 0:
		return fmt.Sprintf("packet %d with data of each flow", w.Data)
	case w.Bytes != nil:
		return fmt.Sprintf("packets with bytes %d to %d of each stream", w.Bytes.From, w.Bytes.To-1)
	}
	return "no packets"
}

// Valid refuses a choice that makes no sense.
func (w Which) Valid() error {
	set := 0
	for _, is := range []bool{w.Share != 0, w.Every != 0, w.Nth != 0, w.Data != 0, w.Bytes != nil} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return fmt.Errorf("say in one way which packets")
	case w.Share != 0 && !(w.Share > 0 && w.Share <= 1):
		return fmt.Errorf("a probability is above 0 and at most 1")
	case w.Every != 0 && w.Every < 2:
		return fmt.Errorf("say every second packet, or a higher number")
	case w.Nth < 0 || w.Data < 0:
		return fmt.Errorf("packets of a flow are counted from 1")
	case w.Bytes != nil && (w.Bytes.From < 0 || w.Bytes.To <= w.Bytes.From):
		return fmt.Errorf("bytes of a stream are counted from 0, and a range is not empty")
	}
	return nil
}

// What a fault does to the packets that it meets.
type What string

// A packet can be lost, held back, doubled, and damaged.
const (
	Lose   What = "lose"
	Hold   What = "hold"   // for a time between Least and Most, drawn evenly
	Double What = "double" // it comes twice
	Damage What = "damage" // one bit of its data is flipped, of its header where it carries none; its checksum stays as it was
)

// Fault is one fault of a server's port.
type Fault struct {
	ID    int           `json:"id"`
	In    bool          `json:"in"` // meets what the server receives; else what it sends
	Out   bool          `json:"out"`
	Port  uint16        `json:"port"`
	What  What          `json:"what"`
	Which Which         `json:"which"`
	Least time.Duration `json:"least,omitempty"`
	Most  time.Duration `json:"most,omitempty"`
	Seed  uint64        `json:"seed"`
}

// Order is all faults that are to be in force, in the order of their injection.
type Order struct {
	Faults []Fault `json:"faults"`
}

// Tally is what a fault came to.
type Tally struct {
	Seen     int           `json:"seen"` // packets of the port and the direction
	Met      int           `json:"met"`
	Shortest time.Duration `json:"shortest,omitempty"` // that a packet was held back that it met
	Flows    int           `json:"flows"`
}

// Report is what is told when an Order is in force.
type Report struct {
	Tallies map[int]Tally `json:"tallies"` // of faults that are in force, or were until this order
	// Overflowed is how many packets the kernel has lost because the program did not keep up with them, or its queue was full.
	Overflowed int `json:"overflowed"`
}

// Fate is what becomes of a packet.
type Fate struct {
	Lost    bool
	Held    time.Duration
	Doubled bool
	Damaged bool
	by      []*inForce // that met it, whose doing is to be measured
}

// Faults are the faults in force. Its methods may be called from any goroutine.
type Faults struct {
	mu  sync.Mutex
	all []*inForce
}

// inForce is a fault with what it has seen.
type inForce struct {
	Fault
	tally Tally
	flows map[flow]*seen
}

// flow is one direction of a conversation.
type flow struct {
	protocol       uint8
	from, to       [4]byte
	source, target uint16
}

// seen is what a fault has seen of a flow.
type seen struct {
	draws    *rand.Rand
	packets  int
	data     int
	first    uint32 // sequence number of the stream's first byte
	anchored bool
}

// Set puts an order in force. Faults that were in force already go on as they are.
func (fs *Faults) Set(o Order) Report {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	r := Report{Tallies: map[int]Tally{}}
	old := map[int]*inForce{}
	for _, f := range fs.all {
		old[f.ID] = f
		r.Tallies[f.ID] = f.tally
	}
	fs.all = nil
	for _, f := range o.Faults {
		kept := old[f.ID]
		if kept == nil {
			kept = &inForce{Fault: f, flows: map[flow]*seen{}}
			r.Tallies[f.ID] = Tally{}
		}
		fs.all = append(fs.all, kept)
	}
	return r
}

// Meet decides the fate of a packet that comes in, or goes out.
func (fs *Faults) Meet(p Packet, in bool) Fate {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var fate Fate
	for _, f := range fs.all {
		if !f.concerns(p, in) {
			continue
		}
		met, s := f.meets(p)
		if !met {
			continue
		}
		f.tally.Met++
		switch f.What {
		case Lose:
			fate.Lost = true
			return fate
		case Hold:
			d := f.Least
			if f.Most > f.Least {
				d += time.Duration(s.draws.Int64N(int64(f.Most-f.Least) + 1))
			}
			fate.Held += d
			fate.by = append(fate.by, f)
		case Double:
			fate.Doubled = true
		case Damage:
			fate.Damaged = true
		}
	}
	return fate
}

// HeldFor notes how long a packet of that fate was held back, by the clock.
func (fs *Faults) HeldFor(fate Fate, took time.Duration) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fate.by {
		if f.tally.Shortest == 0 || took < f.tally.Shortest {
			f.tally.Shortest = took
		}
	}
}

func (f *Fault) concerns(p Packet, in bool) bool {
	if in {
		return f.In && p.Target == f.Port
	}
	return f.Out && p.Source == f.Port
}

// meets tells whether the fault meets the packet, and counts it.
func (f *inForce) meets(p Packet) (bool, *seen) {
	f.tally.Seen++
	key := flow{p.Protocol, p.From, p.To, p.Source, p.Target}
	s := f.flows[key]
	if s == nil {
		f.tally.Flows++
		// A generator of the flow's own, so that other flows change nothing in it.
		s = &seen{draws: rand.New(rand.NewPCG(f.Seed, uint64(f.tally.Flows)))}
		f.flows[key] = s
	}
	s.packets++
	if p.Data > 0 {
		s.data++
	}
	if p.Protocol == TCP && !s.anchored && (p.SYN || p.Data > 0) {
		s.first, s.anchored = p.Sequence, true
		if p.SYN {
			s.first++
		}
	}
	w := f.Which
	switch {
	case w.Share > 0:
		return s.draws.Float64() < w.Share, s
	case w.Every > 0:
		return f.tally.Seen%w.Every == 0, s
	case w.Nth > 0:
		return s.packets == w.Nth, s
	case w.Data > 0:
		return p.Data > 0 && s.data == w.Data, s
	case w.Bytes != nil:
		if !s.anchored || p.Data == 0 {
			return false, s
		}
		at := int64(int32(p.Sequence - s.first)) // streams of up to 2 GB
		return at < w.Bytes.To && at+int64(p.Data) > w.Bytes.From, s
	}
	return false, s
}
