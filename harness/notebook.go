package harness

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"assay/harness/evidence"
)

// The notebook is what `go test -v` prints: the claim, each step, what was predicted and what was seen, and the verdict.

// note writes a line with the time since the test's epoch.
func (e *Env) note(format string, args ...any) { e.noteAt(e.Now(), format, args...) }

func (e *Env) noteAt(at time.Duration, format string, args ...any) {
	fmt.Fprintf(e.t.Output(), "%7.3f s  %s\n", at.Seconds(), fmt.Sprintf(format, args...))
}

func (e *Env) say(format string, args ...any) {
	fmt.Fprintf(e.t.Output(), format+"\n", args...)
}

// headline opens the notebook.
func (e *Env) headline() {
	r := e.record
	e.say("claim %s: %s", r.Claim.ID, r.Claim.Says)
	if r.Claim.Link != "" {
		e.say("  section %s, %s", r.Claim.Section, r.Claim.Link)
	}
	e.say("  seed %d, engine %s at %s", r.Seed, r.Engine.Version, r.Engine.Address)
	if r.Sabotage != "" {
		e.say("  SABOTAGED (ASSAY_SABOTAGE=%s): injections do %s, so this test must fail", r.Sabotage, map[string]string{sabotageAll: "nothing", sabotageHalf: "half of what they say"}[r.Sabotage])
	}
}

// conclusion closes it.
func (e *Env) conclusion(path string) {
	r := e.record
	var knobs []string
	for _, k := range r.Knobs {
		knobs = append(knobs, k.Name+"="+k.Value)
	}
	for _, f := range r.Faults {
		if len(f.Witnesses) > 0 {
			shown := ""
			if f.Nature != "" {
				shown = " (" + f.Nature + ")"
			}
			e.say("  %s %s%s was felt by %s", f.Kind, f.Target, shown, joined(f.Witnesses))
		}
		for _, past := range f.Past {
			e.say("  REMARK: past %s: %s", f.Target, past)
		}
	}
	if s := r.Schedule; s != nil && len(s.Unfelt) > 0 {
		e.say("  windows of the nemesis that nobody felt: %s of %d", listed(s.Unfelt), len(s.Windows))
	}
	if usual, longest := e.noise.extent(); longest > 0 {
		e.say("  noise: half of the waits for a processor took %v or less, the longest %v", rounded(usual), rounded(longest))
	}
	for i, repeat := range r.Repeats {
		e.say("  attempt %d was undecided: %s: %s", i+1, repeat.Undecided[0].What, repeat.Undecided[0].Message)
	}
	e.say("verdict: claim %s %s (%.1f s, %d operations, knobs %s)", r.Claim.ID, concluded(r), r.Took(), r.Operations.Recorded, orNone(knobs))
	e.say("  run it again: %s", r.Rerun)
	if s := r.Schedule; s != nil && s.File != "" {
		e.say("  follow its schedule: %s", s.Replay)
		e.say("  shrink its schedule: %s", s.Shrink)
	}
	if path != "" {
		for _, d := range r.Drawings {
			e.say("  drawing: %s", filepath.Join(filepath.Dir(path), filepath.FromSlash(d.File)))
		}
		e.say("  evidence: %s", path)
	}
}

func rounded(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// concluded words the verdict.
func concluded(r *evidence.Record) string {
	switch r.Verdict {
	case evidence.Holds:
		return "holds"
	case evidence.OnlyIf:
		return "holds only if " + r.Claim.OnlyIf
	case evidence.Refuted:
		return "is refuted: " + r.Claim.Says
	case evidence.NotProvable:
		return "is NOT PROVABLE HERE: " + r.Unprovable
	case evidence.Undecided:
		return "is UNDECIDED HERE: the machine is too busy"
	}
	return "is NOT proven"
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, " ")
}

func joined(words []string) string { return strings.Join(words, "; ") }

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by)
}
