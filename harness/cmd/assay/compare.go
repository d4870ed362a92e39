package main

import (
	"context"
	"flag"
	"fmt"

	"assay/harness/report"
)

func prepareCompare(flags *flag.FlagSet) runner {
	everything := flags.Bool("all", false, "also tell what is alike")
	percent := flags.Float64("by", 50, "a figure has changed if its median did by more `percent` than this, where too few runs tell how far it goes by itself")
	dir := flags.String("dir", "", "the `folder` that keeps the runs (default ASSAY_EVIDENCE, or .assay/evidence at the module's root)")
	return func(_ context.Context, args []string, out terminal) error {
		switch {
		case len(args) != 2:
			return errUsage("name two folders of evidence, or two runs: what was before, and what is to be compared with it")
		case !(*percent >= 0):
			return errUsage(fmt.Sprintf("-by %v: a percentage, 0 or more", *percent))
		}
		var sides [2]report.Source
		var named [2]string
		for i, name := range args {
			folders, _, err := runFolders(*dir, []string{name})
			if err != nil {
				return errUsage(err.Error())
			}
			if sides[i], err = gather(out, folders); err != nil {
				return errUsage(err.Error())
			}
			named[i] = folders[0]
		}
		out.say("before: %s\nafter: %s\n", named[0], named[1])
		c := report.Compare(sides[0].Entries, sides[1].Entries, *percent/100)
		width, colour := screen(out)
		_, _ = fmt.Fprint(out.out, c.Text(width, *everything, colour))
		if c.Worse() || contradicted(sides[0]) || contradicted(sides[1]) {
			return errFailed
		}
		return nil
	}
}
