package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

func prepareSabotage(*flag.FlagSet) runner {
	return func(ctx context.Context, args []string, out terminal) error {
		of, err := selected(args)
		if err != nil {
			return err
		}
		return sabotage(ctx, of, out)
	}
}

// sabotage runs the tests with faults that do nothing, to their end, which is a failure if all is well.
func sabotage(ctx context.Context, of selection, out terminal) error {
	known, err := of.claims(ctx)
	if err != nil {
		return err
	}
	kept, err := os.MkdirTemp("", "assay-sabotage-")
	if err != nil {
		return fmt.Errorf("a folder for the evidence: %w", err)
	}
	out.note("ASSAY_SABOTAGE=faults go test -count=1 %s", strings.Join(of.packages, " "))
	args := append([]string{"test", "-count=1"}, of.packages...)
	output, testErr := test(ctx, of.dir, kept, []string{"ASSAY_SABOTAGE=faults"}, "go", args...).CombinedOutput()
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), os.RemoveAll(kept))
	}

	records, refused, err := left(kept)
	if err != nil {
		return err
	}
	found := judge(records, known)
	for _, f := range found {
		out.say("%s", f)
	}
	if refused != nil {
		out.note("%v", refused)
	}
	line, ok := verdict(found)
	out.say("%s", line)
	if ok && refused == nil {
		return os.RemoveAll(kept)
	}
	if len(records) < len(known) {
		// The evidence cannot say what kept a test from leaving any; go test can.
		out.note("go test ended with %v and said\n%s", testErr, tail(output))
	}
	out.note("the evidence is kept in %s", kept)
	return errFailed
}
