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
			"sabotage (faults): 1 failed as they should, 0 inject no fault, 0 not as they should be", true,
		},
		"passed": {
			[]*evidence.Record{sabotaged("12.1", evidence.Holds, 1)}, claim,
			[]string{"12.1 PASSED WITHOUT FAULTS: its verdict does not depend on the fault"},
			"sabotage (faults): 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"taken for a fault, and missed": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 1, unfalsified)}, claim,
			[]string{"12.1 failed as it should: unfalsified: plain subscription lost nothing"},
			"sabotage (faults): 1 failed as they should, 0 inject no fault, 0 not as they should be", true,
		},
		"taken for a fault, and waited for": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 1, evidence.Failure{Kind: evidence.TimedOut, At: 2, Message: "nobody leads"})}, claim,
			[]string{"12.1 failed as it should: timed out: nobody leads"},
			"sabotage (faults): 1 failed as they should, 0 inject no fault, 0 not as they should be", true,
		},
		"waited in vain before the fault": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 1, evidence.Failure{Kind: evidence.TimedOut, At: 0.5, Message: "nobody leads"})}, claim,
			[]string{"12.1 FAILED FOR ANOTHER REASON: timed out: nobody leads"},
			"sabotage (faults): 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"another reason": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 1, died, unfalsified)}, claim,
			[]string{"12.1 FAILED FOR ANOTHER REASON: died: container pg ended"},
			"sabotage (faults): 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"undecided": {
			[]*evidence.Record{
				sabotaged("12.1", evidence.Failed, 1, vacuous),
				{Claim: evidence.Claim{ID: "12.5"}, Verdict: evidence.Undecided, Sabotage: "faults", Undecided: []evidence.Undecision{{What: "lag", Noise: 1, Message: "0 s or 1 s"}}},
			}, claim,
			[]string{"12.1 failed as it should: nobody felt drop on consumers", "12.5 is undecided here: lag: 0 s or 1 s"},
			"sabotage (faults): 1 failed as they should, 0 inject no fault, 0 not as they should be, 1 undecided here", true,
		},
		"undecided, and nothing else": {
			[]*evidence.Record{sabotaged("12.1", evidence.Undecided, 1)}, claim,
			[]string{"12.1 is undecided here: the record gives no reason"},
			"sabotage (faults): 0 failed as they should, 0 inject no fault, 0 not as they should be, 1 undecided here; no scenario with a fault was seen to fail, so nothing was shown", false,
		},
		"a verdict that nobody knows": {
			[]*evidence.Record{sabotaged("12.1", "splendid", 1)}, claim,
			[]string{"12.1 FAILED FOR ANOTHER REASON: the record gives none"},
			"sabotage (faults): 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"not sabotaged": {
			[]*evidence.Record{{Claim: evidence.Claim{ID: "12.1"}, Verdict: evidence.Failed, Failures: []evidence.Failure{vacuous}, Faults: []evidence.Fault{{}}}}, claim,
			[]string{`12.1 WAS NOT SABOTAGED: its record says "", and not "faults"`},
			"sabotage (faults): 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"no reason": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 1)}, claim,
			[]string{"12.1 FAILED FOR ANOTHER REASON: the record gives none"},
			"sabotage (faults): 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"no record": {
			nil, claim,
			[]string{"12.1 LEFT NO EVIDENCE: its test did not run, or ended before it could tell anything"},
			"sabotage (faults): 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"no fault": {
			[]*evidence.Record{sabotaged("12.1", evidence.Holds, 0)}, claim,
			[]string{"12.1 injects no fault, and holds"},
			"sabotage (faults): 0 failed as they should, 1 inject no fault, 0 not as they should be; no scenario with a fault was seen to fail, so nothing was shown", false,
		},
		"failed before its fault": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 0, died)}, claim,
			[]string{"12.1 INJECTS NO FAULT, AND FAILED: died: container pg ended"},
			"sabotage (faults): 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"no claims": {
			nil, nil, nil,
			"sabotage (faults): 0 failed as they should, 0 inject no fault, 0 not as they should be; no scenario with a fault was seen to fail, so nothing was shown", false,
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
			"sabotage (faults): 2 failed as they should, 1 inject no fault, 0 not as they should be", true,
		},
		"one bad among the good": {
			[]*evidence.Record{sabotaged("12.1", evidence.Failed, 1, vacuous), sabotaged("9.1", evidence.Holds, 1)}, claim,
			[]string{
				"9.1 PASSED WITHOUT FAULTS: its verdict does not depend on the fault",
				"12.1 failed as it should: nobody felt drop on consumers",
			},
			"sabotage (faults): 1 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"run twice, noticed once": {
			[]*evidence.Record{
				sabotaged("12.1", evidence.Failed, 1, vacuous), sabotaged("12.1", evidence.Holds, 1), sabotaged("12.1", evidence.Failed, 1, vacuous),
			}, claim,
			[]string{"12.1 PASSED WITHOUT FAULTS: its verdict does not depend on the fault"},
			"sabotage (faults): 0 failed as they should, 0 inject no fault, 1 not as they should be", false,
		},
		"not provable here": {
			[]*evidence.Record{
				sabotaged("12.1", evidence.Failed, 1, vacuous), {Claim: evidence.Claim{ID: "12.5"}, Verdict: evidence.NotProvable, Sabotage: "faults", Unprovable: "a power cut cannot be had here"},
			}, claim,
			[]string{"12.1 failed as it should: nobody felt drop on consumers", "12.5 is not provable here: a power cut cannot be had here"},
			"sabotage (faults): 1 failed as they should, 0 inject no fault, 0 not as they should be, 1 not provable here", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := nothing.judge(c.records, c.known)
			var got []string
			for _, f := range found {
				got = append(got, f.String())
			}
			assert.Equal(t, c.want, got)
			line, ok := nothing.verdict(found, false)
			assert.Equal(t, c.line, line)
			assert.Equal(t, c.ok, ok)
		})
	}
}

func TestJudgeOfHalves(t *testing.T) {
	halved := func(verdict string, failures ...evidence.Failure) *evidence.Record {
		return &evidence.Record{
			Claim: evidence.Claim{ID: "8.5"}, Verdict: verdict, Sabotage: "half", Failures: failures,
			Faults: []evidence.Fault{{Kind: "sever", Target: "peers", From: 1}, {Kind: "delay", Detail: "500ms both ways", Target: "replica", From: 3, Halved: true}},
		}
	}
	whole := func(verdict string, failures ...evidence.Failure) *evidence.Record {
		r := halved(verdict, failures...)
		r.Faults = r.Faults[:1]
		return r
	}
	undecided := halved(evidence.Undecided)
	undecided.Undecided = []evidence.Undecision{{What: "lag", Noise: 1, Message: "0.3 s or 0.5 s"}}
	offLaw := evidence.Failure{Kind: evidence.OffLaw, Message: "lag is 0.26 s, predicted 0.5 to 0.6 s"}

	for name, c := range map[string]struct {
		record    *evidence.Record
		want      string
		line      string
		ok, alone bool // whether it is enough beside the other mode, and by itself
	}{
		"off the law":     {halved(evidence.Failed, offLaw), "failed as it should: off the law: lag is 0.26 s, predicted 0.5 to 0.6 s", "1 failed as they should, 0 have nothing to halve, 0 not as they should be", true, true},
		"felt by nobody":  {halved(evidence.Failed, evidence.Failure{Kind: evidence.Vacuous, Message: "nobody felt delay"}), "failed as it should: vacuous: nobody felt delay", "1 failed as they should, 0 have nothing to halve, 0 not as they should be", true, true},
		"waited for":      {halved(evidence.Failed, evidence.Failure{Kind: evidence.TimedOut, At: 4, Message: "nobody lags"}), "failed as it should: timed out: nobody lags", "1 failed as they should, 0 have nothing to halve, 0 not as they should be", true, true},
		"undecided":       {undecided, "is undecided here: lag: 0.3 s or 0.5 s", "0 failed as they should, 0 have nothing to halve, 0 not as they should be, 1 undecided here", true, true},
		"proven":          {halved(evidence.Holds), "PROVEN WITH HALF OF delay 500ms both ways on replica: its verdict does not depend on how large the fault is", "0 failed as they should, 0 have nothing to halve, 1 not as they should be", false, false},
		"by accident":     {halved(evidence.Failed, evidence.Failure{Kind: evidence.Died, Message: "container pg ended"}), "FAILED FOR ANOTHER REASON: died: container pg ended", "0 failed as they should, 0 have nothing to halve, 1 not as they should be", false, false},
		"partly so":       {halved(evidence.Failed, offLaw, evidence.Failure{Kind: evidence.Died, Message: "container pg ended"}), "FAILED FOR ANOTHER REASON: off the law: lag is 0.26 s, predicted 0.5 to 0.6 s", "0 failed as they should, 0 have nothing to halve, 1 not as they should be", false, false},
		"before it":       {halved(evidence.Failed, evidence.Failure{Kind: evidence.TimedOut, At: 2, Message: "nobody leads"}), "FAILED FOR ANOTHER REASON: timed out: nobody leads", "0 failed as they should, 0 have nothing to halve, 1 not as they should be", false, false},
		"nothing halved":  {whole(evidence.Holds), "has nothing to halve, and holds", "0 failed as they should, 1 have nothing to halve, 0 not as they should be; no scenario injected a fault that has a size, so nothing was shown", true, false},
		"nothing, failed": {whole(evidence.Failed, offLaw), "HAS NOTHING TO HALVE, AND FAILED: off the law: lag is 0.26 s, predicted 0.5 to 0.6 s", "0 failed as they should, 0 have nothing to halve, 1 not as they should be", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			found := half.judge([]*evidence.Record{c.record}, []claims.Claim{{ID: "8.5"}})
			assert.Equal(t, "8.5 "+c.want, found[0].String())
			line, ok := half.verdict(found, false)
			assert.Equal(t, "sabotage (half): "+c.line, line)
			assert.Equal(t, c.ok, ok)
			_, alone := half.verdict(found, true)
			assert.Equal(t, c.alone, alone)
		})
	}
}
