package txn

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"

	"assay/harness/history"
)

// How a cycle is drawn, in pixels.
const (
	boxWidth   = 216
	lineHeight = 17
	mostLines  = 6  // micro-operations of a transaction that are shown
	mostRunes  = 30 // of a line
	apart      = 150
	margin     = 24
)

// style follows the reader's colour scheme, and is readable where a scheme is not known.
const style = `
text { font: 12px ui-monospace, monospace; fill: #1f2328 }
.name { font-weight: bold }
.label { text-anchor: middle; paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
.box { fill: #f6f8fa; stroke: #59636e }
.edge { fill: none; stroke-width: 1.5 }
.paper { fill: #ffffff }
.ww { stroke: #0969da } .wr { stroke: #1a7f37 } .rw { stroke: #cf222e } .rt { stroke: #6e7781; stroke-dasharray: 5 4 }
.tip { fill: #59636e }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.label { stroke: #0d1117 }
.box { fill: #161b22; stroke: #9198a1 }
.paper { fill: #0d1117 }
.ww { stroke: #58a6ff } .wr { stroke: #3fb950 } .rw { stroke: #ff7b72 } .rt { stroke: #9198a1 }
.tip { fill: #9198a1 }
}
`

// point is a place on the drawing.
type point struct{ x, y float64 }

// SVG draws the cycle of an anomaly: its transactions on a circle, clockwise from the one that began first, with an arrow for each
// dependency, on which stands its kind and its list. An anomaly that is no cycle has no drawing: "". The same anomaly gives the same text.
func (r Report) SVG(a Anomaly) string {
	if len(a.Cycle) == 0 {
		return ""
	}
	var boxes [][]string
	tallest := 0
	for _, d := range a.Cycle {
		lines := r.lines(d.From)
		boxes = append(boxes, lines)
		tallest = max(tallest, len(lines))
	}
	boxHeight := float64(lineHeight*tallest + 12)
	// Neighbours on the circle are as far from each other that an arrow with its label fits between them.
	n := len(boxes)
	chord := math.Hypot(boxWidth, boxHeight) + apart
	radius := chord / (2 * math.Sin(math.Pi/float64(n)))
	center := point{radius + boxWidth/2 + margin, radius + boxHeight/2 + margin}
	places := make([]point, n)
	low, high := center, center
	for i := range places {
		angle := 2 * math.Pi * (float64(i)/float64(n) - 0.5) // the first one is on the left
		places[i] = point{center.x + radius*math.Cos(angle), center.y + radius*math.Sin(angle)}
		low = point{min(low.x, places[i].x), min(low.y, places[i].y)}
		high = point{max(high.x, places[i].x), max(high.y, places[i].y)}
	}
	left, top := low.x-boxWidth/2-margin, low.y-boxHeight/2-margin-20
	width, height := high.x-low.x+boxWidth+2*margin, high.y-low.y+boxHeight+2*margin+40

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="%.0f %.0f %.0f %.0f" width="%.0f" height="%.0f" role="img">`+"\n",
		left, top, width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<desc>%s</desc>\n<style>%s</style>\n", escape(a.Phenomenon.String()), escape(a.Words), style)
	b.WriteString(`<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" orient="auto"><path class="tip" d="M0 0L10 5L0 10z"/></marker></defs>` + "\n")
	fmt.Fprintf(&b, `<rect class="paper" x="%.0f" y="%.0f" width="%.0f" height="%.0f"/>`+"\n", left, top, width, height)
	for i, d := range a.Cycle {
		arrow(&b, d, places[i], places[(i+1)%n], boxHeight)
	}
	for i, d := range a.Cycle {
		x, y := places[i].x-boxWidth/2, places[i].y-boxHeight/2
		fmt.Fprintf(&b, `<g><title>%s</title><rect class="box" x="%.1f" y="%.1f" width="%d" height="%.1f" rx="6"/>`+"\n",
			escape(r.Txns[d.From].String()), x, y, boxWidth, boxHeight)
		for j, line := range boxes[i] {
			class := ""
			if j == 0 {
				class = ` class="name"`
			}
			fmt.Fprintf(&b, `<text%s x="%.1f" y="%.1f">%s</text>`+"\n", class, x+8, y+6+float64(lineHeight*j+12), escape(line))
		}
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// picture is the drawing of an anomaly that is a cycle.
type picture struct {
	report  Report
	anomaly Anomaly
}

func (picture) Type() string { return "image/svg+xml" }

// Draw shows no windows: the picture has no axis of time.
func (p picture) Draw(to io.Writer, _ ...history.Window) error {
	_, err := io.WriteString(to, p.report.SVG(p.anomaly))
	return err
}

// lines is what is written in a transaction's box.
func (r Report) lines(t int) []string {
	txn := r.Txns[t]
	lines := []string{cut(fmt.Sprintf("T%d · %s", t+1, txn.Client))}
	for i, op := range txn.Ops {
		if i == mostLines-1 && len(txn.Ops) > mostLines {
			lines = append(lines, fmt.Sprintf("… %d more", len(txn.Ops)-i))
			break
		}
		words := op.String()
		if op.Kind == history.Read {
			words = fmt.Sprintf("read %s %v", op.Key, shown(op.List))
		}
		lines = append(lines, cut(words))
	}
	return lines
}

// arrow draws a dependency, bent outwards, from the edge of one box to that of the next.
func arrow(b *strings.Builder, d Dependency, from, to point, boxHeight float64) {
	middle := point{(from.x + to.x) / 2, (from.y + to.y) / 2}
	// To the left of the way clockwise is outwards. Two that point at each other do not lie on each other then.
	far := math.Hypot(to.x-from.x, to.y-from.y)
	bend := point{middle.x + 0.22*far*(to.y-from.y)/far, middle.y - 0.22*far*(to.x-from.x)/far}
	start, end := leave(from, bend, boxHeight), leave(to, bend, boxHeight)
	label := point{(start.x + 2*bend.x + end.x) / 4, (start.y+2*bend.y+end.y)/4 + 4}
	fmt.Fprintf(b, `<g><title>%s</title><path class="edge %s" d="M%.1f %.1fQ%.1f %.1f %.1f %.1f" marker-end="url(#tip)"/>`,
		escape(d.Why), d.Kind, start.x, start.y, bend.x, bend.y, end.x, end.y)
	fmt.Fprintf(b, `<text class="label" x="%.1f" y="%.1f">%s</text></g>`+"\n", label.x, label.y, escape(cut(strings.TrimSpace(d.Kind+" "+d.Key))))
}

// leave gives the point at which the straight line from a box's middle towards another point leaves the box.
func leave(box, towards point, boxHeight float64) point {
	dx, dy := towards.x-box.x, towards.y-box.y
	share := math.Inf(1)
	if dx != 0 {
		share = min(share, boxWidth/2/math.Abs(dx))
	}
	if dy != 0 {
		share = min(share, boxHeight/2/math.Abs(dy))
	}
	share = min(share, 1)
	return point{box.x + share*dx, box.y + share*dy}
}

// cut shortens a line to what fits in a box.
func cut(s string) string {
	if runes := []rune(s); len(runes) > mostRunes-1 {
		return string(runes[:mostRunes-2]) + "…"
	}
	return s
}

// escape makes a text safe to stand in XML, without the characters that XML cannot have.
func escape(s string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0xFFFE || r == 0xFFFF || r == 0xFFFD {
			return '�'
		}
		return r
	}, s))
}
