package evidence_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
)

// ended is a whole record of a run that ended with that verdict, and contradicts itself in nothing.
func ended(verdict string) *evidence.Record {
	r := record("8.5")
	r.Verdict, r.Claim.Refuted = verdict, verdict == evidence.Refuted
	r.Sides = []evidence.Side{{Name: "synchronous"}, {Name: "asynchronous", Without: "commits wait for nobody"}}
	r.Clients = []evidence.Client{{Name: "admin"}, {Name: "writer", Side: "synchronous"}}
	r.Faults = []evidence.Fault{{Kind: "delay", Target: "replica", To: new(2.0), Witnesses: []string{"writer"}}, {Kind: "kill", To: new(3.0), Window: 1}}
	r.Measurements = []evidence.Measurement{
		{Name: "lag", Side: "synchronous", Value: 0.6, Low: new(0.5), High: new(0.7), OK: true, Noise: 0.1, Rivals: []evidence.Rival{
			{Name: "nothing added", Low: new(0.0), High: new(0.1)}, {Name: "stuck", Low: new(9.0)},
		}},
		{Name: "lost", Value: 3, Low: new(1.0), OK: true},
		{Name: "took", Value: 3, High: new(3.0), OK: true},
	}
	r.Checks = []evidence.Check{
		{Role: "calm", Verdict: "holds", OK: true},
		{Role: "holds", Property: "fresh", Side: "synchronous", Verdict: "holds", OK: true},
		{Role: "breaks", Property: "fresh", Side: "asynchronous", Verdict: "violated", OK: true},
	}
	switch verdict {
	case evidence.OnlyIf:
		r.Claim.OnlyIf = "it is told to"
	case evidence.NotProvable:
		r.Unprovable = "no loop devices"
	case evidence.Undecided:
		r.Undecided = []evidence.Undecision{{What: "lag", Noise: 0.4, Message: "0.5 s or 0.25 s"}}
		r.Measurements[0].Rivals[0] = evidence.Rival{Name: "half", Low: new(0.2), High: new(0.5), Undecided: true}
	case evidence.Failed:
		r.Failures = []evidence.Failure{{Kind: evidence.OffLaw}}
		r.Measurements[0].Value, r.Measurements[0].OK = 0.8, false
		r.Checks[2].Verdict, r.Checks[2].OK = "holds", false
		r.Faults[0].To, r.Faults[0].Witnesses = nil, nil
	}
	return r
}

var verdicts = []string{evidence.Holds, evidence.OnlyIf, evidence.Refuted, evidence.NotProvable, evidence.Undecided, evidence.Failed}

func TestWholeRecordsAreRead(t *testing.T) {
	for _, verdict := range verdicts {
		path, err := evidence.Write(t.TempDir(), ended(verdict))
		require.NoError(t, err)
		_, err = evidence.Read(path)
		assert.NoError(t, err, verdict)
	}
}

func TestReadRefusesWhatContradictsItself(t *testing.T) {
	for name, c := range map[string]struct {
		verdict string
		spoil   func(*evidence.Record)
		want    string
	}{
		"ok above its bound":       {evidence.Holds, func(r *evidence.Record) { r.Measurements[0].Value = 0.71 }, "measurement 1 (lag): it is off its prediction, and said to be on it"},
		"ok below its bound":       {evidence.Holds, func(r *evidence.Record) { r.Measurements[0].Value = 0.49 }, "measurement 1 (lag): it is off its prediction, and said to be on it"},
		"ok below an open one":     {evidence.Holds, func(r *evidence.Record) { r.Measurements[1].Value = 0.9 }, "measurement 2 (lost): it is off its prediction, and said to be on it"},
		"ok above an open one":     {evidence.Holds, func(r *evidence.Record) { r.Measurements[2].Value = 3.1 }, "measurement 3 (took): it is off its prediction, and said to be on it"},
		"not ok, and within":       {evidence.Failed, func(r *evidence.Record) { r.Measurements[1].OK = false }, "measurement 2 (lost): it is as predicted, and said not to be"},
		"bounds swapped":           {evidence.Holds, func(r *evidence.Record) { m := &r.Measurements[0]; m.Low, m.High = m.High, m.Low }, "measurement 1 (lag): nothing lies in the predicted interval, whose ends are the wrong way round"},
		"noise below nothing":      {evidence.Holds, func(r *evidence.Record) { r.Measurements[0].Noise = -1 }, "measurement 1 (lag): noise has made the prediction narrower"},
		"a figure of no side":      {evidence.Holds, func(r *evidence.Record) { r.Measurements[0].Side = "replica" }, `measurement 1 (lag): it is of the side "replica", which there is not`},
		"a rival's bounds swapped": {evidence.Holds, func(r *evidence.Record) { v := &r.Measurements[0].Rivals[0]; v.Low, v.High = v.High, v.Low }, `measurement 1 (lag): nothing lies in the interval of its rival "nothing added", whose ends are the wrong way round`},
		"a rival that overlaps":    {evidence.Holds, func(r *evidence.Record) { r.Measurements[0].Rivals[0].High = new(0.5) }, `measurement 1 (lag): it does not exclude its rival "nothing added", and is said to`},
		"a rival that is open":     {evidence.Holds, func(r *evidence.Record) { r.Measurements[0].Rivals[1].Low = new(0.7) }, `measurement 1 (lag): it does not exclude its rival "stuck", and is said to`},
		"a rival that does not":    {evidence.Undecided, func(r *evidence.Record) { r.Measurements[0].Rivals[0].High = new(0.4) }, `measurement 1 (lag): it excludes its rival "half", and is said not to`},
		"a rival, and proven":      {evidence.Holds, func(r *evidence.Record) { r.Measurements[0].Rivals[0] = evidence.Rival{Low: new(0.5), Undecided: true} }, "it is proven, and lag does not exclude its rival"},

		"a check that is always ok":    {evidence.Failed, func(r *evidence.Record) { r.Checks[2].OK = true }, `check 3 (breaks: fresh): its checker says "holds", and its role asks for "violated", yet its ok is true`},
		"a check that is never ok":     {evidence.Failed, func(r *evidence.Record) { r.Checks[1].OK = false }, `check 2 (holds: fresh): its checker says "holds", and its role asks for "holds", yet its ok is false`},
		"a calm that was none":         {evidence.Holds, func(r *evidence.Record) { r.Checks[0].Verdict = "violated" }, `check 1 (calm: ): its checker says "violated", and its role asks for "holds", yet its ok is true`},
		"nothing is known, and ok":     {evidence.Holds, func(r *evidence.Record) { r.Checks[1].Verdict = "unknown" }, `check 2 (holds: fresh): its checker says "unknown", and its role asks for "holds", yet its ok is true`},
		"no such role":                 {evidence.Holds, func(r *evidence.Record) { r.Checks[1].Role = "bends" }, "check 2 (bends: fresh): there is no such role"},
		"no such word of a checker":    {evidence.Failed, func(r *evidence.Record) { r.Checks[2].Verdict = "perhaps" }, `check 3 (breaks: fresh): no checker says "perhaps"`},
		"a check of no side":           {evidence.Holds, func(r *evidence.Record) { r.Checks[1].Side = "replica" }, `check 2 (holds: fresh): it is of the side "replica", which there is not`},
		"a client of no side":          {evidence.Holds, func(r *evidence.Record) { r.Clients[1].Side = "replica" }, `client 2 (writer) is on the side "replica", which there is not`},
		"halved without sabotage":      {evidence.Holds, func(r *evidence.Record) { r.Faults[0].Halved = true }, "fault 1 (delay on replica) was halved, and the run was not sabotaged so"},
		"undecided without noise":      {evidence.Undecided, func(r *evidence.Record) { r.Undecided[0].Noise = 0 }, "lag is undecided without any noise"},
		"proven, with a failure":       {evidence.Holds, func(r *evidence.Record) { r.Failures = []evidence.Failure{{Kind: evidence.Vacuous}} }, "it is proven, and names a failure (vacuous)"},
		"proven, though it cannot be":  {evidence.Refuted, func(r *evidence.Record) { r.Unprovable = "no netem" }, "it is proven, and says why it cannot be"},
		"proven, and undecided":        {evidence.OnlyIf, func(r *evidence.Record) { r.Undecided = []evidence.Undecision{{What: "lag", Noise: 1}} }, "it is proven, and lag is undecided"},
		"proven, a figure off":         {evidence.Holds, func(r *evidence.Record) { r.Measurements[0].Value, r.Measurements[0].OK = 2, false }, "it is proven, and lag is off its prediction"},
		"proven, a check not ok":       {evidence.Holds, func(r *evidence.Record) { r.Checks[2].Verdict, r.Checks[2].OK = "unknown", false }, "it is proven, and a check is not as it should be (breaks: fresh)"},
		"proven, nothing held":         {evidence.Holds, func(r *evidence.Record) { r.Checks = r.Checks[2:] }, "it is proven, and nothing was seen to hold"},
		"proven, nothing broke":        {evidence.Holds, func(r *evidence.Record) { r.Checks = r.Checks[:2] }, "it is proven, and no control was seen to break"},
		"proven, without a calm":       {evidence.Holds, func(r *evidence.Record) { r.Checks = r.Checks[1:] }, "it is proven, and nobody looked at the calm before the faults"},
		"proven, not healed":           {evidence.Holds, func(r *evidence.Record) { r.Faults[1].To = nil }, "it is proven, and fault 2 (kill on ) was not undone"},
		"proven, not felt":             {evidence.Holds, func(r *evidence.Record) { r.Faults[0].Witnesses = nil }, "it is proven, and nobody felt fault 1 (delay on replica)"},
		"proven, of another claim":     {evidence.OnlyIf, func(r *evidence.Record) { r.Claim.OnlyIf = "" }, `its verdict is "only if", and that of its claim, where it is proven, "holds"`},
		"refuted, of another claim":    {evidence.Holds, func(r *evidence.Record) { r.Claim.Refuted = true }, `its verdict is "holds", and that of its claim, where it is proven, "refuted"`},
		"failed without a failure":     {evidence.Failed, func(r *evidence.Record) { r.Failures = nil }, "it failed, and names no failure"},
		"not provable without why":     {evidence.NotProvable, func(r *evidence.Record) { r.Unprovable = "" }, "it is not provable, and does not say why"},
		"not provable, with a failure": {evidence.NotProvable, func(r *evidence.Record) { r.Failures = []evidence.Failure{{Kind: evidence.Died}} }, "it is not provable here, and names a failure (died)"},
		"undecided without what":       {evidence.Undecided, func(r *evidence.Record) { r.Undecided = nil }, "it is undecided, and does not say what could not be told apart"},
		"undecided, with a failure":    {evidence.Undecided, func(r *evidence.Record) { r.Failures = []evidence.Failure{{Kind: evidence.Died}} }, "it is undecided here, and names a failure (died)"},
		"undecided, a figure off":      {evidence.Undecided, func(r *evidence.Record) { r.Measurements[2].Value, r.Measurements[2].OK = 4, false }, "it is undecided here, and took is off its prediction"},
		"an unknown verdict":           {evidence.Holds, func(r *evidence.Record) { r.Verdict = "hold" }, `there is no verdict "hold"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := ended(c.verdict)
			require.NoError(t, r.Contradiction())
			c.spoil(r)
			path, err := evidence.Write(t.TempDir(), r)
			require.NoError(t, err)
			_, err = evidence.Read(path)
			require.ErrorIs(t, err, evidence.ErrContradiction)
			assert.EqualError(t, err, path+" contradicts itself: "+c.want)
		})
	}
}

// Each verdict is exactly one of proven, skipped and neither, which is failed; what nobody knows is the last.
func TestVerdictsAreOneOfThree(t *testing.T) {
	for verdict, want := range map[string][2]bool{
		evidence.Holds: {true, false}, evidence.OnlyIf: {true, false}, evidence.Refuted: {true, false},
		evidence.NotProvable: {false, true}, evidence.Undecided: {false, true}, evidence.Failed: {}, "": {}, "HOLDS": {}, "undecided": {},
	} {
		assert.Equal(t, want, [2]bool{evidence.Proven(verdict), evidence.Skipped(verdict)}, verdict)
	}
}
