// Package storage_test puts the claims of section 2 about what is kept where to the test.
package storage_test

import "time"

// limit bounds every wait for something that takes milliseconds on a quiet machine.
const limit = 20 * time.Second
