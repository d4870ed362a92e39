package report

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"assay/harness/claims"
	"assay/harness/evidence"
)

// JUnit writes what CI systems read: a suite for each section of the guide, a case for each claim. What is undecided or not provable
// here, or was not run, is skipped, with the reason.
func JUnit(w io.Writer, s Source) error {
	type message struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
	type property struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	type test struct {
		Class      string     `xml:"classname,attr"`
		Name       string     `xml:"name,attr"`
		Time       string     `xml:"time,attr"`
		Properties []property `xml:"properties>property,omitempty"`
		Failure    *message   `xml:"failure"`
		Skipped    *message   `xml:"skipped"`
	}
	type suite struct {
		Name     string  `xml:"name,attr"`
		Tests    int     `xml:"tests,attr"`
		Failures int     `xml:"failures,attr"`
		Skipped  int     `xml:"skipped,attr"`
		Time     string  `xml:"time,attr"`
		Cases    []*test `xml:"testcase"`
		took     float64
	}
	all := struct {
		XMLName  xml.Name `xml:"testsuites"`
		Name     string   `xml:"name,attr"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Skipped  int      `xml:"skipped,attr"`
		Suites   []*suite `xml:"testsuite"`
	}{Name: "assay"}
	for _, r := range rowsOf(Records(s.Entries), s.Known) {
		title := sectionOf(r.id)
		if len(all.Suites) == 0 || all.Suites[len(all.Suites)-1].Name != title {
			all.Suites = append(all.Suites, &suite{Name: title})
		}
		in := all.Suites[len(all.Suites)-1]
		c := &test{Class: title, Name: line(r.id + " " + r.says), Time: "0.000"}
		in.Cases, in.Tests, all.Tests = append(in.Cases, c), in.Tests+1, all.Tests+1
		skip := func(why string) {
			c.Skipped = &message{Message: why}
			in.Skipped, all.Skipped = in.Skipped+1, all.Skipped+1
		}
		if r.shown == nil {
			skip(notRun)
			continue
		}
		c.Time = fmt.Sprintf("%.3f", min(max(r.shown.Took(), 0), 1e9))
		in.took += min(max(r.shown.Took(), 0), 1e9)
		c.Properties = append(c.Properties, property{"verdict", r.verdict()}, property{"seed", fmt.Sprint(r.shown.Seed)}, property{"rerun", line(r.shown.Rerun)})
		for _, m := range r.shown.Measurements {
			c.Properties = append(c.Properties, property{line(Name(m)), Figure(m)})
		}
		switch r.verdict() {
		case evidence.NotProvable:
			skip(evidence.NotProvable + ": " + line(r.shown.Unprovable))
		case evidence.Undecided:
			skip(evidence.Undecided + ": " + strings.Join(undecisions(r.shown), "; ") + "; what to do: " + whatToDo)
		case evidence.Failed:
			why := failuresOf(r.shown)
			c.Failure = &message{Message: strings.Join(why[:1], ""), Type: "failed", Text: strings.Join(why, "\n")}
			if len(r.shown.Failures) > 0 {
				c.Failure.Type = line(r.shown.Failures[0].Kind)
			}
			in.Failures, all.Failures = in.Failures+1, all.Failures+1
		}
	}
	for _, in := range all.Suites {
		in.Time = fmt.Sprintf("%.3f", in.took)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// failuresOf says each failure of a record on a line of its own; at least one.
func failuresOf(r *evidence.Record) (all []string) {
	for _, f := range r.Failures {
		said := line(f.Kind)
		if f.Step != "" {
			said += " in “" + line(f.Step) + "”"
		}
		all = append(all, said+": "+line(f.Message))
	}
	if len(all) == 0 {
		all = append(all, "the record names no reason")
	}
	return all
}

func sectionOf(id string) string {
	if title, _ := claims.Section(id); title != "" {
		return title
	}
	return "Other claims"
}

// Markdown writes a summary such as a job's on GitHub: a table of the claims, and why those failed that did, or are undecided.
func Markdown(w io.Writer, s Source) error {
	rows := rowsOf(Records(s.Entries), s.Known)
	var out strings.Builder
	out.WriteString(markdown(strings.ReplaceAll(totals(rows), "\n", " ")) + "\n\n| | Claim | Verdict | Measured, predicted | Control | Took |\n|---|---|---|---|---|--:|\n")
	for _, r := range rows {
		verdict := r.verdict()
		said, took := verdict, none
		if r.shown != nil {
			took = seconds(r.shown.Took())
			if n := len(r.shown.Repeats); n > 0 {
				said += fmt.Sprintf(", attempt %d", n+1)
			}
			if r.runs > 1 {
				said += fmt.Sprintf(" (%d of %d runs proven)", r.proven, r.runs)
			}
		}
		if verdict == evidence.Failed || verdict == evidence.Undecided {
			said = "**" + said + "**"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", markdown(line(r.id)), markdown(line(r.says)), said, markdown(line(headline(r.shown))), markdown(shorten(line(control(r.shown)), 160)), took)
	}
	for _, r := range rows {
		var reasons []string
		todo := ""
		switch r.verdict() {
		case evidence.Failed:
			reasons = failuresOf(r.shown)
		case evidence.Undecided:
			reasons, todo = undecisions(r.shown), "What to do: "+whatToDo+". "
		default:
			continue
		}
		fmt.Fprintf(&out, "\n**%s %s**\n\n", markdown(line(r.id)), r.verdict())
		for _, why := range reasons {
			fmt.Fprintf(&out, "- %s\n", markdown(shorten(why, 500)))
		}
		fmt.Fprintf(&out, "\n%sAgain: %s\n", markdown(todo), codeSpan(line(r.shown.Rerun)))
	}
	for _, err := range s.LeftOut {
		fmt.Fprintf(&out, "\nLeft out: %s\n", markdown(line(err.Error())))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "~", `\~`, "$", `\$`, "&", "&amp;", "<", "&lt;", ">", "&gt;")

// markdown is text that Markdown shows as it is.
func markdown(s string) string { return markdownEscapes.Replace(s) }

// codeSpan is text as code, fenced by more backticks than are in it.
func codeSpan(s string) string {
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if fence != "`" {
		s = " " + s + " "
	}
	return fence + s + fence
}

// JSON writes the result of each claim for programs, without the operations: those are in the evidence.
func JSON(w io.Writer, s Source) error {
	type claim struct {
		ID           string                 `json:"id"`
		Says         string                 `json:"says"`
		Section      string                 `json:"section"`
		Verdict      string                 `json:"verdict"` // over all runs; the rest is of the run that is shown: the first that failed, else the latest
		Runs         int                    `json:"runs"`
		Proven       int                    `json:"proven"`
		Failed       int                    `json:"failed"`
		Undecided    int                    `json:"undecided"`
		NotProvable  int                    `json:"not_provable"`
		Run          string                 `json:"run,omitempty"`
		Started      *time.Time             `json:"started,omitempty"`
		Duration     float64                `json:"duration_s"`
		Seed         uint64                 `json:"seed,omitempty"`
		Rerun        string                 `json:"rerun,omitempty"`
		Unprovable   string                 `json:"unprovable,omitempty"`
		Undecisions  []evidence.Undecision  `json:"undecisions,omitempty"` // why it is undecided
		Repeats      []evidence.Repeat      `json:"repeats,omitempty"`     // that could not decide
		Measurements []evidence.Measurement `json:"measurements,omitempty"`
		Failures     []evidence.Failure     `json:"failures,omitempty"`
	}
	out := struct {
		Schema  string   `json:"schema"`
		Claims  []claim  `json:"claims"`
		LeftOut []string `json:"left_out,omitempty"`
	}{Schema: "assay/report/v2", Claims: []claim{}}
	for _, r := range rowsOf(Records(s.Entries), s.Known) {
		c := claim{ID: r.id, Says: r.says, Section: sectionOf(r.id), Verdict: r.verdict(), Runs: r.runs, Proven: r.proven, Failed: r.failed, Undecided: r.undecided, NotProvable: r.unprovable}
		if x := r.shown; x != nil {
			c.Run, c.Started, c.Duration, c.Seed, c.Rerun = x.Run, &x.Started, x.Duration, x.Seed, x.Rerun
			c.Unprovable, c.Undecisions, c.Repeats = x.Unprovable, x.Undecided, x.Repeats
			c.Measurements, c.Failures = x.Measurements, x.Failures
		}
		out.Claims = append(out.Claims, c)
	}
	for _, err := range s.LeftOut {
		out.LeftOut = append(out.LeftOut, err.Error())
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}
