package evidence_test

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
	"assay/harness/history"
)

const run = "20261123T173225-4711"

func record(id string) *evidence.Record {
	return &evidence.Record{
		Run: run, Claim: evidence.Claim{ID: id, Says: "it works"}, Verdict: evidence.Holds,
		Checks: []evidence.Check{{Role: "calm", Verdict: "holds", OK: true}, {Role: "holds", Verdict: "holds", OK: true}, {Role: "breaks", Verdict: "violated", OK: true}},
	}
}

func TestWriteAndRead(t *testing.T) {
	end := 1.25
	r := record("12.1")
	r.Started = time.Date(2026, 11, 23, 17, 32, 25, 0, time.UTC)
	r.Faults = []evidence.Fault{{Kind: "drop", Target: "consumers", From: 0.5, To: &end, Witnesses: []string{"durable"}}}
	r.Operations = evidence.Operations{Recorded: 1, Items: []evidence.Operation{{Client: "producer", Kind: "publish", Outcome: history.Failed}}}

	dir := t.TempDir()
	path, err := evidence.Write(dir, r)
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, run, "12.1.json"), path)
	assert.Empty(t, r.Schema, "the caller's record is left alone")

	got, err := evidence.Read(path)
	require.NoError(t, err)
	want := *r
	want.Schema = evidence.Schema
	assert.Equal(t, &want, got)
}

func TestWriteNeverOverwrites(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"12.1.json", "12.1.2.json", "12.1.3.json"} {
		path, err := evidence.Write(dir, record("12.1"))
		require.NoError(t, err)
		assert.Equal(t, want, filepath.Base(path))
	}
	// An id that looks like such a second run gives way, too.
	path, err := evidence.Write(dir, record("12.1.2"))
	require.NoError(t, err)
	assert.Equal(t, "12.1.2.2.json", filepath.Base(path))
}

// Several processes with several writers each: no record is lost, none is seen half.
func TestWriteFromSeveralProcesses(t *testing.T) {
	const processes, writers = 3, 8
	write := func(dir string) {
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				_, err := evidence.Write(dir, record("12.1"))
				assert.NoError(t, err)
			})
		}
		all.Wait()
	}
	const folder = "EVIDENCE_TEST_DIR"
	if dir := os.Getenv(folder); dir != "" {
		write(dir)
		return
	}

	dir := t.TempDir()
	var children []*exec.Cmd
	for range processes - 1 {
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), folder+"="+dir)
		require.NoError(t, child.Start())
		children = append(children, child)
	}
	write(dir)
	for _, child := range children {
		require.NoError(t, child.Wait())
	}
	records, bad := evidence.Load(filepath.Join(dir, run))
	assert.Empty(t, bad)
	assert.Len(t, records, processes*writers)
	entries, err := os.ReadDir(filepath.Join(dir, run))
	require.NoError(t, err)
	assert.Len(t, entries, processes*writers, "nothing but records is left")
}

func TestWriteMakesFileNamesOfIDs(t *testing.T) {
	for id, want := range map[string]string{
		"../../etc/passwd": "_._.._etc_passwd.json",
		"..":               "unnamed.json",
		"":                 "unnamed.json",
		"eigener Anspruch": "eigener_Anspruch.json",
		`a\b:c`:            "a_b_c.json",
		"größe":            "gr__e.json",
	} {
		dir := t.TempDir()
		path, err := evidence.Write(dir, record(id))
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(dir, run, want), path)
	}
}

func TestWriteSaysWhatWasInTheWay(t *testing.T) {
	occupied := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(occupied, nil, 0o600))
	_, err := evidence.Write(occupied, record("12.1"))
	require.Error(t, err)
	assert.ErrorContains(t, err, `evidence of claim "12.1" could not be written to `+filepath.Join(occupied, run)+" (ASSAY_EVIDENCE moves it): ")
	assert.ErrorContains(t, err, "not a directory")

	r := record("12.1")
	r.Measurements = []evidence.Measurement{{Name: "ratio", Value: math.NaN()}}
	_, err = evidence.Write(t.TempDir(), r)
	assert.EqualError(t, err, `evidence of claim "12.1": json: unsupported value: NaN`)
}

func TestReadRefuses(t *testing.T) {
	whole, err := json.Marshal(record("1.1"))
	require.NoError(t, err)
	for name, c := range map[string]struct{ text, want string }{
		"empty":        {"", "is torn, or no evidence at all: unexpected end of JSON input"},
		"torn":         {string(whole[:len(whole)/2]), "is torn, or no evidence at all: unexpected end of JSON input"},
		"two in one":   {string(whole) + string(whole), "is torn, or no evidence at all: invalid character '{' after top-level value"},
		"not JSON":     {"PASS\nok\n", "is torn, or no evidence at all: invalid character 'P'"},
		"foreign JSON": {`{"name": "left-pad"}`, "is no evidence: it names no schema"},
		"a list":       {`[1]`, "is torn, or no evidence at all: json: cannot unmarshal array"},
		"other schema": {`{"schema": "assay/evidence/v9", "run": 7}`, `follows the schema "assay/evidence/v9"; this version of assay reads "assay/evidence/v2"`},
		"wrong type":   {`{"schema": "assay/evidence/v2", "run": 7}`, "does not fit its schema: json: cannot unmarshal number"},
		"no claim":     {`{"schema": "assay/evidence/v2"}`, "is no evidence: it names no claim, or no verdict"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "1.1.json")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			_, err := evidence.Read(path)
			require.Error(t, err)
			assert.ErrorContains(t, err, path+" "+c.want)
		})
	}
	_, err = evidence.Read(filepath.Join(t.TempDir(), "none.json"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	for i, id := range []string{"8.5", "12.1", "4.2"} {
		r := record(id)
		r.Started = time.Unix(int64(100-i), 0)
		_, err := evidence.Write(dir, r)
		require.NoError(t, err)
	}
	folder := filepath.Join(dir, run)
	for name, text := range map[string]string{
		"torn.json": "{", ".9.1.json": "{", "12.1.log": "container log", "notes.txt": "x",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(folder, "logs.json"), 0o755))

	records, bad := evidence.Load(folder)
	var ids []string
	for _, r := range records {
		ids = append(ids, r.Claim.ID)
	}
	assert.Equal(t, []string{"4.2", "12.1", "8.5"}, ids, "in the order in which they started")
	require.Len(t, bad, 1)
	assert.ErrorContains(t, bad[0], filepath.Join(folder, "torn.json")+" is torn")

	_, bad = evidence.Load(filepath.Join(dir, "none"))
	require.Len(t, bad, 1)
	assert.ErrorIs(t, bad[0], os.ErrNotExist)
}
