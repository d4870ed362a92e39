package report_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	protocol "github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdp "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/evidence"
	"assay/harness/report"
)

// browser starts Chromium without a window. A machine without one is told what it needs: a test that is skipped is seen by nobody,
// and only a benchmark is.
func browser(t testing.TB, listen func(any)) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a browser")
	}
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		const missing = "the page is looked at by a browser, and there is none here: apt-get install --no-install-recommends chromium (go test -short does without)"
		if _, is := t.(*testing.B); is {
			t.Skip(missing)
		}
		t.Fatal(missing)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1280, 900), chromedp.UserDataDir(t.TempDir()))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // root has none
	}
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx, chromedp.WithListener(listen))
	t.Cleanup(stop)
	return ctx
}

// complaints are what the browser says against the page: errors and warnings, and requests that leave it.
type complaints struct {
	address string
	lock    sync.Mutex
	all     []string
}

func (c *complaints) hear(event any) {
	c.lock.Lock()
	defer c.lock.Unlock()
	switch e := event.(type) {
	case *cdp.EventConsoleAPICalled:
		c.all = append(c.all, fmt.Sprintf("console.%s", e.Type))
	case *cdp.EventExceptionThrown:
		c.all = append(c.all, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		c.all = append(c.all, fmt.Sprintf("%s: %s", e.Entry.Level, e.Entry.Text))
	case *network.EventRequestWillBeSent:
		if to, _, _ := strings.Cut(e.Request.URL, "#"); to != c.address && !strings.HasPrefix(to, "data:") {
			c.all = append(c.all, "asks for "+e.Request.URL)
		}
	}
}

// evaluate returns what the page makes of an expression, a promise of it included.
func evaluate[T any](t testing.TB, ctx context.Context, expression string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	return value
}

// Where the drawing shows a fault, told from the labels of its axis and not by its own scale, as somebody who reads it would.
const shading = `(() => {
	const svg = document.querySelector("[id='claim-12.1'] .timeline");
	const middle = e => { const r = e.getBoundingClientRect(); return r.left + r.width / 2; };
	const ticks = [...svg.querySelectorAll("text.tick[text-anchor=middle]")].map(e => [parseFloat(e.textContent), middle(e)]);
	const [a, b] = [ticks[0], ticks[ticks.length - 1]];
	const when = x => a[0] + (x - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
	return [...svg.querySelectorAll(".fault .band")].map(e => { const r = e.getBoundingClientRect(); return {From: when(r.left), To: when(r.right), Visible: r.height > 100}; });
})()`

func TestPageInABrowser(t *testing.T) {
	bad := run("9.1", 30)
	bad.Verdict, bad.Failures = evidence.Failed, []evidence.Failure{{Kind: evidence.Vacuous, Message: hostile}}
	bad.Claim.Says = hostile
	file := filepath.Join(t.TempDir(), "the report.html")
	require.NoError(t, os.WriteFile(file, []byte(page(t, report.Source{Entries: entries(run("12.1", 300), run("8.5", 3000), bad), Known: known})), 0o600))
	said := complaints{address: (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String()}
	ctx := browser(t, said.hear)
	require.NoError(t, chromedp.Do(ctx))
	_, err := chromedp.Call(ctx, log.Enable, protocol.Empty{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(said.address)))

	links := evaluate[[]string](t, ctx, `[...document.querySelectorAll("#overview a[href^='#claim-']")].map(a => a.getAttribute("href"))`)
	assert.ElementsMatch(t, []string{"#claim-12.1", "#claim-8.5", "#claim-9.1"}, links)
	for _, link := range links {
		require.NoError(t, chromedp.Do(ctx, chromedp.Focus(chromedp.CSS(`#overview a[href="`+link+`"]`)), chromedp.KeyEvent(kb.Enter)))
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](`location.hash === "`+link+`"`))
		require.NoError(t, err, link)
		assert.True(t, evaluate[bool](t, ctx, `(() => { const r = document.querySelector(":target").getBoundingClientRect(); return r.top < innerHeight && r.bottom > 0; })()`),
			"by the keyboard, %s is reached", link)
	}

	type window struct {
		From, To float64
		Visible  bool
	}
	faults := evaluate[[]window](t, ctx, shading)
	if assert.Len(t, faults, 1) {
		assert.InDelta(t, 4, faults[0].From, 0.05)
		assert.InDelta(t, 7, faults[0].To, 0.05)
		assert.True(t, faults[0].Visible)
	}

	require.NoError(t, chromedp.Do(ctx, chromedp.Click(chromedp.CSS(`[id="claim-12.1"] button[data-copy]`))))
	pressed, err := chromedp.Run(ctx, chromedp.Poll[string](
		`(() => { const said = document.querySelector("[id='claim-12.1'] button[data-copy]").textContent; return said !== "Copy" && said; })()`))
	require.NoError(t, err)
	assert.Contains(t, []string{"Copied", "Selected: press Ctrl+C"}, pressed)

	for name, look := range map[string]struct {
		width  int64
		scheme string
	}{"light": {1280, "light"}, "dark": {1280, "dark"}, "narrow": {360, "light"}} {
		_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: look.width, Height: 900, DeviceScaleFactor: 1, Mobile: look.width < 600})
		require.NoError(t, err)
		_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}}})
		require.NoError(t, err)
		size := evaluate[[]int64](t, ctx, `[document.scrollingElement.scrollWidth, innerWidth]`)
		assert.LessOrEqual(t, max(size[0], size[1]), look.width, "%s: nothing makes the page wider than the screen", name)
		ground := evaluate[[]int](t, ctx, `getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number)`)
		assert.Equal(t, look.scheme == "dark", ground[0] < 128, "%s: the ground is %v", name, ground)
		picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), picture, 0o600))
	}
	said.lock.Lock()
	defer said.lock.Unlock()
	assert.Empty(t, said.all)
}
