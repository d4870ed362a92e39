package harness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"assay/harness/engine"
)

// How long threads in containers wait for a processor is seen; what a fault keeps waiting is left out, and so is what is told of it when it
// has gone.
func TestWaitsOfContainers(t *testing.T) {
	withEngine(t, func(e *Env) {
		n := e.Start(Container{Name: "server", Image: ImageOf("base"), Command: []string{"sleep", "infinity"}, Ports: []int{80}})
		n.Ready()
		if len(n.container.Waits()) == 0 {
			t.Log("the engine's machine cannot be asked: there is nothing to see")
			return
		}
		// More of them than there are processors, so that some wait. They end with the container.
		n.Exec("bash", "-c", `for i in $(seq $((2 * $(nproc)))); do timeout 20 bash -c 'while :; do :; done' >/dev/null 2>&1 & done`)
		seen := threads{waits: map[int]engine.Wait{}, heldBack: map[*Node]bool{}}
		waited := func() time.Duration {
			time.Sleep(200 * ms)
			usual, longest := seen.waited(e)
			assert.LessOrEqual(t, usual, longest)
			return longest
		}
		assert.Zero(t, waited(), "nobody knows since when they wait")
		assert.Positive(t, waited())
		starved := n.Starve(0.02)
		assert.Zero(t, waited(), "it is the fault that keeps them waiting")
		assert.Zero(t, waited())
		e.Heal(starved)
		assert.Zero(t, waited(), "and this is what they waited meanwhile")
		assert.Positive(t, waited())
	})
}
