package report_test

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"assay/harness/evidence"
	"assay/harness/history"
	"assay/harness/report"
)

// What is drawn is read back here, as somebody who looks at the page would: by the labels of its axes where it has some, and by what
// is written beside it where it has not.

func number(t assert.TestingT, text string) float64 {
	x, err := strconv.ParseFloat(text, 64)
	assert.NoError(t, err)
	return x
}

func hasClass(n *html.Node, class string) bool {
	return slices.Contains(strings.Fields(attribute(n, "class")), class)
}

// within are the elements of that name and class below n, in their order; any name or class where it is "".
func within(n *html.Node, name, class string) (all []*html.Node) {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && (name == "" || d.Data == name) && (class == "" || hasClass(d, class)) {
			all = append(all, d)
		}
	}
	return all
}

// seen is a place in a drawing, and the figure that belongs there.
type seen struct{ figure, x float64 }

// onOneScale requires places to be those of a scale that goes up evenly from left to right.
func onOneScale(t require.TestingT, places []seen, slack float64) {
	low := slices.MinFunc(places, func(a, b seen) int { return int(math.Copysign(1, a.figure-b.figure)) })
	high := slices.MaxFunc(places, func(a, b seen) int { return int(math.Copysign(1, a.figure-b.figure)) })
	if low.figure == high.figure {
		return
	}
	require.Less(t, low.x, high.x)
	for _, p := range places {
		require.InDelta(t, low.x+(p.figure-low.figure)/(high.figure-low.figure)*(high.x-low.x), p.x, slack, "%v of %v", p, places)
	}
}

// barOf reads where an interval is drawn: its ends, or the middle of what is too narrow to have two.
func barOf(t require.TestingT, rect *html.Node, low, high *float64) (places []seen) {
	x, width := number(t, attribute(rect, "x")), number(t, attribute(rect, "width"))
	require.Positive(t, width)
	if low == nil {
		require.InDelta(t, 0, x, 0.01, "what is open goes to the edge")
	}
	if high == nil {
		require.InDelta(t, 240, x+width, 0.01, "what is open goes to the edge")
	}
	switch {
	case width < 4.05 && low != nil && high != nil:
		return []seen{{(*low + *high) / 2, x + width/2}}
	case width < 4.05: // a mark that stands for the little that is left to the edge
		return nil
	}
	if low != nil {
		places = append(places, seen{*low, x})
	}
	if high != nil {
		places = append(places, seen{*high, x + width})
	}
	return places
}

func TestGaugesAreToScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		figure := rapid.Float64Range(-10, 1000)
		interval := func(name string) (low, high *float64) {
			a, b := figure.Draw(t, name), figure.Draw(t, name)
			a, b = min(a, b), max(a, b)
			switch rapid.IntRange(0, 3).Draw(t, name+" is open") {
			case 0:
				return nil, &b
			case 1:
				return &a, nil
			}
			return &a, &b
		}
		m := evidence.Measurement{Name: "lag", Value: figure.Draw(t, "value")}
		m.Low, m.High = interval("predicted")
		m.OK = (m.Low == nil || *m.Low <= m.Value) && (m.High == nil || m.Value <= *m.High)
		for range rapid.IntRange(0, 3).Draw(t, "rivals") {
			v := evidence.Rival{Name: rapid.SampledFrom([]string{"none", "half of it", "no key"}).Draw(t, "rival"), Undecided: rapid.Bool().Draw(t, "undecided")}
			v.Low, v.High = interval("rival")
			m.Rivals = append(m.Rivals, v)
		}
		r := run("8.5", 3)
		r.Measurements = []evidence.Measurement{m}
		var out strings.Builder
		require.NoError(t, report.Page(&out, report.Source{Entries: entries(r)}))
		root, err := html.Parse(strings.NewReader(out.String()))
		require.NoError(t, err)
		gauges := within(root, "svg", "gauge")
		require.Len(t, gauges, 2, "in the overview, and in the claim's panel")
		for _, g := range gauges {
			require.Equal(t, m.OK, hasClass(g, "in"))
			require.Equal(t, !m.OK, hasClass(g, "off"))
			places := []seen{{m.Value, number(t, attribute(within(g, "svg", "")[0], "x"))}}
			bars := within(g, "rect", "interval")
			require.Len(t, bars, 1)
			places = append(places, barOf(t, bars[0], m.Low, m.High)...)
			rivals := within(g, "g", "rival")
			require.Len(t, rivals, len(m.Rivals))
			for i, v := range m.Rivals {
				places = append(places, barOf(t, within(rivals[i], "rect", "")[0], v.Low, v.High)...)
				require.Equal(t, v.Name, texts(within(rivals[i], "text", "")[0]))
				require.Equal(t, v.Undecided, hasClass(rivals[i], "overlaps"))
			}
			onOneScale(t, places, 0.2)
		}
	})
}

var steps = regexp.MustCompile(`([MmVHhvZz])(-?[\d.]*)(?: ?(-?[\d.]+))?`)

// axis is what the labels of a drawing say: where which figure stands.
func axis(t *testing.T, labels []*html.Node, coordinate string) (places []seen) {
	t.Helper()
	units := map[string]float64{"s": 1, "ms": 1e-3, "µs": 1e-6}
	for _, l := range labels {
		value, unit, _ := strings.Cut(texts(l), " ")
		require.Contains(t, units, unit)
		places = append(places, seen{number(t, value) * units[unit], number(t, attribute(l, coordinate))})
	}
	require.GreaterOrEqual(t, len(places), 2)
	return places
}

// at is where a figure stands on a scale that is even between two of its labels.
func at(places []seen, figure float64) float64 {
	a, b := places[0], places[len(places)-1]
	return a.x + (figure-a.figure)/(b.figure-a.figure)*(b.x-a.x)
}

// logarithms are the places of a scale whose labels go up by powers.
func logarithms(places []seen) (all []seen) {
	for _, p := range places {
		all = append(all, seen{math.Log10(p.figure), p.x})
	}
	return all
}

func byAttribute(name, value string) func(*html.Node) bool {
	return func(n *html.Node) bool { return attribute(n, name) != value }
}

func TestTimelineIsToScale(t *testing.T) {
	r := run("12.1", 60)
	r.Faults = append(r.Faults, evidence.Fault{Kind: "kill", Target: "nats", From: 7.5, To: new(8.25), Witnesses: []string{"durable"}})
	r.Noise = []evidence.Beat{{At: 0.5, Longest: 0.9}, {At: 2, Usual: 0.002, Longest: 0.02}, {At: 5, Usual: 0.0005, Longest: 0.001}, {At: 9, Usual: 0.04, Longest: 0.3}}
	panel := one(t, elements(t, page(t, report.Source{Entries: entries(r)})), "claim-12.1")
	svg := within(panel, "svg", "timeline")[0]
	ticks := within(svg, "text", "tick")
	when := axis(t, slices.DeleteFunc(slices.Clone(ticks), byAttribute("text-anchor", "middle")), "x")
	onOneScale(t, when, 0.1)

	for i, band := range within(svg, "rect", "band") {
		x, width := number(t, attribute(band, "x")), number(t, attribute(band, "width"))
		assert.InDelta(t, at(when, r.Faults[i].From), x, 0.2)
		assert.InDelta(t, at(when, *r.Faults[i].To), x+width, 0.3)
	}
	bars := within(svg, "rect", "bar")
	require.Len(t, bars, len(r.Faults))
	for i, bar := range bars {
		assert.InDelta(t, at(when, r.Faults[i].From), number(t, attribute(bar, "x")), 0.2)
	}
	for i, step := range within(svg, "g", "step") {
		x, _, _ := strings.Cut(strings.TrimPrefix(attribute(within(step, "path", "")[0], "d"), "M"), " ")
		assert.InDelta(t, at(when, r.Steps[i].At), number(t, x), 0.2)
	}

	// The points of the producer's operations, in the only panel that has some.
	var rows []*html.Node
	for _, tick := range ticks {
		if attribute(tick, "dy") != "" && tick.Parent.Data == "svg" {
			rows = append(rows, tick)
		}
	}
	high := logarithms(axis(t, rows, "y"))
	for class, outcome := range map[string]history.Outcome{"ok": history.OK, "failed": history.Failed, "unknown": history.Unknown} {
		var want [][2]float64
		for _, op := range r.Operations.Items {
			if op.Client == "producer" && op.Outcome == outcome {
				want = append(want, [2]float64{at(when, op.Start), at(high, math.Log10(*op.End-op.Start))})
			}
		}
		drawn := points(t, attribute(within(svg, "path", class)[0], "d"))
		require.NotEmpty(t, want)
		for _, w := range want {
			assert.True(t, slices.ContainsFunc(drawn, func(d [2]float64) bool { return math.Abs(d[0]-w[0]) < 0.8 && math.Abs(d[1]-w[1]) < 0.8 }), "%s at %v of %v", class, w, drawn)
		}
		for _, d := range drawn {
			assert.True(t, slices.ContainsFunc(want, func(w [2]float64) bool { return math.Abs(d[0]-w[0]) < 0.8 && math.Abs(d[1]-w[1]) < 0.8 }), "%s where there is none, %v", class, d)
		}
	}

	noise := within(svg, "g", "noise")[0]
	assert.Contains(t, texts(noise), "usual wait up to 40 ms, longest 300 ms", "what was before the first step is not drawn")
	rise := logarithms(axis(t, within(noise, "text", "tick"), "y"))
	longest, usual := levels(t, attribute(within(noise, "path", "longest")[0], "d")), levels(t, attribute(within(noise, "path", "usual")[0], "d"))
	for _, beat := range []struct{ from, to, usual, longest float64 }{{1.2, 1.9, 0.002, 0.02}, {2.1, 4.9, 0.0005, 0.001}, {5.1, 8.9, 0.04, 0.3}} {
		for _, moment := range []float64{beat.from, beat.to} {
			x := int(at(when, moment))
			assert.InDelta(t, at(rise, math.Log10(beat.longest)), longest[x], 0.2, "the longest at %v s", moment)
			assert.InDelta(t, at(rise, math.Log10(beat.usual)), usual[x], 0.2, "the usual at %v s", moment)
		}
	}
	assert.NotContains(t, longest, int(at(when, 9.5)), "of the time after the last beat nothing is known")
}

// points are where marks are drawn: each begins with a move, and its shape comes back to its middle or says how far that is.
func points(t *testing.T, d string) (places [][2]float64) {
	t.Helper()
	x, y := 0.0, 0.0
	shape := regexp.MustCompile(`^(h0|m-3-3l6 6m0-6l-6 6|m-4 0l4-4 4 4-4 4z)`)
	back := map[string][2]float64{"h0": {0, 0}, "m-3-3l6 6m0-6l-6 6": {-3, 3}, "m-4 0l4-4 4 4-4 4z": {-4, 0}}
	for d != "" {
		m := regexp.MustCompile(`^([Mm])(-?\d+) ?(-?\d+)`).FindStringSubmatch(d)
		require.NotNil(t, m, d)
		d = d[len(m[0]):]
		if m[1] == "M" {
			x, y = 0, 0
		}
		x, y = x+number(t, m[2]), y+number(t, m[3])
		places = append(places, [2]float64{x, y})
		s := shape.FindString(d)
		require.NotEmpty(t, s, d)
		d = d[len(s):]
		x, y = x+back[s][0], y+back[s][1]
	}
	return places
}

// levels are how high a line of steps is, by its x.
func levels(t *testing.T, d string) map[int]float64 {
	t.Helper()
	all := map[int]float64{}
	x, y := 0, 0.0
	for _, m := range steps.FindAllStringSubmatch(d, -1) {
		switch m[1] {
		case "M":
			x, y = int(number(t, m[2])), number(t, m[3])
		case "V":
			y = number(t, m[2])
		case "H":
			for to := int(number(t, m[2])); x < to; x++ {
				all[x] = y
			}
		}
	}
	return all
}
