// Package databases_test puts the claims of section 8 to the test.
package databases_test

import "time"

// limit bounds every wait for something that takes milliseconds on a quiet machine.
const limit = 30 * time.Second

// recovery bounds the wait for a server that was killed: it first goes through its files and its log, at the pace of a busy disk.
const recovery = time.Minute
