package evidence

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// Dir returns the folder under which runs keep their evidence: ASSAY_EVIDENCE, or .assay/evidence at the root of the Go
// module that the working directory lies in. A relative ASSAY_EVIDENCE counts from that root too, because `go test` runs
// each package in a folder of its own. The folder need not exist.
func Dir() (string, error) {
	set := os.Getenv("ASSAY_EVIDENCE")
	if filepath.IsAbs(set) {
		return set, nil
	}
	root, err := ModuleRoot()
	if err != nil {
		return "", fmt.Errorf("where to keep evidence: %w; set ASSAY_EVIDENCE to an absolute path", err)
	}
	if set == "" {
		set = filepath.Join(".assay", "evidence")
	}
	return filepath.Join(root, set), nil
}

// ModuleRoot returns the root of the Go module that the working directory lies in; an error if it lies in none.
func ModuleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above it", start)
		}
	}
}

// RunID names the run that this process belongs to: all the test binaries that one `go test` started share it. It reads
// 20261123T173225-4711: when the run started (UTC), and the process id of the go command, or of this process where no
// go command started it. It stays the same for as long as the process lives.
func RunID() string { return runID() }

var started = time.Now()

var runID = sync.OnceValue(func() string {
	at, pid := started, os.Getpid()
	if parent, err := process.NewProcess(int32(os.Getppid())); err == nil {
		name, nameErr := parent.Name()
		created, err := parent.CreateTime()
		if nameErr == nil && err == nil && strings.TrimSuffix(name, ".exe") == "go" {
			at, pid = time.UnixMilli(created), int(parent.Pid)
		}
	}
	dir, err := Dir()
	if err != nil {
		return runName(at, pid)
	}
	return joined(dir, at, pid)
})

const stamp = "20060102T150405"

func runName(at time.Time, pid int) string {
	return fmt.Sprintf("%s-%d", at.UTC().Format(stamp), pid)
}

// joined returns the name of the run of pid that is already in dir, if one is. Where a process's start is known only as an
// offset from the machine's (Linux), two readers of the same start can be a second apart.
func joined(dir string, at time.Time, pid int) string {
	for _, off := range []time.Duration{0, -time.Second, time.Second} {
		name := runName(at.Add(off), pid)
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return name
		}
	}
	return runName(at, pid)
}

var runFolder = regexp.MustCompile(`^\d{8}T\d{6}-\d+$`)

// Runs returns the folders of the runs under root, the newest first. What RunID did not name is left out. No root, no runs:
// that is not an error.
func Runs(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the runs: %w", err)
	}
	var runs []string
	for _, e := range entries {
		if e.IsDir() && runFolder.MatchString(e.Name()) {
			runs = append(runs, filepath.Join(root, e.Name()))
		}
	}
	slices.SortFunc(runs, func(a, b string) int { return newerFirst(filepath.Base(a), filepath.Base(b)) })
	return runs, nil
}

func newerFirst(a, b string) int {
	at, aPID, _ := strings.Cut(a, "-")
	bt, bPID, _ := strings.Cut(b, "-")
	aN, _ := strconv.Atoi(aPID)
	bN, _ := strconv.Atoi(bPID)
	return cmp.Or(cmp.Compare(bt, at), cmp.Compare(bN, aN))
}
