package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"assay/harness/engine"
	"assay/harness/engine/image"
)

func prepareImages(*flag.FlagSet) runner {
	return func(ctx context.Context, args []string, out terminal) error {
		if err := none(args); err != nil {
			return err
		}
		names, err := image.Names()
		if err != nil {
			return err
		}
		e, err := engine.Connect(ctx)
		if err != nil {
			return err
		}
		// One that cannot be built does not keep the others from it.
		var failed []error
		for _, name := range names {
			if err := ctx.Err(); err != nil {
				return err
			}
			built, err := e.Image(ctx, image.Recipe(name))
			if err != nil {
				failed = append(failed, err)
				continue
			}
			whose := ""
			if built.Overridden {
				whose = "  (your own)"
			}
			out.say("%-14s %s%s", name, built.Ref, whose)
		}
		if len(failed) > 0 {
			return fmt.Errorf("%d of %d images could not be had:\n%w", len(failed), len(names), errors.Join(failed...))
		}
		return nil
	}
}

func prepareClean(flags *flag.FlagSet) runner {
	all := flags.Bool("all", false, "remove everything that Assay made in the engine, also what running tests are using")
	return func(ctx context.Context, args []string, out terminal) error {
		if err := none(args); err != nil {
			return err
		}
		removed, err := engine.Clean(ctx, *all)
		if err != nil {
			return err
		}
		out.say("removed %s, %s, %s", count(removed.Containers, "container"), count(removed.Networks, "network"), count(removed.Volumes, "volume"))
		return nil
	}
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
