package harness

import (
	"errors"

	"assay/harness/check"
)

// ResultHolds is the condition that a check of what has been recorded so far holds: for awaiting what a fault leads to.
func ResultHolds(look func() check.Result) Condition {
	return func() error {
		if r := look(); r.Verdict != check.Holds {
			return errors.New(words(r))
		}
		return nil
	}
}
