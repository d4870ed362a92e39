package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/plot"

	"assay/harness/check"
	"assay/harness/evidence"
	"assay/harness/history"
)

// The timeline is drawn here and not by gonum/plot, which would write an element with its own colours for every point: the page
// would be ten times as large, and could be neither dark nor printed. Its scales and ticks are used.

// In units of the drawing, which are pixels where it is shown at its own size.
const (
	drawingWidth = 1000
	leftEdge     = 132 // of the time axis; labels are left of it
	rightEdge    = 984
	panelHeight  = 132
	emptyHeight  = 26 // of a panel without operations that take time
	laneHeight   = 20
	stripHeight  = 15
)

// timeline is one claim's run in one drawing: fault windows on top, a panel of operations for each arm, the event strip, and how
// busy the machine was, all on one time axis.
type timeline struct {
	Title, Says string // for who does not see it
	Height      int
	Times       []axisTick
	AxisY       int
	Top, Bottom int // of what bands and steps run through
	Lanes       []lane
	Bands       []span
	Steps       []stepMark
	Panels      []panel
	Strip       []stripRow
	Groups      []stripGroup
	StripY      int
	Noise       *noiseStrip
	Thinned     string // how many of the operations are kept, where that is not all
}

type axisTick struct {
	At    string
	Label string
}

type span struct {
	X, Width string
	Title    string
	Open     bool
}

type lane struct {
	Y     int
	Label string
	Bars  []span
	TextX string
	End   bool // the label ends at TextX, and does not begin there
}

type stepMark struct {
	N     int
	X     string
	TextX string
	Name  string
	At    string
}

type panel struct {
	Y, Height           int
	Role, Name          string
	Clients             string
	Rows                []axisTick // of the latency axis
	OK, Failed, Unknown string     // path data
	Notable             []notable
	Empty               bool
}

// notable is an operation that says what it is when it is pointed at.
type notable struct{ X, Y, Says string }

type stripGroup struct {
	Y      int
	Height int
	Name   string
	Role   string
}

type stripRow struct {
	Y     int
	Label string
	Class string
	D     string // path data of ticks, and of bars for what lasted
	Solid string // and of where ticks stand side by side
	N     int
}

// timeScale maps seconds to the drawing.
type timeScale struct{ from, to float64 }

func (s timeScale) x(t float64) float64 {
	return leftEdge + (min(max(t, s.from), s.to)-s.from)/(s.to-s.from)*(rightEdge-leftEdge)
}

func coordinate(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

// timelineOf draws r; nil if there is nothing to draw.
func timelineOf(r *evidence.Record) *timeline {
	sides := arms(r)
	if len(sides) == 0 && len(r.Faults) == 0 {
		return nil
	}
	scale := reach(r)
	t := &timeline{
		Title: fmt.Sprintf("Timeline of claim %s", r.Claim.ID),
		Says:  inWords(r, sides),
	}
	if kept := len(r.Operations.Items); kept < r.Operations.Recorded {
		t.Thinned = fmt.Sprintf("%d of %d operations were kept: those that did not end well first, then the slowest, then others evenly spaced", kept, r.Operations.Recorded)
	}
	y := 24 // below the numbers of the steps
	t.Top = y
	y = t.addFaults(r.Faults, scale, y)
	y = t.addPanels(r, sides, scale, y)
	y = t.addStrip(r, sides, scale, y)
	t.Noise, y = noiseOf(r.Noise, scale, y)
	t.Bottom, t.AxisY = y, y
	for _, tick := range (plot.DefaultTicks{}).Ticks(scale.from, scale.to) {
		if !tick.IsMinor() {
			t.Times = append(t.Times, axisTick{coordinate(scale.x(tick.Value)), tick.Label + " s"})
		}
	}
	t.Height = y + 24
	last := -20.0
	for i, s := range r.Steps {
		x := scale.x(s.At)
		last = max(x, last+17) // numbers of steps that follow at once stand side by side
		t.Steps = append(t.Steps, stepMark{i + 1, coordinate(x), coordinate(last), clean(s.Name), seconds(s.At)})
	}
	return t
}

// reach is the time from shortly before the first thing that happened, which the start of containers precedes, to the end.
func reach(r *evidence.Record) timeScale {
	from, to := math.Inf(1), math.Inf(-1)
	include := func(t float64) {
		if math.Abs(t) < 1e9 {
			from, to = min(from, t), max(to, t)
		}
	}
	for _, s := range r.Steps {
		include(s.At)
	}
	for _, f := range r.Faults {
		include(f.From)
		if f.To != nil {
			include(*f.To)
		}
	}
	for i := range r.Operations.Items {
		op := &r.Operations.Items[i]
		include(op.Start)
		if op.End != nil {
			include(*op.End)
		}
	}
	if math.IsInf(from, 1) {
		from, to = 0, 0
	}
	if r.Duration < 1e9 {
		to = max(to, r.Duration)
	}
	if !(to > from) {
		to = from + 1
	}
	margin := (to - from) / 100
	return timeScale{max(from-margin, min(from, 0)), to + margin}
}

// addFaults gives each kind of fault a lane, so that no label lies on another; what has no lane left shares the last.
func (t *timeline) addFaults(faults []evidence.Fault, scale timeScale, y int) int {
	const most = 8
	byLabel := map[string]int{}
	for _, f := range faults {
		label := clean(f.Kind + " " + f.Target)
		if f.Detail != "" {
			label += ": " + clean(f.Detail)
		}
		to := scale.to
		if f.To != nil {
			to = *f.To
		}
		x, end := scale.x(f.From), scale.x(to)
		felt := "felt by nobody"
		if len(f.Witnesses) > 0 {
			felt = "felt by " + clean(strings.Join(f.Witnesses, "; "))
		}
		bar := span{coordinate(x), coordinate(max(end-x, 2)), fmt.Sprintf("%s, from %s to %s, %s", label, seconds(f.From), ending(f.To), felt), f.To == nil}
		t.Bands = append(t.Bands, bar)
		at, known := byLabel[label]
		switch {
		case known:
		case len(t.Lanes) == most:
			at = most - 1
			t.Lanes[at].Label = "other faults"
		default:
			at = len(t.Lanes)
			l := lane{Y: y + at*laneHeight, Label: shorten(label, 110), TextX: coordinate(end + 6)}
			// Beside the bar if there is room, else before it, else on it.
			width := float64(len([]rune(l.Label))) * 6.4
			switch {
			case end+6+width < rightEdge:
			case x-6-width > leftEdge:
				l.TextX, l.End = coordinate(x-6), true
			default:
				l.TextX = coordinate(max(x, leftEdge) + 5)
			}
			t.Lanes = append(t.Lanes, l)
		}
		byLabel[label] = at
		t.Lanes[at].Bars = append(t.Lanes[at].Bars, bar)
	}
	for i := range t.Lanes {
		// Of several bars the label would lie on the next one: it goes to the left of all, or after the last.
		l := &t.Lanes[i]
		if len(l.Bars) < 2 {
			continue
		}
		last := l.Bars[len(l.Bars)-1]
		x, _ := strconv.ParseFloat(last.X, 64)
		w, _ := strconv.ParseFloat(last.Width, 64)
		l.TextX, l.End = coordinate(x+w+6), false
		if x+w+6+float64(len([]rune(l.Label)))*6.4 > rightEdge {
			l.TextX, l.End = strconv.Itoa(rightEdge-2), true
		}
	}
	if len(t.Lanes) > 0 {
		return y + len(t.Lanes)*laneHeight + 8
	}
	return y
}

// hasLatency says whether an operation took the time that its client waited for it; other operations merely happen, or last as
// long as the client likes.
func hasLatency(op *evidence.Operation) bool {
	switch op.Kind {
	case history.Deliver, history.Disconnect, history.Hold, history.Lead:
		return false
	}
	return op.End == nil || *op.End > op.Start
}

// latency is how long it took, for what is pending so far.
func latency(op *evidence.Operation, end float64) float64 {
	if op.End == nil {
		return max(end-op.Start, 0)
	}
	return *op.End - op.Start
}

func (t *timeline) addPanels(r *evidence.Record, sides []arm, scale timeScale, y int) int {
	low, high := math.Inf(1), 0.0
	for i := range r.Operations.Items {
		if op := &r.Operations.Items[i]; hasLatency(op) {
			if l := min(latency(op, r.Duration), 1e9); l > 0 {
				low, high = min(low, l), max(high, l)
			}
		}
	}
	if high == 0 {
		return y
	}
	low = max(low, 1e-6)
	// Whole powers of ten, so that there are always two lines to read a value by.
	low, high = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(max(high, low*1.01))))
	for _, a := range sides {
		points := slices.DeleteFunc(slices.Clone(a.ops), func(op *evidence.Operation) bool { return !hasLatency(op) })
		if len(points) == 0 && a.role == shared {
			continue
		}
		y += 20 // for the panel's name
		height := panelHeight
		if len(points) == 0 {
			height = emptyHeight
		}
		who := strings.Join(a.clients, ", ")
		if who == a.side.Name {
			who = "" // the panel's name has it
		}
		p := panel{Y: y, Height: height, Role: a.role, Name: a.title(), Clients: shorten(clean(who), 90), Empty: len(points) == 0}
		top, bottom := float64(y+6), float64(y+height-6)
		row := func(l float64) float64 {
			return bottom - (plot.LogScale{}).Normalize(low, high, min(max(l, low), high))*(bottom-top)
		}
		if p.Empty {
			t.Panels = append(t.Panels, p)
			y += height
			continue
		}
		// A little more than the range, since LogTicks leaves out where it begins.
		for _, tick := range (plot.LogTicks{Prec: -1}).Ticks(low*0.999, high*1.001) {
			if !tick.IsMinor() && tick.Value >= low*0.99 && tick.Value <= high*1.01 {
				p.Rows = append(p.Rows, axisTick{coordinate(row(tick.Value)), seconds(tick.Value)})
			}
		}
		byOutcome := map[history.Outcome][]pixel{}
		for _, op := range points {
			byOutcome[op.Outcome] = append(byOutcome[op.Outcome], pixel{int(math.Round(scale.x(op.Start))), int(math.Round(row(latency(op, r.Duration))))})
		}
		p.OK = marks(byOutcome[history.OK], "h0", 0, 0)
		p.Failed = marks(byOutcome[history.Failed], "m-3-3l6 6m0-6l-6 6", 3, -3)
		p.Unknown = marks(byOutcome[history.Unknown], "m-4 0l4-4 4 4-4 4z", 4, 0)
		for _, op := range worthPointingAt(points, r.Duration) {
			p.Notable = append(p.Notable, notable{coordinate(scale.x(op.Start)), coordinate(row(latency(op, r.Duration))), said(op)})
		}
		t.Panels = append(t.Panels, p)
		y += height
	}
	return y + 10
}

func (a arm) title() string {
	switch a.role {
	case subjects:
		return "With the mechanism: " + shorten(clean(a.side.Name), 60)
	case controls:
		return "Control: " + shorten(clean(a.side.Name+", "+a.side.Without), 90)
	case shared:
		return "Shared by the sides"
	}
	return "All clients"
}

// pixel is a place in the drawing, to the nearest unit: of operations of one outcome in the same pixel one is drawn, since the
// others could not be told from it.
type pixel struct{ x, y int }

// marks writes path data of one mark for each place. The shape is drawn from its middle, and back is what leads from the
// shape's end to there.
func marks(places []pixel, shape string, backX, backY int) string {
	slices.SortFunc(places, func(a, b pixel) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	places = slices.Compact(places)
	d := make([]byte, 0, len(places)*(len(shape)+6))
	var at pixel
	for i, p := range places {
		if i == 0 {
			d = append(d, 'M')
			d = strconv.AppendInt(d, int64(p.x), 10)
			d = append(d, ' ')
			d = strconv.AppendInt(d, int64(p.y), 10)
		} else {
			d = append(d, 'm')
			d = strconv.AppendInt(d, int64(p.x-at.x+backX), 10)
			if dy := p.y - at.y + backY; dy >= 0 {
				d = append(d, ' ')
				d = strconv.AppendInt(d, int64(dy), 10)
			} else {
				d = strconv.AppendInt(d, int64(dy), 10)
			}
		}
		d = append(d, shape...)
		at = p
	}
	return string(d)
}

// worthPointingAt are operations that did not end well, evenly chosen where there are many, and the slowest of the others.
func worthPointingAt(ops []*evidence.Operation, end float64) []*evidence.Operation {
	const most, slowest = 60, 15
	var bad, good []*evidence.Operation
	for _, op := range ops {
		if op.Outcome == history.OK {
			good = append(good, op)
		} else {
			bad = append(bad, op)
		}
	}
	var chosen []*evidence.Operation // the slowest first; of those alike, the first
	for _, op := range good {
		at, _ := slices.BinarySearchFunc(chosen, latency(op, end), func(c *evidence.Operation, l float64) int {
			if latency(c, end) >= l {
				return -1
			}
			return 1
		})
		if at < slowest {
			chosen = slices.Insert(chosen, at, op)
			chosen = chosen[:min(len(chosen), slowest)]
		}
	}
	for i := range min(len(bad), most) {
		chosen = append(chosen, bad[i*len(bad)/min(len(bad), most)])
	}
	return chosen
}

// said is an operation in words.
func said(op *evidence.Operation) string {
	s := fmt.Sprintf("%s: %s", op.Client, op.Kind)
	switch {
	case op.Key != "" && op.Value != 0:
		s += fmt.Sprintf(" %s/%d", op.Key, op.Value)
	case op.Key != "":
		s += " " + op.Key
	}
	if op.End == nil {
		s += fmt.Sprintf(" at %s, pending", seconds(op.Start))
	} else {
		s += fmt.Sprintf(" at %s, %s in %s", seconds(op.Start), op.Outcome, seconds(*op.End-op.Start))
	}
	if op.Err != "" {
		s += ": " + op.Err
	}
	return clean(shorten(s, 300))
}

// addStrip draws for each arm what happened when, a row for each sort of event.
func (t *timeline) addStrip(r *evidence.Record, sides []arm, scale timeScale, y int) int {
	t.StripY = y
	registers := map[string]bool{} // the clients for whose reads it means something to be stale
	for _, c := range r.Checks {
		for _, name := range c.Clients {
			registers[name] = registers[name] || c.Registers
		}
	}
	for _, a := range sides {
		rows := events(a, len(r.Operations.Items) == r.Operations.Recorded, registers)
		if len(rows) == 0 {
			continue
		}
		group := stripGroup{Y: y, Name: shorten(clean(a.side.Name), 18), Role: a.role}
		switch a.role {
		case shared:
			group.Name = "shared"
		case everyone:
			group.Name = "events"
		}
		y += 16
		for _, e := range rows {
			row := stripRow{Y: y, Label: e.label, Class: e.class, N: len(e.at)}
			var d, solid []byte
			// One tick for each unit of the drawing is what can be told apart.
			drawn := make([]bool, drawingWidth+2)
			for _, when := range e.at {
				x := int(math.Round(scale.x(when[0])))
				if width := int(math.Round(scale.x(when[1]))) - x; width > 1 {
					d = fmt.Appendf(d, "M%d %dh%dv%dh-%dz", x, y+3, width, stripHeight-6, width)
					continue
				}
				drawn[x] = true
			}
			// Ticks side by side are one area: a browser paints that at once, and thousands of lines while who scrolls waits.
			for x := 0; x < len(drawn); x++ {
				from := x
				for drawn[x] {
					x++
				}
				switch width := x - 1 - from; {
				case width > 0:
					solid = fmt.Appendf(solid, "M%d %dh%dv%dh-%dz", from, y+2, width, stripHeight-4, width)
				case width == 0:
					d = fmt.Appendf(d, "M%d %dv%d", from, y+2, stripHeight-4)
				}
			}
			row.D, row.Solid = string(d), string(solid)
			t.Strip = append(t.Strip, row)
			y += stripHeight
		}
		y += 6
		group.Height = y - group.Y
		t.Groups = append(t.Groups, group)
	}
	return y
}

// noiseStrip is how late the machine let things happen, beat by beat: the longest wait as an area, and the usual one as a line in it.
// Its height goes up by powers of ten, so that both can be read.
type noiseStrip struct {
	Y, Height      int
	Longest, Usual string // path data
	Rows           []axisTick
	Says           string
}

const noiseHeight = 54

// noiseOf draws the beats below y; nil where there are none on the time axis.
func noiseOf(beats []evidence.Beat, scale timeScale, y int) (*noiseStrip, int) {
	const least = 1e-4 // what is less is no noise
	// Of the beats that share a column of the drawing the worst is drawn.
	var columns [drawingWidth]struct {
		longest, usual float64
		beat           bool
	}
	worst := evidence.Beat{}
	from := leftEdge
	for _, b := range beats {
		// A beat tells of the time since the one before it.
		x := int(math.Round(scale.x(b.At)))
		if x <= from && b.At <= scale.from {
			continue
		}
		for i := min(from, x-1); i < x; i++ {
			c := &columns[i]
			c.longest, c.usual, c.beat = max(c.longest, b.Longest), max(c.usual, b.Usual), true
		}
		from = x
		worst.Longest, worst.Usual = max(worst.Longest, b.Longest), max(worst.Usual, b.Usual)
	}
	if from == leftEdge {
		return nil, y
	}
	y += 20 // for its name
	high := math.Pow(10, math.Ceil(math.Log10(min(max(worst.Longest, 10e-3), 1e9))))
	s := &noiseStrip{Y: y, Height: noiseHeight, Says: fmt.Sprintf("usual wait up to %s, longest %s", seconds(worst.Usual), seconds(worst.Longest))}
	top, bottom := float64(y+4), float64(y+noiseHeight-2)
	row := func(l float64) float64 {
		return bottom - (plot.LogScale{}).Normalize(least, high, min(max(l, least), high))*(bottom-top)
	}
	// Three labels at most: more would lie on each other.
	apart := math.Pow(10, math.Ceil(math.Log10(high/1e-3)/2.5))
	for l := high; l > least*1.01; l /= apart {
		s.Rows = append(s.Rows, axisTick{coordinate(row(l)), seconds(l)})
	}
	var longest, usual []byte
	for x := leftEdge; x < rightEdge; {
		if !columns[x].beat {
			x++
			continue
		}
		longest = fmt.Appendf(longest, "M%d %s", x, coordinate(bottom))
		move := "M"
		for x < rightEdge && columns[x].beat {
			c, begin := columns[x], x
			for x < rightEdge && columns[x] == c {
				x++
			}
			longest = fmt.Appendf(longest, "V%sH%d", coordinate(row(c.longest)), x)
			if move == "M" {
				usual = fmt.Appendf(usual, "M%d %s", begin, coordinate(row(c.usual)))
			} else {
				usual = fmt.Appendf(usual, "V%s", coordinate(row(c.usual)))
			}
			usual = fmt.Appendf(usual, "H%d", x)
			move = "V"
		}
		longest = fmt.Appendf(longest, "V%sZ", coordinate(bottom))
	}
	s.Longest, s.Usual = string(longest), string(usual)
	return s, y + noiseHeight + 4
}

// event is one sort of things that happened, with the times from when to when.
type event struct {
	label, class string
	at           [][2]float64
}

// The rows of the strip, in the order in which they are shown.
var eventOrder = []struct{ label, class string }{
	{"published", ""}, {"acknowledged", "good"}, {"delivered", "good"}, {"redelivered", "odd"}, {"never delivered", "bad"},
	{"written", "good"}, {"read", ""}, {"stale", "odd"},
	{"swapped", "good"}, {"added", "good"}, {"committed", "good"}, {"held", ""}, {"led", ""}, {"disconnected", "bad"},
}

// events sorts the arm's operations into rows. Whole says that none of the run's is missing, without which nothing can be told about
// what never arrived.
func events(a arm, whole bool, registers map[string]bool) []event {
	at := map[string][][2]float64{}
	class := map[string]string{}
	var other []string
	add := func(label, sort string, from, to float64) {
		if _, known := class[label]; !known && !slices.ContainsFunc(eventOrder, func(o struct{ label, class string }) bool { return o.label == label }) {
			class[label] = sort
			other = append(other, label)
		}
		at[label] = append(at[label], [2]float64{from, to})
	}
	type message struct {
		client, key string
		value       int64
	}
	arrived, delivered := map[message]bool{}, map[message]bool{}
	consumers := false
	for _, op := range a.ops {
		end := op.Start
		if op.End != nil {
			end = *op.End
		}
		if op.Outcome != history.OK && op.Kind != history.Hold && op.Kind != history.Lead {
			if op.Kind == history.Publish {
				add("published", "", op.Start, op.Start)
			}
			add(op.Outcome.String(), map[history.Outcome]string{history.Failed: "bad", history.Unknown: "unknown"}[op.Outcome], op.Start, op.Start)
			continue
		}
		switch op.Kind {
		case history.Publish:
			add("published", "", op.Start, op.Start)
			add("acknowledged", "", end, end)
		case history.Deliver:
			consumers = true
			m := message{op.Client, op.Key, op.Value}
			if op.Attempt > 1 || arrived[m] {
				add("redelivered", "", op.Start, op.Start)
			} else {
				add("delivered", "", op.Start, op.Start)
			}
			arrived[m], delivered[message{"", op.Key, op.Value}] = true, true
		case history.Write:
			add("written", "", end, end)
		case history.Read:
			add("read", "", op.Start, op.Start)
		case history.CompareAndSet:
			add("swapped", "", end, end)
		case history.Add:
			add("added", "", end, end)
		case history.Transaction:
			add("committed", "", end, end)
		case history.Hold:
			add("held", "", op.Start, end)
		case history.Lead:
			add("led", "", op.Start, end)
		case history.Disconnect:
			add("disconnected", "", op.Start, op.Start)
		default:
			add(clean(op.Kind), "", end, end)
		}
	}
	for _, stale := range staleReads(a.seen, registers) {
		add("stale", "", stale, stale)
	}
	if whole && consumers {
		for _, op := range a.seen {
			if op.Kind == history.Publish && op.Outcome == history.OK && !delivered[message{"", op.Key, op.Value}] {
				add("never delivered", "", op.Start, op.Start)
			}
		}
	}
	var rows []event
	for _, o := range eventOrder {
		if len(at[o.label]) > 0 {
			rows = append(rows, event{o.label, o.class, at[o.label]})
		}
	}
	slices.Sort(other)
	for _, label := range other {
		rows = append(rows, event{label, class[label], at[label]})
	}
	return rows
}

// staleReads are the times of the reads of registers that the checker of staleness calls stale.
func staleReads(ops []*evidence.Operation, registers map[string]bool) []float64 {
	var h history.History
	for _, op := range ops {
		if !registers[op.Client] || op.Kind != history.Read && op.Kind != history.Write {
			continue
		}
		back := history.Operation{Client: op.Client, Kind: op.Kind, Key: op.Key, Value: op.Value, Start: duration(op.Start), End: history.Open, Outcome: op.Outcome}
		if op.End != nil {
			back.End = duration(*op.End)
		}
		h = append(h, back)
	}
	var times []float64
	for _, s := range check.Staleness(h, h).Stale {
		times = append(times, s.Read.Start.Seconds())
	}
	return times
}

func duration(s float64) time.Duration {
	return time.Duration(math.Round(min(max(s, -1e9), 1e9) * 1e9))
}

// inWords is what the timeline shows, for who does not see it.
func inWords(r *evidence.Record, sides []arm) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s over time. ", count(r.Operations.Recorded, "operation"))
	for _, a := range sides {
		var failed, unknown int
		for _, op := range a.ops {
			switch op.Outcome {
			case history.Failed:
				failed++
			case history.Unknown:
				unknown++
			}
		}
		fmt.Fprintf(&s, "%s: %s, %d failed, %d of unknown outcome. ", a.title(), count(len(a.ops), "operation"), failed, unknown)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(&s, "Fault %s on %s from %s to %s. ", f.Kind, f.Target, seconds(f.From), ending(f.To))
	}
	return clean(shorten(strings.TrimSpace(s.String()), 1500))
}

func ending(to *float64) string {
	if to == nil {
		return "the end"
	}
	return seconds(*to)
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// seconds writes a time with the unit that fits it.
func seconds(s float64) string {
	switch size := math.Abs(s); {
	case size == 0:
		return "0 s"
	case size < 0.9995e-3:
		return number(s*1e6, 3) + " µs"
	case size < 0.9995:
		return number(s*1e3, 3) + " ms"
	}
	return number(s, 4) + " s"
}

// shorten cuts what is longer than most characters.
func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// What the template asks of the drawing's parts.

// Span is the height of bands.
func (t *timeline) Span() int { return t.Bottom - t.Top }

// LabelY is where the labels of the time axis stand.
func (t *timeline) LabelY() int { return t.Bottom + 15 }

// BarY is where the lane's bars begin.
func (l lane) BarY() int { return l.Y + 5 }

// TextY is where the lane's label stands.
func (l lane) TextY() int { return l.Y + 13 }

// NameY is where the panel's name stands.
func (p panel) NameY() int { return p.Y - 6 }

// MiddleY is the panel's middle.
func (p panel) MiddleY() int { return p.Y + p.Height/2 + 4 }

// TextY is where the group's name stands.
func (g stripGroup) TextY() int { return g.Y + 12 }

// TextY is where the row's label stands.
func (r stripRow) TextY() int { return r.Y + 11 }

// NameY is where the strip's name stands.
func (s noiseStrip) NameY() int { return s.Y - 6 }
