package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"assay/harness/evidence"
	"assay/harness/fault"
)

// Injection injects a fault, such as the method Sever of a Link or Kill of a Node. It returns nil where there is nothing to do
// it to at the moment, such as no leader to kill.
type Injection func() *fault.Fault

// Action is something that a nemesis can do.
type Action struct {
	name    string
	prepare func(*Draw) []Injection
}

// Does is an action that leaves nothing to chance. Several injections hit several arms of a scenario with the same fault: in
// each window all are injected, in that order, and undone in the opposite one.
func Does(name string, injections ...Injection) Action {
	return Action{name, func(*Draw) []Injection { return injections }}
}

// Draws is an action whose particulars are drawn. Prepare is called once for each window before any begins, and injects
// nothing: it draws, and returns what is to be injected.
func Draws(name string, prepare func(*Draw) []Injection) Action { return Action{name, prepare} }

// Nemesis does harm in the background of a workload, by a schedule. (The word, and that its log gives the seed and the number
// of draws, are from Jepsen and from CockroachDB's kvnemesis.)
type Nemesis struct {
	env     *Env
	actions []Action
}

// Nemesis prepares one that can do these things. A test has one nemesis, and follows one schedule with it.
//
// An injection runs on a goroutine of the nemesis's own. It may inject, ask fixtures, and Await; what ends a test ends the
// nemesis there, and the test as soon as it awaits something or goes on to its next step. Nodes and links must be ready.
func (e *Env) Nemesis(actions ...Action) *Nemesis {
	e.t.Helper()
	known := map[string]bool{}
	for _, a := range actions {
		if a.name == "" || known[a.name] {
			e.fatal(evidence.Broken, "two actions of the nemesis are called %q, or one has no name: a schedule tells them apart by their names", a.name)
		}
		known[a.name] = true
	}
	if len(actions) == 0 {
		e.fatal(evidence.Broken, "the nemesis was given nothing that it can do")
	}
	return &Nemesis{e, actions}
}

// Run is a nemesis at work.
type Run struct {
	env     *Env
	windows []planned
	start   time.Duration
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{} // closed when it does nothing more

	mu     sync.Mutex
	begun  int              // windows, at most as many as there are
	now    []int            // those under way, counted from 1
	faults [][]*fault.Fault // for each window, for each injection; nil where there was nothing to do
	ended  bool             // all windows are over, and undone
	told   bool             // that it has ended
}

// Over starts the nemesis on a schedule drawn from the plan, or on the one that ASSAY_SCHEDULE names, and returns at once. Each
// window begins when its time has come, or as soon after it as the one before in its lane has been undone, and lasts as long as was
// drawn. What a window does is undone at its end. One comes at a time where the plan says no else (Plan.AtOnce): of two at once it is
// harder to say which was felt.
func (n *Nemesis) Over(p Plan) *Run {
	n.env.t.Helper()
	e := n.env
	if e.run != nil {
		e.fatal(evidence.Broken, "a second nemesis was started: a test follows one schedule")
	}
	e.announced()
	e.failIfBroken()
	var schedule evidence.Schedule
	from := ""
	r := &Run{env: e, start: e.Now(), done: make(chan struct{})}
	if e.follows != nil {
		schedule, r.windows = n.follow(e.follows)
		from = ", as in " + e.follows.Path
	} else {
		schedule, r.windows = n.draw(p)
	}
	r.faults = make([][]*fault.Fault, len(r.windows))
	r.ctx, r.cancel = context.WithCancel(e.ctx)
	e.run, e.record.Schedule = r, &evidence.Followed{Schedule: schedule}
	e.note("  nemesis: seed %d, %d draws, %d windows%s", schedule.Seed, schedule.Draws, len(r.windows), from)
	for i, w := range r.windows {
		e.say("             %2d  %v", i+1, w)
	}
	go r.work()
	return r
}

// Ended is the condition that all windows are over and undone. That the system is well again is for a condition to show which
// is awaited after it.
func (r *Run) Ended() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.ended && r.begun == 0:
		return fmt.Errorf("the nemesis has begun none of its %d windows", len(r.windows))
	case !r.ended:
		return fmt.Errorf("the nemesis has come to window %d of %d (%v)", r.begun, len(r.windows), r.windows[r.begun-1])
	case !r.told:
		// Nothing that was seen before somebody knew of the end shows that the system is well after it.
		r.told = true
		r.env.mu.Lock()
		r.env.proofs.lastHeal = r.env.Now()
		r.env.mu.Unlock()
	}
	return nil
}

// Faults gives the faults so far, in the order in which they were injected.
func (r *Run) Faults() []*fault.Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*fault.Fault
	for _, faults := range r.faults {
		for _, f := range faults {
			if f != nil {
				all = append(all, f)
			}
		}
	}
	return all
}

// work follows the schedule, until its end or until the test is over: each lane by itself.
func (r *Run) work() {
	defer close(r.done)
	var lanes sync.WaitGroup
	var broken atomic.Bool
	for lane := range evidence.MostLanes {
		lanes.Go(func() {
			if !r.follow(lane) {
				broken.Store(true)
			}
		})
	}
	lanes.Wait()
	r.mu.Lock()
	r.ended = !broken.Load()
	r.mu.Unlock()
}

// follow does what the windows of a lane say, and tells whether it came to the end.
func (r *Run) follow(lane int) (done bool) {
	for i, w := range r.windows {
		if w.Lane == lane && (!r.waitUntil(r.start+time.Duration(w.Begin)) || !r.window(i)) {
			return false
		}
	}
	return true
}

// window does what the window says, for as long as it says, and tells whether the nemesis can go on. When the test ends
// meanwhile, what is left to undo is for its cleanup, as of any fault.
func (r *Run) window(i int) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			r.env.backgroundError(evidence.Broken, fmt.Errorf("%s: panic: %v\n%s", r.where(), p, debug.Stack()))
		}
		if !ok && r.ctx.Err() == nil {
			r.heal(i)
		}
		r.mu.Lock()
		r.now = slices.DeleteFunc(r.now, func(n int) bool { return n == i+1 })
		r.mu.Unlock()
	}()
	r.mu.Lock()
	r.begun++
	r.now = append(r.now, i+1)
	r.mu.Unlock()
	idle := true
	for _, inject := range r.windows[i].injections {
		f := inject()
		r.mu.Lock()
		r.faults[i] = append(r.faults[i], f)
		r.mu.Unlock()
		idle = idle && f == nil
	}
	if idle {
		r.env.note("  · window %d of the nemesis (%s) finds nothing to do", i+1, r.windows[i].Fault)
		return true
	}
	r.env.announced()
	return r.waitUntil(r.env.Now()+time.Duration(r.windows[i].Length)) && r.heal(i)
}

// heal undoes what was injected in the window.
func (r *Run) heal(i int) bool {
	r.mu.Lock()
	faults := slices.Clone(r.faults[i])
	r.mu.Unlock()
	well := true
	for _, f := range slices.Backward(faults) {
		if f == nil {
			continue
		}
		if err := f.Heal(); err != nil {
			r.env.backgroundError(evidence.Unhealed, fmt.Errorf("%s: %w", r.where(), err))
			well = false
			continue
		}
		r.env.noteHeal(f)
	}
	return well
}

// waitUntil waits for a moment on the test's clock, and tells whether it came before the test was over.
func (r *Run) waitUntil(at time.Duration) bool {
	timer := time.NewTimer(at - r.env.Now())
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// where says which windows are under way.
func (r *Run) where() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, n := range r.now {
		all = append(all, fmt.Sprintf("window %d of the nemesis (%v)", n, r.windows[n-1]))
	}
	return strings.Join(all, " or ")
}

// stop ends the nemesis, between two things that it does.
func (r *Run) stop() {
	r.cancel()
	<-r.done
}

// isOver tells whether all windows are over and undone.
func (r *Run) isOver() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// onNemesis tells whether the nemesis is asking. Whatever would end the test must not do so from its goroutine, which testing
// forbids: it would end the nemesis only, and the test would go on.
func (e *Env) onNemesis() bool {
	if e.run == nil {
		return false
	}
	pcs := make([]uintptr, 128)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); strings.HasSuffix(f.Function, "/harness.(*Run).window") {
			return true
		}
	}
	return false
}

// kindOf is a kind of fault of a schedule: one injection of one action.
type kindOf struct {
	action    string
	injection int
}

// witnessed judges whether the schedule's faults bit. Each kind of fault must have been felt in one of its windows at least.
// A short window may by chance pass between two operations: the record says which did.
func (r *Run) witnessed() {
	r.env.t.Helper()
	e := r.env
	felt, windows, first := map[kindOf]bool{}, map[kindOf][]int{}, map[kindOf]*fault.Fault{}
	var kinds []kindOf
	for i, faults := range r.faults {
		any := false
		for j, f := range faults {
			k := kindOf{r.windows[i].Fault, j}
			if windows[k] == nil {
				kinds = append(kinds, k)
			}
			windows[k] = append(windows[k], i+1)
			if f == nil {
				continue
			}
			if first[k] == nil {
				first[k] = f
			}
			if len(e.proofs.witnesses[f]) > 0 {
				felt[k], any = true, true
			}
		}
		if len(faults) > 0 && !any {
			e.record.Schedule.Unfelt = append(e.record.Schedule.Unfelt, i+1)
		}
	}
	for _, k := range kinds {
		switch f := first[k]; {
		case felt[k]:
		case f == nil:
			e.fail(evidence.Vacuous, "the nemesis's %q found nothing to do, in none of its windows (%v)", k.action, listed(windows[k]))
		default:
			e.fail(evidence.Vacuous, "nobody felt the nemesis's %q, in none of its windows (%v), such as %v%s", k.action, listed(windows[k]), f, e.asked(f))
		}
	}
}

// windowOf is the number of the window, counted from 1, in which the nemesis injected the fault; 0 if it did not.
func (r *Run) windowOf(f *fault.Fault) int {
	if r == nil {
		return 0
	}
	return 1 + slices.IndexFunc(r.faults, func(faults []*fault.Fault) bool { return slices.Contains(faults, f) })
}

func listed(numbers []int) string {
	var words []string
	for _, n := range numbers {
		words = append(words, fmt.Sprint(n))
	}
	return strings.Join(words, ", ")
}

// followed reads the schedule that ASSAY_SCHEDULE names; nil where it is not set. A relative name counts from the module's
// root, as a test runs in its package's folder.
func followed(claim string) (*evidence.ScheduleFile, error) {
	path := os.Getenv("ASSAY_SCHEDULE")
	if path == "" {
		return nil, nil
	}
	if !filepath.IsAbs(path) {
		root, err := evidence.ModuleRoot()
		if err != nil {
			return nil, fmt.Errorf("ASSAY_SCHEDULE=%s: %w; name the file by an absolute path", path, err)
		}
		path = filepath.Join(root, path)
	}
	f, err := evidence.ReadSchedule(path)
	if err != nil {
		return nil, fmt.Errorf("ASSAY_SCHEDULE: %w", err)
	}
	if f.Claim != claim {
		return nil, fmt.Errorf("ASSAY_SCHEDULE: %s is a schedule of claim %s, and this is claim %s; what it is for: %s", path, f.Claim, claim, f.Replay())
	}
	return f, nil
}

// unfollowed refuses a schedule that nobody followed. It is asked at the end of the test.
func (e *Env) unfollowed() error {
	if e.follows == nil || e.run != nil || e.record.Unprovable != "" {
		return nil
	}
	return errors.New("ASSAY_SCHEDULE: the test started no nemesis that could follow the schedule")
}

// keepSchedule writes the schedule of a failed test beside the evidence, where it can be followed again and shrunk.
func (e *Env) keepSchedule() error {
	dir, err := evidence.Dir()
	if err != nil {
		return err
	}
	s, failure := e.record.Schedule, e.record.Failures[0]
	says, _, _ := strings.Cut(failure.Message, "\n")
	f := &evidence.ScheduleFile{
		Claim: e.claim.ID, Test: e.record.Test, Package: e.record.Package, Knobs: strings.Join(e.rerun, ","),
		Failure: failure.Kind, Says: says, Schedule: s.Schedule,
	}
	if err := evidence.WriteSchedule(dir, e.record.Run, f); err != nil {
		return err
	}
	s.File, s.Replay, s.Shrink = filepath.Base(f.Path), f.Replay(), f.Shrink()
	return nil
}
