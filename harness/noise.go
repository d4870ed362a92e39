package harness

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"assay/harness/engine"
	"assay/harness/evidence"
	"assay/harness/history"
)

// # Noise
//
// How busy the machine is is measured here, once, and applied by one rule. No scenario has a tolerance of its own.
//
// A metronome runs from the Env's first to its last moment. It asks to be woken every tick and notes how much later it was; and a few
// times a second it asks the kernel how long each thread of the Env's containers has waited for a processor since
// (/proc/<thread>/schedstat, where the engine's machine is this one). Of each beat it keeps two figures: what a wait usually took, and
// the longest that anybody waited. The kernel tells how long a thread waited altogether and how often: of one wait that is the wait
// itself, of n waits the longest is taken to be 1 + ln n times their mean, as it is of waits that are distributed exponentially.
//
// The rule: a figure in time comes about by round trips, and in each a few threads hand over to each other (handOvers). Each hand-over
// may wait for a processor. Waiting makes things later and never earlier, so
//
//   - the usual wait of h hand-overs is the one that one in 2h exceeds: then half of the operations at least that take as many meet none
//     that is longer (the union bound). A median of operations of h hand-overs each may be late by h times that;
//   - a single figure may be late by the longest wait of its window, for each hand-over of one round trip, and by the usual wait of one
//     round trip for those of the others: that all of several in a row meet the longest is not expected;
//   - the fastest of many operations is one of the quietest beat, and may be late by the usual wait of that one, for each hand-over;
//   - what a rival would have shown, were it the truth, may be late by as much: it comes about in the same way.
//
// What the rule cannot see: a disk that others keep busy, the network of an engine that is elsewhere, the time that a hypervisor takes
// from the whole machine where the kernel does not tell, and threads that live for less than a beat. Where the engine is on another
// machine or in a virtual one only the metronome's own waits are seen. A container that a fault starves or pauses is left out for as
// long: its waits are the fault's.
const (
	tick      = 5 * time.Millisecond
	beat      = 100 * time.Millisecond
	handOvers = 4 // client, link, server, link, and back at the client
)

// noise is what the metronome has noted.
type noise struct {
	now func() time.Duration // nil where there is no metronome

	mu    sync.Mutex
	beats []evidence.Beat
	late  time.Duration // of the ticks since the last beat, the latest
	due   time.Duration // when the next tick is
}

// tick notes a tick of the beat under way: by how much it was late, and when the next one is due.
func (n *noise) tick(due, late time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.due, n.late = due, max(n.late, late)
}

// metronome beats until the Env's world ends.
func (e *Env) metronome() {
	timer := time.NewTimer(tick)
	defer timer.Stop()
	threads := threads{waits: map[int]engine.Wait{}, heldBack: map[*Node]bool{}}
	var late []time.Duration
	last := e.Now()
	for due := last + tick; ; {
		select {
		case <-e.ctx.Done():
			return
		case <-timer.C:
		}
		now := e.Now()
		late = append(late, max(0, now-due))
		e.noise.tick(now+tick, now-due)
		if now-last >= beat {
			usual, longest := threads.waited(e)
			slices.Sort(late)
			e.noise.add(evidence.Beat{
				At:      now.Seconds(),
				Usual:   max(usual, late[len(late)/2]).Seconds(),
				Longest: max(longest, late[len(late)-1]).Seconds(),
			})
			late, last = late[:0], now
		}
		due = e.Now() + tick
		timer.Reset(tick)
	}
}

// threads is what was last known of those of the Env's containers.
type threads struct {
	waits    map[int]engine.Wait
	heldBack map[*Node]bool
}

// waited asks how long they have waited since they were last asked: what a wait took of the thread for which it took longest on
// average, and what the longest can have been.
func (t threads) waited(e *Env) (usual, longest time.Duration) {
	e.mu.Lock()
	nodes := slices.Clone(e.nodes)
	e.mu.Unlock()
	for _, n := range nodes {
		n.mu.Lock()
		c := n.container
		n.mu.Unlock()
		if c == nil {
			continue
		}
		// What a fault has kept waiting is told when it may run again.
		held := n.HeldBack()
		skip := held || t.heldBack[n]
		t.heldBack[n] = held
		for thread, now := range c.Waits() {
			was, known := t.waits[thread]
			t.waits[thread] = now
			if !known || skip || now.Times <= was.Times {
				continue
			}
			took, times := now.Total-was.Total, now.Times-was.Times
			mean := took / time.Duration(times)
			usual = max(usual, mean)
			longest = max(longest, min(took, time.Duration(float64(mean)*(1+math.Log(float64(times))))))
		}
	}
	return usual, longest
}

func (n *noise) add(b evidence.Beat) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.beats, n.late = append(n.beats, b), 0
}

// all are the beats so far.
func (n *noise) all() []evidence.Beat {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.beats)
}

// within are the beats that tell of the window: those in it, and the one that ends after it.
func (n *noise) within(w history.Window) []evidence.Beat {
	var in []evidence.Beat
	for _, b := range append(n.all(), n.underway()...) {
		if b.At < w.From.Seconds() {
			continue
		}
		in = append(in, b)
		if w.To != history.Open && b.At > w.To.Seconds() {
			break
		}
	}
	return in
}

// underway is the beat that has not come to its end, as far as it has come; none where there is no metronome.
func (n *noise) underway() []evidence.Beat {
	if n.now == nil {
		return nil
	}
	now := n.now()
	n.mu.Lock()
	defer n.mu.Unlock()
	b := evidence.Beat{At: now.Seconds(), Longest: max(n.late, now-n.due).Seconds()}
	if last := len(n.beats) - 1; last >= 0 {
		b.Usual = n.beats[last].Usual
	}
	return []evidence.Beat{b}
}

// single is by how much a single figure about the window may be late, that comes about by so many round trips one after the other.
func (n *noise) single(w history.Window, trips int) time.Duration {
	if trips == 0 {
		return 0
	}
	longest := 0.0
	for _, b := range n.within(w) {
		longest = max(longest, b.Longest)
	}
	usual := n.usual(w, handOvers)
	return time.Duration(handOvers * (longest + float64(trips-1)*usual) * float64(time.Second))
}

// median is by how much the median of operations in the window may be late, of which each takes so many round trips.
func (n *noise) median(w history.Window, trips int) time.Duration {
	h := handOvers * trips
	return time.Duration(float64(h) * n.usual(w, h) * float64(time.Second))
}

// fastest is by how much the fastest of many operations in the window may be late, of which each takes so many round trips.
func (n *noise) fastest(w history.Window, trips int) time.Duration {
	beats := n.within(w)
	if len(beats) == 0 {
		return 0
	}
	least := slices.MinFunc(beats, func(a, b evidence.Beat) int { return cmp.Compare(a.Usual, b.Usual) }).Usual
	return time.Duration(float64(handOvers*trips) * least * float64(time.Second))
}

// usual is the usual wait of so many hand-overs in the window, in seconds.
func (n *noise) usual(w history.Window, handOvers int) float64 {
	var all []float64
	for _, b := range n.within(w) {
		all = append(all, b.Usual)
	}
	if all == nil || handOvers == 0 {
		return 0
	}
	slices.Sort(all)
	at := int(math.Ceil(float64(len(all))*(1-1/(2*float64(handOvers))))) - 1
	return all[max(at, 0)]
}

// extent is what a wait usually took in the middle beat, and the longest of all.
func (n *noise) extent() (usual, longest time.Duration) {
	var all []float64
	most := 0.0
	for _, b := range n.all() {
		all, most = append(all, b.Usual), max(most, b.Longest)
	}
	if all == nil {
		return 0, 0
	}
	slices.Sort(all)
	return time.Duration(all[len(all)/2] * float64(time.Second)), time.Duration(most * float64(time.Second))
}

// quiet is how much of the time since a moment the machine was not busy with others, a quarter at least: what limits are counted in.
func (n *noise) quiet(since, now time.Duration) time.Duration {
	spent := now - since
	var lost time.Duration
	for _, b := range n.within(history.Between(since, now)) {
		lost += min(beat, time.Duration(b.Longest*float64(time.Second)))
	}
	return max(spent-lost, spent/4)
}
