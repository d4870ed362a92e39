package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"assay/harness/evidence"
	"assay/harness/internal/shrink"
)

func prepareShrink(flags *flag.FlagSet) runner {
	k := flags.Int("k", 2, "how many runs under a schedule must fail for it to count as failing")
	n := flags.Int("n", 3, "of how many runs; no more are made than it takes to know")
	budget := flags.Duration("budget", 10*time.Minute, "how long all runs together may take; then the smallest schedule so far is the result")
	return func(ctx context.Context, args []string, out terminal) error {
		if len(args) != 1 {
			return errUsage("name the file of one schedule, such as a failed test has left beside its evidence")
		}
		if *k < 1 || *n < *k || *budget <= 0 {
			return errUsage(fmt.Sprintf("-k %d -n %d -budget %v: at least 1 of at least as many runs, in some time", *k, *n, *budget))
		}
		path, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		schedule, err := evidence.ReadSchedule(path)
		if err != nil {
			return err
		}
		if schedule.Failure == "" {
			return fmt.Errorf("%s does not say with what kind of failure the test ended under it (\"failure\"), so nobody could tell that it does again", path)
		}
		s := &shrinking{schedule: schedule, search: shrink.Search{K: *k, N: *n, Budget: *budget, Say: out.note}}
		return s.run(ctx, out)
	}
}

// shrinking is the search for a smaller schedule under which a test fails with the same kind of failure.
type shrinking struct {
	schedule *evidence.ScheduleFile
	search   shrink.Search

	test program
	kept string // a folder for the test's program, the candidates, and the evidence of their runs
	runs int
}

func (s *shrinking) run(ctx context.Context, out terminal) error {
	var err error
	if s.kept, err = os.MkdirTemp("", "assay-shrink-"); err != nil {
		return fmt.Errorf("a folder for the runs: %w", err)
	}
	root, err := evidence.ModuleRoot()
	if err != nil {
		err = fmt.Errorf("which module's tests? %w", err)
	} else {
		s.test, err = compile(ctx, root, s.schedule.Package, s.kept)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(s.kept))
	}
	f := s.schedule
	out.note("claim %s was %s under %d windows; %d of %d runs must be so again (%v in all)",
		f.Claim, f.Failure, len(f.Windows), s.search.K, s.search.N, s.search.Budget)
	s.search.Run = s.try
	found, err := s.search.Smallest(ctx, len(f.Windows))
	if passes, ok := errors.AsType[shrink.ErrPasses](err); ok {
		err = fmt.Errorf("%s %w (a run passes that is not %s)", f.Path, passes, f.Failure)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err = errors.Join(err, os.RemoveAll(s.kept)); err != nil {
		return err
	}
	return s.tell(found, out)
}

// tell says what was found, and writes it down where it is less than before.
func (s *shrinking) tell(found shrink.Result, out terminal) error {
	f := s.schedule
	unsure := ""
	if !found.Minimal {
		unsure = fmt.Sprintf("; the budget of %v ended the search, so fewer may do", s.search.Budget)
	}
	if len(found.Windows) == 0 {
		out.say("%s without any of its %d windows: the schedule has nothing to do with it (after %d runs)", f.Failure, len(f.Windows), found.Runs)
		return nil
	}
	out.say("%s under %s of %d (after %d runs%s)", f.Failure, shrink.Name(found.Windows), len(f.Windows), found.Runs, unsure)
	for _, w := range found.Windows {
		out.say("  %2d  %v", w+1, f.Windows[w])
	}
	small := *f
	if len(found.Windows) < len(f.Windows) {
		small.Windows = s.only(found.Windows)
		small.Shrunk = fmt.Sprintf("%s of %d in %s", shrink.Name(found.Windows), len(f.Windows), filepath.Base(f.Path))
		if err := evidence.WriteShrunk(f.Path, &small); err != nil {
			return err
		}
	}
	out.say("follow it: %s", small.Replay())
	return nil
}

func (s *shrinking) only(windows []int) []evidence.Window {
	var left []evidence.Window
	for _, w := range windows {
		left = append(left, s.schedule.Windows[w])
	}
	return left
}

// try runs the test once under some of the windows. When the context ends it interrupts the test and waits for it.
func (s *shrinking) try(ctx context.Context, windows []int) (failed bool, what string, err error) {
	s.runs++
	f := *s.schedule
	f.Windows = s.only(windows)
	if err := evidence.WriteSchedule(s.kept, fmt.Sprintf("candidate-%d", s.runs), &f); err != nil {
		return false, "", err
	}
	settings := []string{"ASSAY_SCHEDULE=" + f.Path, fmt.Sprintf("ASSAY_SEED=%d", f.Seed)}
	if os.Getenv("ASSAY_KNOBS") == "" {
		settings = append(settings, "ASSAY_KNOBS="+f.Knobs)
	}
	ran, err := s.test.run(ctx, f.Test, filepath.Join(s.kept, fmt.Sprintf("run-%d", s.runs)), settings...)
	if err != nil {
		return false, "", err
	}
	r, err := s.record(ran)
	if err != nil {
		return false, "", fmt.Errorf("the run under %s ended (%s), and %w\n%s", shrink.Name(windows), ran.ended, err, tail(ran.output))
	}
	if r.Verdict == evidence.NotProvable {
		return false, "", fmt.Errorf("claim %s is not provable here: %s", f.Claim, r.Unprovable)
	}
	var kinds []string
	for _, failure := range r.Failures {
		if !slices.Contains(kinds, failure.Kind) {
			kinds = append(kinds, failure.Kind)
		}
	}
	switch {
	case r.Verdict == evidence.Undecided: // it was repeated already, so it counts as not failing: that makes no schedule smaller than it should be
		return false, r.Verdict, nil
	case kinds == nil:
		return false, "passed", nil
	}
	return slices.Contains(kinds, f.Failure), strings.Join(kinds, " and "), nil
}

// record is what the test has left of its claim.
func (s *shrinking) record(ran ran) (*evidence.Record, error) {
	for _, r := range ran.records {
		if r.Claim.ID == s.schedule.Claim && r.Test == s.schedule.Test {
			return r, nil
		}
	}
	if ran.refused != nil {
		return nil, ran.refused
	}
	return nil, fmt.Errorf("%s left no evidence of claim %s", s.schedule.Test, s.schedule.Claim)
}
