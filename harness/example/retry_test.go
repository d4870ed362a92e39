package example_test

import (
	"testing"
	"time"

	"assay/harness"
	"assay/harness/check"
	"assay/harness/fault"
)

// A retried order is charged once if it carries an idempotency key.
//
//	careful customer (sends a key) ──────┬──── link ────► orders, with a ledger for each
//	careless customer (the control) ─────┘
//
// Both order over one link, hence under one fault: what the server answers is lost, after it has charged. Both give up waiting,
// and once the link is well send again what was not acknowledged. The control sends no key, so to the server its second
// attempt is another order.
func TestRetriedOrderIsChargedOnce(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "orders-retry", Says: "a retried order is charged once if it carries an idempotency key"})
	patience := env.Knob("patience", time.Second)
	batch := env.KnobInt("batch", 20)

	orders := env.Start(harness.Container{
		Name: "orders", Image: harness.ImageDir("orders", "orders"), Ports: []int{8080}, Ready: harness.RespondsHTTP("/orders"),
	})
	link := env.Link("customers", orders)
	orders.Ready()
	careful := newCustomer(env, "careful", withKey, orders, link, patience)
	careless := newCustomer(env, "careless", withoutKey, orders, link, patience)

	env.Step("steady state: each order is charged once")
	careful.Order(batch)
	careless.Order(batch)
	env.Calm(check.Delivery(careful, careful.Ledger()).ExactlyOnce(), check.Delivery(careless, careless.Ledger()).ExactlyOnce())

	env.Step("fault: orders arrive, and the answers to them vanish")
	halfOpen := link.Drop(fault.ServerToClient)
	careful.Order(batch)
	careless.Order(batch)

	env.Step("heal")
	env.Heal(halfOpen)
	env.Await("sent again, every order is acknowledged", careful.Retry, careless.Retry)

	env.Step("verdict")
	held, broke := check.Delivery(careful, careful.Ledger()), check.Delivery(careless, careless.Ledger())
	env.Measure("orders charged twice", harness.Count(held.Duplicated), harness.Exactly(harness.Count(0)))
	env.Measure("orders charged twice by the control", harness.Count(broke.Duplicated), harness.Exactly(harness.Count(batch)))
	env.Holds("no acknowledged order is lost", held.NothingLost())
	env.Holds("no order is charged twice", held.NoDuplicates())
	env.Breaks("no order is charged twice", "retries without a key", broke.NoDuplicates())
}
