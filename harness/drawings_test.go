package harness

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"assay/harness/check"
	"assay/harness/evidence"
	"assay/harness/history"
)

// sketch is a drawing that says what it was given.
type sketch struct {
	says string
	err  error
}

func (sketch) Type() string { return "text/html" }

func (s sketch) Draw(to io.Writer, windows ...history.Window) error {
	for _, w := range windows {
		fmt.Fprintf(to, "%s until %v; ", w.Name, w.To != history.Open)
	}
	_, err := io.WriteString(to, s.says)
	return errors.Join(s.err, err)
}

func with(d check.Drawing, r check.Result) check.Result {
	r.Drawing = d
	return r
}

func TestDrawingsAreKept(t *testing.T) {
	r := offline(t, func(e *Env) {
		w := newWire(t, e)
		e.Calm(with(sketch{says: "the calm"}, good))
		cut := w.Sever()
		w.call()
		e.Heal(cut)
		e.Await("the wire works", w.call)
		e.Contrast("nothing is lost", with(sketch{says: "held"}, good), with(sketch{says: "broke"}, forgetful))
		e.Holds("nothing is lost", with(sketch{err: errors.New("out of ink")}, good))
	})
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Equal(t, evidence.Holds, rec.Verdict)
	require.Len(t, rec.Drawings, 2)
	for i, want := range []evidence.Drawing{{Title: "nothing is lost"}, {Title: "nothing is lost (the control: nothing is kept)"}} {
		got := rec.Drawings[i]
		require.Equal(t, want.Title, got.Title)
		require.Equal(t, "text/html", got.Type)
		path := filepath.Join(r.evidence, rec.Run, filepath.FromSlash(got.File))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "sever on wire until true; "+[]string{"held", "broke"}[i], string(text))
		require.Contains(t, r.notebook.String(), "  drawing: "+path+"\n")
	}
	require.Contains(t, r.notebook.String(), "  warning: no drawing of \"nothing is lost\": out of ink\n")
}

// The calm is drawn if it is what the test failed by.
func TestDrawingOfWhatWasNotCalm(t *testing.T) {
	r := offline(t, func(e *Env) { e.Calm(with(sketch{says: "a storm"}, bad)) })
	r.failedWith(t, evidence.NotCalm)
	require.Len(t, r.record(t).Drawings, 1)
}
