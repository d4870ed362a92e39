package databases_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/harness"
	"assay/harness/fault"
	"assay/harness/history"
)

// Claim 8.1: a transaction is atomic: all of it is done or nothing, whatever happens in the middle of it.
//
//	tellers ──┬─ transfers in transactions ────────────────┬── slow link ────► postgres
//	          └─ each statement by itself (the control) ───┘
//
// A transfer takes money from one account, and when that was answered gives it to another. The link is slow towards the
// server, so that the time between the two is long; and in it first the link breaks, then the server is killed. When is
// left to the seed, but for this: half of the control's tellers have taken what is not given. What a transaction had
// taken is there again; what the control's tellers had taken is gone.
func TestAtomicity(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "8.1",
		Says: "a transaction is atomic: money that is moved in one is neither lost nor made, whatever happens in the " +
			"middle of it",
	}, func(env *harness.Env) {
		delay, tellers := env.Knob("delay", 50*time.Millisecond), env.KnobInt("tellers", 8)
		moment := func() int { return tellers + env.Rand().IntN(2*tellers) }
		atomic, torn := env.Subject("transactions"), env.Control("autocommit", "each statement is committed by itself")

		postgres := pgtest.Start(env, "postgres")
		link := env.Link("tellers", postgres)
		bank := postgres.Bank(atomic, tellers, pgtest.InTransactions, link)
		control := postgres.Bank(torn, tellers, pgtest.Autocommit, link)

		env.Step("steady state: no money is lost or made")
		bank.Transfer(10)
		control.Transfer(10)
		env.Calm(bank.Audit().Conserved(), control.Audit().Conserved())

		env.Step("fault: the link is slow, and breaks in the middle of transfers")
		slow := link.Delay(fault.ClientToServer, delay)
		bank.Open()
		control.Open()
		env.Await("transfers were made", bank.Made(moment()), control.Made(moment()))
		env.Await("others are half done", bank.Halfway, control.Halfway)
		severed := link.Sever()
		env.Await("nobody transfers any more", bank.Closed, control.Closed)
		env.Heal(severed)

		env.Step("fault: the server is killed in the middle of transfers")
		bank.Open()
		control.Open()
		env.Await("transfers were made", bank.Made(moment()), control.Made(moment()))
		env.Await("others are half done", bank.Halfway, control.Halfway)
		killed := postgres.Kill()
		env.Await("nobody transfers any more", bank.Closed, control.Closed)

		env.Step("heal")
		env.Heal(killed, slow)
		env.Await("the server answers", postgres.Answers)
		bank.Transfer(1)
		control.Transfer(1)

		env.Step("verdict")
		kept, lost := bank.Audit(), control.Audit()
		least, most := control.Torn()
		calm, late := history.Until(slow.Window().From), slow.Window()
		atomic.Median("time of a transfer over the slow link", bank.Took(late),
			pgtest.TransferTime(delay, bank.Took(calm)).In(late))
		atomic.Count("money lost", int(bank.Total-kept.Last), harness.Exactly(0).AgainstMore("each statement by itself", 1))
		torn.Count("money lost", int(control.Total-lost.Last),
			harness.Between(max(1, least), most).Against("in transactions", 0))
		env.Contrast("no money is lost or made", kept.Conserved(), lost.Conserved())
	})
}
