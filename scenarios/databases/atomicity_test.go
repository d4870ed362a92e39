package databases_test

import (
	"testing"
	"time"

	"assay/fixtures/pgtest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/fault"
)

// Claim 8.1: a transaction is atomic: all of it is done or nothing, whatever happens in the middle of it.
//
//	tellers ──┬─ transfers in transactions ────────────────┬── slow link ────► postgres
//	          └─ each statement by itself (the control) ───┘
//
// A transfer takes money from one account, and when that was answered gives it to another. The link is slow towards the server, so that
// the time between the two is long; and in it first the link breaks, then the server is killed. When is left to the seed, but for this:
// half of the control's tellers have taken what is not given. What a transaction had taken is there again; what the control's tellers
// had taken is gone.
func TestAtomicity(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Claim{ID: "8.1", Says: "a transaction is atomic: money that is moved in one is neither lost nor made, whatever happens in the middle of it"})
	delay, tellers := env.Knob("delay", 50*time.Millisecond), env.KnobInt("tellers", 8)
	moment := func() int { return tellers + env.Rand().IntN(2*tellers) }

	postgres := pgtest.Start(env)
	link := env.Link("tellers", postgres)
	bank, control := postgres.Bank("transactions", tellers, pgtest.InTransactions, link), postgres.Bank("autocommit", tellers, pgtest.Autocommit, link)
	audit := func(b *pgtest.Bank) check.BankReport { return check.Bank(b.Look(), b.Total, b.Accounts...) }

	env.Step("steady state: no money is lost or made")
	bank.Transfer(10)
	control.Transfer(10)
	env.Calm(audit(bank).Conserved(), audit(control).Conserved())

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
	kept, torn := audit(bank), audit(control)
	least, most := control.Torn()
	env.Measure("money lost, in transactions", harness.Count(int(bank.Total-kept.Last)), harness.Exactly(harness.Count(0)))
	env.Measure("money lost by the control", harness.Count(int(control.Total-torn.Last)), harness.Between(harness.Count(max(1, least)), harness.Count(most)))
	env.Holds("no money is lost or made", kept.Conserved())
	env.Breaks("no money is lost or made", "each statement by itself", torn.Conserved())
}
