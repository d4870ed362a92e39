package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"assay/harness/claims"
)

func prepareSabotage(flags *flag.FlagSet) runner {
	which := flags.String("mode", "both", "what is done to faults: `faults` (they do nothing), half (those that have a size do half of what they say), or both, one after the other")
	return func(ctx context.Context, args []string, out terminal) error {
		modes := map[string][]mode{"both": {nothing, half}, string(nothing): {nothing}, string(half): {half}}[*which]
		if modes == nil {
			return errUsage(fmt.Sprintf("-mode %s: there are faults, half and both", *which))
		}
		of, err := selected(args)
		if err != nil {
			return err
		}
		return sabotage(ctx, of, modes, out)
	}
}

// sabotage runs the tests in each mode, to their end, which is a failure if all is well. What injects no fault has nothing to halve, so
// it is run once only.
func sabotage(ctx context.Context, of selection, modes []mode, out terminal) error {
	known, err := of.claims(ctx)
	if err != nil {
		return err
	}
	failed := false
	for _, m := range modes {
		found, err := m.run(ctx, of, known, len(modes) == 1, out)
		if err != nil && !errors.Is(err, errFailed) {
			return err
		}
		failed = failed || err != nil
		known = slices.DeleteFunc(known, func(c claims.Claim) bool {
			return slices.ContainsFunc(found, func(f finding) bool { return f.claim == c.ID && (f.outcome == unaffected || f.outcome == cannot) })
		})
		if len(known) == 0 {
			break
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

// run runs the tests of the claims in one mode, and says what that shows.
func (m mode) run(ctx context.Context, of selection, known []claims.Claim, alone bool, out terminal) ([]finding, error) {
	kept, err := os.MkdirTemp("", "assay-sabotage-")
	if err != nil {
		return nil, fmt.Errorf("a folder for the evidence: %w", err)
	}
	args := []string{"test", "-count=1"}
	if m == half && !alone {
		args = append(args, "-run="+tests(known))
	}
	args = append(args, of.packages...)
	out.note("ASSAY_SABOTAGE=%s go %s", m, strings.Join(args, " "))
	output, testErr := test(ctx, of.dir, kept, []string{"ASSAY_SABOTAGE=" + string(m)}, "go", args...).CombinedOutput()
	if ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), os.RemoveAll(kept))
	}

	records, refused, err := left(kept)
	if err != nil {
		return nil, err
	}
	found := m.judge(records, known)
	for _, f := range found {
		out.say("%s", f)
	}
	if refused != nil {
		out.note("%v", refused)
	}
	line, ok := m.verdict(found, alone)
	out.say("%s", line)
	if ok && refused == nil {
		return found, os.RemoveAll(kept)
	}
	if len(records) < len(known) {
		// The evidence cannot say what kept a test from leaving any; go test can.
		out.note("go test ended with %v and said\n%s", testErr, tail(output))
	}
	out.note("the evidence is kept in %s", kept)
	return found, errFailed
}

// tests is the pattern, as for -run, of the tests that state the claims. A claim that is stated outside of a test may be any test's.
func tests(of []claims.Claim) string {
	var names []string
	for _, c := range of {
		switch {
		case c.Test == "":
			return "."
		case !slices.Contains(names, c.Test):
			names = append(names, regexp.QuoteMeta(c.Test))
		}
	}
	return "^(" + strings.Join(names, "|") + ")$"
}
