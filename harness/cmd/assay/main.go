// Assay is the command beside the tests: it runs them and shows how far they are, reports what a run has shown and what changed
// since another, lists the claims, builds images ahead of time, cleans up, puts claims to the test several times, also on a busy
// machine, and the tests themselves to the test, and makes the schedules of failed ones smaller. `assay help` has the details.
//
// The room is for the command line. What it can do is done elsewhere: claims are found in harness/claims, evidence is drawn in
// harness/report, and harness/engine speaks to the engine. Only what runs tests lives here, once, sabotaged, again and again
// or under smaller schedules, since nobody else asks for that.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"assay/harness/internal/settings"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == busyWord {
		busy(os.Stdin)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first Ctrl-C asks, the second one does not.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// The exit statuses.
const (
	success = 0
	failure = 1 // a claim failed, or the command did
	misuse  = 2 // the command line or a setting was not understood
	skipped = 3 // nothing failed, and of a claim that was to be proven each time some runs could not decide
)

// errFailed is the error of a command that has already said what is wrong.
var errFailed = errors.New("failed")

// errSkipped is errFailed where nothing failed.
var errSkipped = errors.New("undecided, or not provable here")

// command is one subcommand. Its flags register themselves with the set they are given and say how to run.
type command struct {
	name, args string
	does       string
	prepare    func(*flag.FlagSet) runner
}

// runner runs a subcommand once its flags are parsed, with what is left of the command line.
type runner func(ctx context.Context, args []string, out terminal) error

// terminal is where a command writes: what was asked for to out, everything beside it to err.
type terminal struct{ out, err io.Writer }

// Whoever closed the pipe does not want to hear of it, so errors of writing are let go.
func (t terminal) say(format string, args ...any) { _, _ = fmt.Fprintf(t.out, format+"\n", args...) }
func (t terminal) note(format string, args ...any) {
	_, _ = fmt.Fprintln(t.err, harmless("assay: "+fmt.Sprintf(format, args...)))
}

// harmless takes out of a message what a terminal would obey: the names of files can be anybody's.
func harmless(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' || unicode.Is(unicode.Bidi_Control, c) {
			return -1
		}
		return c
	}, s)
}

// errUsage says that a subcommand's arguments were not understood.
type errUsage string

func (e errUsage) Error() string { return string(e) }

func commands() []command {
	return []command{
		{"list", "[-markdown]", "list the claims that the code makes, with the guide's section and link of each", prepareList},
		{"test", "[-run expression] [-timeout 30m] [packages]", "put the claims to the test, by default all scenarios, and show how far that is; then what it has shown, as report does; exit status 1 if a claim or a test failed", prepareTest},
		{"report", "[-dir folder] [-o file] [-junit file] [-markdown file] [-json file] [folder ...]", "show what a run has shown, by default the newest: a table here, and a page to look at; of several folders, each claim over all its runs; exit status 1 if a claim failed", prepareReport},
		{"compare", "[-all] [-by 50] [-dir folder] before after", "tell what changed from one run, or folder of runs, to another: verdicts, how often claims are proven, figures, durations, versions; exit status 0 if no claim is worse, 1 if one is, 2 if there is nothing to compare", prepareCompare},
		{"images", "", "build all images ahead of time", prepareImages},
		{"clean", "[-all]", "remove what dead or kept tests left in the engine", prepareClean},
		{"run", "[-n 20] [-stop 0.75] claim [packages]", "put one claim to the test several times, and tell how often it ends how; exit status 0 if it was proven each time, 1 if it failed, 2 if there is no such claim, 3 if it did not fail and was not proven each time: undecided, or not provable here", prepareRun},
		{"soak", "[-loops 8] [-runs 10] [packages]", "put the claims to the test several times on a machine that is kept busy, and tell for each how often it was proven, undecided and failed; exit status 1 if any failed", prepareSoak},
		{"sabotage", "[-mode both] [packages]", "test the tests: run them with faults that do nothing, and every claim with a fault must fail because of it; and with faults of half their size, and no claim with such a fault may be proven", prepareSabotage},
		{"shrink", "[-k 2] [-n 3] [-budget 10m] file", "find the few windows of a failed test's schedule under which it fails with the same kind of failure", prepareShrink},
		{"help", "[command]", "explain a command, or all of them and the settings", prepareHelp},
	}
}

func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	term := terminal{stdout, stderr}
	if len(args) == 0 {
		term.note("no command given\n\n%s", overview())
		return misuse
	}
	if args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		args[0] = "help"
	}
	all := commands()
	at := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
	if at < 0 {
		term.note("there is no command %q\n\n%s", args[0], overview())
		return misuse
	}
	cmd := all[at]
	if cmd.name != "help" {
		if err := settings.Unknown(environ); err != nil {
			term.note("%v", err)
			return misuse
		}
	}

	flags := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { _, _ = io.WriteString(stderr, usage(cmd)) }
	start := cmd.prepare(flags)
	rest, err := parse(flags, args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return success
	case err != nil: // the flag package has said it
		return misuse
	}

	err = start(ctx, rest, term)
	var wrong errUsage
	switch {
	case err == nil:
		return success
	case errors.Is(err, errFailed):
	case errors.Is(err, errSkipped):
		return skipped
	case errors.As(err, &wrong):
		term.note("%s\n\n%s", err, usage(cmd))
		return misuse
	case ctx.Err() != nil:
		term.note("interrupted")
	default:
		term.note("%v", err)
	}
	return failure
}

// parse takes the flags out of the arguments, wherever they stand, and returns the others.
func parse(flags *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, flags.Arg(0)), flags.Args()[1:]
	}
}

// none refuses arguments.
func none(args []string) error {
	if len(args) > 0 {
		return errUsage("nothing is known to do with " + strings.Join(args, " "))
	}
	return nil
}
