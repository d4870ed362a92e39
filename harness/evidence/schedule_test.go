package evidence_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"assay/harness/evidence"
)

func scheduleOf(windows ...evidence.Window) *evidence.ScheduleFile {
	return &evidence.ScheduleFile{
		Claim: "9.3", Test: "TestStorm/of five", Package: "assay/scenarios/election", Failure: evidence.Violated,
		Schedule: evidence.Schedule{Seed: 1<<64 - 1, Draws: 17, Windows: windows},
	}
}

// What is read is what was written, whatever the windows; also a seed that a float would round.
func TestScheduleRoundTrip(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		f := scheduleOf()
		at := time.Duration(0)
		for range rapid.IntRange(0, 10).Draw(t, "windows") {
			begin := at + time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "rest"))
			length := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "length"))
			w := evidence.Window{Fault: rapid.StringMatching(".{1,20}").Draw(t, "fault"), Begin: evidence.Span(begin), Length: evidence.Span(length)}
			if rapid.Bool().Draw(t, "drawn") {
				w.Args = rapid.MapOfN(rapid.String(), rapid.String(), 1, 3).Draw(t, "args")
			}
			f.Windows, at = append(f.Windows, w), begin+length
		}
		require.NoError(t, evidence.WriteSchedule(dir, run, f))
		got, err := evidence.ReadSchedule(f.Path)
		require.NoError(t, err)
		want := *f
		want.Schema = evidence.ScheduleSchema
		require.Equal(t, &want, got)
	})
}

func TestScheduleIsForPeople(t *testing.T) {
	f := scheduleOf(evidence.Window{
		Fault: "delay", Args: map[string]string{"way": "both ways", "by": "120ms"},
		Begin: evidence.Span(1204 * time.Millisecond), Length: evidence.Span(310 * time.Millisecond),
	})
	f.Knobs = "9.3.election=2s"
	dir := filepath.Join(t.TempDir(), "it's here")
	require.NoError(t, evidence.WriteSchedule(dir, run, f))
	text, err := os.ReadFile(f.Path)
	require.NoError(t, err)
	//nolint:testifylint // to the letter: people are to read it
	assert.Equal(t, `{
 "schema": "assay/schedule/v1",
 "claim": "9.3",
 "test": "TestStorm/of five",
 "package": "assay/scenarios/election",
 "knobs": "9.3.election=2s",
 "failure": "violated",
 "seed": 18446744073709551615,
 "draws": 17,
 "windows": [
  {
   "fault": "delay",
   "args": {
    "by": "120ms",
    "way": "both ways"
   },
   "begin": "1.204s",
   "length": "310ms"
  }
 ]
}
`, string(text))
	assert.Equal(t, "delay by=120ms way=both ways, from 1.204s for 310ms", f.Windows[0].String())
	quoted := `'` + filepath.Dir(dir) + `/it'\''s here/` + run + `/9.3.schedule.json'`
	assert.Equal(t, "ASSAY_SCHEDULE="+quoted+" ASSAY_KNOBS=9.3.election=2s go test -count=1 -v -run '^TestStorm$/^of five$' assay/scenarios/election", f.Replay())
	assert.Equal(t, "go run ./harness/cmd/assay shrink "+quoted, f.Shrink())
}

func TestSchedulesLieBesideTheEvidence(t *testing.T) {
	dir := t.TempDir()
	_, err := evidence.Write(dir, record("9.3"))
	require.NoError(t, err)
	for _, want := range []string{"9.3.schedule.json", "9.3.schedule.2.json"} {
		f := scheduleOf()
		require.NoError(t, evidence.WriteSchedule(dir, run, f))
		assert.Equal(t, filepath.Join(dir, run, want), f.Path)
	}
	small := scheduleOf()
	require.NoError(t, evidence.WriteShrunk(filepath.Join(dir, run, "9.3.schedule.json"), small))
	assert.Equal(t, filepath.Join(dir, run, "9.3.schedule.shrunk.json"), small.Path)

	records, refused := evidence.Load(filepath.Join(dir, run))
	assert.Empty(t, refused)
	assert.Len(t, records, 1)
	_, err = evidence.Read(small.Path)
	assert.ErrorContains(t, err, small.Path+" is a schedule, and no evidence of a run")
}

func TestScheduleIsRefused(t *testing.T) {
	const head = `"schema": "assay/schedule/v1", "claim": "9.3", "test": "T", "package": "p"`
	two := func(a, b string) string {
		return fmt.Sprintf(`{%s, "windows": [{"fault": "kill", %s}, {"fault": "kill", %s}]}`, head, a, b)
	}
	for name, c := range map[string]struct{ text, want string }{
		"torn":        {`{"schema": "assay/sch`, "is torn, or no schedule at all"},
		"no schema":   {`{}`, "is no schedule: it names no schema"},
		"evidence":    {`{"schema": "assay/evidence/v1"}`, `follows the schema "assay/evidence/v1"; a schedule follows "assay/schedule/v1"`},
		"whose":       {`{"schema": "assay/schedule/v1", "claim": "9.3"}`, "does not say whose schedule it is"},
		"no duration": {two(`"begin": "soon", "length": "1s"`, `"begin": "2s", "length": "1s"`), "does not fit its schema"},
		"overlap":     {two(`"begin": "0s", "length": "3s"`, `"begin": "2s", "length": "1s"`), "window 2 (kill, from 2s for 1s) begins before the one before it in lane 0 has ended, at 3s"},
		"nameless":    {`{` + head + `, "windows": [{"begin": "0s", "length": "3s"}]}`, "window 1 (, from 0s for 3s) names no fault"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.json")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			_, err := evidence.ReadSchedule(path)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, c.want)
		})
	}
}
