package wire

import (
	"sync"
	"time"
)

// Meter is what a wire did to the bytes that passed while an effect was in force, as seen by the clock where they come in and go out, and
// whatever the effect is meant to be. It counts in the directions in which the effect acts, and only what came in since it began.
type Meter struct {
	Chunks    int           `json:"chunks"`    // that went out
	Bytes     int64         `json:"bytes"`     // in them
	Shortest  time.Duration `json:"shortest"`  // that one of them was held
	Took      time.Duration `json:"took"`      // from the beginning until the last one went out
	Swallowed int64         `json:"swallowed"` // bytes that came in and never go out
	Ended     int           `json:"ended"`     // connections that it has ended
}

type meter struct {
	mu    sync.Mutex
	since time.Time // when the effect had begun; zero before
	sum   Meter
}

// begin notes that the effect is in force.
func (m *meter) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.since = time.Now()
}

// pass notes a chunk that came in at a time and goes out now.
func (m *meter) pass(came time.Time, bytes int) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since.IsZero() || came.Before(m.since) {
		return
	}
	if held := now.Sub(came); m.sum.Chunks == 0 || held < m.sum.Shortest {
		m.sum.Shortest = held
	}
	m.sum.Chunks++
	m.sum.Bytes += int64(bytes)
	m.sum.Took = now.Sub(m.since)
}

func (m *meter) swallow(bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum.Swallowed += int64(bytes)
}

func (m *meter) end(connections int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum.Ended += connections
}

func (m *meter) read() Meter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sum
}
