package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"assay/harness/claims"
	"assay/harness/evidence"
)

// What the commands that run tests have in common: which packages, how a test is run and interrupted, what it has left.

// selection is the packages that a command is about.
type selection struct {
	root     string // of the module
	dir      string // that the packages count from
	packages []string
}

// selected is the packages that the arguments name, without any the scenarios, or the module's where it has no folder of those.
func selected(args []string) (selection, error) {
	root, err := evidence.ModuleRoot()
	if err != nil {
		return selection{}, fmt.Errorf("which module's tests? %w", err)
	}
	if len(args) > 0 {
		return selection{root, ".", args}, nil
	}
	if isFolder(filepath.Join(root, "scenarios")) {
		return selection{root, root, []string{"./scenarios/..."}}, nil
	}
	return selection{root, root, []string{"./..."}}, nil
}

// claims returns the claims that the packages' tests state.
func (s selection) claims(ctx context.Context) ([]claims.Claim, error) {
	all, err := claims.Find(s.root)
	if err != nil {
		return nil, err
	}
	listed, err := folders(ctx, s.dir, s.packages...)
	if err != nil {
		return nil, err
	}
	dirs := map[string]bool{}
	for _, dir := range listed {
		dirs[resolved(dir)] = true
	}
	return slices.DeleteFunc(all, func(c claims.Claim) bool {
		return !dirs[resolved(filepath.Join(s.root, filepath.FromSlash(c.Dir)))]
	}), nil
}

// folders returns where the packages are, which are counted from dir.
func folders(ctx context.Context, dir string, packages ...string) ([]string, error) {
	list := exec.CommandContext(ctx, "go", append([]string{"list", "-f", "{{.Dir}}", "--"}, packages...)...)
	list.Dir = dir
	text, err := list.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w\n%s", err, bytes.TrimSpace(exit.Stderr))
		}
		return nil, fmt.Errorf("go list %s: %w", strings.Join(packages, " "), err)
	}
	var all []string
	for dir := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
		all = append(all, strings.TrimSpace(dir))
	}
	return all, nil
}

// resolved returns the path without symbolic links, so that two ways to the same folder compare equal.
func resolved(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	return path
}

// test is a command that runs tests in dir and has them leave their evidence in keep. When the context ends it interrupts them, all
// processes of theirs, and whoever runs it waits for them to clean up.
func test(ctx context.Context, dir, keep string, settings []string, name string, args ...string) *exec.Cmd {
	t := exec.CommandContext(ctx, name, args...)
	t.Dir = dir
	t.Env = append(append(os.Environ(), settings...), "ASSAY_EVIDENCE="+keep)
	inGroup(t)
	return t
}

// program is the tests of one package, compiled once to be run often.
type program struct{ dir, file string }

// compile compiles the tests of a package, which is counted from root, to a file in the folder.
func compile(ctx context.Context, root, pkg, folder string) (program, error) {
	listed, err := folders(ctx, root, pkg)
	if err != nil {
		return program{}, err
	}
	p := program{listed[0], filepath.Join(folder, "claim.test.exe")} // Windows wants the ending, and others do not mind
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", p.file, pkg)
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		return program{}, fmt.Errorf("go test -c %s: %w\n%s", pkg, err, tail(text))
	}
	if _, err := os.Stat(p.file); err != nil {
		return program{}, fmt.Errorf("%s has no tests", pkg)
	}
	return p, nil
}

// ran is what came of one run of a test.
type ran struct {
	output  []byte
	ended   string // how its process did, e.g. "exit status 1"
	records []*evidence.Record
	refused error // why what lies beside the records is none
}

// run runs the test of that name once, and has it leave its evidence in keep. That the test fails is no error.
func (p program) run(ctx context.Context, name, keep string, settings ...string) (ran, error) {
	t := test(ctx, p.dir, keep, settings, p.file,
		"-test.run="+evidence.Pattern(name), "-test.count=1", "-test.v", "-test.timeout=10m", "-test.paniconexit0")
	t.WaitDelay = 30 * time.Second // then it is killed
	output, err := t.CombinedOutput()
	if ctx.Err() != nil {
		return ran{}, ctx.Err()
	}
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return ran{}, fmt.Errorf("run the test: %w", err)
	}
	r := ran{output: output, ended: t.ProcessState.String()}
	r.records, r.refused, err = left(keep)
	return r, err
}

// left returns the records that tests have left in keep.
func left(keep string) (records []*evidence.Record, refused, err error) {
	runs, err := evidence.Runs(keep)
	if err != nil {
		return nil, nil, err
	}
	var bad []error
	for _, run := range runs {
		r, errs := evidence.Load(run)
		records, bad = append(records, r...), append(bad, errs...)
	}
	return records, errors.Join(bad...), nil
}

// tail returns the last lines of what was printed: there is much of it, and why it ended comes last.
func tail(output []byte) string {
	const most = 60
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
