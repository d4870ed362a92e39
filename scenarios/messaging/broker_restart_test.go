package messaging_test

import (
	"testing"

	"assay/fixtures/natstest"
	"assay/harness"
	"assay/harness/check"
)

// Claim 12.4: the broker keeps its messages through its own death, if it has written them down.
//
//	producer ────► nats: stream in files
//	producer ────► nats: stream in memory (the control)
//
// One server, hence one fault: SIGKILL, which leaves it no time to save anything. What it has written to files is with
// the kernel by then and stays there, synced or not; what it had in memory only goes with the process. (A power cut
// takes the kernel too: claim 12.5.)
func TestBrokerRestart(t *testing.T) {
	t.Parallel()
	harness.Prove(t, harness.Claim{
		ID: "12.4", Says: "the broker keeps the messages that it has acknowledged through its own death and restart",
	}, func(env *harness.Env) {
		batch := env.KnobInt("batch", 200)

		nats := natstest.Start(env, "nats")
		files, memory := env.Subject("stream in files"), env.Control("stream in memory", "nothing is written down")
		inFiles, inMemory := nats.Stream("filed"), nats.Stream("remembered", natstest.InMemory())
		filed, remembered := inFiles.ProducerOf(files), inMemory.ProducerOf(memory)

		env.Step("steady state: what is acknowledged is stored")
		filed.Publish(batch)
		remembered.Publish(batch)
		env.Calm(check.Delivery(filed, inFiles.Stored()).ExactlyOnce(),
			check.Delivery(remembered, inMemory.Stored()).ExactlyOnce())

		env.Step("fault: the broker is killed, right after the next messages were acknowledged")
		filed.Publish(batch)
		remembered.Publish(batch)
		killed := nats.Kill()

		env.Step("heal")
		env.Heal(killed)
		env.Await("it is back", nats.Serves)
		kept, gone := check.Delivery(filed, inFiles.Stored()), check.Delivery(remembered, inMemory.Stored())

		env.Step("verdict")
		files.Count("acknowledged messages lost", kept.Lost, harness.Exactly(0).Against("not written down", 2*batch))
		memory.Count("acknowledged messages lost", gone.Lost, harness.Exactly(2*batch).Against("written down", 0))
		env.Contrast("no acknowledged message is lost", kept.NothingLost(), gone.NothingLost())
	})
}
