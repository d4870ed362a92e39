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
//	producer ────► nats "default" (the control: it syncs now and then) ───────────────► disk of its own
//
// Both store the same orders in files, and both lose their power at once: what a broker has written and not synced is
// gone, with the page cache that it was in. All else is the same. The default is to sync every two minutes, so what was
// acknowledged in the meantime was a promise: a kill of the process alone would have kept it (claim 12.4).
func TestPowerCut(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "12.5", Says: "the broker keeps what it has acknowledged through a power cut",
		OnlyIf: "it syncs each message before it acknowledges it, which NATS does not by default",
	}, func(env *harness.Env) {
		batch := env.KnobInt("batch", 200)
		each, later := env.Subject("synced each"), env.Control("synced by default", "it syncs every two minutes")

		always := natstest.Start(env, "always", natstest.OnDisk(), natstest.SyncAlways())
		control := natstest.Start(env, "default", natstest.OnDisk())
		synced, unsynced := always.Stream("orders"), control.Stream("orders")
		careful, quick := synced.ProducerOf(each), unsynced.ProducerOf(later)

		env.Step("steady state: what is acknowledged is stored")
		careful.Publish(batch)
		quick.Publish(batch)
		env.Calm(check.Delivery(careful, synced.Stored()).ExactlyOnce(),
			check.Delivery(quick, unsynced.Stored()).ExactlyOnce())

		env.Step("fault: both lose their power, right after the next orders were acknowledged")
		careful.Publish(batch)
		quick.Publish(batch)
		cut, controlCut := always.PowerCut(), control.PowerCut()

		env.Step("heal")
		env.Heal(cut, controlCut)
		env.Await("both are back", always.Serves, control.Serves)
		kept, lost := check.Delivery(careful, synced.Stored()), check.Delivery(quick, unsynced.Stored())

		env.Step("verdict")
		// The kernel may have written the first orders back by itself, if it took seconds until the power went; the last ones
		// it has not.
		later.Count("acknowledged orders lost", lost.Lost,
			harness.Between(batch, 2*batch).Against("a kill, or synced before the cut", 0))
		each.Count("acknowledged orders lost", kept.Lost, harness.Exactly(0).AgainstRange("not synced", batch, 2*batch))
		env.Contrast("no acknowledged order is lost", kept.NothingLost(), lost.NothingLost())
	})
}
