// Package report draws what the evidence says, for people: the verdict on each claim, the figure that was measured beside the
// one that was predicted, and what the control did.
//
// The room is for drawing. Judging may not enter: a verdict is the record's own.
package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"assay/harness/claims"
	"assay/harness/evidence"
)

// Table returns a run's result as text of at most width columns (below 60 it needs 60): a line for each claim, then why those
// failed that did, or are undecided or not provable, and how to run them again. Only a command to be copied may be wider. Known are the claims in the code:
// those among them that have no record were not run. A claim with several records has one line, with how many of them held,
// and speaks through the first that failed, else through the latest. Colour marks verdicts with ANSI sequences.
func Table(records []*evidence.Record, known []claims.Claim, width int, colour bool) string {
	rows := rowsOf(records, known)
	paint := painter(colour)
	var out strings.Builder
	out.WriteString(grid(rows, max(width, 60), paint))
	for _, r := range rows {
		if r.verdict() == evidence.Failed {
			out.WriteString("\n" + reasons(r, max(width, 60), paint))
		}
	}
	for _, r := range rows {
		if r.verdict() == evidence.Undecided {
			out.WriteString("\n" + undecided(r, max(width, 60), paint))
		}
	}
	for _, r := range rows {
		if r.verdict() == evidence.NotProvable {
			out.WriteString("\n" + unprovable(r, max(width, 60), paint))
		}
	}
	out.WriteString("\n" + totals(rows) + "\n")
	return out.String()
}

// row is one claim: its record to show, nil where it was not run, and how many records there are of each sort.
type row struct {
	id, says                                    string
	shown                                       *evidence.Record
	runs, proven, unprovable, undecided, failed int
}

const notRun = "not run"

// verdict is the claim's over all its runs: it failed if any did, and is proven if all are.
func (r *row) verdict() string {
	switch {
	case r.runs == 0:
		return notRun
	case r.failed > 0:
		return evidence.Failed
	case r.undecided > 0:
		return evidence.Undecided
	case r.unprovable > 0:
		return evidence.NotProvable
	}
	return r.shown.Verdict
}

func rowsOf(records []*evidence.Record, known []claims.Claim) []*row {
	byID := map[string]*row{}
	for _, c := range known {
		byID[c.ID] = &row{id: c.ID, says: c.Says}
	}
	for _, r := range records {
		one := byID[r.Claim.ID]
		if one == nil {
			one = &row{id: r.Claim.ID}
			byID[one.id] = one
		}
		one.runs++
		switch {
		case evidence.Proven(r.Verdict):
			one.proven++
		case r.Verdict == evidence.NotProvable:
			one.unprovable++
		case r.Verdict == evidence.Undecided:
			one.undecided++
		default:
			one.failed++
		}
		if one.shown == nil || severity(one.shown) <= severity(r) && one.failed <= 1 {
			one.shown, one.says = r, r.Claim.Says
		}
	}
	var rows []*row
	for _, r := range byID {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b *row) int { return claims.Compare(a.id, b.id) })
	return rows
}

// severity orders verdicts by how much they ask to be looked at.
func severity(r *evidence.Record) int {
	return slices.Index([]string{evidence.NotProvable, evidence.Undecided, evidence.Failed}, word(r.Verdict)) + 1
}

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	faint  = "2"
)

func painter(colour bool) func(code, s string) string {
	if !colour {
		return func(_, s string) string { return s }
	}
	return func(code, s string) string { return "\x1b[" + code + "m" + s + "\x1b[0m" }
}

const none = "–"

func grid(rows []*row, width int, paint func(code, s string) string) string {
	cells := [][]string{{"id", "claim", "verdict", "measured, predicted", "control"}}
	for _, r := range rows {
		cells = append(cells, []string{line(r.id), line(r.says), verdict(r, paint), headline(r.shown), control(r.shown)})
	}
	const gap, widestID, tallest = 2, 12, 4
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		widths[0] = min(max(widths[0], ansi.StringWidth(row[0])), widestID)
		for l := range strings.SplitSeq(row[2], "\n") {
			widths[2] = max(widths[2], ansi.StringWidth(l))
		}
	}
	free := width - widths[0] - widths[2] - (len(widths)-1)*gap
	widths[1] = free * 38 / 100
	widths[3] = free * 31 / 100
	widths[4] = free - widths[1] - widths[3]

	var out strings.Builder
	for n, row := range cells {
		columns, height := make([][]string, len(row)), 0
		for i, cell := range row {
			columns[i] = lines(cell, widths[i], tallest)
			height = max(height, len(columns[i]))
		}
		for at := range height {
			var l strings.Builder
			for i, column := range columns {
				var part string
				if at < len(column) {
					part = column[at]
				}
				l.WriteString(part + strings.Repeat(" ", widths[i]-ansi.StringWidth(part)+gap))
			}
			out.WriteString(strings.TrimRight(l.String(), " ") + "\n")
		}
		if n == 0 {
			out.WriteString(strings.Repeat("─", width) + "\n")
		}
	}
	return out.String()
}

// lines breaks s into lines of at most width columns, between words where it can; of more than tallest lines the rest is cut.
func lines(s string, width, tallest int) []string {
	all := strings.Split(ansi.Wrap(s, width, ""), "\n")
	for i := range all {
		all[i] = strings.TrimRight(all[i], " ")
	}
	if len(all) > tallest {
		all = all[:tallest]
		all[tallest-1] = ansi.Truncate(all[tallest-1], width-1, "") + "…"
	}
	return all
}

func verdict(r *row, paint func(code, s string) string) string {
	var words []string
	switch verdict := r.verdict(); verdict {
	case notRun:
		return paint(faint, notRun)
	case evidence.Failed:
		words = append(words, paint(red, "FAILED"))
	case evidence.Undecided, evidence.NotProvable:
		for loud := range strings.FieldsSeq(strings.ToUpper(verdict)) {
			words = append(words, paint(yellow, loud))
		}
	default:
		words = append(words, paint(green, verdict))
	}
	if n := len(r.shown.Repeats); n > 0 {
		words = append(words, fmt.Sprintf("attempt %d", n+1))
	}
	if r.runs > 1 {
		words = append(words, fmt.Sprintf("%d/%d proven", r.proven, r.runs))
	}
	if r.shown.Sabotage != "" {
		words = append(words, "sabotaged")
	}
	return strings.Join(words, "\n")
}

func headline(r *evidence.Record) string {
	m := Headline(r)
	if m == nil {
		return none
	}
	return line(m.Name) + "\n" + Figure(*m)
}

func control(r *evidence.Record) string {
	if r == nil {
		return none
	}
	at := slices.IndexFunc(r.Checks, func(c evidence.Check) bool { return c.Role == "breaks" })
	if at < 0 {
		return none
	}
	c := r.Checks[at]
	said := line(c.Control)
	if !c.OK {
		said += " did not break"
	}
	return said + ": " + line(c.Summary)
}

const indent = "  "

// block writes s in lines of at most width columns, each behind the indent.
func block(out *strings.Builder, width int, indent, s string) {
	for l := range strings.SplitSeq(ansi.Wrap(s, width-len(indent), ""), "\n") {
		out.WriteString(strings.TrimRight(indent+l, " ") + "\n")
	}
}

// reasons says why a claim failed, and how to run it again.
func reasons(r *row, width int, paint func(code, s string) string) string {
	var out strings.Builder
	block := func(indent, s string) { block(&out, width, indent, s) }
	block("", paint(red, line(r.id)+" failed")+": "+line(r.says))
	for _, f := range r.shown.Failures {
		where := fmt.Sprintf("%s at %.1f s", line(f.Kind), f.At)
		if f.Step != "" {
			where += fmt.Sprintf(", in %q", line(f.Step))
		}
		block(indent, where+":")
		for l := range strings.SplitSeq(strings.TrimSpace(f.Message), "\n") {
			block(indent+indent, clean(l))
		}
	}
	if len(r.shown.Failures) == 0 {
		block(indent, "the record gives no reason")
	}
	if more := r.failed - 1; more > 0 {
		block(indent, fmt.Sprintf("(%d more of its %d runs failed)", more, r.runs))
	}
	if r.shown.Rerun != "" {
		out.WriteString(indent + "again: " + line(r.shown.Rerun) + "\n")
	}
	if s := r.shown.Schedule; s != nil && s.Replay != "" {
		out.WriteString(indent + "its schedule again: " + line(s.Replay) + "\n")
		out.WriteString(indent + "its schedule, shrunk: " + line(s.Shrink) + "\n")
	}
	return out.String()
}

// undecided says what could not be told apart of a claim, and what to do.
func undecided(r *row, width int, paint func(code, s string) string) string {
	var out strings.Builder
	block(&out, width, "", paint(yellow, line(r.id)+" is undecided here")+": "+line(r.says))
	for _, why := range undecisions(r.shown) {
		block(&out, width, indent, why)
	}
	if n := len(r.shown.Repeats); n > 0 {
		block(&out, width, indent, fmt.Sprintf("(it was put to the test %d times, each time in vain)", n+1))
	}
	block(&out, width, indent, "what to do: "+whatToDo)
	if r.shown.Rerun != "" {
		out.WriteString(indent + "again: " + line(r.shown.Rerun) + "\n")
	}
	return out.String()
}

// whatToDo is for who is told that a claim is undecided.
const whatToDo = "run it again when less else is running, or turn its knobs up (ASSAY_KNOBS)"

// undecisions says on a line each what the record could not tell; at least one.
func undecisions(r *evidence.Record) (all []string) {
	for _, u := range r.Undecided {
		all = append(all, undecision(u))
	}
	if all == nil {
		all = append(all, "the record gives no reason")
	}
	return all
}

func undecision(u evidence.Undecision) string {
	return fmt.Sprintf("with noise of %s, %s: %s", seconds(u.Noise), line(u.What), line(u.Message))
}

// unprovable says why a claim could not be put to the test here.
func unprovable(r *row, width int, paint func(code, s string) string) string {
	text := paint(yellow, line(r.id)+" is not provable here") + ": " + line(r.shown.Unprovable)
	return ansi.Wrap(text, width, "") + "\n"
}

func totals(rows []*row) string {
	var proven int
	of := map[string]int{}
	for _, r := range rows {
		of[r.verdict()]++
		if evidence.Proven(r.verdict()) {
			proven++
		}
	}
	var kinds []string
	for _, verdict := range []string{evidence.Holds, evidence.OnlyIf, evidence.Refuted} {
		if of[verdict] > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %s", of[verdict], verdict))
		}
	}
	how := ""
	if len(kinds) > 0 {
		how = " (" + strings.Join(kinds, ", ") + ")"
	}
	skipped := ""
	for _, verdict := range []string{evidence.Undecided, evidence.NotProvable} {
		if of[verdict] > 0 {
			skipped += fmt.Sprintf(", %d %s", of[verdict], verdict)
		}
	}
	return fmt.Sprintf("claims: %d proven%s, %d failed%s, %d not run", proven, how, of[evidence.Failed], skipped, of[notRun])
}

// line makes one line of s that is safe to print, a dash of an empty one.
func line(s string) string { return cmp.Or(strings.TrimSpace(clean(s)), none) }

// clean takes out of s what a terminal would obey: evidence can come from anywhere.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case unicode.IsControl(c), unicode.Is(unicode.Bidi_Control, c):
			return -1
		}
		return c
	}, s)
}
