package cache

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDir(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have other variables")
	}
	home, temp := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("TMPDIR", temp)
	t.Setenv("XDG_CACHE_HOME", "")
	inTemp := filepath.Join(temp, fmt.Sprintf("assay-%d", os.Getuid()), "owners")
	file := filepath.Join(home, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	for name, c := range map[string]struct{ home, cache, want string }{
		"in the home":                {home, "", filepath.Join(home, ".cache", "assay", "owners")},
		"in the cache":               {home, filepath.Join(home, "c"), filepath.Join(home, "c", "assay", "owners")},
		"no home":                    {"", "", inTemp},
		"a home that is not to use":  {file, "", inTemp},
		"a cache that is not to use": {home, file, inTemp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HOME", c.home)
			t.Setenv("XDG_CACHE_HOME", c.cache)
			got, err := Dir("owners")
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			info, err := os.Stat(got)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
		})
	}

	t.Run("prepared by others", func(t *testing.T) {
		t.Setenv("XDG_CACHE_HOME", file)
		for name, prepare := range map[string]func(t *testing.T, dir string){
			"open to all": func(t *testing.T, dir string) {
				require.NoError(t, os.Mkdir(dir, 0o700))
				require.NoError(t, os.Chmod(dir, 0o777))
			},
			"a link to elsewhere": func(t *testing.T, dir string) { require.NoError(t, os.Symlink(t.TempDir(), dir)) },
			"a file":              func(t *testing.T, dir string) { require.NoError(t, os.WriteFile(dir, nil, 0o600)) },
			"somebody else's": func(t *testing.T, dir string) {
				require.NoError(t, os.Mkdir(dir, 0o700))
				if err := os.Chown(dir, os.Getuid()+1, -1); err != nil {
					t.Skip("only root can give a directory away")
				}
			},
		} {
			t.Run(name, func(t *testing.T) {
				temp := t.TempDir()
				t.Setenv("TMPDIR", temp)
				dir := filepath.Join(temp, fmt.Sprintf("assay-%d", os.Getuid()))
				prepare(t, dir)
				_, err := Dir("owners")
				require.ErrorContains(t, err, dir+" is not a directory of this user's alone")
				require.ErrorContains(t, err, "point XDG_CACHE_HOME at a directory of your own")
			})
		}
	})

	t.Setenv("XDG_CACHE_HOME", file)
	t.Setenv("TMPDIR", file)
	_, err := Dir("owners")
	assert.ErrorContains(t, err, "TMPDIR: there is no directory "+file)
	assert.ErrorContains(t, err, "point TMPDIR at one that can be written to")
}
