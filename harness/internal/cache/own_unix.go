//go:build unix

package cache

import (
	"io/fs"
	"os"
	"syscall"
)

// own tells whether a directory is this user's, and nobody else may look into it or write to it.
func own(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid() && info.Mode().Perm()&0o077 == 0
}
