package evidence_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"assay/harness/evidence"
	"assay/harness/history"
)

// byTheBook is what Read should make of a file, by encoding/json: a record, or the beginning of what is to be said of it.
func byTheBook(text []byte) (r *evidence.Record, refusal string) {
	var kind struct {
		Schema *string `json:"schema"`
	}
	switch err := json.Unmarshal(text, &kind); {
	case err != nil:
		return nil, "is torn, or no evidence at all: "
	case kind.Schema == nil:
		return nil, "is no evidence: it names no schema"
	case *kind.Schema == evidence.ScheduleSchema:
		return nil, "is a schedule"
	case *kind.Schema != evidence.Schema:
		return nil, "follows the schema "
	}
	r = &evidence.Record{}
	switch err := json.Unmarshal(text, r); {
	case err != nil:
		return nil, "does not fit its schema: "
	case r.Claim.ID == "" || r.Verdict == "":
		return nil, "is no evidence: it names no claim, or no verdict"
	}
	if err := r.Contradiction(); err != nil {
		return nil, "contradicts itself: " + err.Error()
	}
	return r, ""
}

func readsByTheBook(t assert.TestingT, path string, text []byte) {
	want, refusal := byTheBook(text)
	if !assert.NoError(t, os.WriteFile(path, text, 0o600)) {
		return
	}
	got, err := evidence.Read(path)
	if refusal != "" {
		assert.ErrorContains(t, err, path+" "+refusal, "%q", text)
		return
	}
	assert.NoError(t, err, "%q", text)
	assert.Equal(t, want, got, "%q", text)
}

// What a file is made of, and what is nearly that.
var pieces = []string{
	`"`, `\`, `{`, `}`, `[`, `]`, `:`, `,`, "0", "-", "+", ".", "e", "1e999", "99999999999999999999", "-1", "1.5", "NaN", "null", "true", "nul",
	`"schema":null,`, `"schema":"assay/evidence/v9",`, `"SCHEMA":"assay/evidence/v2",`, `"Run":"a",`, `"started":"soon",`, `"operations":{"items":[{"outcome":"none"}]},`, `"claim":{"id":""},`, `"operations":{"items":[{"value":7}]},`,
	`\u00e9`, `\ud83d\ude00`, `\ud800`, `\q`, "\xff", "\x00", "\x01", "\u2028", "\ufeff", " ", "\n", "{}", "[]", "\"ok\"", "\"none\"",
}

func TestReadTakesAndRefusesWhatEncodingJSONDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "1.1.json")
	word := rapid.StringN(0, 12, -1)
	number := rapid.Float64Range(-1e300, 1e300)
	maybe := rapid.Ptr(number, true)
	operations := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) evidence.Operation {
		return evidence.Operation{
			Client: word.Draw(t, "client"), Kind: word.Draw(t, "kind"), Key: word.Draw(t, "key"), Value: rapid.Int64().Draw(t, "value"),
			Expected: rapid.Int64().Draw(t, "expected"), Attempt: rapid.Int().Draw(t, "attempt"), Start: number.Draw(t, "start"), End: maybe.Draw(t, "end"),
			Outcome: rapid.SampledFrom([]history.Outcome{history.OK, history.Failed, history.Unknown}).Draw(t, "outcome"), Err: word.Draw(t, "err"),
		}
	}), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		r := evidence.Record{
			Schema: evidence.Schema, Run: word.Draw(t, "run"), Claim: evidence.Claim{ID: word.Draw(t, "id"), Refuted: rapid.Bool().Draw(t, "refuted")},
			Verdict: rapid.OneOf(word, rapid.SampledFrom([]string{evidence.Failed, evidence.NotProvable})).Draw(t, "verdict"), Unprovable: word.Draw(t, "unprovable"), Started: time.Unix(rapid.Int64Range(0, 1e11).Draw(t, "started"), 5).UTC(), Duration: number.Draw(t, "duration"),
			Seed: rapid.Uint64().Draw(t, "seed"), Checks: []evidence.Check{{Role: "breaks", Verdict: "unknown", Offending: operations.Draw(t, "offending")}},
			Operations: evidence.Operations{Recorded: rapid.Int().Draw(t, "recorded"), Items: operations.Draw(t, "items")},
			Tools:      evidence.Tools{Libraries: rapid.MapOfN(word, word, 0, 3).Draw(t, "libraries")},
		}
		if r.Verdict == evidence.Failed {
			r.Failures = []evidence.Failure{{Kind: word.Draw(t, "kind of failure"), Message: word.Draw(t, "message")}}
		}
		m := evidence.Measurement{Value: number.Draw(t, "measured"), Low: maybe.Draw(t, "low")}
		if m.OK = m.Low == nil || *m.Low <= m.Value; m.OK || r.Verdict == evidence.Failed {
			r.Measurements = append(r.Measurements, m)
		}
		text, err := json.MarshalIndent(r, "", " ")
		require.NoError(t, err)
		readsByTheBook(t, path, text)

		for range rapid.IntRange(1, 3).Draw(t, "harm") {
			at := rapid.IntRange(0, len(text)).Draw(t, "at")
			rest := text[min(len(text), at+rapid.IntRange(0, 3).Draw(t, "lost")):]
			text = []byte(string(text[:at]) + rapid.SampledFrom(pieces).Draw(t, "piece") + string(rest))
		}
		readsByTheBook(t, path, text)
	})
}

func FuzzRead(f *testing.F) {
	const body = `"schema":"assay/evidence/v2","claim":{"id":"1.1"},"verdict":"failed","failures":[{}],"seed":1,"operations":{"items":[{"value":2,"end_s":3}]}`
	for _, piece := range append(pieces, "") {
		f.Add([]byte("{" + piece + body + "}"))
		f.Add([]byte("{" + body + "," + piece + `"run":"a"}`))
	}
	f.Fuzz(func(t *testing.T, text []byte) { readsByTheBook(t, filepath.Join(t.TempDir(), "1.1.json"), text) })
}

func TestTookLeavesOutTheBuilding(t *testing.T) {
	assert.Equal(t, 2.5, (&evidence.Record{Duration: 62.5, Building: 60}).Took())
}
