package engine

import (
	"context"
	"sync"
	"time"
)

// Builds measures how long somebody has waited for images: building one is no part of what a test takes.
type Builds struct {
	mu    sync.Mutex
	now   int // how many images are waited for
	since time.Time
	total time.Duration
}

type buildsKey struct{}

// With returns a context in which the waits for images are measured.
func (b *Builds) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, buildsKey{}, b)
}

// Total is how long images were waited for so far, of several at once as long as any of them was.
func (b *Builds) Total() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now > 0 {
		return b.total + time.Since(b.since)
	}
	return b.total
}

// begin notes that an image is waited for, and returns what to call when it is there.
func (b *Builds) begin() (end func()) {
	if b == nil {
		return func() {}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now++; b.now == 1 {
		b.since = time.Now()
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.now--; b.now == 0 {
			b.total += time.Since(b.since)
		}
	}
}
