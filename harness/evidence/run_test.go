package evidence_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
)

func TestDir(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "scenarios", "messaging")
	require.NoError(t, os.MkdirAll(deep, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module shop\n"), 0o600))
	elsewhere := t.TempDir()

	for name, c := range map[string]struct{ cwd, set, want string }{
		"unset":          {deep, "", filepath.Join(root, ".assay", "evidence")},
		"unset, at root": {root, "", filepath.Join(root, ".assay", "evidence")},
		"absolute":       {deep, elsewhere, elsewhere},
		"relative":       {deep, "out", filepath.Join(root, "out")},
		"no module":      {elsewhere, elsewhere, elsewhere},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(c.cwd)
			t.Setenv("ASSAY_EVIDENCE", c.set)
			got, err := evidence.Dir()
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
	t.Run("no module, nothing set", func(t *testing.T) {
		t.Chdir(elsewhere)
		t.Setenv("ASSAY_EVIDENCE", "")
		_, err := evidence.Dir()
		assert.EqualError(t, err, "where to keep evidence: no go.mod in "+elsewhere+" or above it; set ASSAY_EVIDENCE to an absolute path")
	})
}

// Under `go test` the run is the go command's: its id is this process's parent. A child of this test, whose parent is no go
// command, is a run of its own.
func TestRunID(t *testing.T) {
	const asked = "EVIDENCE_TEST_RUN_ID"
	id := evidence.RunID()
	assert.Regexp(t, `^\d{8}T\d{6}-\d+$`, id)
	assert.Equal(t, id, evidence.RunID())
	if file := os.Getenv(asked); file != "" {
		require.NoError(t, os.WriteFile(file, []byte(id), 0o600))
		return
	}

	file := filepath.Join(t.TempDir(), "id")
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), asked+"="+file)
	require.NoError(t, child.Run())
	childs, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(string(childs), "-"+strconv.Itoa(child.ProcessState.Pid())), "%s", childs)

	if strings.Contains(os.Args[0], "go-build") { // else somebody started the compiled test by hand
		assert.True(t, strings.HasSuffix(id, "-"+strconv.Itoa(os.Getppid())), "%s", id)
	}
}

func TestRuns(t *testing.T) {
	root := t.TempDir()
	runs, err := evidence.Runs(filepath.Join(root, "none"))
	require.NoError(t, err)
	assert.Empty(t, runs)

	for _, name := range []string{"20261123T173225-99", "20261123T173225-4711", "20270101T000000-1", "20251231T235959-5", "lost+found", ".tmp"} {
		require.NoError(t, os.Mkdir(filepath.Join(root, name), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(root, "20280101T000000-1"), nil, 0o600))
	runs, err = evidence.Runs(root)
	require.NoError(t, err)
	for i := range runs {
		runs[i] = filepath.Base(runs[i])
	}
	assert.Equal(t, []string{"20270101T000000-1", "20261123T173225-4711", "20261123T173225-99", "20251231T235959-5"}, runs)

	_, err = evidence.Runs(filepath.Join(root, "20280101T000000-1"))
	assert.ErrorContains(t, err, "list the runs: ")
}
