package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroup is a hold on a running container past the engine, for what must be felt at once: it sends the signal and writes the
// files that the engine has runc send and write, which takes some microseconds where starting runc takes the engine 40 ms and
// more. It is had only where this process may do that anyway, on the engine's machine as root or as the user of a rootless
// engine; it asks for nothing. It can mean no other process: it is held by a pidfd, and its control groups bear the container's ID.
type cgroup struct {
	process *os.Process
	root    string // the container's file system as this process sees it

	processors, memory, freezer group
}

// group is a control group's directory.
type group struct {
	dir string
	v2  bool
}

// cgroupOf returns the hand on the container whose first process that is, nil where there is none.
func cgroupOf(id string, pid int) *cgroup {
	if pid <= 0 {
		return nil
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil
	}
	// Asked after the process is held, so that what they say is said of this one.
	groups, err := groupsOf(id, pid)
	if err != nil || process.Signal(syscall.Signal(0)) != nil {
		return nil
	}
	h := &cgroup{process: process, root: fmt.Sprintf("/proc/%d/root", pid), processors: groups["cpu"], memory: groups["memory"], freezer: groups["freezer"]}
	for _, file := range []string{h.processors.file("cpu.cfs_quota_us", "cpu.max"), h.memory.file("memory.limit_in_bytes", "memory.max"), h.freezer.file("freezer.state", "cgroup.freeze")} {
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			return nil
		}
		f.Close()
	}
	return h
}

// groupsOf finds the control groups of a container's process by their controllers (cgroups(7)).
func groupsOf(id string, pid int) (map[string]group, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	member, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil, err
	}
	groups := map[string]group{}
	for _, want := range []string{"cpu", "memory", "freezer"} {
		for line := range strings.Lines(string(member)) {
			part := strings.SplitN(strings.TrimSpace(line), ":", 3)
			if len(part) != 3 || !strings.Contains(filepath.Base(part[2]), id) {
				continue
			}
			v2 := part[0] == "0"
			if _, v1 := groups[want]; v2 && v1 || !v2 && !among(want, part[1]) {
				continue
			}
			if at := mounted(string(mounts), want, v2); at != "" {
				groups[want] = group{filepath.Join(at, part[2]), v2}
			}
		}
		if groups[want].dir == "" {
			return nil, fmt.Errorf("no control group of %d for %s is in reach", pid, want)
		}
	}
	return groups, nil
}

// mounted returns where a hierarchy of control groups is mounted, whole.
func mounted(mounts, controller string, v2 bool) string {
	for line := range strings.Lines(mounts) {
		where, what, ok := strings.Cut(line, " - ")
		at, kind := strings.Fields(where), strings.Fields(what)
		if !ok || len(at) < 5 || len(kind) < 3 || at[3] != "/" {
			continue
		}
		if v2 && kind[0] == "cgroup2" || !v2 && kind[0] == "cgroup" && among(controller, kind[2]) {
			return at[4]
		}
	}
	return ""
}

func among(one, list string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if item == one {
			return true
		}
	}
	return false
}

func (g group) file(v1, v2 string) string {
	if g.v2 {
		return filepath.Join(g.dir, v2)
	}
	return filepath.Join(g.dir, v1)
}

// set writes to one of the group's files.
func (g group) set(file, value string) error {
	return os.WriteFile(filepath.Join(g.dir, file), []byte(value), 0)
}

// ended tells whether the error says that the container is over.
func ended(err error) bool {
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV)
}

// kill ends the container's processes. Where version 1 has frozen them, each has its signal before it may run on, and so does
// nothing any more; version 2 lets a frozen process be killed.
func (h *cgroup) kill() error {
	err := h.process.Signal(syscall.SIGKILL)
	if h.freezer.v2 {
		return err
	}
	if state, _ := os.ReadFile(filepath.Join(h.freezer.dir, "freezer.state")); !strings.Contains(string(state), "FROZEN") {
		return err
	}
	members, reading := os.ReadFile(filepath.Join(h.freezer.dir, "cgroup.procs"))
	for number := range strings.FieldsSeq(string(members)) {
		if pid, err := strconv.Atoi(number); err == nil && pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL) // frozen, it cannot have ended: the number is still its own
		}
	}
	return errors.Join(err, reading, h.freezer.set("freezer.state", "THAWED"))
}

// freeze stops the container's processes, or lets them run on, and returns when all have.
func (h *cgroup) freeze(ctx context.Context, frozen bool) error {
	word, number := "THAWED", "0"
	if frozen {
		word, number = "FROZEN", "1"
	}
	state, want := h.freezer.file("freezer.state", "cgroup.events"), word
	order := func() error { return h.freezer.set("freezer.state", word) }
	if h.freezer.v2 {
		order, want = func() error { return h.freezer.set("cgroup.freeze", number) }, "frozen "+number
	}
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for try := 1; ; try++ {
		// Version 1 can stop one thread of a process for which another one waits where it cannot be stopped, as one does that begins
		// another program (execve): the container that has only just been started, or a command in it. Let go, they come out of that.
		if frozen && !h.freezer.v2 && try%500 == 0 {
			if err := h.freezer.set("freezer.state", "THAWED"); err != nil {
				return err
			}
			time.Sleep(time.Duration(try/500) * time.Millisecond) //nolint:forbidigo // the kernel does not tell when they have
		}
		// Written again each time: a process that version 1 finds in the middle of a fork is frozen by the next writing only.
		if err := order(); err != nil {
			return err
		}
		is, err := os.ReadFile(state)
		if err != nil {
			return err
		}
		if strings.Contains(string(is), want) {
			return nil
		}
		select {
		case <-ctx.Done():
			if frozen { // else nobody could remove it
				_ = h.freezer.set("freezer.state", "THAWED")
			}
			return fmt.Errorf("the processes are not %s: %w", strings.ToLower(word), ctx.Err())
		case <-tick.C:
		}
	}
}

// limit writes what has changed.
func (h *cgroup) limit(now, next limits) error {
	if now.quota != next.quota || now.period != next.period {
		if err := h.limitProcessors(next); err != nil {
			return err
		}
	}
	if now.memory == next.memory && now.swap == next.swap {
		return nil
	}
	return h.limitMemory(now, next)
}

func (h *cgroup) limitProcessors(next limits) error {
	quota, period := fmt.Sprint(next.quota.Microseconds()), fmt.Sprint(next.period.Microseconds())
	if next.quota < 0 {
		quota = "-1"
	}
	g := h.processors
	if g.v2 {
		if next.quota < 0 {
			quota = "max"
		}
		return g.set("cpu.max", quota+" "+period)
	}
	// A quota and a period are looked at together, so that the old quota must not meet the new period.
	if err := g.set("cpu.cfs_quota_us", "-1"); err != nil {
		return err
	}
	if err := g.set("cpu.cfs_period_us", period); err != nil {
		return err
	}
	return g.set("cpu.cfs_quota_us", quota)
}

// throttled is how often the kernel has held the container's threads back since it was started, because they had used up their quota, and for
// how long in all (Documentation/scheduler/sched-bwc.rst).
func (h *cgroup) throttled() (times int, took time.Duration, err error) {
	text, err := os.ReadFile(filepath.Join(h.processors.dir, "cpu.stat"))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "nr_throttled":
			times = int(n)
		case "throttled_time": // version 1
			took = time.Duration(n)
		case "throttled_usec": // version 2
			took = time.Duration(n) * time.Microsecond
		}
	}
	return times, took, nil
}

func (h *cgroup) limitMemory(now, next limits) error {
	g := h.memory
	if g.v2 {
		// More than the limit of both together, which is what the engine counts, there is nothing to swap.
		swap := "max"
		if next.swap >= 0 {
			swap = fmt.Sprint(next.swap - next.memory)
		}
		return errors.Join(ignoreMissing(g.set("memory.swap.max", swap)), g.set("memory.max", fmt.Sprint(next.memory)))
	}
	// Memory and swap together are never limited to less than memory alone.
	memory := func() error { return g.set("memory.limit_in_bytes", fmt.Sprint(next.memory)) }
	both := func() error { return ignoreMissing(g.set("memory.memsw.limit_in_bytes", fmt.Sprint(next.swap))) }
	first, then := memory, both
	if next.memory > now.memory {
		first, then = both, memory
	}
	if err := first(); err != nil {
		return g.refused(next.memory, err)
	}
	return g.refused(next.memory, then())
}

// refused explains the error of a limit that version 1 does not take.
func (g group) refused(bytes int64, err error) error {
	if !errors.Is(err, syscall.EBUSY) {
		return err
	}
	usage, _ := os.ReadFile(filepath.Join(g.dir, "memory.usage_in_bytes"))
	return fmt.Errorf("it cannot be limited to %d bytes: it holds %s, and control groups of version 1 take back no more; squeeze to more than that and let it grow", bytes, strings.TrimSpace(string(usage)))
}

// ignoreMissing lets a kernel pass that does not account for swap.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// write replaces a file of the container at once: who reads it finds the old contents or the new ones.
func (h *cgroup) write(path string, contents []byte) error {
	to := filepath.Join(h.root, path)
	if err := os.WriteFile(to+".new", contents, 0o644); err != nil {
		return err
	}
	return os.Rename(to+".new", to)
}
