// Package databases_test puts the claims of section 8 to the test.
package databases_test
