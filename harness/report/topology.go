package report

import (
	"fmt"
	"slices"
	"strings"

	"assay/harness/evidence"
)

// topology is who talks to whom over what, and where faults struck: clients on the left, links in the middle, nodes on the
// right.
type topology struct {
	Title, Says string
	Width       int
	Height      int
	Lines       []wire
	Boxes       []box
	Elsewhere   []string // faults whose target is not in the drawing
}

type wire struct {
	D     string
	Class string
}

type box struct {
	X, Y, Width, Height int
	Class               string
	Round               int
	Lines               []boxLine
}

type boxLine struct {
	X, Y  int
	Text  string
	Class string
}

const (
	topologyWidth          = 640
	clientsX, clientsWidth = 2, 226
	linksX, linksWidth     = 272, 138
	nodesX, nodesWidth     = 446, 156
	boxLineHeight, boxPad  = 15, 8
	boxGap                 = 11
)

// place makes a box of the lines, the first of which is its name.
func placed(x, y, width int, class string, lines ...boxLine) box {
	b := box{X: x, Y: y, Width: width, Height: len(lines)*boxLineHeight + 2*boxPad - 3, Class: class, Round: 5}
	for i, l := range lines {
		l.X, l.Y = x+10, y+boxPad+10+i*boxLineHeight
		l.Text = shorten(clean(l.Text), (width-20)*10/64)
		b.Lines = append(b.Lines, l)
	}
	return b
}

func (b box) middle() int { return b.Y + b.Height/2 }

// topologyOf draws r; nil if it knows of no nodes.
func topologyOf(r *evidence.Record) *topology {
	if len(r.Nodes) == 0 {
		return nil
	}
	t := &topology{Width: topologyWidth, Title: "Topology of claim " + r.Claim.ID}
	struck := map[string][]string{}
	for _, f := range r.Faults {
		if kinds := struck[f.Target]; !slices.Contains(kinds, f.Kind) {
			struck[f.Target] = append(kinds, f.Kind)
		}
	}
	drawn := map[string]bool{}
	faults := func(lines []boxLine, target string) []boxLine {
		drawn[target] = true
		if kinds := struck[target]; len(kinds) > 0 {
			lines = append(lines, boxLine{Text: "⚡ " + strings.Join(kinds, ", "), Class: "struck"})
		}
		return lines
	}

	// The nodes, each with the direct link of its name.
	nodes := map[string]box{}
	y := boxGap
	for _, n := range r.Nodes {
		if strings.Contains(n.Image, "/links:") {
			continue // what links between containers are made of
		}
		what := n.Version
		if what == "" {
			what, _, _ = strings.Cut(n.Image, ":")
		}
		b := placed(nodesX, y, nodesWidth, "node", faults([]boxLine{{Text: n.Name, Class: "name"}, {Text: what, Class: "what"}}, n.Name)...)
		nodes[n.Name] = b
		t.Boxes = append(t.Boxes, b)
		y += b.Height + boxGap
	}
	height := y

	groups := clientGroups(r)
	links := map[string]box{}
	y = boxGap
	for _, l := range r.Links {
		node, _, _ := strings.Cut(l.To, ":")
		to, known := nodes[node]
		switch _, between := nodes[l.From]; {
		case !known:
			continue
		case between: // of a mesh
			t.addPeers(nodes[l.From], to, len(struck[l.Name]) > 0)
			if len(struck[l.Name]) > 0 {
				drawn[l.Name] = true
				t.Elsewhere = append(t.Elsewhere, fmt.Sprintf("⚡ %s on %s", strings.Join(struck[l.Name], ", "), l.Name))
			}
			continue
		case l.Name == node:
			continue
		}
		b := placed(linksX, y, linksWidth, "link", faults([]boxLine{{Text: l.Name, Class: "name"}}, l.Name)...)
		b.Round = b.Height / 2
		links[l.Name] = b
		t.Boxes = append(t.Boxes, b)
		t.Lines = append(t.Lines, wire{curve(b.X+b.Width, b.middle(), to.X, to.middle()), class("wire", len(struck[l.Name]) > 0)})
		y += b.Height + boxGap
		if l.From != "test" {
			groups = withContainers(groups, l.Name)
		}
	}
	height = max(height, y)

	y = boxGap
	var words []string
	for _, g := range groups {
		var lines []boxLine
		if g.role != "" {
			lines = append(lines, boxLine{Text: g.role, Class: "role"})
		}
		for i, name := range g.names {
			if i == 4 && len(g.names) > 5 {
				lines = append(lines, boxLine{Text: fmt.Sprintf("and %d more", len(g.names)-i), Class: "what"})
				break
			}
			lines = append(lines, boxLine{Text: name, Class: "name"})
		}
		b := placed(clientsX, y, clientsWidth, "client "+sideClass(g.role), lines...)
		t.Boxes = append(t.Boxes, b)
		y += b.Height + boxGap
		for _, over := range g.over {
			if link, is := links[over]; is {
				t.Lines = append(t.Lines, wire{curve(b.X+b.Width, b.middle(), link.X, link.middle()), class("wire", len(struck[over]) > 0)})
			} else if node, is := nodes[over]; is {
				t.Lines = append(t.Lines, wire{curve(b.X+b.Width, b.middle(), node.X, node.middle()), "wire direct"})
			}
		}
		words = append(words, fmt.Sprintf("%s over %s", strings.Join(g.names, ", "), strings.Join(g.over, ", ")))
	}
	t.Height = max(height, y)
	for _, f := range r.Faults {
		if !drawn[f.Target] {
			drawn[f.Target] = true
			t.Elsewhere = append(t.Elsewhere, clean(fmt.Sprintf("⚡ %s on %s", strings.Join(struck[f.Target], ", "), f.Target)))
		}
	}
	var names []string
	for _, n := range r.Nodes {
		names = append(names, n.Name)
	}
	t.Says = clean(shorten(fmt.Sprintf("Nodes: %s. Clients: %s.", strings.Join(names, ", "), strings.Join(words, "; ")), 1500))
	return t
}

// sideClass is how a client's box is drawn.
func sideClass(role string) string {
	if role == sharedBy {
		return shared
	}
	return role
}

const sharedBy = "shared by the sides"

func class(of string, struck bool) string {
	if struck {
		return of + " hit"
	}
	return of
}

func curve(x1, y1, x2, y2 int) string {
	bend := (x2 - x1) / 2
	return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+bend, y1, x2-bend, y2, x2, y2)
}

// addPeers ties two members of a mesh on the right of the nodes, once for both directions.
func (t *topology) addPeers(a, b box, struck bool) {
	if a.Y > b.Y {
		a, b = b, a
	}
	x := a.X + a.Width
	bulge := x + 14 + min((b.middle()-a.middle())/6, 30)
	d := fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x, a.middle(), bulge, a.middle(), bulge, b.middle(), x, b.middle())
	for i := range t.Lines {
		if t.Lines[i].D == d {
			if struck {
				t.Lines[i].Class = "wire hit"
			}
			return
		}
	}
	t.Lines = append(t.Lines, wire{d, class("wire", struck)})
}

// clientGroup is clients of one side that use the same links.
type clientGroup struct {
	role  string
	names []string
	side  string
	over  []string
}

func clientGroups(r *evidence.Record) []clientGroup {
	roles := map[string]string{"": ""}
	for _, s := range r.Sides {
		roles[""] = sharedBy
		roles[s.Name] = roleOf(s)
	}
	byNode, from := map[string]bool{}, map[string]string{}
	for _, n := range r.Nodes {
		byNode[n.Name] = true
	}
	for _, l := range r.Links {
		from[l.Name] = l.From
	}
	var groups []clientGroup
	for _, c := range r.Clients {
		g := clientGroup{names: []string{c.Name}, side: c.Side, role: roles[c.Side]}
		// Via has each link and then the node at its end: of a link with a name of its own, the link.
		for i := 0; i+1 < len(c.Via); i += 2 {
			if over := c.Via[i]; (from[over] == "test" || byNode[over]) && !slices.Contains(g.over, over) {
				g.over = append(g.over, over)
			}
		}
		slices.Sort(g.over)
		at := slices.IndexFunc(groups, func(other clientGroup) bool { return other.side == g.side && slices.Equal(other.over, g.over) })
		if at >= 0 {
			groups[at].names = append(groups[at].names, c.Name)
			continue
		}
		groups = append(groups, g)
	}
	// A name that differs by its number only is the same client's later look.
	for i := range groups {
		var names []string
		for _, name := range groups[i].names {
			if base, _, _ := strings.Cut(name, "#"); !slices.Contains(names, base) {
				names = append(names, base)
			}
		}
		groups[i].names = names
	}
	slices.SortStableFunc(groups, func(a, b clientGroup) int { return rank(a.role) - rank(b.role) })
	return groups
}

func rank(role string) int {
	return slices.Index([]string{sharedBy, subjects, controls, ""}, role)
}

// withContainers adds a link that other containers use.
func withContainers(groups []clientGroup, link string) []clientGroup {
	const name = "other containers"
	if n := len(groups); n > 0 && groups[n-1].names[0] == name && groups[n-1].role == "" {
		groups[n-1].over = append(groups[n-1].over, link)
		return groups
	}
	return append(groups, clientGroup{names: []string{name}, over: []string{link}})
}
