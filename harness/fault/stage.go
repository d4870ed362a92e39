package fault

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// stage is the one toxic that a stream in this process runs through, all its life. It does by itself what Toxiproxy's
// latency, bandwidth, timeout and reset_peer do. Those are added to a stream and removed from it while bytes flow, and that is
// where Toxiproxy breaks: it hangs where a receiver does not read (toxiproxy#558), it leaves bytes held up and then ends
// the process (index out of range) when toxics are removed in another order than they were added, it lets held up bytes go
// early when another toxic comes, and it writes a trace to standard error. Here a fault is a new setting.
type stage struct{ now atomic.Pointer[setting] }

// setting is what the faults of a link mean for one direction.
type setting struct {
	delay       time.Duration
	rate        int // in bytes a millisecond; 0 is no limit
	drop, reset bool
	meters      []*meter

	past chan struct{} // closed when another setting holds
}

func settingOf(effects []effect, way Direction) *setting {
	s := &setting{past: make(chan struct{})}
	for _, e := range effects {
		if e.way != way {
			continue
		}
		if e.meter != nil {
			s.meters = append(s.meters, e.meter)
		}
		switch e.kind {
		case delays:
			s.delay += e.delay
		case throttles:
			if s.rate == 0 || e.rate < s.rate {
				s.rate = e.rate
			}
		case drops:
			s.drop = true
		case resets:
			s.reset = true
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
	var clear time.Time // when the throttled line is free
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := s.now.Load()
		if now.drop {
			queue = nil
		}
		if in == nil && len(queue) == 0 {
			stub.Close()
			return
		}
		if now.reset && len(queue) > 0 {
			stub.Close()
			for in != nil { // so that nobody waits to send here: it ends with the connection
				if _, ok := <-in; !ok {
					in = nil
				}
			}
			return
		}

		var out chan<- *stream.StreamChunk
		var next, rest *stream.StreamChunk
		var due time.Time
		var wait <-chan time.Time
		if len(queue) > 0 {
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
				in = nil
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
