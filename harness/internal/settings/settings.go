// Package settings lists what can be set from outside: every ASSAY_* environment variable, what it means and what it is
// without. `assay help` prints the list, and a variable that is not on it is an error, so that a misspelt one is not silently
// without effect.
//
// The room is for the list and the search for a name in it. Reading and judging a setting's value may not enter: that is for
// the package which the setting steers.
package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Setting is one environment variable.
type Setting struct {
	Name    string // e.g. "ASSAY_SEED"; one that ends in "<NAME>" stands for a family
	Means   string
	Default string // in words
	Example string // an assignment
}

const (
	prefix = "ASSAY_"
	family = "<NAME>"
)

// All holds every setting there is.
var All = []Setting{
	{
		Name:    "ASSAY_SEED",
		Means:   "the seed of everything that a scenario leaves to chance; a test prints the one it used",
		Default: "a new one for every test",
		Example: "ASSAY_SEED=42",
	},
	{
		Name:    "ASSAY_KNOBS",
		Means:   "other values for the knobs that predictions are computed from: <claim>.<knob>=<value>, separated by commas",
		Default: "what the scenario says",
		Example: "ASSAY_KNOBS=8.5.delay=2s,12.1.ack-wait=3s",
	},
	{
		Name:    "ASSAY_EVIDENCE",
		Means:   "the folder that keeps the evidence, one folder a run in it; a relative one counts from the module's root",
		Default: ".assay/evidence at the module's root",
		Example: "ASSAY_EVIDENCE=/tmp/evidence",
	},
	{
		Name:    "ASSAY_SCHEDULE",
		Means:   "the file of a schedule for the nemesis to follow, such as a failed test has left; a relative one counts from the module's root (see `assay shrink`)",
		Default: "the nemesis draws its schedule from the seed",
		Example: "ASSAY_SCHEDULE=/tmp/9.3.schedule.json",
	},
	{
		Name:    "ASSAY_SABOTAGE",
		Means:   "\"faults\" makes every injection do nothing, so that every scenario with a fault must fail; \"half\" makes those that have a size do half of what they say, so that no scenario with such a fault may be proven (see `assay sabotage`)",
		Default: "nothing is sabotaged",
		Example: "ASSAY_SABOTAGE=faults",
	},
	{
		Name:    "ASSAY_REQUIRE_ALL",
		Means:   "any value makes a claim that is not provable here a failure (this engine or its kernel lacks what its test needs), and one that is undecided here (the machine is too busy)",
		Default: "such a claim is reported as not provable, or undecided, here: neither passed nor failed",
		Example: "ASSAY_REQUIRE_ALL=1",
	},
	{
		Name:    "ASSAY_KEEP",
		Means:   "any value leaves a test's containers for a look; `assay clean` removes them",
		Default: "everything is removed when its test ends",
		Example: "ASSAY_KEEP=1",
	},
	{
		Name:    "ASSAY_IMAGE_" + family,
		Means:   "an image of your own in place of the built one of that name; the engine must have it, or be able to pull it",
		Default: "built from the recipe in fixtures/images on first use",
		Example: "ASSAY_IMAGE_NATS=nats:2.11",
	},
	{
		Name:    "ASSAY_DEBIAN_MIRROR",
		Means:   "a Debian archive to build images from, signed by Debian; once it is set, no registry is asked for Debian",
		Default: "a registry's debian:trixie-slim, else Debian's own archive",
		Example: "ASSAY_DEBIAN_MIRROR=http://mirror.example.org/debian",
	},
}

// Unknown returns an error that names each ASSAY_* variable of environ (as os.Environ gives it) which is no setting, what
// was probably meant, and the settings there are; nil if all are known.
func Unknown(environ []string) error {
	var stray []string
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, prefix) && !known(name) {
			stray = append(stray, name)
		}
	}
	if len(stray) == 0 {
		return nil
	}
	slices.Sort(stray)
	var text strings.Builder
	for _, name := range stray {
		fmt.Fprintf(&text, "%s is no setting", name)
		if meant := nearest(name); meant != "" {
			fmt.Fprintf(&text, "; did you mean %s?", meant)
		}
		text.WriteString("\n")
	}
	text.WriteString("the settings are ")
	for i, s := range All {
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString(s.Name)
	}
	return fmt.Errorf("%s (`assay help` explains them)", text.String())
}

func known(name string) bool {
	return slices.ContainsFunc(All, func(s Setting) bool {
		stem, isFamily := strings.CutSuffix(s.Name, family)
		return name == s.Name || isFamily && strings.HasPrefix(name, stem) && name != stem
	})
}

// nearest returns the setting that name differs from least, in half of its letters at most; "" if there is none.
func nearest(name string) string {
	best, distance := "", (len(name)-len(prefix))/2+1
	for _, s := range All {
		candidate := s.Name
		if stem, isFamily := strings.CutSuffix(s.Name, family); isFamily {
			// Only the stem can be misspelt: compare it with as much of the name, and keep the rest.
			if at := strings.LastIndex(name, "_"); at >= len(prefix) && at < len(name)-1 {
				candidate = stem + name[at+1:]
			}
		}
		if d := levenshtein.ComputeDistance(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}
