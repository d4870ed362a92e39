package harness

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/modfile"

	"assay/harness/evidence"
	"assay/harness/history"
)

// finish ends the scenario's world: judge, heal, close, keep the logs of a failed test, remove everything, write the evidence. It
// tells whether the scenario has to be run again, since the machine was too busy to decide: then there is no evidence yet.
func (e *Env) finish() (again bool) {
	e.t.Helper()
	e.closing = true
	if e.run != nil {
		e.run.stop()
	}
	if err := errors.Join(e.undeclared(), e.unfollowed()); err != nil && !e.t.Failed() && !e.proofs.cutShort {
		e.fail(evidence.Broken, "%s", err)
	}
	e.reportBackgroundErrors()
	if e.record.Unprovable == "" {
		e.judge()
	}
	ended := e.Now()
	e.tellFaults()
	e.tellLinks()
	e.record.Operations = evidence.Bound(e.recorder.History())
	for _, c := range e.recorder.Clients() {
		e.record.Clients = append(e.record.Clients, evidence.Client{Name: c.Name(), Side: c.Side(), Via: c.Via()})
	}
	e.record.Noise = e.noise.all()
	undecided := len(e.record.Undecided) > 0 && e.record.Unprovable == "" && !e.t.Failed()
	if undecided && len(e.record.Repeats) == attempts-1 && os.Getenv("ASSAY_REQUIRE_ALL") != "" {
		e.fail(evidence.TooBusy, "%s\n  (ASSAY_REQUIRE_ALL is set, so a claim that is undecided here is a failure)", e.tooBusy())
		undecided = false
	}
	e.teardown()
	undecided = undecided && !e.t.Failed()
	e.tellNodes()
	e.record.Duration, e.record.Building = ended.Seconds(), e.builds.Total().Seconds()
	if undecided && len(e.record.Repeats) < attempts-1 {
		e.say("the machine was too busy to decide; the scenario is run again, as attempt %d of %d", len(e.record.Repeats)+2, attempts)
		return true
	}
	e.keepDrawings()

	e.record.Verdict = e.claim.proven()
	switch {
	case e.record.Unprovable != "":
		e.record.Verdict = evidence.NotProvable
	case undecided:
		e.record.Verdict = evidence.Undecided
	}
	if e.t.Failed() {
		e.record.Verdict = evidence.Failed
		if len(e.record.Failures) == 0 {
			e.record.Failures = append(e.record.Failures, evidence.Failure{Kind: evidence.TestFailed, At: ended.Seconds(), Message: "the test failed by a word that is not the harness's; see its output"})
		}
	}
	if e.t.Failed() && e.record.Schedule != nil {
		if err := e.keepSchedule(); err != nil {
			e.t.Errorf("%s: %s", evidence.Broken, err)
		}
	}
	if e.follows != nil {
		e.record.Rerun = e.follows.Setting() + " " + e.record.Rerun
	}
	if e.rerun != nil {
		e.record.Rerun = "ASSAY_KNOBS=" + strings.Join(e.rerun, ",") + " " + e.record.Rerun
	}
	e.record.Rerun = fmt.Sprintf("ASSAY_SEED=%d %s", e.record.Seed, e.record.Rerun)
	path, err := e.write()
	if err != nil {
		e.t.Errorf("%s: the evidence could not be written: %s", evidence.Broken, err)
	}
	e.conclusion(path)
	if undecided {
		e.t.Skipf("%s", e.tooBusy())
	}
	return false
}

// tooBusy words what could not be decided, and what to do.
func (e *Env) tooBusy() string {
	u := e.record.Undecided[0]
	return fmt.Sprintf("claim %s is UNDECIDED HERE: the machine is too busy to decide it, in %d attempts\n  with noise of %v, %s: %s\n"+
		"  it is neither passed nor failed. What to do: run it again when less else is running, or turn its knobs up (ASSAY_KNOBS); ASSAY_REQUIRE_ALL=1 makes this a failure",
		e.claim.ID, len(e.record.Repeats)+1, brief(time.Duration(u.Noise*float64(time.Second))), u.What, u.Message)
}

func (e *Env) write() (string, error) {
	dir, err := evidence.Dir()
	if err != nil {
		return "", err
	}
	return evidence.Write(dir, e.record)
}

// tellFaults writes down the faults as the scenario left them, before cleanup heals the rest.
func (e *Env) tellFaults() {
	for _, f := range e.faults {
		w := f.Window()
		r := evidence.Fault{Kind: f.Kind, Target: f.Target, Detail: f.Detail, From: w.From.Seconds(), Undo: f.Undo, Witnesses: e.proofs.witnesses[f], Halved: f.Halved, Window: e.run.windowOf(f), Traffic: e.trafficOf(f), Past: e.proofs.past[f]}
		if said, err := f.Nature(); err == nil {
			r.Nature = said
		}
		if w.To != history.Open {
			r.To = new(w.To.Seconds())
		}
		e.record.Faults = append(e.record.Faults, r)
	}
}

// tellNodes writes down what ran, once nothing in the background adds to it.
func (e *Env) tellNodes() {
	for _, n := range e.nodes {
		e.record.Nodes = append(e.record.Nodes, evidence.Node{Name: n.Name, Image: n.image.Ref, ImageID: n.image.ID, Version: n.version})
	}
}

// teardown leaves nothing behind, whatever goes wrong on the way.
func (e *Env) teardown() {
	e.t.Helper()
	// A fault that still lasts would hold up the clients that are closed now.
	for _, f := range slices.Backward(e.faults) {
		if f.Kind != "kill" && f.Kind != "power cut" {
			if err := f.Heal(); err != nil {
				e.fail(evidence.Unhealed, "%s", err)
			}
		}
	}
	for _, n := range e.nodes {
		n.expected.Load().Store(true)
	}
	e.cancel()
	e.work.Wait() // it uses what is closed next
	for _, close := range slices.Backward(e.closers) {
		if err := close(); err != nil {
			e.fail(evidence.Broken, "close what the test opened: %s", err)
		}
	}
	if e.engine == nil {
		return
	}
	defer e.engine.Rest()
	if e.t.Failed() {
		e.keepLogs()
	}
	if e.engine.Keeps() {
		e.say("kept (ASSAY_KEEP): look with `docker ps --filter label=assay.owner`, remove with `go run ./harness/cmd/assay clean`")
		e.unwatch()
		e.watch.Wait()
		return
	}
	if err := e.remove(); err != nil {
		e.fail(evidence.LeftBehind, "%s\n  what to do: `go run ./harness/cmd/assay clean` once the engine answers", err)
	}
	e.unwatch()
	e.watch.Wait()
}

func (e *Env) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	errs := make([]error, len(e.nodes)+len(e.networks))
	var all sync.WaitGroup
	for i, n := range e.nodes {
		all.Go(func() { errs[i] = n.remove(ctx) })
	}
	all.Wait()
	for i, n := range e.networks {
		all.Go(func() { errs[len(e.nodes)+i] = n.Remove(ctx) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// keepLogs keeps the containers' logs of a failed test beside its evidence.
func (e *Env) keepLogs() {
	dir, err := evidence.Dir()
	if err != nil {
		return // the evidence has the same folder, and its error is told
	}
	dir = filepath.Join(dir, e.record.Run, fmt.Sprintf("%s.logs-%d", e.claim.ID, e.record.Started.UnixNano()))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, n := range e.nodes {
		if n.container == nil {
			continue
		}
		log, err := n.container.Logs(ctx, 0)
		if err == nil {
			err = os.MkdirAll(dir, 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, n.Name+".log"), []byte(log), 0o644)
		}
		if err != nil {
			e.fail(evidence.Broken, "keep the log of %s: %s", n.Name, err)
			continue
		}
		e.record.Logs = append(e.record.Logs, filepath.Join(filepath.Base(dir), n.Name+".log"))
	}
	if e.record.Logs != nil {
		e.say("container logs: %s", dir)
	}
}

// origin is where a scenario is in the code.
type origin struct{ pkg, rerun, doc, source string }

// caller finds the test that is running, words the command that runs it again, and reads its doc comment where the source is in reach.
func caller(test string) (o origin) {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	// The outermost function that is not the testing package's or the runtime's is the test's.
	var at runtime.Frame
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); !strings.HasPrefix(f.Function, "testing.") && !strings.HasPrefix(f.Function, "runtime.") {
			at = f
		}
	}
	// "assay/scenarios/messaging_test.TestX": what follows the last slash up to the first dot is the package's last element.
	slash := strings.LastIndex(at.Function, "/") + 1
	last, name, _ := strings.Cut(at.Function[slash:], ".")
	if plain, err := url.PathUnescape(last); err == nil {
		last = plain // the linker escapes dots there
	}
	o.pkg = at.Function[:slash] + strings.TrimSuffix(last, "_test")
	o.rerun = evidence.Command(test, o.pkg)
	o.doc, o.source = documentation(at.File, name)
	return o
}

// documentation is the doc comment of a function, and where it stands from the module's root; nothing where that cannot be read.
func documentation(file, function string) (doc, source string) {
	positions := token.NewFileSet()
	parsed, err := parser.ParseFile(positions, file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return "", ""
	}
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != function || f.Recv != nil {
			continue
		}
		if root, err := evidence.ModuleRoot(); err == nil {
			if rel, err := filepath.Rel(root, file); err == nil && filepath.IsLocal(rel) {
				source = fmt.Sprintf("%s:%d", filepath.ToSlash(rel), positions.Position(f.Pos()).Line)
			}
		}
		return f.Doc.Text(), source
	}
	return "", ""
}

// tools lists what takes part in a run and what version of it. A test binary does not carry the versions of its modules
// (golang/go#33976), so they are read where go.mod is; away from it only Go's own is known.
var tools = sync.OnceValue(func() evidence.Tools {
	t := evidence.Tools{Go: runtime.Version(), Libraries: map[string]string{}}
	root, err := evidence.ModuleRoot()
	if err != nil {
		return t
	}
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return t
	}
	mod, err := modfile.ParseLax("go.mod", text, nil)
	if err != nil {
		return t
	}
	for _, r := range mod.Require {
		if !r.Indirect {
			t.Libraries[r.Mod.Path] = r.Mod.Version
		}
	}
	return t
})

// serverOf is the node in a link's node:port.
func serverOf(to string) string {
	node, _, _ := strings.Cut(to, ":")
	return node
}
