// Package evidence is the record of one claim's run: what was claimed, what was done to which system, what was seen, and
// how to see it again. Env writes it, also when the test fails; report reads it.
//
// The room is for the schema and for reading and writing it. Judging (harness/check) and drawing (harness/report) may not
// enter: a record keeps what was seen, and never decides.
package evidence

import (
	"fmt"
	"time"

	"assay/harness/history"
)

// Schema names the version of the record's layout. A reader refuses a record of another schema; a change that an old
// reader would misread takes a new number.
const Schema = "assay/evidence/v2"

// The verdicts of a run. With the first three all proofs were given: they differ in what that says of the guide's sentence.
const (
	Holds       = "holds"             // it is as the guide has it
	OnlyIf      = "only if"           // it holds under a condition that the guide leaves out: see Claim.OnlyIf
	Refuted     = "refuted"           // a running system was seen to do otherwise
	NotProvable = "not provable here" // this engine or its kernel lacks what the test needs: see Record.Unprovable
	Undecided   = "undecided here"    // the machine was too busy to tell a prediction from its rival: see Record.Undecided
	Failed      = "failed"            // at least one proof was not given: see Failures
)

// Proven says whether a verdict means that all proofs were given.
func Proven(verdict string) bool { return verdict == Holds || verdict == OnlyIf || verdict == Refuted }

// The kinds of failure of a run, the vocabulary of Record.Failures.
const (
	Violated    = "violated"    // a property that should hold was seen to break
	Unfalsified = "unfalsified" // the control was not seen to break, or there was none
	Vacuous     = "vacuous"     // nobody felt a fault
	Unhealed    = "unhealed"    // a fault was not undone, or the system was not seen to be well after it
	NotCalm     = "not calm"    // without a fault the load already misbehaved, or that was never looked at
	OffLaw      = "off the law" // a measurement left its predicted interval
	TimedOut    = "timed out"   // a named condition was not reached within its limit
	Died        = "died"        // a container ended that nobody had killed
	Broken      = "broken"      // the harness could not do its work: engine, image, fault, bad setting
	TestFailed  = "test failed" // the test failed by other means than the harness's words
	TooBusy     = "undecided"   // the machine was too busy to decide, and ASSAY_REQUIRE_ALL asks for every claim
	LeftBehind  = "left behind" // cleanup could not remove everything
)

// Record is one run of one claim. Times are seconds since Started; absent intervals and ends are null.
type Record struct {
	Schema  string `json:"schema"`
	Run     string `json:"run"` // groups the records of one `go test` invocation
	Claim   Claim  `json:"claim"`
	Verdict string `json:"verdict"`
	// Unprovable says what could not be had here and why, where the verdict is NotProvable.
	Unprovable string `json:"unprovable,omitempty"`
	// Undecided says what could not be told apart, where the verdict is Undecided. Only measured noise makes a claim undecided.
	Undecided []Undecision `json:"undecided,omitempty"`
	// Repeats are the runs of the same test before this one that could not decide, and were repeated for that reason alone.
	Repeats  []Repeat  `json:"repeats,omitempty"`
	Started  time.Time `json:"started"`
	Duration float64   `json:"duration_s"`
	Building float64   `json:"building_s,omitempty"` // of that, how long images were waited for
	Test     string    `json:"test"`                 // the Go test's name
	Package  string    `json:"package"`              // its import path
	Doc      string    `json:"doc,omitempty"`        // the scenario's own doc comment: the concept, and a drawing
	Source   string    `json:"source,omitempty"`     // file:line of the scenario, from the module's root
	Rerun    string    `json:"rerun"`                // the command that runs it again with the same seed and knobs
	Seed     uint64    `json:"seed"`
	Sabotage string    `json:"sabotage,omitempty"` // what ASSAY_SABOTAGE switched off, if anything

	Knobs        []Knob        `json:"knobs"`
	Sides        []Side        `json:"sides,omitempty"`
	Nodes        []Node        `json:"nodes"`
	Links        []Link        `json:"links"`
	Clients      []Client      `json:"clients,omitempty"`
	Steps        []Step        `json:"steps"`
	Faults       []Fault       `json:"faults"`
	Schedule     *Followed     `json:"schedule,omitempty"` // of the nemesis, where there was one
	Measurements []Measurement `json:"measurements"`
	Checks       []Check       `json:"checks"`
	Failures     []Failure     `json:"failures"`
	Operations   Operations    `json:"operations"`
	Engine       Engine        `json:"engine"`
	Tools        Tools         `json:"tools"`
	Noise        []Beat        `json:"noise,omitempty"` // from the test's first to its last moment
	Logs         []string      `json:"logs,omitempty"`  // container logs kept beside the record, when the test failed
	Drawings     []Drawing     `json:"drawings,omitempty"`
}

// Took is how many seconds the run took, without the building of images.
func (r *Record) Took() float64 { return r.Duration - r.Building }

// Claim says what was put to the test, in the project's own words.
type Claim struct {
	ID      string `json:"id"`
	Says    string `json:"says"`
	Section string `json:"section,omitempty"` // the guide's section, e.g. "12 Messaging"
	Link    string `json:"link,omitempty"`    // where the guide speaks of it
	OnlyIf  string `json:"only_if,omitempty"` // the condition that the guide leaves out
	Refuted bool   `json:"refuted,omitempty"` // what it Says is what the guide's sentence, read literally, denies
}

// Knob is one quantity that the prediction is computed from.
type Knob struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Default string `json:"default"`
}

// Node is one container.
type Node struct {
	Name    string `json:"name"`
	Image   string `json:"image"`
	ImageID string `json:"image_id"`
	Version string `json:"version,omitempty"` // what the server says of itself, where the fixture asked
}

// Link is one path of traffic that faults can be put on.
type Link struct {
	Name string `json:"name"`
	From string `json:"from"` // "test" or "containers"
	To   string `json:"to"`   // node:port
	// What went over it in all. A link between containers whose proxies could not be asked tells nothing.
	Connections int64 `json:"connections,omitempty"`
	Sent        int64 `json:"sent,omitempty"`     // bytes, to the server
	Received    int64 `json:"received,omitempty"` // bytes, from the server
}

// Side is one side of the comparison that a claim is: the subject, which has the mechanism, or a control, which lacks it.
type Side struct {
	Name    string `json:"name"`
	Without string `json:"without,omitempty"` // of a control: what was taken away; "" for the subject
}

// Control tells whether the side lacks the mechanism.
func (s Side) Control() bool { return s.Without != "" }

// Client is one of those whose operations were recorded.
type Client struct {
	Name string   `json:"name"`
	Side string   `json:"side,omitempty"` // the name of the Side that it is on; "" for what the sides share
	Via  []string `json:"via,omitempty"`  // the links that it uses, and the nodes at their ends
}

// Step is one line of the scenario.
type Step struct {
	Name    string   `json:"name"`
	At      float64  `json:"at_s"`
	Remarks []string `json:"remarks,omitempty"` // of the scenario's own
}

// Fault is one injection: what was done to what, when, and who felt it.
type Fault struct {
	Kind      string   `json:"kind"`   // "drop", "sever", "kill", …
	Target    string   `json:"target"` // the link's or node's name
	Detail    string   `json:"detail"` // e.g. "client to server", "500ms server to client"
	From      float64  `json:"from_s"`
	To        *float64 `json:"to_s"` // null: never undone by the scenario
	Undo      string   `json:"undo"` // how it was undone: "heal", "restart", "resume"
	Witnesses []string `json:"witnesses"`
	Nature    string   `json:"nature,omitempty"` // what shows that it was what it says, such as the exit status that a kill left
	Halved    bool     `json:"halved,omitempty"` // sabotage has made it half of what it says
	Window    int      `json:"window,omitempty"` // of the schedule, counted from 1; 0 for what the scenario did by itself
	// Traffic is what went over links while it was in force: over those that it is about, and over any other that was used.
	Traffic []Traffic `json:"traffic,omitempty"`
	// Past are clients, in words, whose only link it cut and whose operations succeeded all the same.
	Past []string `json:"past,omitempty"`
}

// Traffic is what went over a link.
type Traffic struct {
	Link        string `json:"link"`
	Connections int64  `json:"connections"` // that were made
	Sent        int64  `json:"sent"`        // bytes, to the server
	Received    int64  `json:"received"`    // bytes, from the server
}

// String words it, as in "consumers: 1 new connection, 1200 bytes to the server, none back".
func (t Traffic) String() string {
	return fmt.Sprintf("%s: %s, %s to the server, %s back", t.Link, count(t.Connections, "new connection"), count(t.Sent, "byte"), count(t.Received, "byte"))
}

func count(n int64, of string) string {
	switch n {
	case 0:
		return "no " + of + "s"
	case 1:
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// Measurement is a figure and the interval that was predicted for it; a null bound is open. The prediction is as wide as the noise
// made it: without noise High was lower by Noise, and Low higher by Early.
type Measurement struct {
	Name  string   `json:"name"`
	Side  string   `json:"side,omitempty"` // whose figure it is; "" for one of the claim itself
	Value float64  `json:"value"`
	Unit  string   `json:"unit"`
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
	OK    bool     `json:"ok"` // the value lies in the interval
	// Noise is by how many seconds the machine's noise has widened the prediction; 0 for what is no time.
	Noise float64 `json:"noise_s,omitempty"`
	Early float64 `json:"early_s,omitempty"` // by how many it has widened it downwards
	N     int     `json:"n,omitempty"`       // of a median or a share: of how many
	// Rivals are what would have been seen if the fault had done nothing, or half of it, or the mechanism had been missing. A
	// figure without rivals accompanies others.
	Rivals []Rival `json:"rivals,omitempty"`
}

// Rival is what a prediction excludes; a null bound is open.
type Rival struct {
	Name string   `json:"name"`
	Low  *float64 `json:"low"`
	High *float64 `json:"high"` // with the noise
	// Undecided says that noise made the prediction and the rival overlap.
	Undecided bool `json:"undecided,omitempty"`
}

// Undecision is something that a run could not tell because of the machine's noise.
type Undecision struct {
	What    string  `json:"what"` // the figure's name, or the property
	Noise   float64 `json:"noise_s"`
	Message string  `json:"message"` // with the two values that could not be told apart
}

// Repeat is a run that could not decide.
type Repeat struct {
	Started   time.Time    `json:"started"`
	Duration  float64      `json:"duration_s"`
	Undecided []Undecision `json:"undecided"`
}

// Beat is how late the machine let things happen since the last one, in seconds: see Env's noise in package harness.
type Beat struct {
	At      float64 `json:"at_s"`
	Usual   float64 `json:"usual_s"`
	Longest float64 `json:"longest_s"`
}

// Check is one verdict of a checker.
type Check struct {
	Role     string   `json:"role"` // "calm", "holds" or "breaks"
	Property string   `json:"property"`
	Subject  string   `json:"subject,omitempty"` // who was judged, where that has a name
	Clients  []string `json:"clients,omitempty"` // all whose operations were looked at
	// Registers says that the checker took keys for registers, whose reads return what was written last.
	Registers bool   `json:"registers,omitempty"`
	Side      string `json:"side,omitempty"`    // the name of the Side that was judged, where it is of one
	Control   string `json:"control,omitempty"` // what was taken away, for role "breaks"
	Verdict   string `json:"verdict"`           // of the checker: "holds", "violated" or "unknown"
	OK        bool   `json:"ok"`                // what the role asked for
	Summary   string `json:"summary"`
	// How sure that is: how often the property was seen broken, and how often it could have been. 0 of few says little.
	Violations int         `json:"violations"`
	Checked    int         `json:"checked"`
	Offending  []Operation `json:"offending,omitempty"`
}

// Failure is one reason why the run failed, in the words that the test printed.
type Failure struct {
	Kind    string  `json:"kind"`
	Step    string  `json:"step"`
	At      float64 `json:"at_s"`
	Message string  `json:"message"`
}

// Operations holds the recorded operations, at most MaxOperations of them; Recorded says how many there were, and Counts of what
// sorts. What did not end well is kept before what did.
type Operations struct {
	Recorded int         `json:"recorded"`
	Counts   []Count     `json:"counts,omitempty"`
	Items    []Operation `json:"items"`
}

// Count is how many operations of one sort were recorded, kept or not.
type Count struct {
	Client  string          `json:"client"`
	Kind    string          `json:"kind"`
	Outcome history.Outcome `json:"outcome"`
	N       int             `json:"n"`
}

// Operation is one recorded operation. End is null where it was still pending.
type Operation struct {
	Client   string          `json:"client"`
	Kind     string          `json:"kind"`
	Key      string          `json:"key,omitempty"`
	Value    int64           `json:"value"`
	Expected int64           `json:"expected,omitempty"` // of a compare-and-set
	Attempt  int             `json:"attempt,omitempty"`
	Start    float64         `json:"start_s"`
	End      *float64        `json:"end_s"`
	Outcome  history.Outcome `json:"outcome"`
	Err      string          `json:"err,omitempty"`
}

// Engine says which container engine ran it.
type Engine struct {
	Address string `json:"address"`
	Version string `json:"version"`
	API     string `json:"api"`
	OS      string `json:"os"`
	Kernel  string `json:"kernel"`
	Arch    string `json:"arch"`
	CPUs    int    `json:"cpus"`
	Memory  int64  `json:"memory_bytes"`
}

// Tools says which versions of the harness's own parts took part.
type Tools struct {
	Go        string            `json:"go"`
	Libraries map[string]string `json:"libraries"` // module path → version, of what the module requires directly: drivers, Toxiproxy, testcontainers, …
}
