package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"assay/harness/check"
	"assay/harness/history"
)

func TestNoGapOf(t *testing.T) {
	all := history.Window{To: history.Open}
	tests := []struct {
		name    string
		ops     string
		window  history.Window
		verdict check.Verdict
		summary string
	}{
		{
			name: "close together", window: all,
			ops: `
				writer write x/1 1.000 1.010 ok
				writer write x/2 1.900 2.009 ok
				writer write x/3 2.010 … unknown`,
			verdict: check.Holds, summary: "2 of 3 operations succeeded, the longest pause between two took 999ms, less than 1s",
		}, {
			name: "a pause of just that length", window: all,
			ops: `
				writer write x/1 1.000 1.010 ok
				writer write x/2 1.900 2.010 ok`,
			verdict: check.Violated, summary: "nothing succeeded for 1s, which is not less than 1s",
		}, {
			name: "a pause that has not ended", window: all,
			ops: `
				writer write x/1 1.000 1.010 ok
				writer write x/2 1.100 3.010 unknown`,
			verdict: check.Violated, summary: "nothing succeeded for 2s, which is not less than 1s",
		}, {
			name: "a pause before the window", window: history.Window{From: 4 * time.Second, To: history.Open},
			ops: `
				writer write x/1 1.000 1.010 ok
				writer write x/2 3.900 3.950 ok
				writer write x/3 4.100 4.110 ok`,
			verdict: check.Holds, summary: "3 of 3 operations succeeded, the longest pause between two took 160ms, less than 1s",
		}, {
			name: "nothing succeeds", window: all,
			ops:     `writer write x/1 1.000 1.010 failed`,
			verdict: check.Violated, summary: "none of 1 operations succeeded",
		}, {
			name: "nothing at all", window: all,
			verdict: check.Unknown, summary: "nothing was attempted",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := check.Outage(parse(t, test.ops), test.window).NoGapOf(time.Second)
			assert.Equal(t, test.verdict, r.Verdict)
			assert.Equal(t, test.summary, r.Summary)
		})
	}
}
