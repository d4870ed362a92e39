package databases_test

import (
	"testing"

	"assay/fixtures/pgtest"
	"assay/harness"
)

// Claim 8.1: a transaction is atomic: all of it is done or nothing, whatever happens in the middle of it.
//
//	tellers ──┬─ transfers in transactions ────────────────┬── link ────► postgres
//	          └─ each statement by itself (the control) ───┘
//
// A transfer takes money from one account, and when that was answered gives it to another. First the link breaks in
// the middle of transfers, then the server is killed: every other teller holds what he has taken, the rest are anywhere
// in a transfer. When is left to the seed. What a transaction had taken is there again; what the control had taken is
// gone, from half of the tellers at least and from each of them at most, each time.
func TestAtomicity(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "8.1",
		Says: "a transaction is atomic: money that is moved in one is neither lost nor made, whatever happens in the " +
			"middle of it",
	}, func(env *harness.Env) {
		tellers := env.KnobInt("tellers", 8)
		moment := func() int { return tellers + env.Rand().IntN(10*tellers) }
		atomic, torn := env.Subject("transactions"), env.Control("autocommit", "each statement is committed by itself")

		postgres := pgtest.Start(env, "postgres")
		link := env.Link("tellers", postgres)
		bank := postgres.Bank(atomic, tellers, pgtest.InTransactions, link)
		control := postgres.Bank(torn, tellers, pgtest.Autocommit, link)

		env.Step("steady state: no money is lost or made")
		env.Run(bank, control)
		env.Await("transfers were made", bank.More(10*tellers), control.More(10*tellers))
		env.Stop(bank, control)
		env.Calm(bank.Audit().Conserved(), control.Audit().Conserved())

		env.Step("fault: the link breaks in the middle of transfers")
		env.Run(bank, control)
		env.Await("transfers were made", bank.More(moment()), control.More(moment()))
		bank.Hold()
		control.Hold()
		env.Await("others are half done", bank.Halfway, control.Halfway)
		severed := link.Sever()
		env.Stop(bank, control)
		env.Heal(severed)

		env.Step("fault: the server is killed in the middle of transfers")
		env.Run(bank, control)
		env.Await("transfers were made", bank.More(moment()), control.More(moment()))
		bank.Hold()
		control.Hold()
		env.Await("others are half done", bank.Halfway, control.Halfway)
		killed := postgres.Kill()
		env.Stop(bank, control)

		env.Step("heal")
		env.Heal(killed)
		env.Run(bank, control)
		env.Await("the server answers, and transfers are made", postgres.Answers, bank.More(tellers), control.More(tellers))
		env.Stop(bank, control)

		env.Step("verdict")
		kept, lost := bank.Audit(), control.Audit()
		atomic.Count("money lost", bank.Missing(kept), harness.Exactly(0).AgainstMore("each statement by itself", tellers))
		torn.Count("money lost", control.Missing(lost),
			harness.Between(tellers, 2*tellers).Against("in transactions", 0))
		env.Contrast("no money is lost or made", kept.Conserved(), lost.Conserved())
	})
}
