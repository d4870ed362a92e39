package engine

import "time"

// Wait is how long a thread has waited for a processor since it began, and how often it got one.
type Wait struct {
	Total time.Duration
	Times int64
}

// Waits tells of each of the container's threads, by its number, how long it has waited for processors. It is empty where nobody can
// tell: the engine's machine is another one or runs no Linux, the kernel does not count, or the container is down.
func (c *Container) Waits() map[int]Wait {
	c.mu.Lock()
	threads := c.threads
	c.mu.Unlock()
	if threads == "" {
		return nil
	}
	return waits(threads)
}
