package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"assay/harness/claims"
	"assay/harness/evidence"
)

func prepareTest(flags *flag.FlagSet) runner {
	pattern := flags.String("run", "", "only the tests whose name matches the regular `expression`, and their claims")
	timeout := flags.Duration("timeout", 30*time.Minute, "how long the tests of one package may take, with the images that are built for them")
	return func(ctx context.Context, args []string, out terminal) error {
		of, err := selected(args)
		if err != nil {
			return err
		}
		dir, err := evidence.Dir()
		if err != nil {
			return err
		}
		known, err := of.claims(ctx)
		if err != nil {
			return err
		}
		more := []string{"-count=1", fmt.Sprintf("-timeout=%v", *timeout)}
		if *pattern != "" {
			tests, err := regexp.Compile(*pattern)
			if err != nil {
				return errUsage("-run: " + err.Error())
			}
			known = slices.DeleteFunc(known, func(c claims.Claim) bool { return !tests.MatchString(c.Test) })
			more = append(more, "-run="+*pattern)
		}
		more = append(more, of.packages...)
		out.note("go test %s", strings.Join(more, " "))
		failed, pid, err := watch(ctx, of, dir, more, newProgress(out, len(known)))
		if err != nil {
			return err
		}
		folder, err := runOf(dir, pid)
		switch {
		case err != nil:
			return err
		case folder == "" && failed:
			return errFailed // go test has said why
		case folder == "":
			return fmt.Errorf("no test of %s put a claim to the test", strings.Join(of.packages, " "))
		}
		source, err := gather(out, []string{folder})
		if err != nil {
			return err
		}
		source.Known = known
		out.say("")
		if err := show(out, []string{folder}, source, filepath.Join(dir, "report.html")); err != nil {
			return err
		}
		if failed {
			return errFailed
		}
		return nil
	}
}

// watch runs the tests, shows how far they are, and tells whether any failed and which process the go command was.
func watch(ctx context.Context, of selection, dir string, args []string, show *progress) (failed bool, pid int, err error) {
	t := test(ctx, of.dir, dir, nil, "go", append([]string{"test", "-json"}, args...)...)
	t.WaitDelay = time.Minute // the tests clean up; then they are killed
	t.Stdout, t.Stderr = show.events(), show.remarks()
	if show.live {
		withoutTerminal(t) // what is said to it would be drawn over
	}
	done := show.begin()
	err = t.Run()
	done()
	if ctx.Err() != nil {
		return false, 0, ctx.Err()
	}
	if _, failed = errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return false, 0, fmt.Errorf("go test: %w", err)
	}
	return failed, t.Process.Pid, nil
}

// runOf returns the folder of the run that the go command of that process id has started, "" if it has left no evidence.
func runOf(dir string, pid int) (string, error) {
	runs, err := evidence.Runs(dir)
	if err != nil {
		return "", err
	}
	for _, run := range runs { // the newest first: a process id comes again
		if strings.HasSuffix(run, fmt.Sprintf("-%d", pid)) {
			return run, nil
		}
	}
	return "", nil
}
