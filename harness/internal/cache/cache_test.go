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

	t.Setenv("XDG_CACHE_HOME", file)
	t.Setenv("TMPDIR", file)
	_, err := Dir("owners")
	assert.ErrorContains(t, err, "point XDG_CACHE_HOME at a directory that can be written to")
}
