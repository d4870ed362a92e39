package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"assay/harness/claims"
	"assay/harness/evidence"
)

// mode is a way to sabotage faults, by the value of ASSAY_SABOTAGE.
type mode string

const (
	nothing mode = "faults" // injections do nothing
	half    mode = "half"   // those that have a size do half of what they say
)

// outcome is what a sabotaged run shows about one scenario, in the order in which that matters.
type outcome int

const (
	wrong      outcome = iota // it did not do as it should
	noticed                   // it failed because of what was done to its faults
	unaffected                // nothing was done to it: it injects no fault, or none that has a size
	unsure                    // it could not decide, so at least it did not pass
	cannot                    // it cannot be put to the test here
)

// finding is what one claim's records show, in words.
type finding struct {
	claim   string
	says    string
	outcome outcome
}

func (f finding) String() string { return f.claim + " " + f.says }

// judge says for each claim of the packages that were run, and for any other that left a record, whether it noticed what was done to
// its faults. Of several records of a claim the first that is not as it should be speaks, else the first that tells most.
func (m mode) judge(records []*evidence.Record, known []claims.Claim) []finding {
	byID := map[string][]*evidence.Record{}
	for _, c := range known {
		byID[c.ID] = nil
	}
	for _, r := range records {
		byID[r.Claim.ID] = append(byID[r.Claim.ID], r)
	}
	var found []finding
	for _, id := range slices.SortedFunc(maps.Keys(byID), claims.Compare) {
		f := finding{claim: id, says: "LEFT NO EVIDENCE: its test did not run, or ended before it could tell anything"}
		for i, r := range byID[id] {
			if of := m.judgeOne(r); i == 0 || of.outcome < f.outcome {
				f = of
			}
		}
		found = append(found, f)
	}
	return found
}

func (m mode) judgeOne(r *evidence.Record) finding {
	f := finding{claim: r.Claim.ID}
	sabotaged := m.sabotaged(r.Faults)
	held := evidence.Proven(r.Verdict)
	without := map[mode]string{nothing: "injects no fault", half: "has nothing to halve"}[m]
	switch {
	case r.Sabotage != string(m):
		f.says = fmt.Sprintf("WAS NOT SABOTAGED: its record says %q, and not %q", r.Sabotage, m)
	case r.Verdict == evidence.NotProvable:
		f.says, f.outcome = "is not provable here: "+firstLine(r.Unprovable), cannot
	case r.Verdict == evidence.Undecided:
		// Not passing is what is asked for. It may have come to that before its first fault.
		f.says, f.outcome = "is undecided here: "+undecided(r), unsure
	case sabotaged == nil && held:
		f.says, f.outcome = without+", and holds", unaffected
	case sabotaged == nil:
		f.says = strings.ToUpper(without) + ", AND FAILED: " + reason(r)
	case held && m == half:
		f.says = fmt.Sprintf("PROVEN WITH HALF OF %s: its verdict does not depend on how large the fault is", worded(sabotaged))
	case held:
		f.says = "PASSED WITHOUT FAULTS: its verdict does not depend on the fault"
	default:
		if why, so := m.because(r, sabotaged); so {
			f.says, f.outcome = "failed as it should: "+why, noticed
		} else {
			f.says = "FAILED FOR ANOTHER REASON: " + reason(r)
		}
	}
	return f
}

// sabotaged are the faults that something was done to.
func (m mode) sabotaged(faults []evidence.Fault) (all []evidence.Fault) {
	for _, f := range faults {
		if m == nothing || f.Halved {
			all = append(all, f)
		}
	}
	return all
}

// because tells whether a scenario failed because of what was done to its faults, and words how it noticed.
func (m mode) because(r *evidence.Record, sabotaged []evidence.Fault) (why string, so bool) {
	vacuous := slices.IndexFunc(r.Failures, func(f evidence.Failure) bool { return f.Kind == evidence.Vacuous })
	if m == nothing && vacuous >= 0 {
		return firstLine(r.Failures[vacuous].Message), true
	}
	// A busy machine holds operations up, which somebody took for the fault; and half a fault is still felt. What the whole fault would
	// have brought is missing all the same.
	return reason(r), len(r.Failures) > 0 && !slices.ContainsFunc(r.Failures, func(f evidence.Failure) bool { return !missed(f, sabotaged) })
}

// missed tells whether a scenario fails so that misses what its faults would have brought: somebody who felt them, a verdict, a figure,
// or a condition that it waited for since the first of them. Anything else would say nothing about faults: the system was not calm,
// or a server died.
func missed(f evidence.Failure, sabotaged []evidence.Fault) bool {
	switch f.Kind {
	case evidence.Vacuous, evidence.Violated, evidence.Unfalsified, evidence.OffLaw:
		return true
	case evidence.TimedOut:
		return f.At >= sabotaged[0].From
	}
	return false
}

// worded words the first of the faults.
func worded(faults []evidence.Fault) string {
	f := faults[0]
	return strings.Join(slices.DeleteFunc([]string{f.Kind, f.Detail, "on " + f.Target}, func(s string) bool { return s == "" }), " ")
}

func reason(r *evidence.Record) string {
	if len(r.Failures) == 0 {
		return "the record gives none"
	}
	return r.Failures[0].Kind + ": " + firstLine(r.Failures[0].Message)
}

// undecided words what a record could not tell.
func undecided(r *evidence.Record) string {
	if len(r.Undecided) == 0 {
		return "the record gives no reason"
	}
	return r.Undecided[0].What + ": " + firstLine(r.Undecided[0].Message)
}

func firstLine(s string) string {
	l, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return l
}

// verdict returns the line that sums the findings up, and whether the tests stood the test. Of a mode that was asked for by itself
// something must have been shown; of both together, a set of scenarios may have no fault with a size.
func (m mode) verdict(found []finding, alone bool) (line string, ok bool) {
	n := map[outcome]int{}
	for _, f := range found {
		n[f.outcome]++
	}
	without := map[mode]string{nothing: "inject no fault", half: "have nothing to halve"}[m]
	line = fmt.Sprintf("sabotage (%s): %d failed as they should, %d %s, %d not as they should be", m, n[noticed], n[unaffected], without, n[wrong])
	if n[unsure] > 0 {
		line += fmt.Sprintf(", %d undecided here", n[unsure])
	}
	if n[cannot] > 0 {
		line += fmt.Sprintf(", %d not provable here", n[cannot])
	}
	shown := n[noticed] > 0 || m == half && n[unsure] > 0
	if !shown && n[wrong] == 0 {
		line += "; " + cmp.Or(map[mode]string{half: "no scenario injected a fault that has a size"}[m], "no scenario with a fault was seen to fail") + ", so nothing was shown"
	}
	return line, n[wrong] == 0 && (shown || m == half && !alone)
}
