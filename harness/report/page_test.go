package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"assay/harness/evidence"
	"assay/harness/history"
	"assay/harness/report"
)

// run makes the record of a whole run: n operations by a producer, a consumer and the control's consumer on one link, which was
// cut for the middle third of the time.
func run(id string, n int) *evidence.Record {
	draw := rand.New(rand.NewPCG(1, uint64(n)))
	const calm, end = 1.0, 10.0
	from, to := calm+3, calm+6
	r := &evidence.Record{
		Schema: evidence.Schema, Run: "20261123T173225-4711", Verdict: evidence.Holds,
		Claim:   evidence.Claim{ID: id, Says: "a message whose acknowledgement is lost is delivered again"},
		Started: time.Date(2026, 11, 23, 17, 32, 25, 0, time.UTC), Duration: end,
		Test: "TestAtLeastOnceDelivery", Package: "assay/scenarios/messaging", Seed: 42,
		Rerun: "ASSAY_SEED=42 go test -count=1 -v -run '^TestAtLeastOnceDelivery$' assay/scenarios/messaging",
		Knobs: []evidence.Knob{{Name: "ack-wait", Value: "2s", Default: "1s"}},
		Nodes: []evidence.Node{{Name: "nats", Image: "assay/nats:e41b3a3a0f4d", ImageID: "sha256:92ce", Version: "nats-server 2.15.2"}},
		Links: []evidence.Link{{Name: "nats", From: "test", To: "nats:4222"}, {Name: "consumers", From: "test", To: "nats:4222"}},
		Sides: []evidence.Side{{Name: "durable"}, {Name: "plain", Without: "nothing is acknowledged"}},
		Clients: []evidence.Client{
			{Name: "producer", Via: []string{"nats", "nats"}},
			{Name: "durable", Side: "durable", Via: []string{"consumers", "nats"}}, {Name: "plain", Side: "plain", Via: []string{"consumers", "nats"}},
		},
		Steps:  []evidence.Step{{Name: "steady state", At: calm}, {Name: "fault: the link breaks", At: from}, {Name: "heal", At: to}, {Name: "verdict", At: end}},
		Faults: []evidence.Fault{{Kind: "sever", Target: "consumers", From: from, To: &to, Undo: "heal", Witnesses: []string{"durable: 1 cut off"}}},
		Measurements: []evidence.Measurement{
			{Name: "redelivered after", Value: 1.0032, Unit: "s", Low: new(1.0), High: new(1.5), OK: true, Rivals: []evidence.Rival{{Name: "at once", Low: new(0.0), High: new(0.01)}}},
			{Name: "orders lost", Side: "plain", Value: 50, Low: new(50.0), High: new(50.0), OK: true},
			{Name: "the longest pause", Value: 0.2, Unit: "s", High: new(1.0), OK: true},
		},
		Checks: []evidence.Check{
			{Role: "calm", Property: "each once", Subject: "durable", Side: "durable", Clients: []string{"durable", "producer"}, Verdict: "holds", OK: true, Summary: "all 50 arrived"},
			{Role: "holds", Property: "nothing is lost", Subject: "durable", Side: "durable", Clients: []string{"durable", "producer"}, Verdict: "holds", OK: true, Summary: "all 150 arrived"},
			{
				Role: "breaks", Property: "nothing is lost", Subject: "plain", Side: "plain", Control: "nothing is acknowledged", Clients: []string{"plain", "producer"},
				Verdict: "violated", OK: true, Summary: "lost 50 of 150", Offending: []evidence.Operation{{Client: "producer", Kind: "publish", Key: "orders", Value: 101, Start: 5, End: new(5.1)}},
			},
		},
		Engine: evidence.Engine{Address: "unix:///var/run/docker.sock", Version: "20.10.24", API: "1.41", OS: "linux", Kernel: "6.1.0", Arch: "amd64", CPUs: 2, Memory: 8 << 30},
		Tools:  evidence.Tools{Go: "go1.26.0", Libraries: map[string]string{"github.com/nats-io/nats.go": "v1.55.0"}},
	}
	for i := range n {
		start := calm + (end-calm)*float64(i)/float64(n)
		op := evidence.Operation{Client: "producer", Kind: history.Publish, Key: "orders", Value: int64(i + 1), Start: start, Outcome: history.OK}
		cut := from <= start && start <= to
		op.End = new(start + 0.0005*(1+draw.ExpFloat64()))
		switch i % 3 {
		case 0:
			if cut && i%2 == 0 {
				op.Outcome, op.Err, op.End = history.Unknown, "timed out", new(start+1)
			} else if cut && i%7 == 0 {
				op.Outcome, op.Err = history.Failed, "refused"
			}
		case 1:
			op.Client, op.Kind, op.Value, op.Attempt, op.End = "durable", history.Deliver, int64(i), 1, &start
		default:
			op.Client, op.Kind, op.Value, op.Attempt, op.End = "plain", history.Deliver, int64(i-1), 1, &start
			if cut { // it has nobody who would send it again
				op.Kind, op.Key, op.Value, op.Attempt = history.Disconnect, "", 0, 0
			}
		}
		r.Operations.Items = append(r.Operations.Items, op)
	}
	r.Operations.Recorded = n
	for i := range int(end * 10) {
		r.Noise = append(r.Noise, evidence.Beat{At: float64(i+1) / 10, Usual: 0.0002, Longest: 0.001 * (1 + draw.ExpFloat64())})
	}
	return r
}

func entries(records ...*evidence.Record) (all []report.Entry) {
	for _, r := range records {
		all = append(all, report.Entry{Record: r})
	}
	return all
}

func page(t testing.TB, s report.Source) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, report.Page(&out, s))
	return out.String()
}

// elements are those of the page in their order.
func elements(t *testing.T, text string) (all []*html.Node) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func texts(n *html.Node) string {
	var s strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			s.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(s.String()), " ")
}

func one(t *testing.T, all []*html.Node, id string) *html.Node {
	t.Helper()
	for _, n := range all {
		if attribute(n, "id") == id {
			return n
		}
	}
	require.Failf(t, "not on the page", "no element %q", id)
	return nil
}

func TestPageShowsEveryClaimAndItsVerdict(t *testing.T) {
	holds, onlyIf, refuted, cannot := run("12.1", 300), run("8.3", 30), run("8.7", 30), run("1.5", 0)
	onlyIf.Verdict, onlyIf.Claim.OnlyIf = evidence.OnlyIf, "it is told to"
	refuted.Verdict, refuted.Claim.Refuted = evidence.Refuted, true
	cannot.Verdict, cannot.Unprovable = evidence.NotProvable, "the kernel has no netem"
	bad := run("9.1", 30)
	bad.Verdict, bad.Failures = evidence.Failed, []evidence.Failure{{Kind: evidence.Vacuous, Step: "heal", At: 6, Message: "nobody felt\n  sever on consumers"}}
	own := run("orders-retry", 30)

	text := page(t, report.Source{Entries: entries(holds, onlyIf, refuted, cannot, bad, own), Known: known, LeftOut: []error{errors.New("9.2.json is torn")}})
	all := elements(t, text)
	overview := texts(one(t, all, "overview"))
	for _, section := range []string{
		"1 Networks and protocols", "2 Storage, latency, throughput", "3 Availability", "4 Caching", "5 Proxies", "6 Load balancing", "7 Consistent hashing",
		"8 Databases", "9 Leader election", "10 Polling and streaming", "11 Endpoint protection", "12 Messaging", "13 Logging, monitoring, alerting", "Other claims",
	} {
		assert.Contains(t, overview, section)
	}
	assert.Contains(t, overview, "only if it is told to", "the condition belongs to the verdict")
	verdicts := map[string]string{}
	for _, n := range all {
		if n.Data == "tr" && n.FirstChild != nil {
			row := texts(n)
			for _, verdict := range []string{"holds", "only if", "refuted", "not provable here", "failed", "not run"} {
				if id, _, _ := strings.Cut(row, " "); regexp.MustCompile(`\b` + verdict + `\b`).MatchString(row) {
					verdicts[id] = verdict
				}
			}
		}
	}
	for id, want := range map[string]string{"12.1": "holds", "8.3": "only if", "8.7": "refuted", "1.5": "not provable here", "9.1": "failed", "4.2": "not run", "orders-retry": "holds"} {
		assert.Equal(t, want, verdicts[id], "claim %s", id)
	}
	assert.Contains(t, overview, "redelivered after 1.00 s 1 to 1.50 s", "the headline figure, and its prediction")
	assert.Contains(t, overview, "orders lost (plain) 50 nothing is acknowledged: lost 50 of 150", "the control's beside it")
	assert.Contains(t, texts(one(t, all, "left-out").Parent), "9.2.json is torn")

	panel := texts(one(t, all, "claim-12.1"))
	for _, said := range []string{
		"With the mechanism: durable nothing that takes time", "Control: plain, nothing is acknowledged nothing that takes time", "Shared by the sides producer",
		"sever consumers", "published", "acknowledged", "delivered", "never delivered", "steady state",
		"nothing is lost held (durable)", "nothing is lost was broken, as it should be (plain – nothing is acknowledged)",
		"ASSAY_SEED=42 go test", "ack-wait=2s (by default 1s)", "nats-server 2.15.2", "sha256:92ce", "github.com/nats-io/nats.go v1.55.0",
		"the longest pause 0.200 s predicted at most 1 s", "producer: publish orders/101",
	} {
		assert.Contains(t, panel, said)
	}
	assert.Contains(t, texts(one(t, all, "claim-9.1")), "vacuous at 6 s, in “heal” nobody felt")
	assert.Contains(t, texts(one(t, all, "claim-8.3")), "Only if it is told to")
	assert.Contains(t, texts(one(t, all, "claim-1.5")), "Not provable here: the kernel has no netem")
}

func TestPageOfAnUndecidedClaim(t *testing.T) {
	r := run("12.1", 30)
	r.Verdict = evidence.Undecided
	r.Measurements[0].Rivals = append(r.Measurements[0].Rivals, evidence.Rival{Name: "half of it", Low: new(0.5), High: new(1.1), Undecided: true})
	r.Undecided = []evidence.Undecision{{What: "redelivered after", Noise: 0.4, Message: "1 s or 0.5 s"}}
	r.Repeats = []evidence.Repeat{{Started: r.Started.Add(-time.Minute), Duration: 9, Undecided: []evidence.Undecision{{What: "the longest pause", Noise: 0.7, Message: "0.2 s or 1 s"}}}}
	all := elements(t, page(t, report.Source{Entries: entries(r)}))
	panel := texts(one(t, all, "claim-12.1"))
	assert.Contains(t, panel, "Why it is undecided here The machine was too busy to tell a prediction from its rival. The claim is neither passed nor failed. "+
		"with noise of 400 ms, redelivered after: 1 s or 0.5 s What to do: run it again when less else is running")
	assert.Contains(t, panel, "Attempts that could not decide")
	assert.Contains(t, panel, "23 November 2026, 17:31:25 UTC, 9 s with noise of 700 ms, the longest pause: 0.2 s or 1 s")
	assert.Contains(t, panel, "predicted 1 to 1.50 s not told from half of it, 0.500 to 1.10 s")

	r.Verdict, r.Undecided = evidence.Holds, nil
	panel = texts(one(t, elements(t, page(t, report.Source{Entries: entries(r)})), "claim-12.1"))
	assert.NotContains(t, panel, "Why it is undecided")
	assert.Contains(t, panel, "Attempts that could not decide", "how a claim that is proven came to be so is told, too")
}

func TestPageSaysWhy(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "scenarios", "messaging"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "scenarios", "messaging", "at least_test.go"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), nil, 0o600))
	r := run("12.1", 3)
	r.Doc = "Claim 12.1: what is lost\ncomes again, see [context.Context] and <b>.\n\n\tproducer ──► nats ◄── link\n\t   <i>      ▲ both\n\nBoth share it:\n  - one fault\n  - one check\n"
	r.Source = "scenarios/messaging/at least_test.go:20"
	source := report.Source{Entries: entries(r), Root: root, Folder: filepath.Join(root, ".assay", "evidence")}
	why := within(one(t, elements(t, page(t, source)), "claim-12.1"), "section", "why")
	require.Len(t, why, 1)
	var said []string
	for _, n := range within(why[0], "", "") {
		if n.Data == "p" || n.Data == "pre" {
			said = append(said, n.Data+": "+n.FirstChild.Data)
		}
	}
	assert.Equal(t, []string{
		"p: Claim 12.1: what is lost comes again, see context.Context and <b>.", "pre: producer ──► nats ◄── link\n   <i>      ▲ both",
		"p: Both share it:", "p: • one fault", "p: • one check", "p: The scenario: ",
	}, said)
	link := within(why[0], "a", "")
	require.Len(t, link, 1)
	assert.Equal(t, "../../scenarios/messaging/at%20least_test.go", attribute(link[0], "href"))
	assert.Equal(t, r.Source, texts(link[0]))

	for _, elsewhere := range []string{"scenarios/messaging/gone_test.go:20", "../x_test.go:1", "/etc/passwd", "go.mod:1", "javascript:alert(1)"} {
		r.Source = elsewhere
		why := within(one(t, elements(t, page(t, source)), "claim-12.1"), "section", "why")[0]
		assert.Empty(t, within(why, "a", ""), elsewhere)
		assert.Contains(t, texts(why), "The scenario: "+elsewhere)
	}
}

// Each side has a panel of its own, in the record's order, whatever its clients are called.
func TestPageOfSeveralSides(t *testing.T) {
	r := run("12.1", 90)
	r.Sides = []evidence.Side{{Name: "plain", Without: "nothing is acknowledged"}, {Name: "durable"}, {Name: "producer", Without: "nobody waits"}}
	r.Clients[0].Side = "producer"
	r.Measurements = append(r.Measurements, evidence.Measurement{Name: "orders lost", Side: "producer", Value: 7, OK: true})
	panel := one(t, elements(t, page(t, report.Source{Entries: entries(r)})), "claim-12.1")
	var names []string
	for _, n := range within(panel, "text", "panelname") {
		names = append(names, n.FirstChild.Data)
	}
	assert.Equal(t, []string{"Control: plain, nothing is acknowledged ", "With the mechanism: durable ", "Control: producer, nobody waits ", "Noise "}, names)
	overview := texts(one(t, elements(t, page(t, report.Source{Entries: entries(r)})), "overview"))
	assert.Contains(t, overview, "orders lost (plain) 50 orders lost (producer) 7 nothing is acknowledged")
	r.Measurements = r.Measurements[1:]
	overview = texts(one(t, elements(t, page(t, report.Source{Entries: entries(r)})), "overview"))
	assert.Contains(t, overview, "the longest pause 0.200 s", "the headline is no control's, where there is another")
}

func TestPageNeedsNothingElse(t *testing.T) {
	all := elements(t, page(t, report.Source{Entries: entries(run("12.1", 300), run("8.5", 3)), Known: known}))
	ids := map[string]bool{}
	for _, n := range all {
		if id := attribute(n, "id"); id != "" {
			assert.False(t, ids[id], "two elements are called %q", id)
			ids[id] = true
		}
	}
	for _, n := range all {
		for _, a := range n.Attr {
			switch a.Key {
			case "href", "src":
				if target, inside := strings.CutPrefix(a.Val, "#"); inside {
					assert.True(t, ids[target], "a link to %s, which is not there", a.Val)
				} else if n.Data != "a" {
					assert.True(t, strings.HasPrefix(a.Val, "data:"), "%s loads %s", n.Data, a.Val)
				} else {
					assert.True(t, strings.HasPrefix(a.Val, "https://www.freecodecamp.org/"), a.Val)
				}
			case "aria-labelledby":
				assert.True(t, ids[a.Val], "labelled by %s, which is not there", a.Val)
			case "xlink:href", "srcset", "action", "poster", "background", "onclick", "onload":
				assert.Failf(t, "loads or runs something", "%s has %s", n.Data, a.Key)
			}
		}
		switch n.Data {
		case "link", "iframe", "object", "embed", "form", "base", "audio", "video":
			assert.Equal(t, "icon", attribute(n, "rel"), n.Data)
		case "svg":
			assert.True(t, attribute(n, "aria-hidden") == "true" || attribute(n, "aria-label") != "" || n.Parent.Data == "svg", "a drawing without words")
		case "table":
			first := n.FirstChild
			for first != nil && first.Type != html.ElementNode {
				first = first.NextSibling
			}
			if assert.NotNil(t, first) {
				assert.Equal(t, "caption", first.Data, "a table without a caption")
			}
		case "style", "script":
			assert.NotContains(t, texts(n), "url(h")
			assert.NotContains(t, texts(n), "@import")
		}
	}
}

// hostile is what an evidence file may say of itself.
const hostile = `</style></script></title><script>alert(1)</script><img src=x onerror=alert(1)>"'><svg/onload=alert(1)> javascript:alert(1)` + "\x1b[31m\u202e\x00"

// spoil sets every string in a value to text.
func spoil(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem(), text)
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i), text)
		}
	case reflect.Map:
		if v.Type() == reflect.TypeFor[map[string]string]() {
			v.Set(reflect.ValueOf(map[string]string{text: text}))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for _, field := range v.Fields() {
			spoil(field, text)
		}
	}
}

func TestEvidenceIsNeverTrustedAsHTML(t *testing.T) {
	shape := func(r *evidence.Record) (of []string) {
		r.Logs = []string{"logs/nats.log"}
		r.Failures = []evidence.Failure{{Kind: "k", Step: "s", Message: "m"}}
		r.Sabotage, r.Unprovable, r.Claim.OnlyIf = "faults", "u", "o"
		r.Doc, r.Source = "d", "s"
		r.Undecided = []evidence.Undecision{{What: "w", Message: "m"}}
		r.Repeats = []evidence.Repeat{{Undecided: r.Undecided}}
		r.Schedule = &evidence.Followed{Unfelt: []int{1}, Replay: "r", Shrink: "s", File: "f"}
		r.Claim.Link, r.Claim.Section = "https://example.org", "s"
		return nil
	}
	for name, text := range map[string]string{"markup": hostile, "a scheme": "javascript:alert(1)", "a way out": "../../../../../etc/passwd"} {
		t.Run(name, func(t *testing.T) {
			r := run("12.1", 60)
			shape(r)
			spoil(reflect.ValueOf(r).Elem(), text)
			again := *r
			all := elements(t, page(t, report.Source{
				Entries: []report.Entry{{Record: r, Folder: t.TempDir()}, {Record: &again, Folder: t.TempDir()}}, LeftOut: []error{errors.New(text)}, Folder: t.TempDir(),
			}))
			scripts := 0
			for _, n := range all {
				switch n.Data {
				case "script":
					scripts++
				case "img", "iframe", "object":
					assert.Fail(t, "evidence became an element", n.Data)
				}
				for _, a := range n.Attr {
					assert.False(t, strings.HasPrefix(a.Key, "on"), "evidence became a handler: %s", a.Key)
					if a.Key == "href" || a.Key == "src" {
						assert.NotRegexp(t, `(?i)^\s*javascript:`, a.Val)
						assert.NotContains(t, a.Val, "etc/passwd")
					}
				}
			}
			assert.Equal(t, 1, scripts, "the page's own")
		})
	}
}

func TestPageReadsOnlyWhatLiesBesideTheEvidence(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Join(root, "run")
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "logs of it"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "secret"), []byte("the secret"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "logs of it", "nats.log"), []byte(strings.Repeat("x", 50_000)+"\nthe <end>\x1b[0m\n"), 0o600))
	require.NoError(t, os.Symlink(filepath.Join(root, "secret"), filepath.Join(folder, "link")))
	r := run("12.1", 3)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cycle.svg"), []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), 0o600))
	r.Drawings = []evidence.Drawing{
		{Title: "a cycle", File: "cycle.svg", Type: "image/svg+xml"}, {Title: "registers", File: "cycle.svg", Type: "text/html"},
		{Title: "elsewhere", File: "../secret", Type: "image/svg+xml"}, {Title: "by a link", File: "link", Type: "image/svg+xml"},
	}
	r.Logs = []string{"logs of it/nats.log", "../secret", "link", filepath.Join(root, "secret"), "none", "logs of it"}
	text := page(t, report.Source{Entries: []report.Entry{{Record: r, Folder: folder}}, Folder: root})
	assert.NotContains(t, text, "the secret")
	assert.Contains(t, text, "the &lt;end&gt;[0m")
	assert.Contains(t, text, `href="run/logs%20of%20it/nats.log"`)
	assert.Contains(t, text, `<img src="data:image/svg&#43;xml;base64,PHN2Z`)
	assert.Equal(t, 1, strings.Count(text, "<img"), "of pictures those that lie beside the evidence")
	assert.Contains(t, text, `<figure><figcaption><a href="run/cycle.svg">registers</a>`)
	assert.Contains(t, text, `<figcaption>elsewhere</figcaption>`)
	assert.Less(t, len(text), 100_000, "of a long log the end")
	assert.Equal(t, 5, strings.Count(text, "not to be had: "))
}

func TestPageOfOddNumbers(t *testing.T) {
	r := run("12.1", 30)
	for i, odd := range []float64{1e308, -1e308, 0, 1e-300, -5} {
		r.Operations.Items[i].Start, r.Operations.Items[i].End = odd, new(-odd)
		r.Steps = append(r.Steps, evidence.Step{Name: "odd", At: odd})
		r.Faults = append(r.Faults, evidence.Fault{Kind: "odd", From: odd, To: new(-odd)})
		r.Measurements = append(r.Measurements, evidence.Measurement{Name: "odd", Value: odd, Low: new(-odd), High: new(odd)})
	}
	r.Duration = 1e308
	text := page(t, report.Source{Entries: entries(r)})
	assert.NotContains(t, text, "NaN")
	assert.NotContains(t, text, "Inf")

	empty := &evidence.Record{Claim: evidence.Claim{ID: "x"}, Verdict: "what nobody knows"}
	assert.Contains(t, page(t, report.Source{Entries: entries(empty)}), "failed")
	assert.NotContains(t, page(t, report.Source{}), "<article")
}

// Without sides nobody guesses who is whose, whatever names suggest.
func TestPageOfARecordWithoutSides(t *testing.T) {
	r := run("12.1", 300)
	r.Sides = nil
	for i := range r.Clients {
		r.Clients[i].Side = ""
	}
	for i := range r.Checks {
		r.Checks[i].Side = ""
	}
	r.Measurements[1].Side, r.Measurements[1].Name = "", "orders lost by the control"
	panel := texts(one(t, elements(t, page(t, report.Source{Entries: entries(r)})), "claim-12.1"))
	assert.Contains(t, panel, "All clients producer, durable, plain")
	assert.NotContains(t, panel, "With the mechanism")
	assert.NotContains(t, panel, "Control: ")
}

func TestPageOverManyRuns(t *testing.T) {
	var records []*evidence.Record
	for i := range 20 {
		r := run("12.1", 30)
		r.Run, r.Started = fmt.Sprintf("20261123T1732%02d-1", i), r.Started.Add(time.Duration(i)*time.Minute)
		r.Measurements[0].Value = 1 + float64(i)/100
		if i == 7 {
			r.Verdict, r.Failures = evidence.Failed, []evidence.Failure{{Kind: evidence.OffLaw, Message: "too late"}}
		}
		records = append(records, r)
	}
	panel := texts(one(t, elements(t, page(t, report.Source{Entries: entries(records...)})), "claim-12.1"))
	assert.Contains(t, panel, "proven in 19 of 20 runs: 95 % [76, 99], n = 20 (95 % confidence, Wilson)")
	assert.Contains(t, panel, "redelivered after: from 1 to 1.19, median 1.10 s")
	assert.Contains(t, panel, "20 runs, the latest first")
	assert.Contains(t, panel, "off the law", "the one that failed is the one to be looked at")
}

func TestLoadTakesEachRunOnce(t *testing.T) {
	root := t.TempDir()
	first, second := run("12.1", 3), run("8.5", 3)
	second.Started = second.Started.Add(time.Second)
	for shard, r := range map[string]*evidence.Record{"evidence-messaging": first, "evidence-databases": second} {
		_, err := evidence.Write(filepath.Join(root, shard), r)
		require.NoError(t, err)
	}
	_, err := evidence.Write(filepath.Join(root, "copy"), first)
	require.NoError(t, err)
	torn := filepath.Join(root, "copy", "torn.json")
	require.NoError(t, os.WriteFile(torn, []byte(`{"schema": "assay/evi`), 0o600))
	foreign := filepath.Join(root, "package.json")
	require.NoError(t, os.WriteFile(foreign, []byte(`{"name": "left-pad"}`), 0o600))

	got, bad := report.Load(root, filepath.Join(root, "copy"))
	require.Len(t, got, 2)
	assert.Equal(t, "12.1", got[0].Claim.ID, "by their start")
	assert.Equal(t, "8.5", got[1].Claim.ID)
	require.Len(t, bad, 2)
	assert.ErrorContains(t, errors.Join(bad...), torn+" is torn")
	assert.ErrorContains(t, errors.Join(bad...), foreign+" is no evidence: it names no schema")

	_, bad = report.Load(filepath.Join(root, "none"))
	assert.Len(t, bad, 1)
}

// What is in a folder can be anything. What is no evidence is named, once, and the rest is read.
func TestLoadFromAFolderWithAnythingInIt(t *testing.T) {
	root := filepath.Join(t.TempDir(), "evidence")
	path, err := evidence.Write(root, run("12.1", 3))
	require.NoError(t, err)
	closed, loop, link := filepath.Join(root, "closed"), filepath.Join(root, "loop"), filepath.Join(filepath.Dir(root), "link")
	require.NoError(t, os.Mkdir(closed, 0o000))
	require.NoError(t, os.Symlink(root, loop))
	require.NoError(t, os.Symlink(root, link))
	endless := filepath.Join(root, "endless.json")
	require.NoError(t, os.Symlink(os.DevNull, endless))
	nowhere := filepath.Join(root, "nowhere.json")
	require.NoError(t, os.Symlink(filepath.Join(root, "gone"), nowhere))
	empty, secret := filepath.Join(root, "empty.json"), filepath.Join(root, "secret.json")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.NoError(t, os.WriteFile(secret, []byte("{}"), 0o000))

	for _, folder := range []string{root, link, path[:len(path)-len(filepath.Base(path))]} {
		got, _ := report.Load(folder)
		require.Len(t, got, 1, folder)
	}
	got, bad := report.Load(link)
	require.Len(t, got, 1)
	assert.Equal(t, filepath.Join(link, got[0].Run), got[0].Folder, "as it was named")
	said := errors.Join(bad...).Error()
	for name, why := range map[string]string{"endless.json": " is no evidence: it is no regular file", "nowhere.json": "no such file", "empty.json": " is torn, or no evidence at all", "secret.json": ""} {
		assert.Equal(t, 1, strings.Count(said, name), said)
		assert.Contains(t, said, why)
	}
	if os.Geteuid() != 0 { // root may read it
		assert.Equal(t, 1, strings.Count(said, "closed"), said)
	}
}

func TestPageIsTheSameForTheSameEvidence(t *testing.T) {
	text, err := json.Marshal(run("12.1", 300))
	require.NoError(t, err)
	var pages []string
	for range 2 {
		var r evidence.Record
		require.NoError(t, json.Unmarshal(text, &r))
		pages = append(pages, page(t, report.Source{Entries: entries(&r)}))
	}
	assert.Equal(t, pages[0], pages[1])
}

// Where ticks stand side by side they are one area, which shows each place that a tick would.
func TestTicksSideBySideAreOneArea(t *testing.T) {
	r := run("12.1", 0)
	seldom := []float64{1, 1.5, 2, 7, 9}
	for _, at := range seldom {
		r.Operations.Items = append(r.Operations.Items, evidence.Operation{Client: "plain", Kind: history.Disconnect, Start: at, End: new(at), Outcome: history.OK})
	}
	for i := range 1000 { // from 3 s to 5 s
		at := 3 + 2*float64(i)/999
		r.Operations.Items = append(r.Operations.Items, evidence.Operation{Client: "plain", Kind: history.Disconnect, Start: at, End: new(at), Outcome: history.OK})
	}
	r.Operations.Recorded = len(r.Operations.Items)
	row := regexp.MustCompile(`<title>disconnected: 1005</title><path d="([^"]*)"/><path class="solid" d="([^"]*)"/>`).FindStringSubmatch(page(t, report.Source{Entries: entries(r)}))
	require.NotNil(t, row)
	var at []float64
	for _, tick := range regexp.MustCompile(`M(\d+) \d+v11`).FindAllStringSubmatch(row[1], -1) {
		x, err := strconv.ParseFloat(tick[1], 64)
		require.NoError(t, err)
		at = append(at, x)
	}
	require.Len(t, at, len(seldom))
	second := (at[4] - at[0]) / 8
	area := regexp.MustCompile(`^M(\d+) \d+h(\d+)v11h-\d+z$`).FindStringSubmatch(row[2])
	require.NotNil(t, area, row[2])
	from, err := strconv.ParseFloat(area[1], 64)
	require.NoError(t, err)
	width, err := strconv.ParseFloat(area[2], 64)
	require.NoError(t, err)
	assert.InDelta(t, 2*second, from-at[0], 1)
	assert.InDelta(t, 2*second, width, 1)
}

// Who reads a set reads its old values, too. Only of a register that is stale.
func TestOnlyReadsOfRegistersAreStale(t *testing.T) {
	r := run("8.5", 0)
	for i, op := range []evidence.Operation{{Kind: history.Write, Value: 1}, {Kind: history.Write, Value: 2}, {Kind: history.Read, Value: 1}, {Kind: history.Read, Value: 2}} {
		at := float64(2 + i)
		op.Client, op.Key, op.Start, op.End, op.Outcome = "durable", "x", at, new(at+0.1), history.OK
		r.Operations.Items = append(r.Operations.Items, op)
	}
	r.Operations.Recorded = len(r.Operations.Items)
	set := page(t, report.Source{Entries: entries(r)})
	assert.Contains(t, set, "<title>read: 2</title>")
	assert.NotContains(t, set, "<title>stale: ")
	r.Checks[1].Registers = true
	assert.Contains(t, page(t, report.Source{Entries: entries(r)}), "<title>stale: 1</title>")
}
