package networks_test

import (
	"testing"

	"assay/fixtures/pgtest"
	"assay/harness"
	"assay/harness/check"
	"assay/harness/fault"
)

// Claim 1.4: the verb matters: a PUT may be repeated, a POST may not.
//
//	         ┌─ PUT, under a name ─────────────────────┐
//	clients ─┼─ POST (a control) ──────────────────────┼── link ──► bookings ──► postgres: a row for each
//	         └─ PUT, where nobody looks (a control) ───┘
//
// The service does what it is asked for, and its answer is lost. The client cannot know, and asks again over a new
// connection, until it is answered. A PUT says under which name there shall be a row, and there is one. A POST asks for
// one more each time. The verb is a promise and no mechanism: of a service that does not keep it, a PUT is as a POST.
func TestRepeatedPut(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "1.4", Says: "the verb matters: a PUT that is repeated leaves one row, a POST one for each time",
		OnlyIf: "the service keeps what the verb promises",
	}, func(env *harness.Env) {
		bookings, times := env.KnobInt("bookings", 20), env.KnobInt("times", 3)

		service := pgtest.Start(env, "postgres").Bookings("bookings")
		link := env.Link("clients", service)
		named, unnamed := env.Subject("PUT"), env.Control("POST", "a name by which the service knows the booking")
		unkept := env.Control("careless PUT", "a service that looks whether it has a booking of that name")
		put, post := service.Bookers(named, pgtest.Put, link), service.Bookers(unnamed, pgtest.Post, link)
		careless := service.Bookers(unkept, pgtest.CarelessPut, link)
		rows := func(of *pgtest.Bookers) check.DeliveryReport { return check.Delivery(of, of.Rows) }

		env.Step("steady state: each booking makes a row")
		service.Ready()
		for _, bookers := range []*pgtest.Bookers{put, post, careless} {
			bookers.Look(bookers.Book(bookings))
			env.Calm(rows(bookers).ExactlyOnce())
		}

		env.Step("fault: answers are lost")
		before := post.Tries()
		lost := link.Drop(fault.ServerToClient)
		puts, posts, others := put.Open(bookings), post.Open(bookings), careless.Open(bookings)
		env.Await("the service has done all of it again and again",
			put.EachDone(puts, times), post.EachDone(posts, times), careless.EachDone(others, times))

		env.Step("heal")
		env.Heal(lost)
		env.Await("each has its answer", put.Answered, post.Answered, careless.Answered)

		env.Step("verdict")
		once, again := bookings, bookings*(times+1) // the last time is the one that was answered
		named.Count("times that they were done", put.Done(puts), harness.AtLeast(again).Against("not repeated", once))
		named.Count("rows of these bookings", put.Look(puts), harness.Exactly(once).Against("one for each time", again))
		unnamed.Count("rows of these bookings", post.Look(posts),
			harness.Between(again, post.Tries()-before).Against("a name tells them apart", once))
		unkept.Count("rows of these bookings", careless.Look(others), harness.AtLeast(again).Against("it looks", once))
		env.Contrast("what was asked for once is there once", rows(put).ExactlyOnce(), rows(post).ExactlyOnce(),
			rows(careless).ExactlyOnce())
	})
}
