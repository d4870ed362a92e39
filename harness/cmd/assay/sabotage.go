package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"assay/harness/claims"
	"assay/harness/evidence"
)

func prepareSabotage(*flag.FlagSet) runner {
	return func(ctx context.Context, args []string, out terminal) error {
		root, err := evidence.ModuleRoot()
		if err != nil {
			return fmt.Errorf("which module's tests? %w", err)
		}
		s := &sabotage{root: root, dir: ".", packages: args}
		if len(args) == 0 {
			s.dir, s.packages = root, []string{"./..."}
			if isFolder(filepath.Join(root, "scenarios")) {
				s.packages = []string{"./scenarios/..."}
			}
		}
		return s.run(ctx, out)
	}
}

// sabotage is one run of tests whose faults do nothing.
type sabotage struct {
	root     string // of the module
	dir      string // that the packages count from
	packages []string
}

func (s *sabotage) run(ctx context.Context, out terminal) error {
	known, err := s.claims(ctx)
	if err != nil {
		return err
	}
	kept, err := os.MkdirTemp("", "assay-sabotage-")
	if err != nil {
		return fmt.Errorf("a folder for the evidence: %w", err)
	}
	out.note("ASSAY_SABOTAGE=faults go test -count=1 %s", strings.Join(s.packages, " "))
	output, testErr := s.test(ctx, kept)
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), os.RemoveAll(kept))
	}

	runs, err := evidence.Runs(kept)
	if err != nil {
		return err
	}
	var records []*evidence.Record
	var bad []error
	for _, run := range runs {
		r, errs := evidence.Load(run)
		records, bad = append(records, r...), append(bad, errs...)
	}
	found := judge(records, known)
	for _, f := range found {
		out.say("%s", f)
	}
	for _, err := range bad {
		out.note("%v", err)
	}
	line, ok := verdict(found)
	out.say("%s", line)
	if ok && len(bad) == 0 {
		return os.RemoveAll(kept)
	}
	if len(records) < len(known) {
		// The evidence cannot say what kept a test from leaving any; go test can.
		out.note("go test ended with %v and said\n%s", testErr, tail(output))
	}
	out.note("the evidence is kept in %s", kept)
	return errFailed
}

// claims returns the claims that the packages' tests state.
func (s *sabotage) claims(ctx context.Context) ([]claims.Claim, error) {
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

// test runs the tests to their end, which is a failure if all is well, and returns what they printed. When the context ends it
// interrupts them, all processes of theirs, and waits for them to clean up.
func (s *sabotage) test(ctx context.Context, keep string) (output []byte, err error) {
	test := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1"}, s.packages...)...)
	test.Dir = s.dir
	test.Env = append(os.Environ(), "ASSAY_SABOTAGE=faults", "ASSAY_EVIDENCE="+keep)
	inGroup(test)
	return test.CombinedOutput()
}

// tail returns the last lines of what was printed: there is much of it, and why it ended comes last.
func tail(output []byte) string {
	const most = 60
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}
