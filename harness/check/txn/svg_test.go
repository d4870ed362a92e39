package txn_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
