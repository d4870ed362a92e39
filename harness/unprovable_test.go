package harness

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
	"assay/harness/internal/unprovable"
)

// cannot needs what this machine has not.
func cannot(e *Env) {
	e.Step("a power cut")
	e.Require(fmt.Errorf("mount: %w", unprovable.Here("a power cut", "the engine gives no loop devices")), "prepare the disk")
	proven(e)
}

func TestWhatCannotBeProvenHereIsNeitherPassedNorFailed(t *testing.T) {
	r := offline(t, cannot)
	require.Empty(t, r.errors)
	require.Contains(t, r.skipped, "claim 12.99 is NOT PROVABLE HERE: a power cut cannot be had here: the engine gives no loop devices")
	require.Contains(t, r.skipped, "ASSAY_REQUIRE_ALL=1")
	rec := r.record(t)
	require.Equal(t, evidence.NotProvable, rec.Verdict)
	require.False(t, evidence.Proven(rec.Verdict))
	require.Equal(t, "a power cut cannot be had here: the engine gives no loop devices", rec.Unprovable)
	require.Contains(t, r.notebook.String(), "verdict: claim 12.99 is NOT PROVABLE HERE: a power cut cannot be had here")
}

func TestAFixtureOfOnesOwnCanSayThatSomethingIsNotProvableHere(t *testing.T) {
	r := offline(t, func(e *Env) { e.Require(NotProvable("a lease of ten years", "the licence is for %d", 5), "start") })
	require.Empty(t, r.errors)
	require.Contains(t, r.skipped, "claim 12.99 is NOT PROVABLE HERE: a lease of ten years cannot be had here: the licence is for 5")
	require.Equal(t, evidence.NotProvable, r.record(t).Verdict)
}

func TestScenarioThatSkipsItself(t *testing.T) {
	skips := func(tb TB) {
		prove(tb, Claim{ID: "12.99", Says: "a test is a test"}, noEngine, func(e *Env) {
			e.Step("look at the calendar")
			tb.Skipf("not on Mondays")
		})
	}
	r := run(t, skips)
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Equal(t, evidence.NotProvable, rec.Verdict)
	require.Equal(t, "the scenario skips itself; its output says why", rec.Unprovable)
	t.Run("after a failure", func(t *testing.T) {
		r := run(t, func(tb TB) {
			prove(tb, Claim{ID: "12.99", Says: "a test is a test"}, noEngine, func(e *Env) {
				e.Holds("nothing is lost", bad)
				tb.Skipf("not on Mondays")
			})
		})
		require.Len(t, r.errors, 1)
		require.Equal(t, evidence.Failed, r.record(t).Verdict)
	})
	t.Run("where every claim is asked for", func(t *testing.T) {
		t.Setenv("ASSAY_REQUIRE_ALL", "1")
		run(t, skips).failedWith(t, evidence.Broken, "the scenario skips itself", "ASSAY_REQUIRE_ALL is set")
	})
}

func TestRequireAllMakesItAFailure(t *testing.T) {
	t.Setenv("ASSAY_REQUIRE_ALL", "1")
	r := offline(t, cannot)
	r.failedWith(t, evidence.Broken, "a power cut cannot be had here", "ASSAY_REQUIRE_ALL is set")
	require.Empty(t, r.skipped)
}

func TestWhatHasFailedBeforeIsAFailureAllTheSame(t *testing.T) {
	r := offline(t, func(e *Env) {
		e.Holds("nothing is lost", bad)
		cannot(e)
	})
	require.Len(t, r.errors, 1)
	require.Equal(t, evidence.Failed, r.record(t).Verdict)
}

func TestVerdictsOfWhatIsProven(t *testing.T) {
	for verdict, c := range map[string]struct {
		claim Claim
		says  string
	}{
		evidence.Holds:   {Claim{ID: "12.99", Says: "so it is"}, "verdict: claim 12.99 holds ("},
		evidence.OnlyIf:  {Claim{ID: "12.99", Says: "so it is", OnlyIf: "the disk is asked"}, "verdict: claim 12.99 holds only if the disk is asked ("},
		evidence.Refuted: {Claim{ID: "12.99", Says: "it is otherwise", Refuted: true}, "verdict: claim 12.99 is refuted: it is otherwise ("},
	} {
		t.Run(verdict, func(t *testing.T) {
			r := offlineClaim(t, c.claim, proven)
			require.Empty(t, r.errors)
			rec := r.record(t)
			require.Equal(t, verdict, rec.Verdict)
			require.True(t, evidence.Proven(rec.Verdict))
			require.Equal(t, c.claim.OnlyIf, rec.Claim.OnlyIf)
			require.Contains(t, r.notebook.String(), c.says)
		})
	}
	both := offlineClaim(t, Claim{ID: "12.99", Says: "both", OnlyIf: "x", Refuted: true}, proven)
	both.failedWith(t, evidence.Broken, "both Refuted and true OnlyIf")
}
