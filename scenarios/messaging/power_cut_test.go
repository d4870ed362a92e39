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

		always := natstest.Start(env, "always", natstest.OnDisk(), natstest.SyncAlways())
		usual := natstest.Start(env, "default", natstest.OnDisk())
		synced, later := env.Subject("synced"), env.Control("synced by default", "syncing waits for up to two minutes")
		careful, quick := always.Stream("orders"), usual.Stream("orders")
		carefully, quickly := careful.ProducerOf(synced), quick.ProducerOf(later)

		env.Step("steady state: what is acknowledged is stored")
		carefully.Publish(batch)
		quickly.Publish(batch)
		env.Calm(check.Delivery(carefully, careful.Stored()).ExactlyOnce(),
			check.Delivery(quickly, quick.Stored()).ExactlyOnce())

		env.Step("fault: both lose their power, right after the next orders were acknowledged")
		carefully.Publish(batch)
		quickly.Publish(batch)
		cut, alsoCut := always.PowerCut(), usual.PowerCut()

		env.Step("heal")
		env.Heal(cut, alsoCut)
		env.Await("both are back", always.Serves, usual.Serves)
		kept, lost := check.Delivery(carefully, careful.Stored()), check.Delivery(quickly, quick.Stored())

		env.Step("verdict")
		// The kernel may have written the first orders back by itself, if it took seconds until the power went; the
		// last ones it has not.
		synced.Count("acknowledged orders lost", kept.Lost,
			harness.Exactly(0).AgainstRange("synced later", batch, 2*batch))
		later.Count("acknowledged orders lost", lost.Lost,
			harness.Between(batch, 2*batch).Against("synced at once", 0))
		env.Contrast("no acknowledged order is lost", kept.NothingLost(), lost.NothingLost())
	})
}
