package databases_test

import (
	"testing"

	"assay/fixtures/pgtest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/history"
)

// Claim 8.8: a failover to a replica that lags loses acknowledged writes; to one that commits wait for, it loses none.
//
//	orders ────► postgres ──── link ────► replica: commits wait for it (remote_apply)
//	                      ──── link ────► async-replica (the control): no commit waits for it
//
// One history of orders, and two replicas that could take over. First the control's link breaks: orders are acknowledged that it
// does not have. Then the other's breaks too, and that is what tells them apart: an order is on the primary, and waits. The primary
// is killed, and both are promoted, as if each were the one. What the synchronous replica lacks was never acknowledged. The control
// lacks what was acknowledged while it was cut off, no more and no less: the recovery point (RPO).
//
// Nobody has to find out here that the primary is dead. So the recovery time (RTO) is that of the promotion, which loses or saves
// nothing by being fast.
func TestFailover(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "8.8", Says: "failover to a lagging replica loses acknowledged writes; to a synchronous one it loses none"})
	batch := env.KnobInt("batch", 50)

	postgres := pgtest.Start(env)
	kept, lagging := env.LinkBetween("replication to replica", postgres), env.LinkBetween("replication to async-replica", postgres)
	replica, control := postgres.Replica(kept), postgres.AsyncReplica(lagging)
	orders := postgres.Ledger("orders", pgtest.RemoteApply)
	lost := func(on *pgtest.Server) check.DeliveryReport { return check.Delivery(orders, orders.Rows(on)) }
	next, nextControl := replica.Register("next", pgtest.Local, replica), control.Register("next, with the control", pgtest.Local, control)

	env.Step("steady state: both replicas have each order")
	env.Await("both stream", replica.Streaming, control.Streaming)
	orders.Add(batch)
	env.Await("both have caught up", replica.CaughtUp, control.CaughtUp)
	env.Calm(lost(replica).NothingLost(), lost(control).NothingLost())

	env.Step("fault: the control is cut off while orders keep coming")
	behind := lagging.Sever()
	tail := orders.Add(batch)
	lags := lost(control)

	env.Step("fault: so is the other, and the primary dies")
	severed := kept.Sever()
	orders.Send()
	env.Await("an order waits for its replica", orders.WaitsForReplica)
	killed := postgres.Kill()
	pgtest.Run(next, nextControl) // refused, until the promotion
	asked := env.Now()
	pgtest.Promote(replica, control)
	promoted := env.Now()
	env.Await("both take writes, and the order has its end", pgtest.Turns(25, next, nextControl), orders.Ended)

	back := history.Window{From: env.Now(), To: history.Open}

	env.Step("heal")
	env.Heal(behind, severed, killed)
	env.Await("the old primary is back, the new ones are there still", postgres.Answers, pgtest.Turns(25, next, nextControl))

	env.Step("verdict")
	cut, dead := check.Outage(orders, behind.Window()), killed.InForce()
	env.Witness(behind, check.That("a replica that is cut off lacks what is acknowledged", lags.Lost == len(tail.Values), "it lacks %d of %d", lags.Lost, lags.Acknowledged))
	held, broke, old := lost(replica), lost(control), lost(postgres)
	env.Measure("acknowledged orders lost (RPO)", harness.Count(held.Lost), harness.Exactly(harness.Count(0)))
	env.Measure("acknowledged orders lost by the control (RPO)", harness.Count(broke.Lost), harness.Exactly(harness.Count(cut.Within.OK)))
	env.Measure("acknowledged orders missing on the old primary", harness.Count(old.Lost), harness.Exactly(harness.Count(0)))
	env.Measure("orders never acknowledged, and there on the old primary", harness.Count(old.Recovered), harness.Exactly(harness.Count(cut.Within.Unknown)))
	for _, r := range []*pgtest.Register{next, nextControl} {
		// The last refusal, a rest and the first write, each no longer than the longest time between two writes afterwards.
		turn := check.Outage(r.Writer, back).LongestGap
		env.Measure("recovery time (RTO): "+r.Key, harness.Time(check.Outage(r.Writer, dead).RTO),
			harness.Between(harness.Time(asked-dead.From), harness.Time(promoted-dead.From+3*turn)))
	}
	env.Holds("no acknowledged order is lost", held.NothingLost())
	env.Breaks("no acknowledged order is lost", "failover to an asynchronous replica", broke.NothingLost())
}
