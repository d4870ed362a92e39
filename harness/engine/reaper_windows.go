package engine

import "syscall"

// detached puts the reaper into a process group of its own, so that the Ctrl-C that ends the test does not end it too.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
