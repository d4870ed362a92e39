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
	harness.Prove(t, harness.Claim{
		ID: "orders-retry", Says: "a retried order is charged once if it carries an idempotency key",
	}, func(env *harness.Env) {
		patience, batch := env.Knob("patience", time.Second), env.KnobInt("batch", 20)

		orders := env.Start(harness.Container{
			Name: "orders", Image: harness.ImageDir("orders", "orders"), Ports: []int{8080},
			Ready: harness.RespondsHTTP("/orders"),
		})
		link := env.Link("customers", orders)
		careful, careless := env.Subject("careful"), env.Control("careless", "the idempotency key of an order")
		keyed := newCustomer(env, careful, withKey, orders, link, patience)
		keyless := newCustomer(env, careless, withoutKey, orders, link, patience)

		env.Step("steady state: each order is charged once")
		keyed.Order(batch)
		keyless.Order(batch)
		env.Calm(check.Delivery(keyed, keyed.Ledger()).ExactlyOnce(),
			check.Delivery(keyless, keyless.Ledger()).ExactlyOnce())

		env.Step("fault: orders arrive, and the answers to them vanish")
		halfOpen := link.Drop(fault.ServerToClient)
		keyed.Order(batch)
		keyless.Order(batch)

		env.Step("heal")
		env.Heal(halfOpen)
		env.Await("sent again, every order is acknowledged", keyed.Retry, keyless.Retry)

		env.Step("verdict")
		held, broke := check.Delivery(keyed, keyed.Ledger()), check.Delivery(keyless, keyless.Ledger())
		careful.Count("orders charged twice", held.Duplicated, harness.Exactly(0).Against("no key", batch))
		careless.Count("orders charged twice", broke.Duplicated, harness.Exactly(batch).Against("a key", 0))
		env.Contrast("no order is charged twice", held.NoDuplicates(), broke.NoDuplicates())
		env.Holds("no acknowledged order is lost", held.NothingLost())
	})
}
