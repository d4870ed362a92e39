package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"assay/harness/claims"
	"assay/harness/evidence"
	"assay/harness/report"
)

func prepareReport(flags *flag.FlagSet) runner {
	dir := flags.String("dir", "", "the `folder` that keeps the runs (default ASSAY_EVIDENCE, or .assay/evidence at the module's root)")
	page := flags.String("o", "", "the `file` to write the page to (default report.html in the folder that keeps the runs, or in the first one that is named by its path)")
	exports := []struct {
		path  *string
		write func(io.Writer, report.Source) error
	}{
		{flags.String("junit", "", "a `file` to write JUnit's XML to"), report.JUnit},
		{flags.String("markdown", "", "a `file` to write a summary in Markdown to"), report.Markdown},
		{flags.String("json", "", "a `file` to write each claim's result to, for programs"), report.JSON},
	}
	return func(_ context.Context, args []string, out terminal) error {
		folders, beside, err := runFolders(*dir, args)
		if err != nil {
			return err
		}
		source, err := gather(out, folders)
		if err != nil {
			return err
		}
		source.Known = knownClaims(out)
		for _, e := range exports {
			if *e.path == "" {
				continue
			}
			if err := replace(*e.path, func(w io.Writer) error { return e.write(w, source) }); err != nil {
				return err
			}
		}
		return show(out, folders, source, cmp.Or(*page, filepath.Join(beside, "report.html")))
	}
}

// gather reads the evidence in the folders, and says what it leaves out. No evidence is an error.
func gather(out terminal, folders []string) (report.Source, error) {
	entries, bad := report.Load(folders...)
	for _, err := range bad {
		out.note("left out: %v", err)
	}
	if len(entries) == 0 {
		return report.Source{}, fmt.Errorf("no evidence in %s", strings.Join(folders, ", "))
	}
	return report.Source{Entries: entries, LeftOut: bad}, nil
}

// contradicted tells whether a record was left out because it contradicts itself: then nothing vouches for the rest either.
func contradicted(source report.Source) bool {
	return slices.ContainsFunc(source.LeftOut, func(err error) bool { return errors.Is(err, evidence.ErrContradiction) })
}

// show shows what the evidence says, in a table and on a page. The error of a claim that failed, and of a record that contradicts
// itself, is errFailed.
func show(out terminal, folders []string, source report.Source, page string) error {
	width, colour := screen(out)
	out.say("%s", strings.Join(folders, "\n"))
	_, _ = fmt.Fprint(out.out, report.Table(report.Records(source.Entries), source.Known, width, colour))
	if err := writePage(page, source); err != nil {
		return err
	}
	out.say("to look at: %s", fileAddress(page))
	for _, r := range source.Entries {
		if !evidence.Proven(r.Verdict) && (!evidence.Skipped(r.Verdict) || os.Getenv("ASSAY_REQUIRE_ALL") != "") {
			return errFailed
		}
	}
	if contradicted(source) {
		return errFailed
	}
	return nil
}

// writePage makes the page appear at path, whole or not at all: a browser may have the last one open.
func writePage(path string, source report.Source) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	source.Folder = filepath.Dir(path)
	source.Root, _ = evidence.ModuleRoot() // away from it there are no links to scenarios
	return replace(path, func(w io.Writer) error { return report.Page(w, source) })
}

// replace writes a file beside the one at path, and then puts it in its place.
func replace(path string, write func(io.Writer) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".*-"+filepath.Base(path))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// fileAddress is what a browser, or a terminal that knows links, opens.
func fileAddress(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	slashes := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashes, "/") {
		slashes = "/" + slashes // a drive's letter
	}
	return (&url.URL{Scheme: "file", Path: slashes}).String()
}

// runFolders returns the folders that the arguments name, each by its path or by a run's name in dir; without any, the newest
// run's. Beside is the folder for what is made of them.
func runFolders(dir string, args []string) (folders []string, beside string, err error) {
	if dir == "" {
		dir, err = evidence.Dir()
	}
	if err != nil && (len(args) == 0 || slices.ContainsFunc(args, func(arg string) bool { return !isFolder(arg) })) {
		return nil, "", err
	}
	for _, arg := range args {
		switch named := filepath.Join(dir, arg); {
		case isFolder(arg):
			folders = append(folders, arg)
			beside = cmp.Or(beside, arg)
		case isFolder(named):
			folders = append(folders, named)
		default:
			return nil, "", fmt.Errorf("there is no run %s, neither here nor in %s", arg, dir)
		}
	}
	if folders != nil {
		return folders, cmp.Or(beside, dir), nil
	}
	runs, err := evidence.Runs(dir)
	if err != nil {
		return nil, "", err
	}
	if len(runs) == 0 {
		return nil, "", fmt.Errorf("no run has left evidence in %s yet: go test ./scenarios/... does", dir)
	}
	return runs[:1], dir, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// knownClaims returns the claims of the module we are in. A report without them is still one: evidence can be far from its
// code.
func knownClaims(out terminal) []claims.Claim {
	root, err := evidence.ModuleRoot()
	if err != nil {
		out.note("claims that were not run are not shown: %v", err)
		return nil
	}
	known, err := claims.Find(root)
	if err != nil {
		out.note("claims that were not run are not shown: %v", err)
	}
	return known
}

// screen returns how wide to write, and whether in colour.
func screen(out terminal) (width int, colour bool) {
	f, ok := out.out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return columns, false
	}
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return min(w, columns), os.Getenv("NO_COLOR") == ""
	}
	return columns, os.Getenv("NO_COLOR") == ""
}
