// Package caching_test puts the claims of section 4 to the test.
package caching_test

import "time"

// limit bounds every wait for something that takes milliseconds on a quiet machine.
const limit = 30 * time.Second
