// Package storage_test puts the claims of section 2 about what is kept where to the test.
package storage_test
