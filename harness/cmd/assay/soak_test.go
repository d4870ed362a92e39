//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The program of these tests is a busy loop, too, where it is asked to be one.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == busyWord {
		busy(os.Stdin)
		return
	}
	os.Exit(m.Run())
}

// loopsOf are the process ids of the busy loops that the process has started.
func loopsOf(t *testing.T, parent int) (pids []int) {
	t.Helper()
	listed, err := exec.Command("ps", "-A", "-o", "pid=,ppid=,args=").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(listed)) {
		if f := strings.Fields(line); len(f) == 4 && f[1] == strconv.Itoa(parent) && f[3] == busyWord {
			pid, err := strconv.Atoi(f[0])
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestBusyLoops(t *testing.T) {
	end, err := keepBusy(2)
	require.NoError(t, err)
	loops := loopsOf(t, os.Getpid())
	require.Len(t, loops, 2)
	for _, pid := range loops {
		session, _, errno := syscall.RawSyscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
		require.Zero(t, errno)
		assert.Equal(t, pid, int(session), "each has a session of its own")
	}
	end()
	assert.Empty(t, loopsOf(t, os.Getpid()))
}

// What started them may be killed before it can end them.
func TestBusyLoopEndsWithWhoStartedIt(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	loop := exec.Command(self, busyWord)
	input, err := loop.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, loop.Start())
	ended := make(chan error, 1)
	go func() { ended <- loop.Wait() }()
	select {
	case <-ended:
		t.Fatal("it ended by itself")
	case <-time.After(200 * time.Millisecond):
	}
	require.NoError(t, input.Close()) // as the kernel does with what a dead process has had open
	select {
	case err := <-ended:
		assert.NoError(t, err)
	case <-time.After(10 * time.Second):
		_ = loop.Process.Kill()
		t.Fatal("it goes on")
	}
}

// now is the number of this run of a soak, from 1 on, in a test's body.
const now = `log, _ := os.OpenFile("runs", os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600); log.WriteString("."); runs, _ := os.ReadFile("runs"); run := len(runs); `

func soakable(t *testing.T) (root string) {
	return module(t, map[string]string{
		"go.mod":                   "module assay\n\ngo 1.26\n",
		"harness/harness.go":       leaving,
		"scenarios/good/s_test.go": scenario("12.1", leave(`\"verdict\": \"holds\", `+seen)),
		"scenarios/busy/s_test.go": scenario("8.5", now+`if run == 2 { `+
			leave(`\"verdict\": \"undecided here\", \"repeats\": [{}, {}], \"undecided\": [{\"what\": \"lag\", \"noise_s\": 1, \"message\": \"0.3 s or 0.5 s\"}]`)+`; t.SkipNow() }; `+leave(`\"verdict\": \"holds\", `+seen)),
		"scenarios/bad/s_test.go": scenario("9.1", now+`if run == 1 { `+
			leave(`\"verdict\": \"failed\", \"failures\": [{\"kind\": \"violated\", \"message\": \"two leaders\\nat once\"}]`)+`; t.FailNow() }; `+leave(`\"verdict\": \"holds\", `+seen)),
		"scenarios/torn/s_test.go": scenario("1.1", `t.Fatal("no engine")`),
	})
}

func TestSoak(t *testing.T) {
	root := soakable(t)
	status, stdout, stderr := assay(t, "soak", "-loops", "1", "-runs", "3", "./scenarios/good", "./scenarios/busy")
	require.Equal(t, 0, status, stderr)
	assert.Equal(t, "assay: go test -count=1 -v -timeout=60m ./scenarios/good ./scenarios/busy, 3 times beside 1 busy loop\n", stderr)
	assert.Regexp(t, `^run 1 of 3, \d+ s: 2 proven, 0 undecided here, 0 failed
run 2 of 3, \d+ s: 1 proven, 1 undecided here, 0 failed
run 3 of 3, \d+ s: 2 proven, 0 undecided here, 0 failed
claim  proven  undecided here  not provable here  failed  no evidence
8\.5         2               1                  0       0            0
12\.1        3               0                  0       0            0
total       5               1                  0       0            0
8\.5, run 2 undecided here: lag: 0\.3 s or 0\.5 s
3 runs of 2 claims: 5 proven, 1 undecided here, 0 failed; 1 took more than one attempt
the evidence and the notebooks of all runs are in `+root+`/\.assay/evidence/soaked/1-loops-\d{8}T\d{6}-\d+\n$`, stdout)
	kept, err := filepath.Glob(filepath.Join(root, ".assay", "evidence", "soaked", "*", "run-*", "*"))
	require.NoError(t, err)
	assert.Len(t, kept, 6, "of each run the evidence and the notebook")
	assert.Empty(t, loopsOf(t, os.Getpid()))

	status, stdout, _ = assay(t, "soak", "-loops", "0", "-runs", "2", "./scenarios/good", "./scenarios/bad")
	assert.Equal(t, 1, status)
	assert.Contains(t, stdout, "\n9.1         1               0                  0       1            0\n")
	assert.Contains(t, stdout, "\n9.1, run 1 failed: violated: two leaders\n")

	status, stdout, _ = assay(t, "soak", "-loops", "0", "-runs", "1", "./scenarios/good", "./scenarios/torn")
	assert.Equal(t, 1, status, "of a claim without evidence nothing is known")
	assert.Contains(t, stdout, "\n1.1         0               0                  0       0            1\n")

	for _, args := range [][]string{{"-loops", "-1"}, {"-loops", "257"}, {"-runs", "0"}, {"-runs", "1001"}} {
		status, _, stderr := assay(t, append([]string{"soak"}, args...)...)
		assert.Equal(t, 2, status)
		assert.Contains(t, stderr, "up to 256 loops, and from 1 to 1000 runs\n\nusage: assay soak [-loops 8] [-runs 10] [packages]")
	}
}

// Ctrl-C ends the tests, then the loops, and what was seen till then is told.
func TestSoakIsInterrupted(t *testing.T) {
	root := module(t, map[string]string{
		"go.mod":             "module assay\n\ngo 1.26\n",
		"harness/harness.go": leaving,
		"scenarios/slow/s_test.go": scenario("12.1", now+`if run == 2 {
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		os.WriteFile("started", nil, 0o600)
		select {
		case <-interrupted:
		case <-time.After(time.Minute):
		}
		return
	}; `+leave(`\"verdict\": \"holds\", `+seen)),
	})
	var out, err bytes.Buffer
	assert.Equal(t, 1, run(until(t, filepath.Join(root, "scenarios", "slow", "started")), []string{"soak", "-loops", "2", "-runs", "3"}, nil, &out, &err))
	assert.Contains(t, out.String(), "\n1 run of 1 claim: 1 proven, 0 undecided here, 0 failed; 0 took more than one attempt\n")
	assert.Contains(t, err.String(), "assay: interrupted\n")
	assert.Empty(t, loopsOf(t, os.Getpid()))
}
