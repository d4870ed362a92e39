// Package messaging_test puts the claims of section 12 to the test.
package messaging_test
