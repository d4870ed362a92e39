package databases_test

import (
	"testing"

	"assay/fixtures/pgtest"
	"assay/harness"
	"assay/harness/check"
)

// Claim 8.8: a failover to a replica that lags loses acknowledged writes; to one that commits wait for, it loses none.
//
//	orders ────► postgres ──── link ────► replica: commits wait for it (remote_apply)
//	                      ──── link ────► async-replica (the control: no commit waits for it)
//
// One history of orders, and two replicas that could take over. First the control's link breaks: orders are
// acknowledged that it does not have. Then the other's breaks too: an order is on the primary, and waits. The primary
// is killed, and both are promoted, as if each were the one. What the synchronous replica lacks was never acknowledged.
// The control lacks what was acknowledged while it was cut off: the recovery point (RPO). Nobody has to find out here
// that the primary is dead, so the recovery time (RTO) is the promotion's.
func TestFailover(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "8.8", Says: "failover to a lagging replica loses acknowledged writes; to a synchronous one it loses none",
	}, func(env *harness.Env) {
		batch := env.KnobInt("batch", 50)
		waited, nobody := env.Subject("synchronous replica"), env.Control("asynchronous replica", "no commit waits for it")

		postgres := pgtest.Start(env, "postgres")
		kept := env.LinkBetween("replication to replica", postgres)
		lagging := env.LinkBetween("replication to async-replica", postgres)
		replica, control := postgres.Replica(kept), postgres.AsyncReplica(lagging)
		orders := postgres.Ledger("orders", pgtest.RemoteApply)
		next, nextControl := replica.Register(waited, pgtest.Local, replica), control.Register(nobody, pgtest.Local, control)

		env.Step("steady state: both replicas have each order")
		env.Await("both stream", replica.Streaming, control.Streaming)
		orders.Add(batch)
		env.Await("both have caught up", replica.CaughtUp, control.CaughtUp)
		env.Calm(orders.ComparedOf(waited, replica).NothingLost(), orders.ComparedOf(nobody, control).NothingLost())

		env.Step("fault: the control is cut off while orders keep coming")
		behind := lagging.Sever()
		tail := orders.Add(batch)
		lags := orders.ComparedOf(nobody, control)

		env.Step("fault: so is the other, and the primary dies")
		severed := kept.Sever()
		orders.Send()
		env.Await("an order waits for its replica", orders.WaitsForReplica)
		killed := postgres.Kill()
		env.Run(next, nextControl) // refused, until the promotion
		pgtest.Promote(replica, control)
		promoted := env.Now()
		env.Await("both take writes, and the order has its end", next.More(25), nextControl.More(25), orders.Ended)

		env.Step("heal")
		env.Heal(behind, severed, killed)
		env.Await("the old primary is back, the new ones go on", postgres.Answers, next.More(25), nextControl.More(25))

		env.Step("verdict")
		cut, dead := check.Outage(orders, behind.Window()), killed.InForce()
		env.Witness(behind, check.That("it lacks what is acknowledged", lags.Lost == len(tail.Values), "%d", lags.Lost))
		held, broke := orders.ComparedOf(waited, replica), orders.ComparedOf(nobody, control)
		old := orders.Compared(postgres)
		waited.Count("acknowledged orders lost (RPO)", held.Lost,
			harness.Exactly(0).Against("no commit waits", cut.Within.OK))
		nobody.Count("acknowledged orders lost (RPO)", broke.Lost,
			harness.Exactly(cut.Within.OK).Against("it does not lag", 0))
		env.Count("acknowledged orders missing on the old primary", old.Lost, harness.Exactly(0).Accompanying())
		env.Count("orders never acknowledged, and there", old.Recovered, harness.Exactly(cut.Within.Unknown).Accompanying())
		recovery := pgtest.RecoveryTime(promoted - dead.From)
		waited.Duration("recovery time (RTO)", next.Outage(dead).RTO, recovery)
		nobody.Duration("recovery time (RTO)", nextControl.Outage(dead).RTO, recovery)
		env.Contrast("no acknowledged order is lost", held.NothingLost(), broke.NothingLost())
	})
}
