// Package networks_test puts the claims of section 1 to the test.
package networks_test
