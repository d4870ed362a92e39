package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"assay/harness/engine/image"
	"assay/harness/internal/unprovable"
)

// Disk is a disk in memory for one container: a file system of its own, on a device of its own, so that its power can end, that
// it can be full and that it can be slow, and no other disk is.
//
// A keeper, which is a container without a network, makes the device and holds it open. The engine itself mounts it where the
// server's container starts and unmounts it where that ends: it is a volume. So the server needs no capability and no tool, and
// when both containers have gone, however, so has the device.
type Disk struct {
	Name string

	engine *Engine
	keeper *Container
	shell  *Shell
	volume string
	size   int64
	gone   func() // of the volume

	mu    sync.Mutex
	by    *Container    // whose it is
	cut   bool          // its power has ended, and it was not mounted since
	lost  bool          // the last cut took what was not synced, as the start after it has found
	full  bool          // it is, or will be with the next start
	every time.Duration // one read and one write in that time, 0 is no limit
}

// what is what cannot be had where there is no such disk.
const what = "a disk whose power ends, that is full or that is slow"

// MakeDisk makes an empty disk of that size, in bytes. It is an [unprovable.Error] where this engine or its kernel cannot make
// one. The first container that gets it finds the files there that its image has at that path.
func (e *Engine) MakeDisk(ctx context.Context, n *Network, name string, size int64) (*Disk, error) {
	built, err := e.Image(ctx, image.Recipe("disk"))
	if err != nil {
		return nil, err
	}
	labels, err := e.labels()
	if err != nil {
		return nil, err
	}
	keeper, err := e.keeper(ctx, n, name, built.Ref, true)
	if err != nil && strings.Contains(err.Error(), "bind source path does not exist") {
		keeper, err = e.keeper(ctx, n, name, built.Ref, false) // a disk that cannot be slow is one all the same
	}
	if err != nil {
		return nil, refusal(err, "operation not permitted", "unable to apply caps")
	}
	d := &Disk{Name: name, engine: e, keeper: keeper, volume: n.Name + "-" + name, size: size, gone: func() {}}
	if err := d.make(ctx, labels); err != nil {
		return nil, errors.Join(fmt.Errorf("make disk %s: %w", name, err), d.Remove(context.WithoutCancel(ctx)))
	}
	return d, nil
}

// keeper starts the container that keeps a disk, and that limits another container's I/O where it is shown the control groups of
// containers. It has a namespace of control groups of its own, in which it can mount neither the root of a hierarchy, where version 1 has
// the release_agent by which the machine's kernel runs a program as root, nor a hierarchy that is new.
func (e *Engine) keeper(ctx context.Context, n *Network, name, ref string, groups bool) (*Container, error) {
	return e.Run(ctx, n, Spec{
		Name: name, Image: ref, Offline: true, Capabilities: []string{"DAC_OVERRIDE", "MKNOD", "SYS_ADMIN"},
		host: func(h *container.HostConfig) {
			h.DeviceCgroupRules = []string{"c 10:237 rw", "b 7:* rwm"} // /dev/loop-control and loop devices
			h.CgroupnsMode = "private"
			if groups {
				h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, Source: e.groups, Target: "/run/cgroup"})
			}
			// AppArmor's profile for containers forbids every mount.
			h.SecurityOpt = append(h.SecurityOpt, "apparmor=unconfined")
		},
	})
}

// groupsOfContainers is where an engine has the control groups of containers, of block I/O where they are separate.
func groupsOfContainers(version, driver string) string {
	root, parent := "/sys/fs/cgroup", "docker"
	if version == "1" {
		root += "/blkio"
	}
	if driver == "systemd" {
		parent = "system.slice"
	}
	return root + "/" + parent
}

// refusal tells what an engine refuses because of what it is from what else can go wrong, given the words it refuses in.
func refusal(err error, words ...string) error {
	for _, w := range words {
		if err != nil && strings.Contains(strings.ToLower(err.Error()), w) {
			return unprovable.Here(what, "the engine refuses it: %v", err)
		}
	}
	return err
}

// unmountable is the refusal to mount a disk: a rootless engine may not, and one without the machine's /dev finds none.
func unmountable(err error) error { return refusal(err, "failed to mount local volume") }

func (d *Disk) make(ctx context.Context, labels map[string]string) error {
	var err error
	if d.shell, err = d.keeper.Shell(ctx); err != nil {
		return err
	}
	said, err := d.tell(ctx, "make %s %d", d.volume, d.size)
	if err != nil {
		return err
	}
	gone := d.engine.making()
	making, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeLimit)
	defer cancel()
	_, err = d.engine.cli.VolumeCreate(making, client.VolumeCreateOptions{
		Name: d.volume, Driver: "local", Labels: labels,
		DriverOpts: map[string]string{"type": "ext4", "device": "/dev/" + strings.TrimSpace(said)},
	})
	if err != nil {
		if refused(making, err) {
			gone()
		}
		return fmt.Errorf("make a volume: %w", explain(err))
	}
	d.gone = gone
	return nil
}

// tell has the keeper do what its program can, and returns what it said.
func (d *Disk) tell(ctx context.Context, words string, args ...any) (string, error) {
	said, err := d.shell.Run(ctx, "disk "+fmt.Sprintf(words, args...))
	if why, cannot := strings.CutPrefix(said, "cannot "); err == nil && cannot {
		err = unprovable.Here(what, "%s", strings.TrimSpace(why))
	}
	return said, err
}

// Cut ends the disk's power: what was not synced is gone, and all I/O fails until the container that has it is started again. Right
// before, it writes something of its own and does not sync it, so that the next start can tell whether the cut took anything (Lost). A
// cut that is to do half syncs first.
func (d *Disk) Cut(ctx context.Context, half bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	how := "cut"
	if half {
		how = "cut synced"
	}
	_, err := d.tell(ctx, "%s", how)
	d.cut = d.cut || err == nil
	return err
}

// Lost tells of the last cut that a start came after whether it took what was not synced.
func (d *Disk) Lost() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lost
}

// Fill takes all space that is left. A file that has space of its own, or memory that is not yet written, keeps it; what is
// deleted gives no space for anything else.
func (d *Disk) Fill(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = true
	if d.cut {
		return nil // until it is mounted
	}
	_, err := d.tell(ctx, "fill")
	return err
}

// Drain gives back what Fill took.
func (d *Disk) Drain(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.cut {
		if _, err := d.tell(ctx, "drain"); err != nil {
			return err
		}
	}
	d.full = false
	return nil
}

// Slow lets the container do one read and one write in that time, and as many as it likes where it is 0.
func (d *Disk) Slow(ctx context.Context, every time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if every < 0 || every > time.Second {
		return fmt.Errorf("disk %s: one read or write every %v: the engine counts in times a second, so at most 1s", d.Name, every)
	}
	if d.by == nil {
		return fmt.Errorf("disk %s is nobody's yet", d.Name)
	}
	d.every = every
	if d.by.killed() {
		return nil // until it starts
	}
	return d.slow(ctx)
}

func (d *Disk) slow(ctx context.Context) error {
	rate := 0
	if d.every > 0 {
		rate = int(time.Second / d.every)
	}
	_, err := d.tell(ctx, "slow %s %d", d.by.id, rate)
	return err
}

// starting makes the disk ready for the start of a container: after a cut, nobody may have it mounted, so that it is read anew.
func (d *Disk) starting(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.cut {
		return nil
	}
	said, err := d.tell(ctx, "unused")
	d.lost = strings.TrimSpace(said) == "lost"
	if err == nil && d.full {
		_, err = d.tell(ctx, "fill")
	}
	d.cut = err != nil
	return err
}

// started notes whose the disk is. A container that is started again has a new control group.
func (d *Disk) started(ctx context.Context, c *Container) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.by = c
	if d.every == 0 {
		return nil
	}
	return d.slow(ctx)
}

// Remove removes the disk. The container that has it must be gone.
func (d *Disk) Remove(ctx context.Context) error {
	if d.shell != nil {
		_ = d.shell.Close()
	}
	err := d.keeper.Remove(ctx)
	if _, removing := d.engine.cli.VolumeRemove(ctx, d.volume, client.VolumeRemoveOptions{Force: true}); gone(removing) != nil {
		return errors.Join(err, fmt.Errorf("remove the volume of disk %s: %w", d.Name, removing))
	}
	d.gone()
	return err
}
