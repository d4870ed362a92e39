package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"assay/harness/claims"
	"assay/harness/evidence"
)

// More than these would be no load, and no evening.
const (
	mostLoops = 256
	mostRuns  = 1000
)

func prepareSoak(flags *flag.FlagSet) runner {
	loops := flags.Int("loops", 8, "how many busy loops run beside the tests, each in a session of its own")
	runs := flags.Int("runs", 10, "how many times all tests are run")
	return func(ctx context.Context, args []string, out terminal) error {
		if *loops < 0 || *loops > mostLoops || *runs < 1 || *runs > mostRuns {
			return errUsage(fmt.Sprintf("-loops %d -runs %d: up to %d loops, and from 1 to %d runs", *loops, *runs, mostLoops, mostRuns))
		}
		of, err := selected(args)
		if err != nil {
			return err
		}
		known, err := of.claims(ctx)
		if err != nil {
			return err
		}
		if len(known) == 0 {
			return fmt.Errorf("no test of %s states a claim", strings.Join(of.packages, " "))
		}
		return soak(ctx, of, known, *loops, *runs, out)
	}
}

// soak runs the tests again and again beside busy loops, and tells how that ended for each claim.
func soak(ctx context.Context, of selection, known []claims.Claim, loops, runs int, out terminal) error {
	dir, err := evidence.Dir()
	if err != nil {
		return err
	}
	kept := filepath.Join(dir, "soaked", fmt.Sprintf("%d-loops-%s-%d", loops, time.Now().UTC().Format("20060102T150405"), os.Getpid()))
	end, err := keepBusy(loops)
	if err != nil {
		return err
	}
	defer end()
	args := append([]string{"test", "-count=1", "-v", "-timeout=60m"}, of.packages...)
	out.note("go %s, %s beside %s", strings.Join(args, " "), several(runs, "time"), several(loops, "busy loop"))
	t := tally{known: known, of: map[string]map[string]int{}, why: map[string][]string{}}
	for i := 1; i <= runs; i++ {
		keep := filepath.Join(kept, fmt.Sprintf("run-%d", i))
		began := time.Now()
		output, testErr := test(ctx, of.dir, keep, nil, "go", args...).CombinedOutput()
		if ctx.Err() != nil {
			break // what was seen till then is told
		}
		if _, failed := errors.AsType[*exec.ExitError](testErr); testErr != nil && !failed {
			return fmt.Errorf("go test: %w", testErr)
		}
		if err := keepOutput(keep, output); err != nil {
			return err
		}
		records, refused, err := left(keep)
		if err != nil {
			return err
		}
		if refused != nil {
			out.note("run %d: left out: %v", i, refused)
		}
		out.say("run %*d of %d, %.0f s: %s", len(fmt.Sprint(runs)), i, runs, time.Since(began).Seconds(), t.take(i, records))
	}
	if t.runs > 0 {
		out.say("%s", t.table())
		out.say("the evidence and the notebooks of all runs are in %s", kept)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case t.sum()[evidence.Failed]+t.sum()[noEvidence] > 0:
		return errFailed
	}
	return nil
}

// provenColumn is how a tally calls all verdicts of a claim that is proven.
const provenColumn = "proven"

// columnsOf a tally, in their order.
var columnsOf = []string{provenColumn, evidence.Undecided, evidence.NotProvable, evidence.Failed, noEvidence}

// tally is how runs of several claims ended.
type tally struct {
	known []claims.Claim
	runs  int
	again int                       // runs that took more than one attempt to decide
	of    map[string]map[string]int // by claim and column, how many
	why   map[string][]string       // by claim, what was not as hoped
}

// take takes in the records of a run, and words how it ended. A claim without a record counts, too.
func (t *tally) take(run int, records []*evidence.Record) string {
	t.runs++
	now := map[string]int{}
	for _, c := range t.known {
		column, reason := noEvidence, ""
		r := worst(records, c.ID)
		switch {
		case r == nil:
			reason = "its test did not run, or ended before it could tell anything"
		case evidence.Proven(r.Verdict):
			column = provenColumn
		case evidence.Skipped(r.Verdict):
			column, reason = r.Verdict, why(r)
		default:
			column, reason = evidence.Failed, why(r)
		}
		if r != nil && len(r.Repeats) > 0 {
			t.again++
		}
		if t.of[c.ID] == nil {
			t.of[c.ID] = map[string]int{}
		}
		t.of[c.ID][column]++
		now[column]++
		if reason != "" {
			t.why[c.ID] = append(t.why[c.ID], fmt.Sprintf("run %d %s: %s", run, column, reason))
		}
	}
	return counted(now)
}

// counted words how many there are of each column, of those that are not empty and the three that are asked for.
func counted(n map[string]int) string {
	var words []string
	for _, column := range columnsOf {
		if n[column] > 0 || column == provenColumn || column == evidence.Undecided || column == evidence.Failed {
			words = append(words, fmt.Sprintf("%d %s", n[column], column))
		}
	}
	return strings.Join(words, ", ")
}

// sum is over all claims.
func (t *tally) sum() map[string]int {
	all := map[string]int{}
	for _, of := range t.of {
		for column, n := range of {
			all[column] += n
		}
	}
	return all
}

// table has a line for each claim, the sum, and why each run that was not proven was not.
func (t *tally) table() string {
	var text strings.Builder
	width := len("total")
	for _, c := range t.known {
		width = max(width, len(c.ID))
	}
	row := func(name string, cell func(column string) string) {
		fmt.Fprintf(&text, "%-*s", width, name)
		for _, column := range columnsOf {
			fmt.Fprintf(&text, "  %*s", len(column), cell(column))
		}
		text.WriteString("\n")
	}
	row("claim", func(column string) string { return column })
	for _, c := range t.known {
		row(c.ID, func(column string) string { return fmt.Sprint(t.of[c.ID][column]) })
	}
	sum := t.sum()
	row("total", func(column string) string { return fmt.Sprint(sum[column]) })
	for _, c := range t.known {
		for _, why := range t.why[c.ID] {
			fmt.Fprintf(&text, "%s, %s\n", c.ID, why)
		}
	}
	fmt.Fprintf(&text, "%s of %s: %s; %d took more than one attempt", several(t.runs, "run"), several(len(t.known), "claim"), counted(sum), t.again)
	return text.String()
}

func several(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// busyWord is the argument that makes this program a busy loop. It is no command of the user's.
const busyWord = "busy-loop"

// busyFor is when a busy loop ends by itself, whatever became of who started it.
const busyFor = 2 * time.Hour

// busy keeps a processor busy until its standard input ends, which it does with the process that started it, or until its time is over.
func busy(input io.Reader) {
	runtime.GOMAXPROCS(1)
	go func() {
		_, _ = io.Copy(io.Discard, input)
		os.Exit(0)
	}()
	end := time.Now().Add(busyFor)
	for n := 0; ; n++ {
		if n%(1<<20) == 0 && time.Now().After(end) {
			return
		}
	}
}

// keepBusy starts so many busy loops, each a process in a session of its own: the kernel weighs sessions against each other, so loops
// in one session would count as one. The function that it returns ends them, by their own process ids.
func keepBusy(n int) (end func(), err error) {
	var loops []*exec.Cmd
	end = func() {
		for _, l := range loops {
			_ = l.Process.Kill()
		}
		for _, l := range loops {
			_ = l.Wait()
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("which program are the busy loops of? %w", err)
	}
	for range n {
		l := exec.Command(self, busyWord)
		if _, err := l.StdinPipe(); err != nil {
			end()
			return nil, fmt.Errorf("a busy loop: %w", err)
		}
		withoutTerminal(l) // hence the session
		if err := l.Start(); err != nil {
			end()
			return nil, fmt.Errorf("a busy loop: %w", err)
		}
		loops = append(loops, l)
	}
	return end, nil
}
