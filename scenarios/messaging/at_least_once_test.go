package messaging_test

import (
	"testing"
	"time"

	"assay/fixtures/natstest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/fault"
)

// Claim 12.1: a message whose acknowledgement is lost on the network comes again. Nothing is lost; some come twice.
//
//	producer ────────► nats ◄──── link ────► durable consumer (explicit acknowledgements)
//	                        ◄──── link ────► plain subscriber (the control: it acknowledges nothing)
//
// Both share one link, hence one fault. It first goes half-open, so that acknowledgements vanish; then it breaks. The
// control has no acknowledgements to lose: only the break can hurt it, and only for what is published meanwhile.
func TestAtLeastOnceDelivery(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "12.1", Says: "a message whose acknowledgement is lost is delivered again: nothing is lost, some come twice",
	}, func(env *harness.Env) {
		ackWait, batch := env.Knob("ack-wait", time.Second), env.KnobInt("batch", 50)

		nats := natstest.Start(env, "nats")
		orders, link := nats.Stream("orders"), env.Link("consumers", nats)
		acks, none := env.Subject("durable consumer"), env.Control("plain subscriber", "nothing is acknowledged")
		producer := orders.Producer()
		durable, plain := orders.Consumer(acks, link, natstest.AckWait(ackWait)), orders.Subscriber(none, link)

		env.Step("steady state: both consumers see each order once")
		first := producer.Publish(batch)
		env.Await("the first orders arrive", durable.Saw(first), plain.Saw(first), durable.Settled)
		env.Calm(check.Delivery(producer, durable).ExactlyOnce(), check.Delivery(producer, plain).ExactlyOnce())

		env.Step("fault: acknowledgements vanish")
		halfOpen := link.Drop(fault.ClientToServer)
		unacked := producer.Publish(batch)
		env.Await("the orders still arrive", durable.Saw(unacked), plain.Saw(unacked))
		env.Await("unacknowledged, they come again", durable.SawAgain(unacked))

		env.Step("fault: the link breaks while orders keep coming")
		severed := link.Sever()
		missed := producer.Publish(batch)

		env.Step("heal")
		env.Heal(halfOpen, severed)
		env.Await("both are back and every order is acknowledged", plain.Connected, durable.Saw(missed), durable.Settled)

		env.Step("verdict")
		held, broke := check.Delivery(producer, durable), check.Delivery(producer, plain)
		env.Median("publication to second delivery", check.RedeliveryTime(producer, durable, unacked),
			harness.Between(ackWait, 2*ackWait).Against("at once", 0).In(halfOpen.Window()))
		acks.Count("orders lost", held.Lost, harness.Exactly(0).Against("no acknowledgement", len(missed.Values)))
		none.Count("orders lost", broke.Lost, harness.Exactly(len(missed.Values)).Against("delivered again", 0))
		env.Contrast("no acknowledged order is lost", held.NothingLost(), broke.NothingLost())
		env.Holds("what lost its acknowledgement comes twice", held.Redelivered(unacked))
	})
}
