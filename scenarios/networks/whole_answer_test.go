package networks_test

import (
	"testing"
	"time"

	"assay/fixtures/apptest"
	"assay/harness"
	"assay/harness/history"
)

// Claim 1.3: HTTP pairs each request with one response, and takes nothing less for it.
//
//	         ┌─ answers that say how long they are ──────────┐
//	readers ─┼─ answers whose last chunk is marked ──────────┼── link ──► server
//	         └─ answers that end with the connection ────────┘
//	            (the control)
//
// All read documents of one server at the same time, and the link breaks when a part of each has come. TCP tells no
// more than that the connection is closed, as it is at the end of the control's answers: what has come is taken for the
// whole. Where the answer says by itself where it ends, its reader is told that it was cut short, and can ask again.
func TestAnswerIsWholeOrNone(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "1.3", Says: "HTTP pairs each request with one response: one that is cut short is an error, and no answer",
		OnlyIf: "the response says where it ends",
	}, func(env *harness.Env) {
		requests, blocks := env.KnobInt("requests", 20), env.KnobInt("blocks", 100)
		pace := env.Knob("pace", 100*time.Millisecond)

		server := apptest.Documents(env, "documents")
		link := env.Link("readers", server)
		says, marks := env.Subject("length"), env.Subject("chunks")
		silent := env.Control("connection", "a word in the answer of where it ends")
		length := apptest.DocumentReaders(env, says, link, apptest.ByLength, blocks)
		chunks := apptest.DocumentReaders(env, marks, link, apptest.ByChunks, blocks)
		connection := apptest.DocumentReaders(env, silent, link, apptest.ByConnection, blocks)
		all := []*apptest.Readers{length, chunks, connection}

		env.Step("steady state: each request has its answer")
		server.Ready()
		for _, readers := range all {
			readers.Read(requests)
			env.Calm(readers.Complete(history.Always))
		}

		env.Step("fault: the link breaks in the middle of all answers")
		begun := env.Now()
		for _, readers := range all {
			readers.Open(requests, pace)
		}
		env.Await("some of each answer has come", length.UnderWay, chunks.UnderWay, connection.UnderWay)
		severed := link.Sever()
		env.Await("the readers have come to an end", length.Ended, chunks.Ended, connection.Ended)
		broken := history.Between(begun, env.Now())

		env.Step("heal")
		env.Heal(severed)
		env.Await("the server answers", server.Answers)
		healed := history.Since(env.Now())
		length.Read(requests)
		chunks.Read(requests)

		env.Step("verdict")
		held, broke := length.CutShort(broken), connection.CutShort(broken)
		says.Count("answers cut short and taken for whole", held, harness.Exactly(0).Against("as they come", broke))
		marks.Count("answers cut short and taken for whole", chunks.CutShort(broken),
			harness.Exactly(0).Against("as they come", broke))
		silent.Count("answers cut short and taken for whole", broke,
			harness.Exactly(requests).Against("the link is whole, or the end is told", 0))
		env.Contrast("what is taken for an answer is the whole of it", length.Whole(broken), connection.Whole(broken))
		env.Contrast("and so it is in chunks", chunks.Whole(broken), connection.Whole(broken))
		env.Holds("what was cut short can be asked for again", length.Complete(healed))
	})
}
