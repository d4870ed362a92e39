package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"assay/harness/claims"
	"assay/harness/evidence"
)

func sabotaged(id, verdict string, faults int, failures ...evidence.Failure) *evidence.Record {
	r := &evidence.Record{Claim: evidence.Claim{ID: id}, Verdict: verdict, Sabotage: "faults", Failures: failures}
	for range faults {
		r.Faults = append(r.Faults, evidence.Fault{From: 1})
	}
	return r
}

func TestJudge(t *testing.T) {
	vacuous := evidence.Failure{Kind: evidence.Vacuous, Message: "nobody felt drop on consumers\n  100 operations went through it"}
	unfalsified := evidence.Failure{Kind: evidence.Unfalsified, Message: "plain subscription lost nothing"}
	died := evidence.Failure{Kind: evidence.Died, Message: "container pg ended"}
	claim := []claims.Claim{{ID: "12.1"}}

	for name, c := range map[string]struct {
		records []*evidence.Record
		known   []claims.Claim
		want    []string
		line    string
		ok      bool
	}{
		"failed as it should": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 2, unfalsified, vacuous)}, claim,
			[]string{"12.1 failed as it should: nobody felt drop on consumers"},
			"sabotage: 1 failed as they should, 0 inject no fault, 0 not as they should be", true,
		},
		"passed": {
			[]*evidence.Record{sabotaged("12.1", evidence.Holds, 1)}, claim,
			[]string{"12.1 PASSED WITHOUT FAULTS: its verdict does not depend on the fault"},
			"sabotage: 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"taken for a fault, and missed": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 1, unfalsified)}, claim,
			[]string{"12.1 failed as it should: unfalsified: plain subscription lost nothing"},
			"sabotage: 1 failed as they should, 0 inject no fault, 0 not as they should be", true,
		},
		"taken for a fault, and waited for": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 1, evidence.Failure{Kind: evidence.TimedOut, At: 2, Message: "nobody leads"})}, claim,
			[]string{"12.1 failed as it should: timed out: nobody leads"},
			"sabotage: 1 failed as they should, 0 inject no fault, 0 not as they should be", true,
		},
		"waited in vain before the fault": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 1, evidence.Failure{Kind: evidence.TimedOut, At: 0.5, Message: "nobody leads"})}, claim,
			[]string{"12.1 FAILED FOR ANOTHER REASON: timed out: nobody leads"},
			"sabotage: 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"another reason": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 1, died, unfalsified)}, claim,
			[]string{"12.1 FAILED FOR ANOTHER REASON: died: container pg ended"},
			"sabotage: 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"no reason": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 1)}, claim,
			[]string{"12.1 FAILED FOR ANOTHER REASON: the record gives none"},
			"sabotage: 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"no record": {
			nil, claim,
			[]string{"12.1 LEFT NO EVIDENCE: its test did not run, or ended before it could tell anything"},
			"sabotage: 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"no fault": {
			[]*evidence.Record{sabotaged("12.1", evidence.Holds, 0)}, claim,
			[]string{"12.1 injects no fault, and holds"},
			"sabotage: 0 failed as they should, 1 inject no fault, 0 not as they should be; no scenario with a fault was run, so nothing was shown", false,
		},
		"failed before its fault": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 0, died)}, claim,
			[]string{"12.1 INJECTS NO FAULT, AND FAILED: died: container pg ended"},
			"sabotage: 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"no claims": {
			nil, nil, nil,
			"sabotage: 0 failed as they should, 0 inject no fault, 0 not as they should be; no scenario with a fault was run, so nothing was shown", false,
		},
		"several, in order, also one that the code does not state": {
			[]*evidence.Record{
				sabotaged("12.1", evidence.Failed, 1, vacuous), sabotaged("9.1", evidence.Failed, 1, vacuous), sabotaged("2.1", evidence.Holds, 0),
			},
			[]claims.Claim{{ID: "2.1"}, {ID: "12.1"}},
			[]string{
				"2.1 injects no fault, and holds",
				"9.1 failed as it should: nobody felt drop on consumers",
				"12.1 failed as it should: nobody felt drop on consumers",
			},
			"sabotage: 2 failed as they should, 1 inject no fault, 0 not as they should be", true,
		},
		"one bad among the good": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 1, vacuous), sabotaged("9.1", evidence.Holds, 1)}, claim,
			[]string{
				"9.1 PASSED WITHOUT FAULTS: its verdict does not depend on the fault",
				"12.1 failed as it should: nobody felt drop on consumers",
			},
			"sabotage: 1 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"run twice, noticed once": {
			[]*evidence.Record{
				sabotaged("12.1", evidence.Failed, 1, vacuous), sabotaged("12.1", evidence.Holds, 1), sabotaged("12.1", evidence.Failed, 1, vacuous),
			}, claim,
			[]string{"12.1 PASSED WITHOUT FAULTS: its verdict does not depend on the fault"},
			"sabotage: 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"not provable here": {
			[]*evidence.Record{
				sabotaged("12.1", evidence.Failed, 1, vacuous), {Claim: evidence.Claim{ID: "12.5"}, Verdict: evidence.NotProvable, Unprovable: "a power cut cannot be had here"},
			}, claim,
			[]string{"12.1 failed as it should: nobody felt drop on consumers", "12.5 is not provable here: a power cut cannot be had here"},
			"sabotage: 1 failed as they should, 0 inject no fault, 0 not as they should be, 1 not provable here", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := judge(c.records, c.known)
			var got []string
			for _, f := range found {
				got = append(got, f.String())
			}
			assert.Equal(t, c.want, got)
			line, ok := verdict(found)
			assert.Equal(t, c.line, line)
			assert.Equal(t, c.ok, ok)
		})
	}
}
