package harness

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"assay/harness/claims"
	"assay/harness/evidence"
)

// Knob declares a duration that the claim's predictions are computed from, and returns its value: the default, or what
// ASSAY_KNOBS=<claim>.<name>=<duration> says. Knobs are declared before the first Step.
func (e *Env) Knob(name string, otherwise time.Duration) time.Duration {
	e.t.Helper()
	d := knob(e, name, otherwise, func(s string) (time.Duration, error) {
		d, err := time.ParseDuration(s)
		if err == nil && d <= 0 {
			err = fmt.Errorf("%v is not more than 0", d)
		}
		return d, err
	}, "a duration above 0, e.g. 500ms or 2s")
	e.turning += d
	return d
}

// KnobInt declares a whole number above 0, as Knob does a duration.
func (e *Env) KnobInt(name string, otherwise int) int {
	e.t.Helper()
	return knob(e, name, otherwise, func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err == nil && n <= 0 {
			err = fmt.Errorf("%d is not more than 0", n)
		}
		return n, err
	}, "a whole number above 0")
}

func knob[T any](e *Env, name string, otherwise T, parse func(string) (T, error), form string) T {
	e.t.Helper()
	if len(e.record.Steps) > 0 {
		e.fatal(evidence.Broken, "knob %q is declared after the first step; declare knobs first, so that ASSAY_KNOBS can be checked", name)
	}
	value := otherwise
	if text, ok := e.turned[name]; ok {
		v, err := parse(text)
		if err != nil {
			e.fatal(evidence.Broken, "ASSAY_KNOBS: %s.%s=%s: want %s", e.claim.ID, name, text, form)
		}
		value = v
		delete(e.turned, name)
		e.rerun = append(e.rerun, e.claim.ID+"."+name+"="+text)
	}
	e.record.Knobs = append(e.record.Knobs, evidence.Knob{Name: name, Value: fmt.Sprint(value), Default: fmt.Sprint(otherwise)})
	return value
}

// numbered matches the claims of the guide, which all stand where claims.Find looks.
var numbered = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

// turnedKnobs returns what ASSAY_KNOBS says about the claim. An entry about a claim that does not exist is an error; one about
// another claim is that claim's business.
func turnedKnobs(claim string) (map[string]string, error) {
	text := os.Getenv("ASSAY_KNOBS")
	if text == "" {
		return nil, nil
	}
	mine, others := map[string]string{}, map[string]bool{}
	for entry := range strings.SplitSeq(text, ",") {
		path, value, ok := strings.Cut(strings.TrimSpace(entry), "=")
		dot := strings.LastIndex(path, ".")
		if !ok || dot <= 0 || dot == len(path)-1 || value == "" {
			return nil, fmt.Errorf("ASSAY_KNOBS: %q is not <claim>.<knob>=<value>, e.g. 8.5.delay=2s", entry)
		}
		if id, name := path[:dot], path[dot+1:]; id == claim {
			mine[name] = value
		} else if numbered.MatchString(id) {
			others[id] = true // claims with names of their own may be anywhere in the module
		}
	}
	if len(others) == 0 {
		return mine, nil
	}
	root, err := evidence.ModuleRoot()
	if err != nil {
		return mine, nil // a test binary away from its source cannot tell which other claims there are
	}
	known, err := claims.Find(root)
	if err != nil {
		return nil, fmt.Errorf("ASSAY_KNOBS: list the claims that exist: %w", err)
	}
	var ids []string
	for _, c := range known {
		ids = append(ids, c.ID)
		delete(others, c.ID)
	}
	if len(others) > 0 {
		return nil, fmt.Errorf("ASSAY_KNOBS: there is no claim %s; there are %s", strings.Join(slices.Sorted(maps.Keys(others)), ", "), strings.Join(ids, ", "))
	}
	return mine, nil
}

// undeclared refuses turned knobs that the claim does not have. It is asked when all have been declared.
func (e *Env) undeclared() error {
	if len(e.turned) == 0 {
		return nil
	}
	var have []string
	for _, k := range e.record.Knobs {
		have = append(have, fmt.Sprintf("%s (default %s)", k.Name, k.Default))
	}
	return fmt.Errorf("ASSAY_KNOBS: claim %s has no knob %s; it has: %s",
		e.claim.ID, strings.Join(slices.Sorted(maps.Keys(e.turned)), ", "), orNone(have))
}

// seed returns ASSAY_SEED, or that of the schedule which is followed, or one drawn for this test.
func seed(follows *evidence.ScheduleFile) (uint64, error) {
	text := os.Getenv("ASSAY_SEED")
	if text == "" && follows != nil {
		return follows.Seed, nil
	}
	if text == "" {
		return rand.Uint64(), nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("ASSAY_SEED=%s: want a whole number from 0 to %d", text, uint64(1<<64-1))
	}
	return n, nil
}

// Rand is the claim's source of chance: the same seed gives the same draws. It is for one goroutine.
func (e *Env) Rand() *rand.Rand { return e.rand }
