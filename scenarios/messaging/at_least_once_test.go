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
//	                        ◄──── link ────► plain subscriber (the control)
//
// Both consumers share one link, hence one fault. The link first goes half-open, so that acknowledgements vanish; then it
// breaks. The control has no acknowledgements to lose: only the break can hurt it, and only for what is published meanwhile.
func TestAtLeastOnceDelivery(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "12.1", Says: "a message whose acknowledgement is lost is delivered again: nothing is lost, some come twice"})
	ackWait := env.Knob("ack-wait", time.Second)
	batch := env.KnobInt("batch", 50)

	nats := natstest.Start(env)
	orders := nats.Stream("orders")
	link := env.Link("consumers", nats)
	producer := orders.Producer()
	durable := orders.Consumer(link, natstest.AckWait(ackWait))
	plain := orders.Subscriber(link)

	env.Step("steady state: both consumers see each order once")
	first := producer.Publish(batch)
	env.Await(limit, "the first orders arrive", durable.Saw(first), plain.Saw(first), durable.Settled)
	env.Calm(check.Delivery(producer, durable).ExactlyOnce(), check.Delivery(producer, plain).ExactlyOnce())

	env.Step("fault: acknowledgements vanish")
	halfOpen := link.Drop(fault.ClientToServer)
	unacked := producer.Publish(batch)
	env.Await(limit, "the orders still arrive", durable.Saw(unacked), plain.Saw(unacked))
	env.Await(limit+ackWait, "unacknowledged, they come again", durable.SawAgain(unacked))

	env.Step("fault: the link breaks while orders keep coming")
	severed := link.Sever()
	missed := producer.Publish(batch)

	env.Step("heal")
	env.Heal(halfOpen, severed)
	env.Await(limit, "both are back and every order is acknowledged", plain.Connected, durable.Saw(missed), durable.Settled)

	env.Step("verdict")
	held, broke := check.Delivery(producer, durable), check.Delivery(producer, plain)
	env.Measure("publication to second delivery", harness.Time(check.RedeliveryTime(producer, durable, unacked)), harness.Between(harness.Time(ackWait), harness.Time(2*ackWait)))
	env.Measure("orders lost", harness.Count(held.Lost), harness.Exactly(harness.Count(0)))
	env.Measure("orders lost by the control", harness.Count(broke.Lost), harness.Exactly(harness.Count(len(missed.Values))))
	env.Holds("no acknowledged order is lost", held.NothingLost())
	env.Holds("what lost its acknowledgement comes twice", held.Redelivered(unacked))
	env.Breaks("no acknowledged order is lost", "a plain subscription on the same link", broke.NothingLost())
}
