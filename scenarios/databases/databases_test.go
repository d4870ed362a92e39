// Package databases_test puts the claims of section 8 to the test.
package databases_test

import "time"

// limit bounds every wait for something that takes milliseconds on a quiet machine.
const limit = 10 * time.Second
