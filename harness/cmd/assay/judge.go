package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"assay/harness/claims"
	"assay/harness/evidence"
)

// finding is what a run without faults shows about one scenario.
type finding struct {
	claim  string
	says   string
	asIt   bool // it did as it should
	judged bool // it injects faults, so the run could tell something about it
	cannot bool // it cannot be put to the test here
}

func (f finding) String() string { return f.claim + " " + f.says }

// judge says for each claim of the packages that were run, and for any other that left a record, whether it noticed that its
// faults did nothing. Of several records of a claim the first that is not as it should be speaks.
func judge(records []*evidence.Record, known []claims.Claim) []finding {
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
			if of := judgeOne(r); i == 0 || f.asIt && !of.asIt {
				f = of
			}
		}
		found = append(found, f)
	}
	return found
}

func judgeOne(r *evidence.Record) finding {
	f := finding{claim: r.Claim.ID, judged: len(r.Faults) > 0}
	held := evidence.Proven(r.Verdict)
	vacuous := slices.IndexFunc(r.Failures, func(f evidence.Failure) bool { return f.Kind == evidence.Vacuous })
	switch {
	case r.Verdict == evidence.NotProvable:
		f.says, f.asIt, f.cannot = "is not provable here: "+firstLine(r.Unprovable), true, true
	case !f.judged && held:
		f.says, f.asIt = "injects no fault, and holds", true
	case !f.judged:
		f.says = "INJECTS NO FAULT, AND FAILED: " + reason(r)
	case held:
		f.says = "PASSED WITHOUT FAULTS: its verdict does not depend on the fault"
	case vacuous >= 0:
		f.says, f.asIt = "failed as it should: "+firstLine(r.Failures[vacuous].Message), true
	case len(r.Failures) > 0 && !slices.ContainsFunc(r.Failures, func(f evidence.Failure) bool { return !missed(f, r.Faults) }):
		// A busy machine holds operations up, which somebody took for the fault. What the fault would have brought is missing all the same.
		f.says, f.asIt = "failed as it should: "+reason(r), true
	default:
		f.says = "FAILED FOR ANOTHER REASON: " + reason(r)
	}
	return f
}

// missed tells whether a scenario fails so that misses what its faults, which did nothing, would have brought: a verdict, or a condition
// that it waited for since the first of them. Anything else would say nothing about faults: the system was not calm, or a server died.
func missed(f evidence.Failure, faults []evidence.Fault) bool {
	switch f.Kind {
	case evidence.Violated, evidence.Unfalsified, evidence.OffLaw:
		return true
	case evidence.TimedOut:
		return f.At >= faults[0].From
	}
	return false
}

func reason(r *evidence.Record) string {
	if len(r.Failures) == 0 {
		return "the record gives none"
	}
	return r.Failures[0].Kind + ": " + firstLine(r.Failures[0].Message)
}

func firstLine(s string) string {
	l, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return l
}

// verdict returns the line that sums the findings up, and whether the tests stood the test.
func verdict(found []finding) (line string, ok bool) {
	var judged, wrong, faultless, unprovable int
	for _, f := range found {
		switch {
		case !f.asIt:
			wrong++
		case f.cannot:
			unprovable++
		case f.judged:
			judged++
		default:
			faultless++
		}
	}
	line = fmt.Sprintf("sabotage: %d failed as they should, %d inject no fault, %d not as they should be", judged, faultless, wrong)
	if unprovable > 0 {
		line += fmt.Sprintf(", %d not provable here", unprovable)
	}
	if judged == 0 && wrong == 0 {
		line += "; no scenario with a fault was run, so nothing was shown"
	}
	return line, wrong == 0 && judged > 0
}
