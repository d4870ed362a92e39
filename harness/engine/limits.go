package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"assay/harness/internal/unprovable"
)

// limits is what a container may use.
type limits struct {
	quota, period time.Duration // of processor time; no limit where quota is below 0
	memory, swap  int64         // in bytes; swap is both together, as in the engine; no limit of it where below 0
}

// defaultPeriod is the kernel's, where nobody asked for another.
const defaultPeriod = 100 * time.Millisecond

func limitsOf(r container.Resources) limits {
	return limits{
		quota:  time.Duration(cmp.Or(r.CPUQuota, -1)) * time.Microsecond,
		period: cmp.Or(time.Duration(r.CPUPeriod)*time.Microsecond, defaultPeriod),
		memory: r.Memory, swap: cmp.Or(r.MemorySwap, -1),
	}
}

// Processors limits the container's threads together to quota of processor time in each period, at once and also after a
// start; to what it was made with where both are 0.
func (c *Container) Processors(ctx context.Context, quota, period time.Duration) error {
	return c.limit(ctx, func(l *limits) {
		if l.quota, l.period = quota, period; period == 0 {
			l.quota, l.period = c.made.quota, c.made.period
		}
	})
}

// Throttled is how often the kernel has held the container's threads back since it was started, because they had used up their processor
// time, and for how long in all; not known where this process has no hold on the container past the engine.
func (c *Container) Throttled() (times int, took time.Duration, known bool) {
	h := c.hold()
	if h == nil {
		return 0, 0, false
	}
	times, took, err := h.throttled()
	return times, took, err == nil
}

// Memory limits the container to so many bytes, none of them swapped, at once and also after a start; to what it was made with
// where 0.
func (c *Container) Memory(ctx context.Context, bytes int64) error {
	c.kills.Store(nil)
	if bytes != 0 {
		c.kills.Store(killsForMemory())
	}
	return c.limit(ctx, func(l *limits) {
		if l.memory, l.swap = bytes, bytes; bytes == 0 {
			l.memory, l.swap = c.made.memory, c.made.swap
		}
	})
}

func (c *Container) limit(ctx context.Context, change func(*limits)) error {
	c.limiting.Lock()
	defer c.limiting.Unlock()
	next := c.limits
	change(&next)
	if h := c.hold(); h != nil {
		if err := h.limit(c.limits, next); err != nil && !ended(err) {
			return err
		}
		c.limits, c.unknown = next, true // the engine learns of it before the next start
		return nil
	}
	err := c.update(ctx, next)
	if err != nil && c.over(ctx) {
		err = c.update(ctx, next) // it ended in the meantime: now the engine has no process to ask
	}
	if err == nil {
		c.limits = next
	}
	return err
}

// over waits a moment for the engine to notice the end of a container.
func (c *Container) over(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := c.Exited(ctx)
	return err == nil
}

// update has the engine set limits, in its books and, where it runs, to the container.
func (c *Container) update(ctx context.Context, l limits) error {
	_, err := c.engine.cli.ContainerUpdate(ctx, c.id, client.ContainerUpdateOptions{Resources: &container.Resources{
		CPUQuota: max(-1, l.quota.Microseconds()), CPUPeriod: l.period.Microseconds(), Memory: l.memory, MemorySwap: l.swap,
	}})
	if err == nil {
		return nil
	}
	if strings.Contains(err.Error(), "unable to set memory limit") {
		return fmt.Errorf("%w\n  what to do: control groups of version 1 take no limit below what is held; squeeze to more than that and let it grow", err)
	}
	return err
}

// hold is the hand on the container, nil where there is none or it is down.
func (c *Container) hold() *cgroup {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cgroup
}

// OutOfMemory asks the engine whether the kernel has killed a process of the container for want of memory. It is for a container
// that has ended: while one runs, not every engine tells. Now and then one does not tell at all (Docker 20.10 in one of some
// hundred times, on a busy machine): then the kernel's own count is believed, if that has risen since the memory was limited.
func (c *Container) OutOfMemory(ctx context.Context) (bool, error) {
	inspect, err := c.engine.cli.ContainerInspect(ctx, c.id, client.ContainerInspectOptions{})
	if err != nil {
		return false, fmt.Errorf("inspect: %w", err)
	}
	if inspect.Container.State.OOMKilled {
		return true, nil
	}
	before, now := c.kills.Load(), killsForMemory()
	return before != nil && now != nil && *now > *before, nil
}

// killsForMemory is how many processes the kernel of this machine has killed for want of memory since it began (oom_kill of
// /proc/vmstat, since Linux 4.13), nil where it does not tell.
func killsForMemory() *int64 {
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if n, is := strings.CutPrefix(line, "oom_kill "); is {
			if kills, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64); err == nil {
				return &kills
			}
		}
	}
	return nil
}

// What makes a container's clock skewable: a library that answers for the C library when a program asks for the time of day,
// and reads from a file how many nanoseconds to add. See fixtures/images/redis/clock.c.
const (
	clockLibrary = "/usr/local/lib/assay-clock.so"
	clockFile    = "/etc/assay-clock"
)

// skewable adds to a container what a skewed clock takes.
func skewable(r *testcontainers.ContainerRequest) {
	environment := map[string]string{"LD_PRELOAD": clockLibrary}
	maps.Copy(environment, r.Env)
	r.Env = environment
	r.Files = append(r.Files, testcontainers.ContainerFile{Reader: strings.NewReader("0\n"), ContainerFilePath: clockFile, FileMode: 0o644})
}

// Clock sets how far the time of day that the container sees is ahead of the true one, now and after a start.
func (c *Container) Clock(ctx context.Context, ahead time.Duration) error {
	if !c.skewable {
		return fmt.Errorf("container %s was not made for it: start it with Skewable", c.Name)
	}
	contents := fmt.Appendf(nil, "%d\n", ahead.Nanoseconds())
	if h := c.hold(); h != nil {
		if err := h.write(clockFile, contents); err == nil || !ended(err) {
			return err
		}
	}
	return c.c.CopyToContainer(ctx, contents, clockFile, 0o644)
}

// Skewed returns an error that says why, if the running container's clock cannot be skewed.
func (c *Container) Skewed(ctx context.Context) error {
	if !c.skewable {
		return nil
	}
	if _, err := c.Exec(ctx, "grep", "-q", clockLibrary, "/proc/1/maps"); err != nil {
		return unprovable.Here("a skewed clock of "+c.Name,
			"its program has not loaded %s: either its image has none, or the program is statically linked, as every Go server is, and asks the kernel, whose clock all containers share (%v)", clockLibrary, err)
	}
	return nil
}
