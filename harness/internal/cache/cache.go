// Package cache knows the directory where Assay keeps what test processes on one machine share: locks, mostly. Nothing that
// a run's outcome depends on may enter.
package cache

import (
	"fmt"
	"os"
	"path/filepath"
)

// Dir returns the shared directory of that name, which exists. Where the user has no cache directory (no HOME, as in some CI
// jobs) it is one in the temporary directory.
func Dir(name string) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = filepath.Join(os.TempDir(), fmt.Sprintf("assay-%d", os.Getuid()))
	}
	dir := filepath.Join(base, "assay", name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory of Assay's locks: %w; point XDG_CACHE_HOME at a writable directory", err)
	}
	return dir, nil
}
