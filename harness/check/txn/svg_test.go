package txn_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/check"
	"assay/harness/check/txn"
)

func TestDrawing(t *testing.T) {
	for _, p := range pairs {
		r := txn.Check(parse(t, p.bad))
		for _, a := range r.Anomalies {
			drawing := r.SVG(a)
			if len(a.Cycle) == 0 {
				assert.Empty(t, drawing)
				continue
			}
			wellFormed(t, drawing)
			assert.Equal(t, drawing, r.SVG(a))
			assert.Equal(t, len(a.Cycle), strings.Count(drawing, `marker-end="url(#tip)"`), "arrows")
			assert.Equal(t, len(a.Cycle), strings.Count(drawing, `class="box"`), "boxes")
			for _, d := range a.Cycle {
				assert.Contains(t, drawing, ">"+d.Kind+" "+d.Key+"</text>")
			}
			assert.NotContains(t, drawing, "NaN")
			assert.NotContains(t, drawing, "Inf")
			assert.Contains(t, drawing, "prefers-color-scheme: dark")
		}
	}
}

// A result shows the first cycle that violates it, in the order in which its summary counts anomalies.
func TestDrawingOfAResult(t *testing.T) {
	r := txn.Check(parse(t, `ok: r x []; r y []; a x 1
	                         ok: r x []; r y []; a y 1
	                         ok: r x [1]; r y [1]`))
	require.NotNil(t, r.Serializable().Drawing)
	assert.Equal(t, "image/svg+xml", r.Serializable().Drawing.Type())
	var got strings.Builder
	require.NoError(t, r.Serializable().Drawing.Draw(&got))
	assert.Equal(t, r.SVG(r.Of(txn.G2Item)[0]), got.String())
	assert.Nil(t, r.SnapshotIsolation().Drawing, "which holds")
	aborted := txn.Check(parse(t, `failed: a x 1
	                               ok: r x [1]`))
	require.Equal(t, check.Violated, aborted.ReadCommitted().Verdict)
	assert.Nil(t, aborted.ReadCommitted().Drawing, "an aborted read is no cycle")
}

func TestDrawingOfHostileText(t *testing.T) {
	txns := parse(t, `ok: r x []; r y []; a x 1
	                  ok: r x []; r y []; a y 1`)
	const hostile = "</text><script>alert('x')</script>&\x00\xff\n\ufffe"
	for i := range txns {
		txns[i].Client = hostile
		for j := range txns[i].Ops {
			txns[i].Ops[j].Key += hostile
		}
	}
	r := txn.Check(txns)
	require.Len(t, r.Anomalies, 1)
	drawing := r.SVG(r.Anomalies[0])
	wellFormed(t, drawing)
	assert.NotContains(t, drawing, "<script")
}

func TestDrawingOfLongTransactions(t *testing.T) {
	text := "ok: r x []; r y []; a x 1" + strings.Repeat("; r z []", 20) + "\nok: r x []; r y []; a y 1"
	r := txn.Check(parse(t, text))
	drawing := r.SVG(r.Anomalies[0])
	wellFormed(t, drawing)
	assert.Contains(t, drawing, "… 18 more")
}

func wellFormed(t *testing.T, drawing string) {
	t.Helper()
	for in := xml.NewDecoder(strings.NewReader(drawing)); ; {
		if _, err := in.Token(); errors.Is(err, io.EOF) {
			return
		} else if !assert.NoError(t, err) {
			return
		}
	}
}
