//go:build unix

package engine

import "syscall"

// detached puts the reaper into a session of its own, so that the Ctrl-C that ends the test does not end it too.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
