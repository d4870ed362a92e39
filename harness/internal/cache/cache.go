// Package cache knows the directory where Assay keeps what test processes on one machine share: locks, mostly. Nothing that
// a run's outcome depends on may enter.
package cache

import (
	"fmt"
	"os"
	"path/filepath"
)

// Dir returns the shared directory of that name, which exists. Where the user has no cache directory that can be written to
// (no HOME, as in some CI jobs, or somebody else's) it is one among the temporary files.
func Dir(name string) (string, error) {
	base, err := os.UserCacheDir()
	if err == nil {
		dir := filepath.Join(base, "assay", name)
		if os.MkdirAll(dir, 0o700) == nil {
			return dir, nil
		}
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("assay-%d", os.Getuid()), name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory of Assay's locks: %w; point XDG_CACHE_HOME at a directory that can be written to", err)
	}
	return dir, nil
}
