//go:build unix

package evidence_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
)

// A full disk is found out by writing, after the file was made: the error says so, and nothing torn stays behind. A limit on
// the size of files stands for it, in a process of its own because it would hold for all tests here.
func TestWriteToAFullDisk(t *testing.T) {
	const folder = "EVIDENCE_TEST_DIR"
	if dir := os.Getenv(folder); dir != "" {
		signal.Ignore(syscall.SIGXFSZ)
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 64, Max: 64}))
		_, err := evidence.Write(dir, record("12.1"))
		require.ErrorIs(t, err, syscall.EFBIG)
		require.ErrorContains(t, err, "ASSAY_EVIDENCE moves it")
		return
	}
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), folder+"="+dir)
	out, err := child.CombinedOutput()
	require.NoError(t, err, string(out))
	entries, err := os.ReadDir(filepath.Join(dir, run))
	require.NoError(t, err)
	assert.Empty(t, entries)
}
