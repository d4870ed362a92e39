package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"

	"assay/harness/claims"
)

// progress shows how far tests are, from what `go test -json` prints. On a terminal the lines at the bottom are of what is under way:
// each image that is built, each claim that is put to the test with the step that it is in, and how long that has taken; what has
// ended moves up and stays. Elsewhere it is as quiet as go test: a line for each package, and what a failed test printed.
type progress struct {
	to       io.Writer
	live     bool
	size     func() (width, height int) // of the terminal
	now      func() time.Time
	started  time.Time
	expected int // claims

	mu                sync.Mutex
	tests             map[string]*underWay
	images            map[string]*underWay
	proven, failed    int
	undecided, cannot int
	drawn             int // lines at the bottom
}

// underWay is a test, or an image.
type underWay struct {
	since   time.Time // zero: a test that waits for its turn
	id, is  string    // of the claim that it puts to the test: its id, and what it says
	step    string
	ended   string // how, in the notebook's words
	lines   []string
	partial string
}

func newProgress(out terminal, expected int) *progress {
	p := &progress{to: out.out, now: time.Now, expected: expected, tests: map[string]*underWay{}, images: map[string]*underWay{}}
	p.started = p.now()
	if f, ok := out.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		p.live = true
		p.size = func() (int, int) {
			if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
				return width, height
			}
			return columns, 24
		}
	}
	return p
}

// begin has what is under way drawn again and again, for its clock, until the function that it returns is called.
func (p *progress) begin() (done func()) {
	if !p.live {
		return func() {}
	}
	ended := make(chan struct{})
	var drawing sync.WaitGroup
	drawing.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			p.show()
			select {
			case <-ended:
				p.mu.Lock()
				defer p.mu.Unlock()
				p.erase()
				return
			case <-tick.C:
			}
		}
	})
	return func() { close(ended); drawing.Wait() }
}

// event is one line of `go test -json`: see `go doc test2json`.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// events takes what go test prints.
func (p *progress) events() io.Writer {
	return &byLine{take: func(line string) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			e = event{Action: "output", Output: line} // of a program that go test started
		}
		p.take(e)
	}}
}

// remarks takes what the go command says beside, such as which modules it fetches.
func (p *progress) remarks() io.Writer { return &byLine{take: func(line string) { p.show(line) }} }

// byLine hands what is written on, one line after the other, with its end.
type byLine struct {
	take func(line string)
	rest []byte
}

func (w *byLine) Write(text []byte) (int, error) {
	w.rest = append(w.rest, text...)
	for {
		line, rest, whole := bytes.Cut(w.rest, []byte("\n"))
		if !whole {
			return len(text), nil
		}
		w.take(string(line) + "\n")
		w.rest = rest
	}
}

// take takes in one event.
func (p *progress) take(e event) {
	name, _, _ := strings.Cut(e.Test, "/") // a part of a test belongs to it
	key := e.Package + "." + name
	p.mu.Lock()
	t := p.tests[key]
	if t == nil {
		t = &underWay{step: "starting"}
		p.tests[key] = t
	}
	var stays []string
	switch whole := name == e.Test; {
	case e.Action == "run" && whole, e.Action == "cont" && whole:
		t.since = p.now()
	case e.Action == "pause" && whole:
		t.since = time.Time{}
	case e.Action == "output":
		t.partial += e.Output
		if line, whole := strings.CutSuffix(t.partial, "\n"); whole {
			t.partial = ""
			stays = p.read(t, name != "", line)
		}
	case e.Action == "build-output":
		stays = []string{strings.TrimSuffix(e.Output, "\n")}
	case (e.Action == "pass" || e.Action == "fail" || e.Action == "skip") && whole:
		stays = p.end(t, e.Action)
		delete(p.tests, key)
		if name == "" {
			stays = append(p.orphans(e.Package), stays...)
		}
	}
	p.mu.Unlock()
	p.show(stays...)
}

// What a notebook and the builder of images say, as far as it is of use here.
var (
	claimLine   = regexp.MustCompile(`^\s*claim (\S+): (.+)$`)
	stepLine    = regexp.MustCompile(`^\s*\d+\.\d{3} s  ▸ (.+)$`)
	verdictLine = regexp.MustCompile(`^\s*verdict: claim \S+ (.+)$`)
	imageLine   = regexp.MustCompile(`^assay: building image (\S+) \((?:first use; )?(.+)\)$`)
	waitLine    = regexp.MustCompile(`^assay: (waiting for another process) that is building image (\S+)$`)
	builtLine   = regexp.MustCompile(`^assay: image (\S+) built in .+$`)
)

// read takes in a line that was printed by a test, or by its package's program outside of one, and returns what of it is for now.
func (p *progress) read(t *underWay, inTest bool, line string) (now []string) {
	building := func(image, how string) {
		if p.images[image] == nil {
			p.images[image] = &underWay{since: p.now(), id: "image", is: image}
		}
		p.images[image].step = how
	}
	if m := imageLine.FindStringSubmatch(line); m != nil {
		building(m[1], m[2])
		return nil
	}
	if m := waitLine.FindStringSubmatch(line); m != nil {
		building(m[2], m[1])
		return nil
	}
	if m := builtLine.FindStringSubmatch(line); m != nil {
		delete(p.images, m[1])
		return []string{line}
	}
	if !inTest {
		if line == "PASS" || p.live && strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "testing: warning: no tests to run") {
			return nil
		}
		return []string{line}
	}
	if strings.HasPrefix(line, "=== ") {
		return nil
	}
	t.lines = append(t.lines, line)
	if m := claimLine.FindStringSubmatch(line); m != nil && t.id == "" {
		t.id, t.is = m[1], m[2]
	} else if m := stepLine.FindStringSubmatch(line); m != nil {
		t.step = m[1]
	} else if m := verdictLine.FindStringSubmatch(line); m != nil {
		t.ended = m[1]
	}
	return nil
}

// end takes in that a test has ended, and returns what is to be said of it.
func (p *progress) end(t *underWay, how string) (lines []string) {
	mark := map[string]string{"pass": "✓", "fail": "✗", "skip": "?"}[how]
	if t.id != "" {
		skipped := &p.cannot
		if strings.HasPrefix(t.ended, "is UNDECIDED HERE") {
			skipped = &p.undecided
		}
		*map[string]*int{"pass": &p.proven, "fail": &p.failed, "skip": skipped}[how]++
	}
	if how == "fail" {
		lines = printed(t)
	}
	if p.live && t.id != "" {
		width, _ := p.size()
		lines = append(lines, ansi.Truncate(fmt.Sprintf("%s %-5s %s", mark, t.id, t.ended), width-1, "…"))
	}
	return lines
}

// printed is what a failed test has printed, in the order in which go test shows it.
func printed(t *underWay) []string {
	lines := t.lines
	if t.partial != "" {
		lines = append(lines, t.partial)
	}
	at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "--- FAIL: ") })
	if at < 0 {
		return lines
	}
	return slices.Concat([]string{lines[at]}, lines[:at], lines[at+1:])
}

// orphans ends the tests of a package whose program has ended before them, and returns what they have printed.
func (p *progress) orphans(pkg string) (lines []string) {
	for _, key := range slices.Sorted(maps.Keys(p.tests)) {
		if strings.HasPrefix(key, pkg+".") {
			lines = append(lines, p.end(p.tests[key], "fail")...)
			delete(p.tests, key)
		}
	}
	return lines
}

// show prints lines that stay, and under them what is under way.
func (p *progress) show(stay ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var text strings.Builder
	for _, line := range stay {
		text.WriteString(strings.TrimSuffix(line, "\n") + "\n")
	}
	if p.live {
		p.erase()
		bottom := p.bottom()
		p.drawn = len(bottom)
		for _, line := range bottom {
			text.WriteString(line + "\n")
		}
	}
	_, _ = io.WriteString(p.to, text.String())
}

// erase takes away what was drawn at the bottom.
func (p *progress) erase() {
	if p.drawn > 0 {
		_, _ = io.WriteString(p.to, ansi.CursorUp(p.drawn)+"\r"+ansi.EraseScreenBelow)
		p.drawn = 0
	}
}

// bottom is what is under way, as lines that fit the terminal.
func (p *progress) bottom() []string {
	width, height := p.size()
	now := p.now()
	var all []*underWay
	for _, image := range p.images {
		all = append(all, image)
	}
	for _, t := range p.tests {
		if t.id != "" && !t.since.IsZero() {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b *underWay) int { return claims.Compare(a.id+" "+a.is, b.id+" "+b.is) })
	const clock, gap = 7, 2
	room := max(width-1-clock-gap, 0)
	clocked := func(text string, since time.Time) string {
		return ansi.Truncate(cell(text, room)+fmt.Sprintf("%*.0f s", gap+clock-2, now.Sub(since).Seconds()), width-1, "")
	}
	var lines []string
	for i, u := range all {
		if rest := len(all) - i; i == max(height-3, 0) && rest > 1 {
			lines = append(lines, ansi.Truncate(fmt.Sprintf("  and %d more", rest), width-1, ""))
			break
		}
		lines = append(lines, clocked(cell(fmt.Sprintf("  %-5s %s", u.id, u.is), (room-gap)/2)+"  "+u.step, u.since))
	}
	return append(lines, clocked(fmt.Sprintf("%d of %d claims: %d proven, %d failed, %d undecided, %d not provable",
		p.proven+p.failed+p.undecided+p.cannot, p.expected, p.proven, p.failed, p.undecided, p.cannot), p.started))
}

// cell is s on just so many columns, without what a terminal would obey.
func cell(s string, width int) string {
	s = ansi.Truncate(ansi.Strip(s), max(width, 0), "…")
	return s + strings.Repeat(" ", max(width-ansi.StringWidth(s), 0))
}
