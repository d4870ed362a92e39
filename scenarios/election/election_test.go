// Package election_test puts the claims of section 9 to the test.
package election_test

import "time"

// limit bounds every wait for something that takes a few election timeouts on a quiet machine.
const limit = 20 * time.Second
