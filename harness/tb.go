package harness

import "io"

// TB is what the harness needs of a test. *testing.T and *testing.B have it; the harness's own tests bring a fake one.
type TB interface {
	Helper()
	Name() string
	Output() io.Writer
	Errorf(format string, args ...any)
	FailNow()
	Failed() bool
	Skipf(format string, args ...any)
	Skipped() bool
}
