package stat_test

import (
	"fmt"

	"assay/harness/check/stat"
)

// What a scenario says about a loss: how much, how sure, and whether it is what the injected probability predicts.
func ExampleProportion() {
	lost := stat.Proportion{Hits: 112, Of: 1000}
	fmt.Println("lost", lost)
	low, high := stat.Acceptance(lost.Of, 0.1, 0.999)
	fmt.Printf("of 1000 with a probability of 10 %%: %d to %d\n", low, high)
	// Output:
	// lost 11.2 % [9.4, 13.3], n = 1000
	// of 1000 with a probability of 10 %: 70 to 132
}
