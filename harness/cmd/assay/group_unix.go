//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// inGroup gives the command a process group of its own, which is interrupted as a whole when its context ends.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
}
