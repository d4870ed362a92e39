// Package balancing_test puts the claims of section 6 to the test.
package balancing_test

import "time"

// limit bounds every wait for something that takes milliseconds on a quiet machine.
const limit = 30 * time.Second
