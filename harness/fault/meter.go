package fault

import (
	"fmt"
	"sync"
	"time"
)

// meter measures what a link in this process does to the bytes that pass it while a fault is in force: by the clock, where they come in
// and where they go out, whatever the fault is meant to be.
type meter struct {
	mu       sync.Mutex
	since    time.Time // when the fault had begun
	chunks   int
	bytes    int
	shortest time.Duration // that a chunk was held
	last     time.Time     // when one went out
}

// begin notes that the fault is in force.
func (m *meter) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.since = time.Now()
}

// pass notes a chunk that came in at a time and goes out now. One that came before the fault is no measure of it.
func (m *meter) pass(came time.Time, bytes int) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since.IsZero() || came.Before(m.since) {
		return
	}
	if held := now.Sub(came); m.chunks == 0 || held < m.shortest {
		m.shortest = held
	}
	m.chunks++
	m.bytes += bytes
	m.last = now
}

// delayed tells whether each chunk was held for as long as the fault says.
func (m *meter) delayed(by time.Duration) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.chunks == 0:
		return "", nil // whether anybody felt it, the clients tell
	case m.shortest < by:
		return "", fmt.Errorf("of %d chunks of bytes that came and went meanwhile, one was held for %v only", m.chunks, m.shortest.Round(time.Millisecond))
	}
	return fmt.Sprintf("%d chunks of bytes were held, each for %v or more", m.chunks, m.shortest.Round(time.Millisecond)), nil
}

// throttled tells whether no more bytes went through than the rate allows, in bytes a second. A tenth of a second's worth goes at a time.
func (m *meter) throttled(rate int) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.chunks == 0 {
		return "", nil
	}
	took := m.last.Sub(m.since)
	if allowed := float64(rate) * (took.Seconds() + 0.1); float64(m.bytes) > allowed {
		return "", fmt.Errorf("%d bytes went through in %v", m.bytes, took.Round(time.Millisecond))
	}
	return fmt.Sprintf("%d bytes went through in %v", m.bytes, took.Round(time.Millisecond)), nil
}
