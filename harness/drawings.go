package harness

import (
	"io"

	"assay/harness/check"
	"assay/harness/evidence"
	"assay/harness/history"
)

// picture is the drawing of a result that was judged.
type picture struct {
	title string
	of    check.Drawing
}

// keepDrawings puts the drawings of what was judged beside the evidence, with the faults in them as they were in the end. One that
// cannot be had is told of in the notebook, and is no failure: it proves nothing.
func (e *Env) keepDrawings() {
	dir, err := evidence.Dir()
	if err != nil {
		return // the evidence has the same folder, and its error is told
	}
	var faults []history.Window
	for _, f := range e.faults {
		faults = append(faults, f.Window())
	}
	for _, d := range e.drawings {
		err := evidence.KeepDrawing(dir, e.record, d.title, d.of.Type(), func(to io.Writer) error { return d.of.Draw(to, faults...) })
		if err != nil {
			e.say("  warning: no %s", err)
		}
	}
}
