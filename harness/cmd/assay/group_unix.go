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

// withoutTerminal keeps the command, and all that it starts, from writing to the terminal by itself: who builds images would. It
// goes for inGroup as well.
func withoutTerminal(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
