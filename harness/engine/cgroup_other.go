//go:build !linux

package engine

import (
	"context"
	"errors"
	"time"
)

// cgroup is had on Linux only, where the engine is a neighbour and not a virtual machine.
type cgroup struct{}

var errNoCgroup = errors.New("there is no hold on a container past the engine here")

func cgroupOf(string, int) *cgroup                 { return nil }
func ended(error) bool                             { return false }
func (*cgroup) kill() error                        { return errNoCgroup }
func (*cgroup) freeze(context.Context, bool) error { return errNoCgroup }
func (*cgroup) limit(limits, limits) error         { return errNoCgroup }
func (*cgroup) write(string, []byte) error         { return errNoCgroup }
func (*cgroup) throttled() (int, time.Duration, error) {
	return 0, 0, errNoCgroup
}
