// Package messaging_test puts the claims of section 12 to the test.
package messaging_test

import "time"

// limit bounds every wait for something that takes milliseconds on a quiet machine.
const limit = 20 * time.Second
