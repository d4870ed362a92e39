package messaging_test

import (
	"testing"

	"assay/fixtures/natstest"
	"assay/harness"
	"assay/harness/check"
)

// Claim 12.5: what the broker has acknowledged outlives a power cut, if it was synced before it was acknowledged.
//
//	producer ────► nats "always", which syncs each message ────► disk of its own
//	producer ────► nats "default" (the control) ───────────────► disk of its own
//
// Both store the same orders in files, and both lose their power at once: what a broker has written and not synced is gone, with
// the page cache that it was in. All else is the same. The default is to sync every two minutes, so what was acknowledged in the
// meantime was a promise: a kill of the process alone would have kept it (claim 12.4).
func TestPowerCut(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "12.5", Says: "the broker keeps what it has acknowledged through a power cut",
		OnlyIf: "it syncs each message before it acknowledges it, which NATS does not by default"})
	batch := env.KnobInt("batch", 200)

	always := natstest.Start(env, natstest.Named("always"), natstest.OnDisk(), natstest.SyncAlways())
	control := natstest.Start(env, natstest.Named("default"), natstest.OnDisk())
	synced, unsynced := always.Stream("orders"), control.Stream("orders")
	careful, quick := synced.Producer(), unsynced.Producer()

	env.Step("steady state: what is acknowledged is stored")
	careful.Publish(batch)
	quick.Publish(batch)
	env.Calm(check.Delivery(careful, synced.Stored()).ExactlyOnce(), check.Delivery(quick, unsynced.Stored()).ExactlyOnce())

	env.Step("fault: both lose their power, right after the next orders were acknowledged")
	careful.Publish(batch)
	quick.Publish(batch)
	cut, controlCut := always.PowerCut(), control.PowerCut()

	env.Step("heal")
	env.Heal(cut, controlCut)
	env.Await("both are back", always.Serves, control.Serves)
	kept, lost := check.Delivery(careful, synced.Stored()), check.Delivery(quick, unsynced.Stored())

	env.Step("verdict")
	// The kernel may have written the first orders back by itself, if it took seconds until the power went; the last ones it has not.
	env.Measure("acknowledged orders lost by default", harness.Count(lost.Lost), harness.Between(harness.Count(batch), harness.Count(2*batch)))
	env.Measure("acknowledged orders lost where each is synced", harness.Count(kept.Lost), harness.Exactly(harness.Count(0)))
	env.Holds("no acknowledged order is lost", kept.NothingLost())
	env.Breaks("no acknowledged order is lost", "synced every two minutes", lost.NothingLost())
}
