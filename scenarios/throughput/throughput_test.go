// Package throughput_test puts the claims of section 2 about latency and throughput to the test.
package throughput_test
