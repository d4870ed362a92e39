package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"assay/harness/check/stat"
	"assay/harness/claims"
	"assay/harness/evidence"
	"assay/harness/report"
)

func prepareRun(flags *flag.FlagSet) runner {
	n := flags.Int("n", 20, "how many runs at most")
	stop := flags.Float64("stop", 0.75, "stop early as soon as it is certain (95 %, however often one looks) that one verdict is that of more than this `share` of runs: with 0.5 after 7 runs that end alike, with 0.75 after 18; 1 never stops")
	return func(ctx context.Context, args []string, out terminal) error {
		if len(args) == 0 {
			return errUsage("name a claim by its id, such as 12.1; assay list has them")
		}
		if *n < 1 || !(*stop >= 0.5 && *stop <= 1) {
			return errUsage(fmt.Sprintf("-n %d -stop %v: at least one run, and a share from 0.5 to 1", *n, *stop))
		}
		for _, pkg := range args[1:] {
			if _, err := strconv.ParseFloat(pkg, 64); err == nil {
				return errUsage("one claim at a time: " + pkg + " is no package")
			}
		}
		of, err := selected(args[1:])
		if err != nil {
			return err
		}
		known, err := of.claims(ctx)
		if err != nil {
			return err
		}
		claim, err := named(args[0], known)
		if err != nil {
			return err
		}
		r := &repetition{claim: claim, n: *n, stop: *stop}
		return r.run(ctx, of.root, out)
	}
}

// named returns the claim of that id.
func named(id string, known []claims.Claim) (claims.Claim, error) {
	var ids []string
	for _, c := range known {
		if c.ID == id && c.Test == "" {
			return c, fmt.Errorf("claim %s is stated outside of a test, at %s:%d, so nobody knows which to run", id, c.File, c.Line)
		}
		if c.ID == id {
			return c, nil
		}
		ids = append(ids, c.ID)
	}
	if ids == nil {
		return claims.Claim{}, errUsage("there is no claim " + id + " there, nor any other")
	}
	return claims.Claim{}, errUsage(fmt.Sprintf("there is no claim %s there; there are %s", id, strings.Join(ids, ", ")))
}

// repetition is a claim put to the test several times.
type repetition struct {
	claim claims.Claim
	n     int
	stop  float64 // the share that the commonest verdict must surely exceed to end it early

	kept  string // where each run leaves its evidence
	ended []string
	times map[string]int // by verdict, how often a run ended so
	why   map[string]string
	first *evidence.Measurement // the headline
	seen  []float64             // its values
}

// noEvidence is the verdict of a run that ended before it could tell anything.
const noEvidence = "no evidence"

func (r *repetition) run(ctx context.Context, root string, out terminal) error {
	dir, err := evidence.Dir()
	if err != nil {
		return err
	}
	r.kept = filepath.Join(dir, "repeated", fmt.Sprintf("%s-%s-%d", r.claim.ID, time.Now().UTC().Format("20060102T150405"), os.Getpid()))
	r.times, r.why = map[string]int{}, map[string]string{}
	folder, err := os.MkdirTemp("", "assay-run-")
	if err != nil {
		return fmt.Errorf("a folder for the test's program: %w", err)
	}
	err = r.repeat(ctx, root, folder, out)
	if len(r.ended) > 0 {
		r.tell(out)
	}
	return errors.Join(err, os.RemoveAll(folder))
}

// repeat runs the claim until it is certain how that ends, and reports each run.
func (r *repetition) repeat(ctx context.Context, root, folder string, out terminal) error {
	test, err := compile(ctx, root, "./"+r.claim.Dir, folder)
	if err != nil {
		return cmp.Or(ctx.Err(), err)
	}
	out.note("claim %s: %s", r.claim.ID, r.claim.Says)
	for len(r.ended) < r.n {
		i := len(r.ended) + 1
		keep := filepath.Join(r.kept, fmt.Sprintf("run-%d", i))
		ran, err := test.run(ctx, r.claim.Test, keep)
		if err != nil {
			return err
		}
		if err := keepOutput(keep, ran.output); err != nil {
			return err
		}
		out.say("run %*d of %d: %s", len(fmt.Sprint(r.n)), i, r.n, r.take(ran))
		if r.times[evidence.NotProvable] > 0 {
			break // the engine will not change
		}
		if of, sure := r.certain(); sure && i < r.n {
			out.say("stopped after %d of %d: it is certain (95 %%, however often one looks) that more than %.0f %% of runs end with %q", i, r.n, 100*r.stop, of)
			break
		}
	}
	return r.status()
}

// status is nil if each run proved the claim, errFailed if one failed or left no evidence.
func (r *repetition) status() error {
	var status error
	for verdict := range r.times {
		switch {
		case evidence.Proven(verdict):
		case evidence.Skipped(verdict):
			status = cmp.Or(status, errSkipped)
		default:
			return errFailed
		}
	}
	return status
}

func keepOutput(folder string, output []byte) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "notebook.txt"), output, 0o644)
}

// take takes in a run, and words what came of it.
func (r *repetition) take(ran ran) string {
	record := worst(ran.records, r.claim.ID)
	if record == nil || ran.refused != nil {
		why := ran.ended
		if ran.refused != nil {
			why += ": " + firstLine(ran.refused.Error())
		}
		return r.end(noEvidence, why) + " (" + why + ")"
	}
	why := why(record)
	line := fmt.Sprintf("%s (%.1f s)", r.end(record.Verdict, why), record.Took())
	if n := len(record.Repeats); n > 0 {
		line += fmt.Sprintf(", in attempt %d", n+1)
	}
	if why != "" {
		line += ": " + why
	}
	m := report.Headline(record)
	if m == nil {
		return line
	}
	if r.first == nil {
		r.first = m
	}
	if report.Name(*m) != report.Name(*r.first) || m.Unit != r.first.Unit {
		return line
	}
	r.seen = append(r.seen, m.Value)
	line += fmt.Sprintf("; %s %s", report.Name(*m), report.Figure(*m))
	if len(r.seen) > 1 {
		line += ", so far " + r.spread()
	}
	return line
}

// end counts a verdict, and keeps the first reason for it.
func (r *repetition) end(verdict, why string) string {
	r.ended = append(r.ended, verdict)
	r.times[verdict]++
	if why != "" && r.why[verdict] == "" {
		r.why[verdict] = fmt.Sprintf("run %d: %s", len(r.ended), why)
	}
	return verdict
}

// why words why a run did not prove its claim, "" where it did.
func why(r *evidence.Record) string {
	switch {
	case evidence.Proven(r.Verdict):
		return ""
	case r.Verdict == evidence.NotProvable:
		return firstLine(r.Unprovable)
	case r.Verdict == evidence.Undecided:
		return undecided(r)
	}
	return reason(r)
}

// worst returns the claim's record, of several the first that failed, else the first that is not proven; nil if there is none.
func worst(records []*evidence.Record, id string) *evidence.Record {
	var found *evidence.Record
	for _, r := range records {
		if r.Claim.ID == id && (found == nil || badness(r.Verdict) > badness(found.Verdict)) {
			found = r
		}
	}
	return found
}

// badness orders verdicts: proven, neither passed nor failed, failed.
func badness(verdict string) int {
	switch {
	case evidence.Proven(verdict):
		return 0
	case evidence.Skipped(verdict):
		return 1
	}
	return 2
}

// verdicts returns those that were seen, the commonest first.
func (r *repetition) verdicts() []string {
	return slices.SortedFunc(maps.Keys(r.times), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.times[b], r.times[a]), cmp.Compare(a, b))
	})
}

// certain tells whether the commonest verdict is surely that of more than the share r.stop of runs. The interval is one that may be
// looked at after each run: Wilson's, looked at until it pleases, would be surer than it is.
func (r *repetition) certain() (verdict string, sure bool) {
	verdict = r.verdicts()[0]
	return verdict, stat.Proportion{Hits: r.times[verdict], Of: len(r.ended)}.Anytime(0.95).Low > r.stop
}

// spread words from where to where the headline went.
func (r *repetition) spread() string {
	figure := func(x float64) string {
		return report.Figure(evidence.Measurement{Value: x, Unit: r.first.Unit, OK: true})
	}
	low, high := figure(slices.Min(r.seen)), figure(slices.Max(r.seen))
	if low == high {
		return "always " + low
	}
	return low + " to " + high
}

// tell sums up: how often each verdict came, with Wilson's interval at 95 %.
func (r *repetition) tell(out terminal) {
	runs := "runs"
	if len(r.ended) == 1 {
		runs = "run"
	}
	out.say("claim %s after %d %s", r.claim.ID, len(r.ended), runs)
	for _, v := range r.verdicts() {
		out.say("  %-*s %s", len(evidence.NotProvable), v, stat.Proportion{Hits: r.times[v], Of: len(r.ended)})
		if why := r.why[v]; why != "" {
			out.say("    %s", why)
		}
	}
	if len(r.seen) > 0 {
		m := *r.first
		m.Value, m.OK = stat.Median(slices.Clone(r.seen)), true
		m.Low, m.High, m.Rivals = nil, nil, nil
		line := fmt.Sprintf("  %s: median %s", report.Name(m), report.Figure(m))
		if len(r.seen) > 1 {
			line += ", " + r.spread()
		}
		out.say("%s", line)
	}
	out.say("the evidence and the notebook of each run are in %s", r.kept)
}
