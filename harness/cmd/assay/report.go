package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/term"

	"assay/harness/claims"
	"assay/harness/evidence"
	"assay/harness/report"
)

func prepareReport(flags *flag.FlagSet) runner {
	dir := flags.String("dir", "", "the `folder` that keeps the runs (default ASSAY_EVIDENCE, or .assay/evidence at the module's root)")
	return func(_ context.Context, args []string, out terminal) error {
		if len(args) > 1 {
			return errUsage("one run at a time")
		}
		folder, err := runFolder(*dir, args)
		if err != nil {
			return err
		}
		records, bad := evidence.Load(folder)
		for _, err := range bad {
			out.note("left out: %v", err)
		}
		if len(records) == 0 {
			return fmt.Errorf("no evidence in %s", folder)
		}
		width, colour := screen(out)
		out.say("%s", folder)
		_, _ = fmt.Fprint(out.out, report.Table(records, knownClaims(out), width, colour))
		for _, r := range records {
			if r.Verdict == evidence.Failed || os.Getenv("ASSAY_REQUIRE_ALL") != "" && r.Verdict == evidence.NotProvable {
				return errFailed
			}
		}
		return nil
	}
}

// runFolder returns the folder of the run that the arguments name by its path, or by its name in dir; else the newest.
func runFolder(dir string, args []string) (string, error) {
	if len(args) == 1 && isFolder(args[0]) {
		return args[0], nil
	}
	if dir == "" {
		var err error
		if dir, err = evidence.Dir(); err != nil {
			return "", err
		}
	}
	if len(args) == 1 {
		if named := filepath.Join(dir, args[0]); isFolder(named) {
			return named, nil
		}
		return "", fmt.Errorf("there is no run %s, neither here nor in %s", args[0], dir)
	}
	runs, err := evidence.Runs(dir)
	if err != nil {
		return "", err
	}
	if len(runs) == 0 {
		return "", fmt.Errorf("no run has left evidence in %s yet: go test ./scenarios/... does", dir)
	}
	return runs[0], nil
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
