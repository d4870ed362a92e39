package harness

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
)

// proven makes a test pass that does nothing else wrong.
func proven(e *Env) {
	e.Step("verdict")
	e.Contrast("nothing is lost", good, forgetful)
}

func TestKnobs(t *testing.T) {
	scenario := func(e *Env) {
		e.Knob("delay", 500*time.Millisecond)
		e.KnobInt("batch", 50)
		proven(e)
	}
	t.Run("turned", func(t *testing.T) {
		t.Setenv("ASSAY_KNOBS", "12.99.delay=2s, 12.99.batch=7")
		r := offline(t, scenario)
		require.Empty(t, r.errors)
		rec := r.record(t)
		require.Equal(t, []evidence.Knob{{Name: "delay", Value: "2s", Default: "500ms"}, {Name: "batch", Value: "7", Default: "50"}}, rec.Knobs)
		require.Contains(t, rec.Rerun, "ASSAY_KNOBS=12.99.delay=2s,12.99.batch=7 go test")
	})
	for name, c := range map[string]struct {
		knobs string
		words []string
	}{
		"unknown knob":   {"12.99.dleay=2s", []string{"claim 12.99 has no knob dleay", "delay (default 500ms)", "batch (default 50)"}},
		"malformed":      {"delay", []string{`"delay" is not <claim>.<knob>=<value>`}},
		"no value":       {"12.99.delay=", []string{"is not <claim>.<knob>=<value>"}},
		"not a duration": {"12.99.delay=fast", []string{"12.99.delay=fast", "want a duration above 0"}},
		"negative":       {"12.99.delay=-1s", []string{"want a duration above 0"}},
		"not a number":   {"12.99.batch=many", []string{"want a whole number above 0"}},
		"unknown claim":  {"99.1.delay=2s", []string{"there is no claim 99.1", "12.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("ASSAY_KNOBS", c.knobs)
			offline(t, scenario).failedWith(t, evidence.Broken, append(c.words, "ASSAY_KNOBS")...)
		})
	}
	t.Run("of another claim that exists", func(t *testing.T) {
		t.Setenv("ASSAY_KNOBS", "12.1.ack-wait=2s")
		require.Empty(t, offline(t, scenario).errors)
	})
	t.Run("declared too late", func(t *testing.T) {
		r := offline(t, func(e *Env) {
			e.Step("one")
			e.Knob("delay", time.Second)
		})
		r.failedWith(t, evidence.Broken, `knob "delay" is declared after the first step`)
	})
}

func TestSeed(t *testing.T) {
	draw := func(seed string) (drawn uint64) {
		t.Setenv("ASSAY_SEED", seed)
		r := offline(t, func(e *Env) { drawn = e.Rand().Uint64(); proven(e) })
		require.Empty(t, r.errors)
		require.Contains(t, r.record(t).Rerun, "ASSAY_SEED="+seed)
		return drawn
	}
	require.Equal(t, draw("42"), draw("42"))
	require.NotEqual(t, draw("42"), draw("43"))
	t.Setenv("ASSAY_SEED", "lucky")
	offline(t, proven).failedWith(t, evidence.Broken, "ASSAY_SEED=lucky", "want a whole number")
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	for name, c := range map[string]struct{ variable, value, word string }{
		"unknown setting":      {"ASSAY_SEDE", "1", "ASSAY_SEED"},
		"unknown sabotage":     {"ASSAY_SABOTAGE", "everything", `there is "faults"`},
		"image of nothing":     {"ASSAY_IMAGE_ORACLE", "oracle:1", "ASSAY_IMAGE_NATS"},
		"malformed image name": {"ASSAY_IMAGE_NATS", "NATS:::", "ASSAY_IMAGE_NATS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(c.variable, c.value)
			offline(t, proven).failedWith(t, evidence.Broken, c.variable, c.word)
		})
	}
	t.Run("claim without a sentence", func(t *testing.T) {
		r := offlineClaim(t, Claim{ID: "12.99"}, proven)
		r.failedWith(t, evidence.Broken, "a claim has an ID", "and a sentence")
	})
	t.Run("claim with a path for an ID", func(t *testing.T) {
		r := offlineClaim(t, Claim{ID: "../x", Says: "y"}, proven)
		r.failedWith(t, evidence.Broken, "a claim has an ID")
	})
}

func TestEvidenceThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	r := ran{fake: &fake{}}
	t.Setenv("ASSAY_EVIDENCE", filepath.Join(file, "below"))
	inGoroutine(func() { prove(r.fake, Claim{ID: "12.99", Says: "a test is a test"}, noEngine, proven) })
	require.Len(t, r.errors, 1)
	require.Contains(t, r.errors[0], "the evidence could not be written")
	require.Contains(t, r.errors[0], "ASSAY_EVIDENCE")
}
