package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/distribution/reference"
	"gonum.org/v1/gonum/stat/combin"

	"assay/harness/check/stat"
	"assay/harness/claims"
	"assay/harness/evidence"
)

// Comparison is what changed from one set of records to another.
type Comparison struct {
	claims   []*change
	versions [2]map[string][]string // of what took part in the claims that are in both, by its name
}

// change is one claim in both sets.
type change struct {
	id, says string
	runs     [2][]*evidence.Record
	kind     kind
	ended    string   // how it did, where it is in one of the sets only
	lines    []string // what changed
	alike    []string // what did not, or by no more than was to be expected
}

// kind is what became of a claim.
type kind int

// In the order in which they ask to be looked at.
const (
	worse kind = iota
	better
	other
	fresh
	gone
	same
)

var kinds = [...]string{"worse", "better", "changed", "new", "gone", "alike"}

// Compare tells what changed from the records of before to those of after.
//
// A claim is worse if it failed and had never done so before, or if it is proven less often, by more than chance is likely to make
// it (Newcombe's interval for the difference at 95 % leaves out 0); better if it is the other way round. That it cannot be
// put to the test where it could, or that runs could not decide, is told, and is neither.
//
// A figure has changed if it left its prediction, or came back to it. It also has if it went further than runs of the same kind
// do: where each set has enough of them, if all of after's lie above or below all of before's, which chance makes of 5 % of such
// sets at most; where they have not, if its median changed by more than the given share. So has how long the test took.
func Compare(before, after []Entry, share float64) Comparison {
	var c Comparison
	byID := map[string]*change{}
	for i, entries := range [2][]Entry{before, after} {
		for _, r := range Records(entries) {
			one := byID[r.Claim.ID]
			if one == nil {
				one = &change{id: r.Claim.ID, kind: same}
				byID[one.id] = one
			}
			one.says = r.Claim.Says
			one.runs[i] = append(one.runs[i], r)
		}
	}
	for _, one := range byID {
		c.claims = append(c.claims, one)
		one.compare(share)
	}
	slices.SortFunc(c.claims, func(a, b *change) int { return cmp.Or(cmp.Compare(a.kind, b.kind), claims.Compare(a.id, b.id)) })
	for i := range c.versions {
		c.versions[i] = versions(c.claims, i)
	}
	return c
}

// Worse tells whether any claim is.
func (c Comparison) Worse() bool {
	return slices.ContainsFunc(c.claims, func(one *change) bool { return one.kind == worse })
}

// versions are those of what took part on one side, in the claims that both have.
func versions(all []*change, side int) map[string][]string {
	found := map[string][]string{}
	add := func(name, version string) {
		if version != "" && !slices.Contains(found[name], version) {
			found[name] = append(found[name], version)
		}
	}
	for _, one := range all {
		if one.kind == fresh || one.kind == gone {
			continue
		}
		for _, r := range one.runs[side] {
			for _, n := range r.Nodes {
				name := n.Image
				if ref, err := reference.ParseNormalizedNamed(n.Image); err == nil {
					name = reference.FamiliarName(ref)
				}
				add(name, n.Version)
				add("image "+name, n.Image)
			}
			for name, version := range r.Tools.Libraries {
				add(name, version)
			}
			add("Go", r.Tools.Go)
			add("engine", r.Engine.Version)
			add("kernel", r.Engine.Kernel)
			add("machine", fmt.Sprintf("%s %s, %d processors, %d MB", r.Engine.OS, r.Engine.Arch, r.Engine.CPUs, r.Engine.Memory>>20))
		}
	}
	for _, all := range found {
		slices.Sort(all)
	}
	return found
}

func (one *change) compare(share float64) {
	before, after := one.runs[0], one.runs[1]
	switch {
	case len(before) == 0:
		one.kind, one.ended = fresh, verdicts(after)
		return
	case len(after) == 0:
		one.kind, one.ended = gone, verdicts(before)
		return
	}
	one.verdict()
	if was, is := before[len(before)-1].Claim, after[len(after)-1].Claim; was.Says != is.Says || was.OnlyIf != is.OnlyIf {
		one.changed("it said: " + sentence(was))
	}
	one.knobs()
	one.figures(share)
	took := func(r *evidence.Record) (evidence.Measurement, bool) {
		return evidence.Measurement{Name: "took", Value: r.Took(), Unit: "s", OK: true}, evidence.Proven(r.Verdict)
	}
	one.figure("took", share, took)
}

// sentence is a claim with its condition.
func sentence(c evidence.Claim) string {
	if c.OnlyIf == "" {
		return c.Says
	}
	return c.Says + ", only if " + c.OnlyIf
}

// changed adds a line of what changed.
func (one *change) changed(text string) {
	one.lines = append(one.lines, text)
	if one.kind == same {
		one.kind = other
	}
}

// verdicts words how runs ended.
func verdicts(runs []*evidence.Record) string {
	if len(runs) == 1 {
		return verdictOf(runs[0])
	}
	p, skipped := proven(runs)
	text := fmt.Sprintf("%d of %d proven", p.Hits, p.Of)
	if n := skipped[evidence.Undecided]; n > 0 {
		text += fmt.Sprintf(", %d undecided there", n)
	}
	if n := skipped[evidence.NotProvable]; n > 0 {
		text += fmt.Sprintf(", %d not provable there", n)
	}
	return text
}

func verdictOf(r *evidence.Record) string {
	if word(r.Verdict) != evidence.Failed || len(r.Failures) == 0 {
		return word(r.Verdict)
	}
	return evidence.Failed + " (" + r.Failures[0].Kind + ")"
}

// proven tells how many of the runs were, of those that could decide, and how many could not, by their verdict.
func proven(runs []*evidence.Record) (p stat.Proportion, skipped map[string]int) {
	skipped = map[string]int{}
	for _, r := range runs {
		switch {
		case evidence.Skipped(r.Verdict):
			skipped[r.Verdict]++
		case evidence.Proven(r.Verdict):
			p.Hits++
			p.Of++
		default:
			p.Of++
		}
	}
	return p, skipped
}

// verdict compares how often the claim was proven.
func (one *change) verdict() {
	before, after := one.runs[0], one.runs[1]
	text := "verdict: " + verdicts(before) + " → " + verdicts(after)
	was, _ := proven(before)
	is, _ := proven(after)
	more := is.More(was, 0.95)
	switch {
	case was.Of == 0 || is.Of == 0:
		if was.Of != is.Of {
			one.changed(text)
			return
		}
	case was.Hits == was.Of && is.Hits < is.Of, more.Interval.High < 0:
		one.kind = worse
	case is.Hits == is.Of && was.Hits < was.Of, more.Interval.Low > 0:
		one.kind = better
	}
	if (more.Share < 0 || more.Share > 0) && len(before)+len(after) > 2 { // not of nothing
		text += ", " + more.String()
	}
	switch {
	case one.kind != same:
		one.lines = append(one.lines, text)
	case len(before) == 1 && len(after) == 1 && verdicts(before) != verdicts(after):
		one.changed(text) // such as from "holds" to "only if"
	default:
		one.alike = append(one.alike, text)
	}
}

// knobs tells which knobs have other values.
func (one *change) knobs() {
	values := func(runs []*evidence.Record) map[string]string {
		all := map[string]string{}
		for _, r := range runs {
			for _, k := range r.Knobs {
				if v := all[k.Name]; !slices.Contains(strings.Split(v, " or "), k.Value) {
					all[k.Name] = strings.TrimPrefix(v+" or "+k.Value, " or ")
				}
			}
		}
		return all
	}
	before, after := values(one.runs[0]), values(one.runs[1])
	for _, name := range names(before, after) {
		// A test that ended early has not named all of its knobs.
		if was, is := before[name], after[name]; was != is && was != "" && is != "" {
			one.changed(fmt.Sprintf("knob %s: %s → %s", name, was, is))
		}
	}
}

// names are the keys of both maps, in order.
func names[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// figures compares what was measured, in the order of the measurements.
func (one *change) figures(share float64) {
	var named []string
	for _, r := range slices.Concat(one.runs[1], one.runs[0]) {
		for _, m := range r.Measurements {
			if name := Name(m); !slices.Contains(named, name) {
				named = append(named, name)
			}
		}
	}
	for _, name := range named {
		one.figure(name, share, func(r *evidence.Record) (evidence.Measurement, bool) {
			at := slices.IndexFunc(r.Measurements, func(m evidence.Measurement) bool { return Name(m) == name })
			if at < 0 {
				return evidence.Measurement{}, false
			}
			return r.Measurements[at], true
		})
	}
}

// figure compares one figure, which of gives of each run that has it.
func (one *change) figure(name string, share float64, of func(*evidence.Record) (evidence.Measurement, bool)) {
	var all [2][]evidence.Measurement
	for i, runs := range one.runs {
		for _, r := range runs {
			if m, ok := of(r); ok {
				all[i] = append(all[i], m)
			}
		}
	}
	before, after := all[0], all[1]
	switch {
	case len(before) == 0 && len(after) == 0:
		return
	case len(before) == 0:
		one.only(name + ": " + spread(after) + ", not measured before")
		return
	case len(after) == 0:
		one.only(name + ": " + spread(before) + ", not measured any more")
		return
	}
	text := name + ": " + spread(before) + " → " + spread(after)
	if before[0].Unit != after[0].Unit || left(before) != left(after) || moved(before, after, share) {
		one.changed(text)
	} else {
		one.alike = append(one.alike, text)
	}
}

// only adds a line of what was measured on one side only. That is for no other reason than that tests ended early where any failed.
func (one *change) only(text string) {
	if slices.ContainsFunc(slices.Concat(one.runs[0], one.runs[1]), func(r *evidence.Record) bool { return !evidence.Proven(r.Verdict) }) {
		one.alike = append(one.alike, text)
		return
	}
	one.changed(text)
}

// left tells whether a figure was off its prediction in any run.
func left(figures []evidence.Measurement) bool {
	return slices.ContainsFunc(figures, func(m evidence.Measurement) bool { return !m.OK })
}

func valuesOf(figures []evidence.Measurement) []float64 {
	var values []float64
	for _, m := range figures {
		values = append(values, m.Value)
	}
	return values
}

// moved tells whether a figure went further than chance is likely to make it.
func moved(before, after []evidence.Measurement, share float64) bool {
	a, b := valuesOf(before), valuesOf(after)
	apart := slices.Max(a) < slices.Min(b) || slices.Max(b) < slices.Min(a)
	// Of all ways in which the values of both could be shared out, two have those of one above those of the other.
	if ways := math.Exp(combin.LogGeneralizedBinomial(float64(len(a)+len(b)), float64(len(a)))); 2/ways <= 0.05 {
		return apart
	}
	was, is := stat.Median(a), stat.Median(b)
	return apart && math.Abs(is-was) > share*math.Abs(was)
}

// spread words a figure: of one run with its prediction, of several their median and how far they went.
func spread(figures []evidence.Measurement) string {
	if len(figures) == 1 {
		return Figure(figures[0])
	}
	values := valuesOf(figures)
	figure := func(x float64) string {
		return Figure(evidence.Measurement{Value: x, Unit: figures[0].Unit, OK: true})
	}
	text := fmt.Sprintf("%s (%s to %s, n = %d)", figure(stat.Median(slices.Clone(values))), figure(slices.Min(values)), figure(slices.Max(values)), len(values))
	if off := len(slices.DeleteFunc(slices.Clone(figures), func(m evidence.Measurement) bool { return m.OK })); off > 0 {
		text += fmt.Sprintf(", %d off the prediction", off)
	}
	return text
}

// Text words the comparison in lines of at most width columns (below 60 it needs 60): for each claim that is not as it was what
// changed, then what else took part in other versions, and a sum. With everything, also what is alike. Colour marks verdicts with
// ANSI sequences.
func (c Comparison) Text(width int, everything, colour bool) string {
	const indent = "  "
	paint := painter(colour)
	var out strings.Builder
	write := func(indent, text string) {
		for i, l := range strings.Split(ansi.Wrap(text, max(width, 60)-len(indent)-2, ""), "\n") {
			if i > 0 {
				l = "  " + l
			}
			out.WriteString(strings.TrimRight(indent+l, " ") + "\n")
		}
	}
	colours := map[kind]string{worse: red, better: green, other: yellow, gone: yellow, fresh: yellow}
	for _, one := range c.claims {
		if one.kind == same && !everything {
			continue
		}
		how := paint(cmp.Or(colours[one.kind], faint), kinds[one.kind])
		if one.ended != "" {
			how += ", " + line(one.ended)
		}
		write("", fmt.Sprintf("%s %s: %s", line(one.id), how, line(one.says)))
		for _, l := range one.lines {
			write(indent, line(l))
		}
		if everything {
			for _, l := range one.alike {
				write(indent, paint(faint, "= ")+line(l))
			}
		}
	}
	var others []string
	for _, name := range names(c.versions[0], c.versions[1]) {
		was, is := strings.Join(c.versions[0][name], ", "), strings.Join(c.versions[1][name], ", ")
		if was != is {
			others = append(others, fmt.Sprintf("%s: %s → %s", line(name), line(was), line(is)))
		}
	}
	if others != nil {
		write("", "other versions")
	}
	for _, o := range others {
		write(indent, o)
	}
	if out.Len() > 0 {
		out.WriteString("\n")
	}
	var count [len(kinds)]int
	for _, one := range c.claims {
		count[one.kind]++
	}
	var sum []string
	for k, n := range count {
		sum = append(sum, fmt.Sprintf("%d %s", n, kinds[k]))
	}
	out.WriteString("claims: " + strings.Join(sum, ", ") + "\n")
	return out.String()
}
