package harness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
)

// fake is a TB whose failures are looked at: the harness's own messages are part of what it promises.
type fake struct {
	mu       sync.Mutex
	notebook bytes.Buffer
	errors   []string
	failed   bool
	skipped  string
}

func (f *fake) Helper()           {}
func (f *fake) Name() string      { return "TestFake" }
func (f *fake) Output() io.Writer { return f }

func (f *fake) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.notebook.Write(b)
}

func (f *fake) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors, f.failed = append(f.errors, fmt.Sprintf(format, args...)), true
}

func (f *fake) FailNow() {
	f.mu.Lock()
	f.failed = true
	f.mu.Unlock()
	runtime.Goexit()
}

func (f *fake) Failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

func (f *fake) Skipf(format string, args ...any) {
	f.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (f *fake) Skipped() bool { return f.skipped != "" }

// ran is what came of a test under the fake TB.
type ran struct {
	*fake
	evidence string // folder
}

// run runs a test under the fake TB as testing would: in a goroutine of its own, which the test may end.
func run(t *testing.T, test func(TB)) ran {
	t.Helper()
	r := ran{&fake{}, t.TempDir()}
	t.Setenv("ASSAY_EVIDENCE", r.evidence)
	inGoroutine(func() { test(r.fake) })
	return r
}

func inGoroutine(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// offline runs a test without an engine.
func offline(t *testing.T, test func(*Env)) ran {
	t.Helper()
	return offlineClaim(t, Claim{ID: "12.99", Says: "a test is a test"}, test)
}

// offlineClaim is offline for a claim of its own.
func offlineClaim(t *testing.T, claim Claim, test func(*Env)) ran {
	t.Helper()
	return run(t, func(tb TB) { prove(tb, claim, noEngine, test) })
}

func noEngine(*Env) error { return nil }

// errNever is what a condition says that is never reached.
var errNever = errors.New("no")

// impatient makes what is awaited in vain time out soon.
func impatient(e *Env) { e.patience = 20 * time.Millisecond }

// record reads the evidence that the test left, which says what the notebook says.
func (r ran) record(t *testing.T) *evidence.Record {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.evidence, "*", "*.json"))
	require.NoError(t, err)
	paths = slices.DeleteFunc(paths, func(p string) bool { return strings.HasSuffix(p, ".schedule.json") })
	require.Len(t, paths, 1, "one evidence file a run; test said: %s", r.errors)
	rec, err := evidence.Read(paths[0])
	require.NoError(t, err)
	r.honest(t, rec)
	return rec
}

// failedWith requires exactly one failure of the kind, with all the words in its message.
func (r ran) failedWith(t *testing.T, kind string, words ...string) {
	t.Helper()
	require.Len(t, r.errors, 1, strings.Join(r.errors, "\n"))
	require.True(t, strings.HasPrefix(r.errors[0], kind+": "), "want %q, got %q", kind, r.errors[0])
	for _, w := range words {
		require.Contains(t, r.errors[0], w)
	}
	rec := r.record(t)
	require.Equal(t, evidence.Failed, rec.Verdict)
	require.Equal(t, kind, rec.Failures[0].Kind)
}

func TestMain(m *testing.M) {
	// What these tests set, they set themselves, also for the processes that they start.
	if os.Getenv("HARNESS_TEST_CHILD") != "" {
		os.Exit(m.Run())
	}
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "ASSAY_") {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}
