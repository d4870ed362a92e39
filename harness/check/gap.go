package check

import (
	"fmt"
	"time"
)

// NoGapOf: acknowledgements follow each other more closely than limit, around the window. It is what a load without a fault is to show when
// a gap of that length is to be the effect of the fault.
func (r OutageReport) NoGapOf(limit time.Duration) Result {
	f := finding{
		subject:  r.subject,
		trouble:  r.trouble,
		property: "operations succeed without a long pause",
		checked:  r.Total.OK,
		violated: fmt.Sprintf("nothing succeeded for %s, which is not less than %s", howLong(r.LongestGap), howLong(limit)),
		holds:    fmt.Sprintf("%d of %d operations succeeded, the longest pause between two took %s, less than %s", r.Total.OK, r.Total.Attempted(), howLong(r.LongestGap), howLong(limit)),
	}
	switch {
	case r.Total.Attempted() == 0:
		f.doubt = "nothing was attempted"
	case r.Total.OK == 0:
		f.violations, f.violated = 1, fmt.Sprintf("none of %d operations succeeded", r.Total.Attempted())
	case r.LongestGap >= limit:
		f.violations, f.late = 1, r.LongestGap-limit
	}
	return f.result()
}
