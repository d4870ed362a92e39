// Package harness is what a scenario speaks: the claim, the steps, the waits, the proofs.
//
// A claim about how a distributed system behaves becomes a Go test: Prove opens an Env for a scenario, fixtures start real
// servers in it, links and nodes bring real faults, and the Env insists on proof. A test passes only if the claim's property
// was seen to hold under the fault, and in the same breath to break without the mechanism (Contrast); if every fault was felt
// by somebody (witnessed), was what it says, and was undone; if the system was calm before and well after; and if every
// figure was as predicted and not as its rival would have it. How busy the machine is, is the Env's business: see noise.go for
// the one rule by which it widens predictions, and for what that cannot see.
//
// The room is for the world of one test. Drivers of servers may not enter (fixtures bring them), nor Docker or Toxiproxy
// themselves (engine, fault), nor judgement about histories (check).
package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/harness/claims"
	"assay/harness/engine"
	"assay/harness/engine/image"
	"assay/harness/evidence"
	"assay/harness/fault"
	"assay/harness/history"
	"assay/harness/internal/settings"
	"assay/harness/internal/unprovable"
)

// Claim is a sentence about a system that a scenario puts to the test.
type Claim struct {
	// ID is the claim's name in code, evidence and report: <section>.<n> for claims of the guide, else a name of one's own.
	ID string
	// Says is the claim in a sentence. Where it is Refuted, it is what a running system was seen to do instead.
	Says string
	// OnlyIf, where given, is a condition that the guide leaves out and without which the claim is false: the control lacks
	// it. The verdict of a claim that is proven is then "only if".
	OnlyIf string
	// Refuted says that the guide's sentence, read literally, is false if what the claim Says is proven. The verdict is then
	// "refuted".
	Refuted bool
}

// proven is the verdict when all proofs were given.
func (c Claim) proven() string {
	switch {
	case c.Refuted:
		return evidence.Refuted
	case c.OnlyIf != "":
		return evidence.OnlyIf
	}
	return evidence.Holds
}

// Env is the world of one scenario: its network, containers, links, faults, clock and notebook. Its methods are for the test's
// goroutine.
type Env struct {
	t        TB
	claim    Claim
	engine   *engine.Engine
	hooks    *fault.Hooks
	recorder *history.Recorder
	rand     *rand.Rand
	proxies  *fault.Proxies
	network  *engine.Network   // of containers that are no members of a mesh, once there is one: see common
	unused   *engine.Network   // what was begun before it was known what for
	networks []*engine.Network // all

	ctx    context.Context // ends when the test does, before anything is removed
	cancel context.CancelFunc
	work   sync.WaitGroup // background work, which ends with ctx

	watching context.Context // ends when the containers are removed
	unwatch  context.CancelFunc
	watch    sync.WaitGroup

	patience time.Duration     // of an Await, apart from what the knobs say
	turning  time.Duration     // the claim's knobs that are durations, together
	turned   map[string]string // knobs of ASSAY_KNOBS that were not declared yet
	rerun    []string          // ASSAY_KNOBS entries that were used
	record   *evidence.Record
	proofs   proofs
	noise    noise
	builds   engine.Builds // of images, for which the scenario waits

	drawings []picture // of what was judged, which are drawn when all is over

	follows *evidence.ScheduleFile // what ASSAY_SCHEDULE names
	run     *Run                   // the nemesis at work
	closing bool                   // the test is over, and its cleanup has begun

	mu               sync.Mutex // guards what background goroutines touch
	nodes            []*Node
	links            []*Link
	over             map[string][]*Link // by client, the links that it uses
	faults           []*fault.Fault
	deaths           []death
	backgroundErrors []backgroundFailure // of background work
	closers          []func() error
}

// death is a container that ended though nobody killed it.
type death struct {
	node        *Node
	code        int64
	outOfMemory bool // the kernel killed it
}

func (d death) String() string {
	how := ""
	if d.outOfMemory {
		how = ", killed by the kernel for want of memory"
	}
	return fmt.Sprintf("container %s ended by itself with status %d%s", d.node.Name, d.code, how)
}

// backgroundFailure is why something in the background could not go on.
type backgroundFailure struct {
	kind string // of failure
	err  error
}

var claimID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// attempts is how often a scenario is run at most whose figures the machine's noise leaves undecided.
const attempts = 3

// Prove puts the claim to the test: it opens a world, runs the scenario in it, judges, and removes everything that was made. It
// ends the test with a message that says what to do where there is no Docker engine or a setting is wrong, and skips it under
// -short.
//
// Where the machine was too busy to tell a prediction from its rival, and nothing else is wrong, the scenario is run again in a
// new world, twice at most. What is undecided then is neither passed nor failed: the test is skipped with what could not be told
// apart, or fails where ASSAY_REQUIRE_ALL asks for every claim. What fails is never repeated.
func Prove(t TB, claim Claim, scenario func(*Env)) {
	t.Helper()
	if testing.Short() {
		t.Skipf("-short leaves out what needs containers: claim %s is not put to the test", claim.ID)
	}
	prove(t, claim, (*Env).connect, scenario)
}

// prove is Prove with another way to the engine.
func prove(t TB, claim Claim, connect func(*Env) error, scenario func(*Env)) {
	t.Helper()
	var repeats []evidence.Repeat
	for {
		e := open(t, claim)
		e.record.Repeats = repeats
		if !e.attempt(connect, scenario) {
			return
		}
		repeats = append(repeats, evidence.Repeat{Started: e.record.Started, Duration: e.record.Duration, Undecided: e.record.Undecided})
	}
}

// undecidable ends an attempt in the middle: it is thrown by the Env, and caught by attempt.
type undecidable struct{}

// attempt runs the scenario once, and tells whether it has to be run again. However the scenario ends, its world does.
func (e *Env) attempt(connect func(*Env) error, scenario func(*Env)) (again bool) {
	e.t.Helper()
	ended := false
	defer func() {
		e.t.Helper()
		p := recover()
		switch _, early := p.(undecidable); {
		case early:
			e.proofs.cutShort, p = true, nil
		case p != nil:
			e.fail(evidence.TestFailed, "panic: %v\n%s", p, debug.Stack())
		case !ended && !e.t.Failed() && e.record.Unprovable == "" && e.t.Skipped() && e.untouched():
			e.skipped()
		case !ended && !e.t.Failed() && e.record.Unprovable == "":
			e.fail(evidence.TestFailed, "the scenario ended early, and not by a word of the harness: what it did not come to cannot be judged")
		}
		again = e.finish()
		if p != nil {
			panic(p)
		}
	}()
	if err := e.settings(); err != nil {
		e.fatal(evidence.Broken, "%s", err)
	}
	if err := connect(e); err != nil {
		e.fatal(evidence.Broken, "%s", err)
	}
	e.headline()
	e.noise.now = e.Now
	e.noise.tick(e.Now()+tick, 0)
	e.work.Go(e.metronome)
	scenario(e)
	ended = true
	return false
}

// open makes the world of a scenario, without an engine: clock and evidence.
func open(t TB, claim Claim) *Env {
	t.Helper()
	e := &Env{t: t, claim: claim, recorder: history.New(), patience: patience, over: map[string][]*Link{}}
	e.proofs.witnesses, e.proofs.unseen, e.proofs.past = map[*fault.Fault][]string{}, map[*fault.Fault][]string{}, map[*fault.Fault][]string{}
	e.ctx, e.cancel = context.WithCancel(e.builds.With(context.Background()))
	e.watching, e.unwatch = context.WithCancel(context.Background())
	section, link := claims.Section(claim.ID)
	from := caller(t.Name())
	e.record = &evidence.Record{
		Schema: evidence.Schema, Run: evidence.RunID(), Started: time.Now(),
		Claim: evidence.Claim{ID: claim.ID, Says: claim.Says, Section: section, Link: link, OnlyIf: claim.OnlyIf, Refuted: claim.Refuted},
		Test:  t.Name(), Package: from.pkg, Rerun: from.rerun, Doc: from.doc, Source: from.source,
		Sabotage: os.Getenv("ASSAY_SABOTAGE"), Tools: tools(),
	}
	e.hooks = &fault.Hooks{
		Now: e.Now, Sabotaged: e.record.Sabotage == sabotageAll, Halved: e.record.Sabotage == sabotageHalf,
		Links: e.allLinks, Injected: e.injected, Healed: e.healed,
		Fatal: func(err error) { t.Helper(); e.broken(err, "%s", err) },
	}
	return e
}

// What ASSAY_SABOTAGE can be.
const (
	sabotageAll  = "faults" // injections do nothing
	sabotageHalf = "half"   // they do half of what they say, where that has a size
)

// settings reads what was set from outside, and refuses what makes no sense.
func (e *Env) settings() error {
	if !claimID.MatchString(e.claim.ID) || e.claim.Says == "" {
		return fmt.Errorf("harness.Claim{ID: %q, Says: %q}: a claim has an ID of letters, digits, dots and dashes, and a sentence", e.claim.ID, e.claim.Says)
	}
	if e.claim.Refuted && e.claim.OnlyIf != "" {
		return fmt.Errorf("claim %s is both Refuted and true OnlyIf: say which", e.claim.ID)
	}
	if s := e.record.Sabotage; s != "" && s != sabotageAll && s != sabotageHalf {
		return fmt.Errorf("ASSAY_SABOTAGE=%s: there is %q, which makes every injection do nothing, and %q, which makes it do half", s, sabotageAll, sabotageHalf)
	}
	var err error
	if e.follows, err = followed(e.claim.ID); err != nil {
		return err
	}
	if e.record.Seed, err = seed(e.follows); err != nil {
		return err
	}
	e.rand, e.hooks.Seed = rand.New(rand.NewPCG(e.record.Seed, 0)), e.record.Seed
	if e.turned, err = turnedKnobs(e.claim.ID); err != nil {
		return err
	}
	return errors.Join(settings.Unknown(os.Environ()), image.Overrides(os.Environ()))
}

// connect finds the engine and begins to make the network.
func (e *Env) connect() error {
	var err error
	if e.engine, err = engine.Connect(e.ctx); err != nil {
		return err
	}
	i := e.engine.Info
	e.record.Engine = evidence.Engine{Address: i.Address, Version: i.Version, API: i.API, OS: i.OS, Kernel: i.Kernel, Arch: i.Arch, CPUs: i.CPUs, Memory: i.Memory}
	e.unused = e.newNetwork("")
	return nil
}

// newNetwork begins to make a network, for what its name's end says. The first one has no purpose yet when it is begun, and so is for
// the first who asks, whatever for.
func (e *Env) newNetwork(purpose string) *engine.Network {
	if n := e.unused; n != nil {
		e.unused = nil
		return n
	}
	n := e.engine.BeginNetwork(e.ctx, strings.ToLower(e.claim.ID)+purpose)
	e.networks = append(e.networks, n)
	return n
}

// common is the network of containers that are no members of a mesh.
func (e *Env) common() *engine.Network {
	if e.network == nil {
		e.network = e.newNetwork("")
	}
	return e.network
}

// Now is the time since the test's epoch, on the clock of histories and fault windows.
func (e *Env) Now() time.Duration { return e.recorder.Now() }

// Context ends when the test does.
func (e *Env) Context() context.Context { return e.ctx }

// Go runs background work of a fixture, such as a workload. It must end when its context does; an error fails the test.
func (e *Env) Go(what string, work func(context.Context) error) {
	e.work.Go(func() {
		if err := work(e.ctx); err != nil && e.ctx.Err() == nil {
			e.backgroundError(evidence.Broken, fmt.Errorf("%s: %w", what, err))
		}
	})
}

// backgroundError ends the test at its next step or wait.
func (e *Env) backgroundError(kind string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.backgroundErrors = append(e.backgroundErrors, backgroundFailure{kind, err})
}

// OnClose registers what a fixture must close when the test ends, after judgement and when all that Go runs is over, and before the
// containers are removed. The last registered is closed first.
func (e *Env) OnClose(close func() error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closers = append(e.closers, close)
}

// Require ends the test when a fixture could not do its work. Context says what it was doing.
func (e *Env) Require(err error, format string, args ...any) {
	if err != nil {
		e.t.Helper()
		e.broken(err, "%s: %s", fmt.Sprintf(format, args...), err)
	}
}

// broken ends the test because the harness could not do its work: as not provable where the error says that this engine or
// its kernel cannot do it at all, unless ASSAY_REQUIRE_ALL asks for every claim.
func (e *Env) broken(err error, format string, args ...any) {
	e.t.Helper()
	cannot, ok := errors.AsType[*unprovable.Error](err)
	if ok && e.onNemesis() {
		e.backgroundError(evidence.Broken, err)
		runtime.Goexit()
	}
	if !ok {
		e.fatal(evidence.Broken, format, args...)
	}
	if os.Getenv("ASSAY_REQUIRE_ALL") != "" {
		e.fatal(evidence.Broken, "%s\n  (ASSAY_REQUIRE_ALL is set, so a claim that is not provable here is a failure)", cannot)
	}
	e.record.Unprovable = cannot.Error()
	e.t.Skipf("claim %s is NOT PROVABLE HERE: %s\n  it is neither passed nor failed; ASSAY_REQUIRE_ALL=1 makes this a failure", e.claim.ID, cannot)
}

// skipsItself is the reason of a scenario that gives none to the harness.
const skipsItself = "the scenario skips itself; its output says why"

// untouched tells whether nothing was judged or injected yet. Who skips a scenario after that hides what it came to.
func (e *Env) untouched() bool {
	return len(e.record.Checks) == 0 && len(e.record.Measurements) == 0 && len(e.faults) == 0
}

// skipped takes a scenario's own t.Skip for what it says: that the claim is not to be put to the test here.
func (e *Env) skipped() {
	e.t.Helper()
	if os.Getenv("ASSAY_REQUIRE_ALL") != "" {
		e.fail(evidence.Broken, "%s\n  (ASSAY_REQUIRE_ALL is set, so a claim that is not put to the test is a failure)", skipsItself)
		return
	}
	e.record.Unprovable = skipsItself
}

// NotProvable is the error that what a scenario needs cannot be had here, and why, in the manner of fmt.Sprintf: a kernel is too old,
// say, or a licence is missing. Given to Require, or returned by a Container's Ready or the work of Go, it makes the claim neither passed
// nor failed, and a failure where ASSAY_REQUIRE_ALL asks for every claim.
func NotProvable(what, why string, args ...any) error { return unprovable.Here(what, why, args...) }

// Step begins the next line of the scenario.
func (e *Env) Step(name string) {
	e.t.Helper()
	if err := e.undeclared(); err != nil {
		e.fatal(evidence.Broken, "%s", err)
	}
	e.announced()
	e.failIfBroken()
	e.record.Steps = append(e.record.Steps, evidence.Step{Name: name, At: e.Now().Seconds()})
	e.note("▸ %s", name)
}

// Remark adds a line to the present step, such as what measured figures come to. It proves nothing.
func (e *Env) Remark(format string, args ...any) {
	e.t.Helper()
	n := len(e.record.Steps)
	if n == 0 {
		e.fatal(evidence.Broken, "a remark belongs to a step, and none has begun")
	}
	remark := fmt.Sprintf(format, args...)
	e.record.Steps[n-1].Remarks = append(e.record.Steps[n-1].Remarks, remark)
	e.note("  · %s", remark)
}

// fail records a failure and marks the test failed.
func (e *Env) fail(kind, format string, args ...any) {
	e.t.Helper()
	message := fmt.Sprintf(format, args...)
	step := ""
	if n := len(e.record.Steps); n > 0 {
		step = e.record.Steps[n-1].Name
	}
	e.record.Failures = append(e.record.Failures, evidence.Failure{Kind: kind, Step: step, At: e.Now().Seconds(), Message: message})
	e.t.Errorf("%s: %s", kind, message)
}

// fatal is fail, and the end of the test.
func (e *Env) fatal(kind, format string, args ...any) {
	e.t.Helper()
	if e.onNemesis() {
		e.backgroundError(kind, fmt.Errorf("%s: "+format, append([]any{e.run.where()}, args...)...))
		runtime.Goexit()
	}
	e.fail(kind, format, args...)
	e.t.FailNow()
}

// failIfBroken ends the test when something in the background has gone wrong: a container has died that nobody killed, or a workload
// could not go on. Whatever is seen from then on says nothing.
func (e *Env) failIfBroken() {
	e.t.Helper()
	if e.onNemesis() {
		if e.run.ctx.Err() != nil {
			runtime.Goexit() // the test is over
		}
		return
	}
	if e.reportBackgroundErrors() {
		e.t.FailNow()
	}
}

// reportBackgroundErrors tells what went wrong in the background since it was last asked.
func (e *Env) reportBackgroundErrors() bool {
	e.t.Helper()
	e.mu.Lock()
	deaths, troubles := e.deaths, e.backgroundErrors
	e.deaths, e.backgroundErrors = nil, nil
	e.mu.Unlock()
	for _, d := range deaths {
		e.fail(evidence.Died, "%v\n%s", d, d.node.tail())
	}
	for _, t := range troubles {
		if _, cannot := errors.AsType[*unprovable.Error](t.err); cannot && !e.closing {
			e.broken(t.err, "%s", t.err)
		}
		e.fail(t.kind, "%s", t.err)
	}
	return len(deaths)+len(troubles) > 0
}
