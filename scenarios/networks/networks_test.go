// Package networks_test puts the claims of section 1 to the test.
package networks_test

import "time"

// limit bounds every wait for something that takes at most seconds on a quiet machine.
const limit = 90 * time.Second
