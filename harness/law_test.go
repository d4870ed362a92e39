package harness

import (
	"time"

	"assay/harness/history"
)

// unheard is a window in which the metronome of no test beats: what is predicted of it is widened only by beats made by hand.
var unheard = history.Between(time.Hour, 2*time.Hour)
