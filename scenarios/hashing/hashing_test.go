// Package hashing_test puts the claims of section 7 to the test.
package hashing_test

// users are those who ask for items at the same time.
const users = 5
