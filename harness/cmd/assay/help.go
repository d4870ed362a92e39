package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"assay/harness/internal/settings"
)

// columns is how wide the command writes at most.
const columns = 100

func prepareHelp(*flag.FlagSet) runner {
	return func(_ context.Context, args []string, out terminal) error {
		switch len(args) {
		case 0:
			out.say("%s\n%s", overview(), settingsHelp())
			return nil
		case 1:
			all := commands()
			at := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
			if at < 0 {
				return errUsage(fmt.Sprintf("there is no command %q", args[0]))
			}
			out.say("%s", strings.TrimSuffix(usage(all[at]), "\n"))
			return nil
		}
		return none(args[1:])
	}
}

func overview() string {
	var text strings.Builder
	text.WriteString("usage: assay <command> [arguments]\n\nThe commands are\n")
	for _, c := range commands() {
		fmt.Fprintf(&text, "  %s\n%s", strings.TrimSpace(c.name+" "+c.args), indented(c.does))
	}
	return text.String()
}

func usage(c command) string {
	var text strings.Builder
	fmt.Fprintf(&text, "usage: %s\n%s", strings.TrimSpace("assay "+c.name+" "+c.args), indented(c.does))
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(&text)
	c.prepare(flags)
	flags.PrintDefaults()
	return text.String()
}

func settingsHelp() string {
	var text strings.Builder
	text.WriteString("The settings are environment variables, of the tests as of this command\n")
	for _, s := range settings.All {
		fmt.Fprintf(&text, "  %s\n%s%s%s", s.Name, indented(s.Means), indented("without it: "+s.Default), indented("example: "+s.Example))
	}
	return strings.TrimSuffix(text.String(), "\n")
}

func indented(s string) string {
	const indent = "        "
	return indent + strings.ReplaceAll(ansi.Wrap(s, columns-len(indent), ""), "\n", "\n"+indent) + "\n"
}
