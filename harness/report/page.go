package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"go/doc/comment"
	"html/template"
	"io"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"assay/harness/check/stat"
	"assay/harness/claims"
	"assay/harness/evidence"
	"assay/harness/history"
)

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

//go:embed page.html
var pageText string

// Evidence can come from anywhere, and html/template writes all of it as text. What is marked as safe here is our own: the
// style, the script, and the policy that lets the browser run that script and load nothing.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"style":  func() template.CSS { return template.CSS(pageStyle) },
	"script": func() template.JS { return template.JS(pageScript) },
	"policy": func() string {
		sum := sha256.Sum256([]byte(pageScript))
		return "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	},
}).Parse(pageText))

// Source is what a page is made of.
type Source struct {
	Entries []Entry
	Known   []claims.Claim // those in the code; the ones without a record were not run
	LeftOut []error        // evidence that could not be read
	Folder  string         // where the page will lie, for links to what lies beside the evidence; none are made without
	Root    string         // the module's, for links to scenarios; none are made without
}

// Page writes the report as one HTML page that needs nothing else: no network, no other file. What is kept beside the evidence
// is linked, relative to where the page lies.
func Page(w io.Writer, s Source) error {
	view := pageView{Title: "Assay report"}
	rows := rowsOf(Records(s.Entries), s.Known)
	byRecord := map[*evidence.Record]Entry{}
	var all []Entry
	for _, e := range s.Entries {
		byRecord[e.Record] = e
		all = append(all, e)
	}
	view.Summary = summarize(rows, all)
	for _, err := range s.LeftOut {
		view.LeftOut = append(view.LeftOut, clean(err.Error()))
	}

	// Panels are independent of each other, and drawing them is what takes time.
	drawn := make([]*claimView, len(rows))
	texts := make([]template.HTML, len(rows))
	errs := make([]error, len(rows))
	limit := make(chan struct{}, runtime.GOMAXPROCS(0))
	var work sync.WaitGroup
	for i, r := range rows {
		work.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			drawn[i] = claimOf(r, byRecord[r.shown], s)
			if r.shown == nil {
				return
			}
			var text bytes.Buffer
			errs[i] = pageTemplate.ExecuteTemplate(&text, "claim", drawn[i])
			texts[i] = template.HTML(text.String()) // what html/template has written
		})
	}
	work.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("draw the page: %w", err)
		}
	}

	sections := map[string]*sectionView{}
	for _, sec := range claims.Parts() {
		view.Sections = append(view.Sections, &sectionView{Title: sec.Title, Link: sec.Link})
		sections[sec.Title] = view.Sections[len(view.Sections)-1]
	}
	for i, r := range rows {
		title, _ := claims.Section(r.id)
		sec := sections[title]
		if sec == nil {
			title = "Other claims"
			if sec = sections[title]; sec == nil {
				sec = &sectionView{Title: title}
				sections[title] = sec
				view.Sections = append(view.Sections, sec)
			}
		}
		sec.Claims = append(sec.Claims, drawn[i])
		if r.shown != nil {
			view.Panels = append(view.Panels, texts[i])
		}
	}
	// Where none of the claims is the guide's, its sections are nobody's business.
	if other := sections["Other claims"]; other != nil && !slices.ContainsFunc(view.Sections, func(v *sectionView) bool { return v != other && len(v.Claims) > 0 }) {
		view.Sections = []*sectionView{other}
	}
	if err := pageTemplate.ExecuteTemplate(w, "page", view); err != nil {
		return fmt.Errorf("draw the page: %w", err)
	}
	return nil
}

type pageView struct {
	Title    string
	Summary  summaryView
	LeftOut  []string
	Sections []*sectionView
	Panels   []template.HTML
}

type summaryView struct {
	Verdicts []verdictCount
	Total    int
	Runs     []string
	Records  int
	When     string
	Where    []string
	Ops      int
	Faults   int
	Took     string
	Sabotage bool
}

type verdictCount struct {
	Class, Word string
	N           int
}

type sectionView struct {
	Title, Link string
	Claims      []*claimView
}

// claimView is one claim, in the overview and on its own panel.
type claimView struct {
	ID, Anchor, Says string
	Class, Word      string // of the verdict
	Headline         *gauge
	Control          string // what the control did, in words
	ControlFigures   []*gauge
	Took             string
	Shown            bool

	Section, Link    string
	OnlyIf           string
	Refuted          bool
	Why              []passage // the scenario's own words
	Scenario         fileView
	Unprovable       string
	Undecided        []string
	WhatToDo         string
	Repeats          []repeatView
	Sabotage         string
	Failures         []failureView
	Topology         *topology
	Timeline         *timeline
	Gauges           []gauge
	Checks           []checkView
	Faults           []faultView
	Unfelt           string
	Counts           []countView
	Notable          []string
	Facts            []fact
	Nodes            []evidence.Node
	Rerun            []command
	Files            []fileView
	Drawings         []drawingView
	History          *historyView
	Position, Number int
}

type failureView struct{ Kind, Where, Message string }

// passage is a part of a doc comment: prose, or a drawing whose lines stay as they are.
type passage struct {
	Text  string
	Drawn bool
}

type repeatView struct {
	When, Took string
	Undecided  []string
}

type checkView struct {
	Role, Word, Class string
	Property          string
	Who, Summary      string
	Offending         []string
}

type faultView struct {
	Name, From, To, Undo string
	Felt                 []string
	Nature               string
	Traffic, Past        []string
	Window               int
}

type countView struct {
	Client, Kind        string
	OK, Failed, Unknown int
}

type fact struct{ Name, Value string }

type command struct{ Does, Text string }

type fileView struct {
	Name, Address, Text string
	Cut                 bool
}

type drawingView struct {
	Title, Address string
	Data           template.URL
}

// historyView is a claim over several runs.
type historyView struct {
	Share  string
	Runs   []runView
	Figure string // whose values the drawing shows
	Spread string
	Height int
	Bands  []span
	Dots   []runDot
}

type runView struct {
	When, Run, Class, Word, Value, Prediction, Took, Seed string
	Shown                                                 bool
}

type runDot struct {
	X, Y, Says, Class string
	Low, Height       string
}

func classOf(verdict string) string {
	switch verdict {
	case evidence.Holds:
		return "holds"
	case evidence.OnlyIf:
		return "onlyif"
	case evidence.Refuted:
		return "refuted"
	case evidence.NotProvable:
		return "notprovable"
	case evidence.Undecided:
		return "undecided"
	case notRun:
		return "notrun"
	}
	return "failed" // also what we do not know
}

func summarize(rows []*row, entries []Entry) summaryView {
	v := summaryView{Total: len(rows), Records: len(entries)}
	n := map[string]int{}
	for _, r := range rows {
		n[r.verdict()]++
	}
	for _, verdict := range []string{evidence.Holds, evidence.OnlyIf, evidence.Refuted, evidence.Failed, evidence.Undecided, evidence.NotProvable, notRun} {
		if n[verdict] > 0 {
			v.Verdicts = append(v.Verdicts, verdictCount{classOf(verdict), verdict, n[verdict]})
		}
	}
	var from, to time.Time
	for _, e := range entries {
		if end := e.Started.Add(time.Duration(min(max(e.Duration, 0), 1e6) * float64(time.Second))); to.IsZero() || end.After(to) {
			to = end
		}
		if from.IsZero() || e.Started.Before(from) {
			from = e.Started
		}
		v.Ops += e.Operations.Recorded
		v.Faults += len(e.Faults)
		v.Sabotage = v.Sabotage || e.Sabotage != ""
		if run := line(e.Run); !slices.Contains(v.Runs, run) {
			v.Runs = append(v.Runs, run)
		}
		machine := fmt.Sprintf("engine %s (API %s), kernel %s, %s, %s, %s of memory, %s", line(e.Engine.Version), line(e.Engine.API), line(e.Engine.Kernel),
			line(e.Engine.Arch), count(e.Engine.CPUs, "processor"), gibibytes(e.Engine.Memory), line(e.Tools.Go))
		if !slices.Contains(v.Where, machine) && len(v.Where) < 8 {
			v.Where = append(v.Where, machine)
		}
	}
	if !from.IsZero() {
		v.When = moment(from)
		v.Took = seconds(to.Sub(from).Seconds())
	}
	return v
}

// word is a verdict as it is written: one that is unknown counts as failed, as everywhere.
func word(verdict string) string {
	if evidence.Proven(verdict) || evidence.Skipped(verdict) {
		return verdict
	}
	return evidence.Failed
}

func gibibytes(n int64) string { return number(float64(n)/(1<<30), 3) + " GiB" }

func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") }

// anchor is a claim's place on the page: what is not plain in its id is spelt as a number, so that no two are the same.
func anchor(id string) string {
	var s strings.Builder
	s.WriteString("claim-")
	for _, c := range id {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-':
			s.WriteRune(c)
		default:
			fmt.Fprintf(&s, "_%x_", c)
		}
	}
	return s.String()
}

func claimOf(r *row, e Entry, s Source) *claimView {
	v := &claimView{ID: line(r.id), Anchor: anchor(r.id), Says: line(r.says), Class: classOf(notRun), Word: notRun}
	v.Section, v.Link = claims.Section(r.id)
	if r.shown == nil {
		return v
	}
	rec := r.shown
	v.Shown, v.Word = true, r.verdict()
	v.Class = classOf(v.Word)
	v.Took = seconds(rec.Took())
	if rec.Claim.Section != "" {
		v.Section, v.Link = clean(rec.Claim.Section), webAddress(rec.Claim.Link)
	}
	v.OnlyIf, v.Refuted, v.Unprovable, v.Sabotage = clean(rec.Claim.OnlyIf), rec.Claim.Refuted, clean(rec.Unprovable), clean(rec.Sabotage)
	v.Why = passagesOf(rec.Doc)
	v.Scenario = scenarioOf(rec, s)
	if v.Word == evidence.Undecided {
		v.Undecided, v.WhatToDo = undecisions(rec), whatToDo
	}
	for _, again := range rec.Repeats {
		view := repeatView{When: moment(again.Started), Took: seconds(again.Duration)}
		for _, u := range again.Undecided {
			view.Undecided = append(view.Undecided, undecision(u))
		}
		v.Repeats = append(v.Repeats, view)
	}
	for _, f := range rec.Failures {
		where := "at " + seconds(f.At)
		if f.Step != "" {
			where += ", in “" + clean(f.Step) + "”"
		}
		v.Failures = append(v.Failures, failureView{line(f.Kind), where, shorten(printable(f.Message), 20_000)})
	}
	for _, m := range rec.Measurements {
		v.Gauges = append(v.Gauges, gaugeOf(m))
	}
	if at := headlineAt(rec); at >= 0 {
		v.Headline = &v.Gauges[at]
	}
	v.addControl(rec)
	v.Topology, v.Timeline = topologyOf(rec), timelineOf(rec)
	v.addChecks(rec)
	for _, f := range rec.Faults {
		name := clean(f.Kind + " on " + f.Target)
		if f.Halved {
			name = "half of " + name
		}
		if f.Detail != "" {
			name += " (" + clean(f.Detail) + ")"
		}
		view := faultView{Name: name, From: seconds(f.From), To: ending(f.To), Undo: line(f.Undo), Nature: clean(f.Nature), Window: f.Window}
		if f.To == nil {
			view.Undo = "not undone by the scenario"
		}
		for _, w := range f.Witnesses {
			view.Felt = append(view.Felt, clean(w))
		}
		for _, t := range f.Traffic {
			view.Traffic = append(view.Traffic, clean(t.String()))
		}
		for _, p := range f.Past {
			view.Past = append(view.Past, clean(p))
		}
		v.Faults = append(v.Faults, view)
	}
	if sch := rec.Schedule; sch != nil && len(sch.Unfelt) > 0 {
		v.Unfelt = fmt.Sprintf("Of the schedule's %d windows nobody felt these: %s.", len(sch.Windows), strings.Trim(fmt.Sprint(sch.Unfelt), "[]"))
	}
	v.addCounts(rec)
	v.addFacts(rec)
	if rec.Rerun != "" {
		v.Rerun = append(v.Rerun, command{"Run it again, with the same seed and knobs", line(rec.Rerun)})
	}
	if sch := rec.Schedule; sch != nil && sch.Replay != "" {
		v.Rerun = append(v.Rerun, command{"Follow its schedule again", line(sch.Replay)}, command{"Look for a smaller schedule", line(sch.Shrink)})
	}
	v.addFiles(e, s.Folder)
	v.addDrawings(e, s.Folder)
	if r.runs > 1 {
		v.History = historyOf(r, Records(s.Entries))
	}
	return v
}

// passagesOf are the prose and the drawings of a doc comment, as the go command reads it.
func passagesOf(doc string) (all []passage) {
	text := func(of []comment.Text) string {
		var s strings.Builder
		for _, t := range of {
			switch t := t.(type) {
			case comment.Plain:
				s.WriteString(string(t))
			case comment.Italic:
				s.WriteString(string(t))
			case *comment.Link:
				s.WriteString(words(t.Text))
			case *comment.DocLink:
				s.WriteString(words(t.Text))
			}
		}
		return strings.Join(strings.Fields(clean(s.String())), " ")
	}
	var add func(blocks []comment.Block, mark string)
	add = func(blocks []comment.Block, mark string) {
		for _, b := range blocks {
			switch b := b.(type) {
			case *comment.Paragraph:
				all = append(all, passage{Text: mark + text(b.Text)})
			case *comment.Heading:
				all = append(all, passage{Text: text(b.Text)})
			case *comment.Code:
				all = append(all, passage{Text: printable(b.Text), Drawn: true})
			case *comment.List:
				for _, item := range b.Items {
					add(item.Content, cmp.Or(item.Number, "•")+" ")
				}
			}
		}
	}
	add((&comment.Parser{}).Parse(shorten(strings.ToValidUTF8(doc, "�"), 20_000)).Content, "")
	return all
}

// words are those of a link, which leads nowhere here.
func words(of []comment.Text) string {
	var s strings.Builder
	for _, t := range of {
		switch t := t.(type) {
		case comment.Plain:
			s.WriteString(string(t))
		case comment.Italic:
			s.WriteString(string(t))
		}
	}
	return s.String()
}

// scenarioOf is where the scenario stands, with a link where that file is in the module that the page was made in.
func scenarioOf(r *evidence.Record, s Source) fileView {
	v := fileView{Name: clean(r.Source)}
	file, _, _ := strings.Cut(r.Source, ":")
	file = filepath.FromSlash(file)
	if s.Root == "" || s.Folder == "" || !filepath.IsLocal(file) || filepath.Ext(file) != ".go" {
		return v
	}
	path := filepath.Join(s.Root, file)
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return v
	}
	if rel, err := filepath.Rel(s.Folder, path); err == nil {
		v.Address = relativeURL(strings.Split(filepath.ToSlash(rel), "/"))
	}
	return v
}

// webAddress is an address on the web, and "" if it is anything else: a link of the page must not lead to a file.
func webAddress(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return u.String()
}

func (v *claimView) addControl(r *evidence.Record) {
	if r.Verdict == evidence.NotProvable {
		return
	}
	if said := control(r); said != none {
		v.Control = said
	}
	for i, m := range r.Measurements {
		if ofControl(r, m) && &v.Gauges[i] != v.Headline {
			v.ControlFigures = append(v.ControlFigures, &v.Gauges[i])
		}
	}
}

func (v *claimView) addChecks(r *evidence.Record) {
	words := map[string][2]string{"calm": {"behaved in the calm", "misbehaved in the calm"}, "holds": {"held", "was violated"}, "breaks": {"was broken, as it should be", "was not broken"}}
	for _, c := range r.Checks {
		view := checkView{Role: clean(c.Role), Property: line(c.Property), Summary: clean(c.Summary), Class: "holds"}
		phrase, known := words[c.Role]
		if !known {
			phrase = [2]string{"as asked", "not as asked"}
		}
		view.Word = phrase[0]
		if !c.OK {
			view.Class, view.Word = "failed", phrase[1]
			if c.Verdict == "unknown" {
				view.Word = "could not be told"
			}
		}
		switch {
		case c.Control != "" && c.Subject != "":
			view.Who = clean(c.Subject + " – " + c.Control)
		default:
			view.Who = clean(c.Subject + c.Control)
		}
		for i := range c.Offending[:min(len(c.Offending), 10)] {
			view.Offending = append(view.Offending, said(&c.Offending[i]))
		}
		v.Checks = append(v.Checks, view)
	}
}

func (v *claimView) addCounts(r *evidence.Record) {
	counts := r.Operations.Counts
	if counts == nil { // of a record that is older than they are
		at := map[evidence.Count]int{}
		for _, op := range r.Operations.Items {
			at[evidence.Count{Client: op.Client, Kind: op.Kind, Outcome: op.Outcome}]++
		}
		for c, n := range at {
			c.N = n
			counts = append(counts, c)
		}
		slices.SortFunc(counts, func(a, b evidence.Count) int {
			return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Outcome, b.Outcome))
		})
	}
	for _, c := range counts {
		client, kind := line(c.Client), line(c.Kind)
		if n := len(v.Counts); n == 0 || v.Counts[n-1].Client != client || v.Counts[n-1].Kind != kind {
			v.Counts = append(v.Counts, countView{Client: client, Kind: kind})
		}
		last := &v.Counts[len(v.Counts)-1]
		switch c.Outcome {
		case history.OK:
			last.OK += c.N
		case history.Failed:
			last.Failed += c.N
		default:
			last.Unknown += c.N
		}
	}
	var all []*evidence.Operation
	for i := range r.Operations.Items {
		if hasLatency(&r.Operations.Items[i]) {
			all = append(all, &r.Operations.Items[i])
		}
	}
	chosen := worthPointingAt(all, r.Duration)
	chosen = chosen[:min(len(chosen), 30)]
	slices.SortStableFunc(chosen, func(a, b *evidence.Operation) int { return cmp.Compare(a.Start, b.Start) })
	for _, op := range chosen {
		v.Notable = append(v.Notable, said(op))
	}
}

func (v *claimView) addFacts(r *evidence.Record) {
	add := func(name, value string) {
		if value != "" {
			v.Facts = append(v.Facts, fact{name, clean(value)})
		}
	}
	add("started", moment(r.Started))
	add("took", seconds(r.Took()))
	add("run", r.Run)
	add("seed", fmt.Sprint(r.Seed))
	var knobs []string
	for _, k := range r.Knobs {
		s := k.Name + "=" + k.Value
		if k.Default != "" && k.Default != k.Value {
			s += " (by default " + k.Default + ")"
		}
		knobs = append(knobs, s)
	}
	add("knobs", strings.Join(knobs, ", "))
	add("test", r.Test+" in "+r.Package)
	add("engine", fmt.Sprintf("%s, API %s, %s, kernel %s, %s", r.Engine.Version, r.Engine.API, r.Engine.OS, r.Engine.Kernel, count(r.Engine.CPUs, "processor")))
	add("go", r.Tools.Go)
	var libraries []string
	for module, version := range r.Tools.Libraries {
		libraries = append(libraries, module+" "+version)
	}
	slices.Sort(libraries)
	add("libraries", strings.Join(libraries, ", "))
	for _, n := range r.Nodes {
		v.Nodes = append(v.Nodes, evidence.Node{Name: line(n.Name), Image: line(n.Image), ImageID: line(n.ImageID), Version: line(n.Version)})
	}
}

// How much of a log is shown on the page, and up to which size a drawing is put into it.
const (
	logTail      = 24 << 10
	drawingLimit = 256 << 10
)

func (v *claimView) addFiles(e Entry, folder string) {
	for _, name := range e.Logs {
		f := fileView{Name: clean(name), Address: e.address(name, folder)}
		text, whole, err := e.beside(name, logTail)
		if err != nil {
			f.Text = "not to be had: " + clean(err.Error())
			f.Address = ""
		} else {
			f.Text, f.Cut = printable(string(text)), !whole
		}
		v.Files = append(v.Files, f)
	}
}

// addDrawings puts small pictures on the page, and links all drawings.
func (v *claimView) addDrawings(e Entry, folder string) {
	for _, d := range e.Drawings {
		view := drawingView{Title: clean(d.Title), Address: e.address(d.File, folder)}
		text, whole, err := e.beside(d.File, drawingLimit)
		if err == nil && whole && d.Type == "image/svg+xml" {
			// As an image a drawing runs no script and loads nothing.
			view.Data = template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(text))
		}
		v.Drawings = append(v.Drawings, view)
	}
}

// printable is text of several lines without what is no text.
func printable(s string) string {
	lines := strings.Split(strings.TrimRight(strings.ToValidUTF8(s, "�"), "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(clean(l), " ")
	}
	return strings.Join(lines, "\n")
}

// relativeURL is a path for a link.
func relativeURL(elements []string) string {
	escaped := make([]string, len(elements))
	for i, e := range elements {
		escaped[i] = url.PathEscape(e)
	}
	if len(escaped) > 0 && strings.Contains(elements[0], ":") {
		return "./" + strings.Join(escaped, "/") // no scheme
	}
	return strings.Join(escaped, "/")
}

// historyOf draws the claim's headline figure over its runs.
func historyOf(r *row, all []*evidence.Record) *historyView {
	var runs []*evidence.Record
	for _, rec := range all {
		if rec.Claim.ID == r.id {
			runs = append(runs, rec)
		}
	}
	slices.SortStableFunc(runs, func(a, b *evidence.Record) int { return a.Started.Compare(b.Started) })
	judged := stat.Proportion{Hits: r.proven, Of: r.proven + r.failed}
	v := &historyView{Share: fmt.Sprintf("proven in %d of %s", r.proven, count(r.proven+r.failed, "run"))}
	if judged.Of > 0 {
		v.Share += ": " + judged.String() + " (95 % confidence, Wilson)"
	}
	if r.undecided > 0 {
		v.Share += fmt.Sprintf("; undecided in %d more", r.undecided)
	}
	if r.unprovable > 0 {
		v.Share += fmt.Sprintf("; not provable in %d more", r.unprovable)
	}
	if m := Headline(r.shown); m != nil {
		v.Figure = Name(*m)
	}
	type point struct {
		run *evidence.Record
		m   evidence.Measurement
	}
	var points []point
	low, high := math.Inf(1), math.Inf(-1)
	for _, run := range runs {
		view := runView{When: run.Started.UTC().Format("2006-01-02 15:04:05"), Run: line(run.Run), Word: word(run.Verdict), Took: seconds(run.Took()), Seed: fmt.Sprint(run.Seed), Shown: run == r.shown}
		view.Class = classOf(view.Word)
		for _, m := range run.Measurements {
			if Name(m) != v.Figure || v.Figure == "" {
				continue
			}
			view.Value, view.Prediction = figure(m)
			points = append(points, point{run, m})
			low, high = min(low, m.Value), max(high, m.Value)
			break
		}
		v.Runs = append(v.Runs, view)
	}
	v.Figure = clean(v.Figure)
	slices.Reverse(v.Runs)
	if len(points) < 2 {
		return v
	}
	values := make([]float64, len(points))
	for i, p := range points {
		values[i] = p.m.Value
	}
	slices.Sort(values)
	unit := ""
	if u := points[0].m.Unit; u != "" {
		unit = " " + line(u)
	}
	v.Spread = fmt.Sprintf("from %s to %s, median %s%s", number(low, 3), number(high, 3), number((values[(len(values)-1)/2]+values[len(values)/2])/2, 3), unit)
	for _, p := range points {
		for _, b := range []*float64{p.m.Low, p.m.High} {
			if b != nil {
				low, high = min(low, *b), max(high, *b)
			}
		}
	}
	if !(high > low) {
		low, high = low-1, high+1
	}
	const height = 90
	v.Height = height
	y := func(x float64) float64 { return height - 8 - min(max((x-low)/(high-low), 0), 1)*(height-16) }
	step := (drawingWidth - 20.0) / float64(len(points))
	for i, p := range points {
		x := 10 + step*(float64(i)+0.5)
		top, bottom := 2.0, height-2.0
		if p.m.High != nil {
			top = y(*p.m.High)
		}
		if p.m.Low != nil {
			bottom = y(*p.m.Low)
		}
		value, prediction := figure(p.m)
		d := runDot{X: coordinate(x), Y: coordinate(y(p.m.Value)), Class: classOf(word(p.run.Verdict)), Low: coordinate(min(top, bottom) - 1), Height: coordinate(math.Abs(bottom-top) + 2),
			Says: fmt.Sprintf("%s, %s: %s, predicted %s", moment(p.run.Started), word(p.run.Verdict), value, prediction)}
		v.Dots = append(v.Dots, d)
		v.Bands = append(v.Bands, span{X: coordinate(x - min(step*0.35, 12)), Width: coordinate(min(step*0.7, 24))})
	}
	return v
}
