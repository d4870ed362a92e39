package cache

import "io/fs"

// own trusts the directory of temporary files, which is the user's own there.
func own(fs.FileInfo) bool { return true }
