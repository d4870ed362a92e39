// Package balancing_test puts the claims of section 6 to the test.
package balancing_test
