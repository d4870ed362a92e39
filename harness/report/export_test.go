package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
	"assay/harness/report"
)

func exported() report.Source {
	holds, refuted, cannot, bad, odd := run("12.1", 30), run("8.7", 30), run("1.5", 0), run("9.1", 30), run("orders-retry", 3)
	refuted.Verdict = evidence.Refuted
	cannot.Verdict, cannot.Unprovable = evidence.NotProvable, "the kernel has no netem"
	bad.Verdict = evidence.Failed
	bad.Failures = []evidence.Failure{{Kind: evidence.Vacuous, Step: "heal", At: 6, Message: "nobody felt\n  sever on consumers"}, {Kind: evidence.OffLaw, Message: "too late"}}
	busy := run("8.5", 3)
	busy.Verdict, busy.Undecided = evidence.Undecided, []evidence.Undecision{{What: "lag", Noise: 0.3, Message: "0.5 s or\n  0.25 s"}}
	busy.Repeats = []evidence.Repeat{{Started: busy.Started, Duration: 2, Undecided: busy.Undecided}}
	odd.Claim.Says = hostile + " a|b `c` ]]> [x](y) *z* &amp;"
	return report.Source{Entries: entries(holds, refuted, cannot, busy, bad, odd), Known: known, LeftOut: []error{errors.New("9.2.json is torn")}}
}

func TestExports(t *testing.T) {
	for name, write := range map[string]func(io.Writer, report.Source) error{"junit.xml": report.JUnit, "summary.md": report.Markdown, "report.json": report.JSON} {
		t.Run(name, func(t *testing.T) {
			var out, none bytes.Buffer
			require.NoError(t, write(&out, exported()))
			golden(t, "export_"+name+".golden", out.String())
			require.NoError(t, write(&none, report.Source{}))
			for _, b := range []*bytes.Buffer{&out, &none} {
				switch name {
				case "junit.xml":
					assert.NoError(t, xml.Unmarshal(b.Bytes(), &struct{}{}))
				case "report.json":
					assert.True(t, json.Valid(b.Bytes()))
				}
			}
		})
	}
}
