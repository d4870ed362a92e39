package evidence

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two test binaries of one `go test` can read its start a second apart: the later one joins the run that is there.
func TestARunIsJoinedWhoseStartReadsASecondApart(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 11, 23, 18, 32, 25, 0, time.FixedZone("CET", 3600))
	const name = "20261123T173225-4711"
	assert.Equal(t, name, joined(dir, at, 4711), "nothing there: its own, in UTC")
	require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	assert.Equal(t, name, joined(dir, at.Add(time.Second), 4711))
	assert.Equal(t, name, joined(dir, at.Add(-time.Second), 4711))
	assert.Equal(t, "20261123T173227-4711", joined(dir, at.Add(2*time.Second), 4711), "another go command of the same process id")
	assert.Equal(t, "20261123T173225-4712", joined(dir, at, 4712))
}
