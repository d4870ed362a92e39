// Package caching_test puts the claims of section 4 to the test.
package caching_test
