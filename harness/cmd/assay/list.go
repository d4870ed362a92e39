package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"assay/harness/claims"
	"assay/harness/evidence"
)

func prepareList(flags *flag.FlagSet) runner {
	markdown := flags.Bool("markdown", false, "print the Markdown table that the README embeds")
	return func(_ context.Context, args []string, out terminal) error {
		if err := none(args); err != nil {
			return err
		}
		root, err := evidence.ModuleRoot()
		if err != nil {
			return fmt.Errorf("which module's claims? %w", err)
		}
		found, err := claims.Find(root)
		if err != nil {
			return err
		}
		if *markdown {
			out.say("%s", markdownTable(found))
			return nil
		}
		if len(found) == 0 {
			out.note("no test in %s states a claim", root)
			return nil
		}
		out.say("%s", listing(found))
		return nil
	}
}

// listing puts the claims under their sections.
func listing(found []claims.Claim) string {
	idWidth := 0
	for _, c := range found {
		idWidth = max(idWidth, ansi.StringWidth(c.ID))
	}
	var text strings.Builder
	for i, c := range found {
		if i == 0 || c.Section != found[i-1].Section {
			if i > 0 {
				text.WriteString("\n")
			}
			if c.Section == "" {
				text.WriteString("Claims beyond the guide\n")
			} else {
				fmt.Fprintf(&text, "%s\n%s\n", c.Section, c.Link)
			}
		}
		pad := strings.Repeat(" ", idWidth-ansi.StringWidth(c.ID))
		margin := strings.Repeat(" ", 2+idWidth+2)
		says := ansi.Wrap(c.Says, columns-len(margin), "")
		fmt.Fprintf(&text, "  %s%s  %s\n", c.ID, pad, strings.ReplaceAll(says, "\n", "\n"+margin))
		fmt.Fprintf(&text, "%s%s:%d %s\n", margin, c.File, c.Line, c.Test)
	}
	return strings.TrimRight(text.String(), " \n")
}

func markdownTable(found []claims.Claim) string {
	var text strings.Builder
	text.WriteString("| id | claim | section | where |\n|---|---|---|---|")
	// What a claim says is text, not markup.
	plain := strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`, "\n", " ")
	for _, c := range found {
		section := ""
		if c.Section != "" {
			section = fmt.Sprintf("[%s](%s)", c.Section, c.Link)
		}
		fmt.Fprintf(&text, "\n| %s | %s | %s | [%s](%s) |", plain.Replace(c.ID), plain.Replace(c.Says), section, plain.Replace(c.Test), c.File)
	}
	return text.String()
}
