package check_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/check"
	"assay/harness/history"
)

// parse reads a history written one operation a line, so that the good and the bad ones of a table can be compared by eye:
//
//	client kind key/value start end outcome    end … for one that is pending
//	client kind key/value time                 for an event
//	client compare-and-set key/expected→value start end outcome
//
// Times are in seconds.
func parse(t *testing.T, text string) history.History {
	t.Helper()
	var h history.History
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		op, err := parseOperation(strings.Fields(line))
		require.NoError(t, err, "in %q", line)
		h = append(h, op)
	}
	return h
}

func parseOperation(fields []string) (op history.Operation, err error) {
	if len(fields) != 4 && len(fields) != 6 {
		return op, fmt.Errorf("%d fields, want 4 or 6", len(fields))
	}
	key, value, _ := strings.Cut(fields[2], "/")
	op = history.Operation{Client: fields[0], Kind: fields[1], Key: key, Outcome: history.OK}
	if expected, rest, ok := strings.Cut(value, "→"); ok {
		if op.Expected, err = strconv.ParseInt(expected, 10, 64); err != nil {
			return op, err
		}
		value = rest
	}
	if op.Value, err = strconv.ParseInt(value, 10, 64); err != nil {
		return op, err
	}
	if op.Start, err = time.ParseDuration(fields[3] + "s"); err != nil {
		return op, err
	}
	op.End = op.Start
	if len(fields) == 4 {
		return op, nil
	}
	if err = op.Outcome.UnmarshalText([]byte(fields[5])); err != nil {
		return op, err
	}
	if fields[4] == "…" {
		op.End = history.Open
		return op, nil
	}
	op.End, err = time.ParseDuration(fields[4] + "s")
	return op, err
}

// names shows operations as key/value, for comparisons that read well.
func names(ops []history.Operation) []string {
	out := []string{}
	for _, op := range ops {
		out = append(out, fmt.Sprintf("%s/%d", op.Key, op.Value))
	}
	return out
}

// trial is a history and what is to be found in it.
type trial struct {
	name, ops string
	verdict   check.Verdict
	summary   string
	offending []string
}

// try judges each history by itself.
func try(t *testing.T, trials []trial, judge func(history.History) check.Result) {
	t.Helper()
	for _, x := range trials {
		t.Run(x.name, func(t *testing.T) {
			r := judge(parse(t, x.ops))
			assert.Equal(t, x.verdict, r.Verdict)
			assert.Equal(t, x.summary, r.Summary)
			assert.Equal(t, x.offending, lines(r.Offending))
		})
	}
}

func lines(ops []history.Operation) []string {
	var out []string
	for _, op := range ops {
		out = append(out, op.String())
	}
	return out
}

// broken is a historian whose history cannot be had.
type broken struct{}

func (broken) History() history.History { panic("out of paper") }

func TestACheckerThatFailsSaysUnknown(t *testing.T) {
	for _, r := range []check.Result{
		check.Linearizability(broken{}, patience).Linearizable(),
		check.Delivery(broken{}, broken{}).NothingLost(),
		check.Delivery(broken{}, broken{}).NoDuplicates(),
		check.Delivery(broken{}, broken{}).NothingUnexpected(),
		check.Delivery(broken{}, broken{}).ExactlyOnce(),
		check.Delivery(broken{}, broken{}).Redelivered(history.Batch{Key: "orders", Values: []int64{1}}),
		check.Delivery(broken{}, broken{}).InOrder(),
		check.Staleness(broken{}, broken{}).NeverStale(),
		check.Staleness(broken{}, broken{}).NoneOlderThan(time.Second),
		check.Staleness(broken{}, broken{}).SomeStale(),
		check.Staleness(broken{}, broken{}).SomeOlderThan(time.Second),
		check.Staleness(broken{}, broken{}).SeenWithin(time.Second, history.Window{}),
		check.Staleness(broken{}, broken{}).NothingUnexpected(),
		check.Outage(broken{}, history.Window{}).Resumes(),
		check.Outage(broken{}, history.Window{}).NothingSucceeds(),
		check.Outage(broken{}, history.Window{}).NoGapOf(time.Second),
		check.Copies(broken{}, broken{}).Same(),
		check.Bank(broken{}, 100, "a", "b").Conserved(),
		check.Set(broken{}, broken{}).Complete(),
		check.Counter(broken{}, broken{}).Bounded(),
		check.Order(broken{}, broken{}).InOrder(),
		check.Leaders(broken{}).OneATerm(),
		check.Exclusion(broken{}).OneAtATime(),
		check.Fencing(broken{}).NothingStale(),
		check.Sessions(broken{}, check.Versions{}).ReadYourWrites(),
		check.Sessions(history.History{}, check.Versions{}, broken{}).MonotonicWrites(),
	} {
		assert.Equal(t, check.Unknown, r.Verdict, r.Property)
		assert.Equal(t, "the checker failed: out of paper", r.Summary, r.Property)
		assert.Zero(t, r.Violations, r.Property)
	}
}

// nameless is a historian that fails when a checker has done half of its work.
type nameless struct{}

func (nameless) History() history.History { return nil }
func (nameless) Name() string             { panic("out of ink") }

// Nor is anything seen broken by such a checker: a control could not be trusted to have broken.
func TestWhatACheckerSawBeforeItFailedDoesNotCount(t *testing.T) {
	h := parse(t, `
		a write x/1 1.000 1.100 ok
		a read x/0 2.000 2.100 ok`)
	r := check.Sessions(h, check.SoleWriters(h), nameless{}).ReadYourWrites()
	assert.Equal(t, check.Unknown, r.Verdict)
	assert.Equal(t, "the checker failed: out of ink", r.Summary)
	assert.Zero(t, r.Violations)
	assert.Equal(t, check.Violated, check.Sessions(h, check.SoleWriters(h), history.History{}).ReadYourWrites().Verdict)
}
