// Package proxies_test puts the claims of section 5 to the test.
package proxies_test
