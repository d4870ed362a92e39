// Package cache knows the directory where Assay keeps what test processes on one machine share: locks, mostly. Nothing that
// a run's outcome depends on may enter.
package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir returns the shared directory of that name, which exists. Where the user has no cache directory that can be written to
// (no HOME, as in some CI jobs, or somebody else's) it is one among the temporary files, if that is this user's alone: anybody can
// make one of that name there first.
func Dir(name string) (string, error) {
	base, err := os.UserCacheDir()
	if err == nil {
		dir := filepath.Join(base, "assay", name)
		if os.MkdirAll(dir, 0o700) == nil {
			return dir, nil
		}
	}
	temp, err := Temp()
	if err != nil {
		return "", err
	}
	parent := filepath.Join(temp, fmt.Sprintf("assay-%d", os.Getuid()))
	if err := os.Mkdir(parent, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", cannot(err)
	}
	info, err := os.Lstat(parent)
	if err != nil {
		return "", cannot(err)
	}
	if !info.IsDir() || !own(info) {
		return "", fmt.Errorf("%s is not a directory of this user's alone (it is %v), so somebody else may have prepared it; remove it, or point XDG_CACHE_HOME at a directory of your own",
			parent, info.Mode())
	}
	dir := filepath.Join(parent, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", cannot(err)
	}
	return dir, nil
}

func cannot(err error) error {
	return fmt.Errorf("make the directory of Assay's locks: %w; point XDG_CACHE_HOME at a directory that can be written to", err)
}

// Temp returns the directory of temporary files, or the error that there is none, which else shows as some program that is not found.
func Temp() (string, error) {
	dir := os.TempDir()
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("TMPDIR: there is no directory %s for temporary files; make it, or point TMPDIR at one that can be written to", dir)
	}
	return dir, nil
}
