// Package scenarios_test measures the scenarios as a whole; the claims are in the packages below.
package scenarios_test

import (
	"os/exec"
	"testing"
	"time"
)

// BenchmarkSuite runs all scenarios as `make scenarios` does, once their images and test programs are built. On two cores that
// should take at most 90 s.
func BenchmarkSuite(b *testing.B) {
	if testing.Short() {
		b.Skip("-short leaves out what needs containers")
	}
	const budget = 90 * time.Second
	b.Setenv("ASSAY_EVIDENCE", b.TempDir())
	test := func(args ...string) {
		b.Helper()
		if out, err := exec.CommandContext(b.Context(), "go", append([]string{"test", "-count=1"}, args...)...).CombinedOutput(); err != nil {
			b.Fatalf("go test %v: %v\n%s", args, err, out)
		}
	}
	test("-run", "^$", "./...")
	start := time.Now()
	test("./...")
	took := time.Since(start)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took.Seconds(), "suite-s")
	if took > budget {
		b.Errorf("all scenarios took %v; the budget is %v", took, budget)
	}
}
