// Package scenarios_test measures the scenarios as a whole; the claims are in the packages below.
package scenarios_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkParallel runs each section's scenarios alone, then all sections at once. Together they should take at most 1.5
// times the longest of them: scenarios wait far more than they compute.
func BenchmarkParallel(b *testing.B) {
	if testing.Short() {
		b.Skip("-short leaves out what needs containers")
	}
	b.Setenv("ASSAY_EVIDENCE", b.TempDir())
	binaries := compile(b)
	var longest time.Duration
	for _, binary := range binaries {
		longest = max(longest, timed(b, binary))
	}
	together := timed(b, binaries...)
	ratio := together.Seconds() / longest.Seconds()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(longest.Seconds(), "longest-s")
	b.ReportMetric(together.Seconds(), "together-s")
	b.ReportMetric(ratio, "ratio")
	if ratio > 1.5 {
		b.Errorf("together %v, %.2f times the longest, %v; the budget is 1.5", together, ratio, longest)
	}
}

// compile builds the test binary of every section, so that only what they do is timed.
func compile(b *testing.B) []string {
	b.Helper()
	list, err := exec.Command("go", "list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}", "./...").Output()
	if err != nil {
		b.Fatalf("list the sections: %v", err)
	}
	here, err := os.Getwd()
	if err != nil {
		b.Fatal(err)
	}
	var binaries []string
	for dir := range strings.FieldsSeq(string(list)) {
		if dir == here {
			continue
		}
		binary := filepath.Join(b.TempDir(), filepath.Base(dir)+".test")
		if out, err := exec.Command("go", "test", "-c", "-o", binary, dir).CombinedOutput(); err != nil {
			b.Fatalf("compile %s: %v\n%s", dir, err, out)
		}
		binaries = append(binaries, binary)
	}
	return binaries
}

// timed runs the binaries at once and returns how long it took until the last had ended.
func timed(b *testing.B, binaries ...string) time.Duration {
	b.Helper()
	start := time.Now()
	var all sync.WaitGroup
	for _, binary := range binaries {
		all.Go(func() {
			cmd := exec.Command(binary, "-test.count=1")
			cmd.Dir = strings.TrimSuffix(filepath.Base(binary), ".test")
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Errorf("%s: %v\n%s", filepath.Base(binary), err, out)
			}
		})
	}
	all.Wait()
	return time.Since(start)
}
