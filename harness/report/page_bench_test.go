package report_test

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
	"assay/harness/report"
)

// manyRuns makes the records of 60 claims with 10 000 operations each.
func manyRuns() (records []*evidence.Record) {
	for i := range 60 {
		// Of 12 000 the control loses some.
		r := run(fmt.Sprintf("%d.%d", i%13+1, i/13+1), 12_000)
		r.Operations.Items = r.Operations.Items[:min(10_000, len(r.Operations.Items))]
		r.Operations.Recorded = len(r.Operations.Items)
		records = append(records, r)
	}
	return records
}

// BenchmarkPage goes from the files of 60 claims with 10 000 operations each to the page. The budget is 3 s and 15 MB.
func BenchmarkPage(b *testing.B) {
	folder := b.TempDir()
	for _, r := range manyRuns() {
		_, err := evidence.Write(folder, r)
		require.NoError(b, err)
	}
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		entries, bad := report.Load(folder)
		require.Empty(b, bad)
		require.Len(b, entries, 60)
		require.NoError(b, report.Page(&out, report.Source{Entries: entries}))
	}
	b.ReportMetric(float64(out.Len())/1e6, "MB/page")
	require.Less(b, out.Len(), 15_000_000)
}

// scrolling opens all that can be opened of the last claim, scrolls from there to the top, 150 pixels with every frame, and tells how
// long each frame took, in milliseconds.
const scrolling = `(async () => {
	const frame = () => new Promise(requestAnimationFrame);
	const claim = [...document.querySelectorAll(".claim")].at(-1);
	for (const d of claim.querySelectorAll("details")) d.open = true;
	location.hash = "#" + claim.id;
	await frame();
	const frames = [];
	for (let last = await frame(); scrollY > 0; ) {
		scrollBy({top: -150, behavior: "instant"});
		const now = await frame();
		frames.push(now - last);
		last = now;
	}
	return frames;
})()`

// BenchmarkPageInABrowser tells of the same page how long it takes to be there, laid out and painted, and how smoothly it scrolls when
// someone is in a hurry: how long the longest frame took, and that of which there is one in a hundred.
func BenchmarkPageInABrowser(b *testing.B) {
	ctx := browser(b, func(any) {})
	file := filepath.Join(b.TempDir(), "report.html")
	require.NoError(b, os.WriteFile(file, []byte(page(b, report.Source{Entries: entries(manyRuns()...)})), 0o600))
	require.NoError(b, chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	var there float64
	var frames []float64
	for b.Loop() {
		require.NoError(b, chromedp.Do(ctx, chromedp.Navigate((&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String())))
		there += evaluate[float64](b, ctx, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))`)
		frames = append(frames, evaluate[[]float64](b, ctx, scrolling)...)
	}
	slices.Sort(frames)
	b.ReportMetric(there/float64(b.N)/1000, "s/there")
	b.ReportMetric(frames[len(frames)*99/100], "ms/frame-p99")
	b.ReportMetric(frames[len(frames)-1], "ms/frame-max")
}
