package wire

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// stage is the one toxic that a stream runs through, all its life. It does by itself what Toxiproxy's latency, bandwidth, timeout and
// reset_peer do. Those are added to a stream and removed from it while bytes flow, and that is where Toxiproxy breaks: it hangs where a
// receiver does not read (toxiproxy#558), it leaves bytes held up and then ends the process (index out of range) when toxics are
// removed in another order than they were added, it lets held up bytes go early when another toxic comes, and it writes a trace to
// standard error. Here a fault is a new setting.
type stage struct {
	now atomic.Pointer[setting]

	starting sync.Mutex
	next     *pair // whose stream is about to start
}

// start starts the stream of a pair.
func (s *stage) start(p *pair, start func()) {
	s.starting.Lock()
	defer s.starting.Unlock()
	s.next = p
	start()
}

// NewState is how Toxiproxy asks what is to be known of the stream that it starts.
func (s *stage) NewState() any { return s.next }

// setting is what the effects mean for one direction.
type setting struct {
	delay       time.Duration
	rate        int // in bytes a millisecond; 0 is no limit
	drop, reset bool
	over        bool // the connections are closed: nothing is held, nothing waits
	meters      []*meter
	droppers    []*meter // of what drops
	resetters   []*meter // of what resets

	past chan struct{} // closed when another setting holds
}

func settingOf(state State, meters map[int64]*meter, way Direction) *setting {
	s := &setting{past: make(chan struct{})}
	for _, e := range state.Effects {
		if e.Way&way == 0 {
			continue
		}
		m := meters[e.ID]
		s.meters = append(s.meters, m)
		switch e.Kind {
		case Delays:
			s.delay += e.Delay
		case Throttles:
			if s.rate == 0 || e.Rate < s.rate {
				s.rate = e.Rate
			}
		case Drops:
			s.drop = true
			s.droppers = append(s.droppers, m)
		case Resets:
			s.reset = true
			s.resetters = append(s.resetters, m)
		case Severs: // there are no connections
		}
	}
	return s
}

const stageType = "assay"

func init() { toxics.Register(stageType, new(stage)) }

// addStage puts a stage into the streams to come of one direction.
func addStage(streams *toxiproxy.ToxicCollection, way stream.Direction) (*stage, error) {
	w, err := streams.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name": "%s", "type": "%s", "stream": "%s"}`, way, stageType, way)))
	if err != nil {
		return nil, fmt.Errorf("set up Toxiproxy: %w", err)
	}
	return w.Toxic.(*stage), nil
}

func (s *stage) set(next *setting) {
	if last := s.now.Swap(next); last != nil {
		close(last.past)
	}
}

// held is how many chunks (of at most 32 kB) a delay may hold back at once, as in Toxiproxy: bulk transfer is hardly slower for
// it. Without a delay there is one, so that who sends feels it when nobody reads.
const held = 1024

// Pipe passes on one stream. It is never stuck: whatever it waits for, it notices a new setting.
func (s *stage) Pipe(stub *toxics.ToxicStub) {
	in := stub.Input
	var queue []*stream.StreamChunk
	var ended time.Time // when in had no more; the end travels as the bytes do
	var clear time.Time // when the throttled line is free
	timer := time.NewTimer(0)
	defer timer.Stop()
	end := func() {
		stub.Close()
		for in != nil { // so that nobody waits to send here: it ends with the connection
			if _, ok := <-in; !ok {
				in = nil
			}
		}
	}
	for {
		now := s.now.Load()
		if now.drop {
			for _, c := range queue {
				for _, m := range now.droppers {
					m.swallow(len(c.Data))
				}
			}
			queue = nil
		}
		last := in == nil && len(queue) == 0
		if now.over {
			end()
			return
		}
		if now.reset && (last || len(queue) > 0) {
			if stub.State.(*pair).broken.CompareAndSwap(false, true) {
				for _, m := range now.resetters {
					m.end(1)
				}
			}
			end()
			return
		}

		var out chan<- *stream.StreamChunk
		var next, rest *stream.StreamChunk
		var due time.Time
		var wait <-chan time.Time
		switch {
		case last && now.drop: // a black hole swallows the end, too
		case last:
			d := time.Until(ended.Add(now.delay))
			if d <= 0 {
				stub.Close()
				return
			}
			timer.Reset(d)
			wait = timer.C
		case len(queue) > 0:
			next = queue[0]
			due = next.Timestamp.Add(now.delay)
			if now.rate > 0 {
				next, rest = split(next, now.rate*100) // a tenth of a second's worth at a time, so that it flows
				if due.Before(clear) {
					due = clear
				}
				due = due.Add(time.Duration(len(next.Data)) * time.Millisecond / time.Duration(now.rate))
			}
			if d := time.Until(due); d > 0 {
				timer.Reset(d)
				wait = timer.C
			} else {
				out = stub.Output
			}
		}
		room := in
		if len(queue) > 0 && now.delay == 0 || len(queue) >= held {
			room = nil
		}
		select {
		case c, ok := <-room:
			if ok {
				queue = append(queue, c)
			} else {
				in, ended = nil, time.Now()
			}
		case out <- next:
			for _, m := range now.meters {
				m.pass(next.Timestamp, len(next.Data))
			}
			if rest == nil {
				queue = queue[1:]
			} else {
				queue[0] = rest
			}
			clear = due
			if time.Since(due) > 100*time.Millisecond {
				clear = time.Now() // time in which nobody read is not made up for
			}
		case <-wait:
		case <-now.past:
		}
	}
}

// split returns the first n bytes, and the rest where there is one.
func split(c *stream.StreamChunk, n int) (first, rest *stream.StreamChunk) {
	if len(c.Data) <= n {
		return c, nil
	}
	return &stream.StreamChunk{Data: c.Data[:n], Timestamp: c.Timestamp}, &stream.StreamChunk{Data: c.Data[n:], Timestamp: c.Timestamp}
}
