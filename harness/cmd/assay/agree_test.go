package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"assay/harness/claims"
	"assay/harness/evidence"
)

// Whoever asks how a claim ended is told the same: by the table, its sum, the page, JUnit's file, the summary in Markdown, the one in
// JSON, the exit statuses, the tally of a soak, and the judge of sabotage. So it is for each kind of verdict that 0, 1, all but one and
// all of a claim's runs can have among others, wherever those stand.
func TestEverybodyAgrees(t *testing.T) {
	const n = 5
	kinds := []string{evidence.Holds, evidence.OnlyIf, evidence.Refuted, evidence.NotProvable, evidence.Undecided, evidence.Failed}
	for _, usual := range kinds {
		for _, odd := range kinds[3:] {
			for _, k := range []int{0, 1, n - 1, n} {
				for _, from := range []int{0, n - k} {
					t.Run(fmt.Sprintf("%d %s of %d %s, from %d", k, odd, n, usual, from), func(t *testing.T) {
						var all []string
						for i := range n {
							if i >= from && i < from+k {
								all = append(all, odd)
							} else {
								all = append(all, usual)
							}
						}
						agree(t, all)
					})
				}
			}
		}
	}
}

// agree asks everybody about a claim whose runs ended so.
func agree(t *testing.T, verdicts []string) {
	t.Helper()
	root := module(t, map[string]string{"go.mod": "module assay\n"})
	dir := filepath.Join(root, "kept")
	count := map[string]int{}
	want, proven := verdicts[0], 0
	var records []*evidence.Record
	for i, v := range verdicts {
		r := ended("20260101T000000-1", "12.1", v)
		r.Started = time.Unix(int64(i+1), 0)
		_, err := evidence.Write(dir, r)
		require.NoError(t, err)
		records = append(records, r)
		count[v]++
		if evidence.Proven(v) {
			proven++
		}
		// What is worst stands for all, and of what is equally good the latest.
		if rank := []string{evidence.NotProvable, evidence.Undecided, evidence.Failed}; index(rank, v) >= index(rank, want) {
			want = v
		}
	}
	failures, skips := 0, 0
	switch {
	case want == evidence.Failed:
		failures = 1
	case !evidence.Proven(want):
		skips = 1
	}

	file := func(name string) string { return filepath.Join(dir, name) }
	status, stdout, stderr := assay(t, "report", "-o", file("page.html"), "-junit", file("junit.xml"), "-markdown", file("summary.md"), "-json", file("report.json"), dir)
	require.Empty(t, stderr)
	assert.Equal(t, failures, status, "exit status")
	read := func(name string) string {
		text, err := os.ReadFile(file(name))
		require.NoError(t, err)
		return string(text)
	}

	rows := strings.Split(stdout, "─\n")
	require.Len(t, rows, 2, stdout)
	row, _, _ := strings.Cut(rows[1], "\n\n")
	column := strings.Join(regexp.MustCompile(`(?m)^.{39}`).FindAllString(row, -1), " ") + row
	loud := map[string]string{evidence.Failed: "FAILED", evidence.Undecided: "UNDECIDED", evidence.NotProvable: "PROVABLE"}
	for verdict, word := range loud {
		assert.Equal(t, verdict == want, strings.Contains(column, word), "the table: %s", row)
	}
	assert.Contains(t, row, fmt.Sprintf("%d/%d proven", proven, len(verdicts)), "the table")
	sum := map[string]string{
		evidence.Failed: "claims: 0 proven, 1 failed, 0 not run", evidence.Undecided: "claims: 0 proven, 0 failed, 1 undecided here, 0 not run",
		evidence.NotProvable: "claims: 0 proven, 0 failed, 1 not provable here, 0 not run",
	}[want]
	if sum == "" {
		sum = fmt.Sprintf("claims: 1 proven (1 %s), 0 failed, 0 not run", want)
	}
	assert.Contains(t, stdout, "\n"+sum+"\n", "the sum")

	page, err := html.Parse(strings.NewReader(read("page.html")))
	require.NoError(t, err)
	var chips, articles, tiles []string
	for e := range page.Descendants() {
		class := ""
		for _, a := range e.Attr {
			if a.Key == "class" {
				class = a.Val
			}
		}
		switch {
		case strings.HasPrefix(class, "chip ") && e.LastChild != nil:
			chips = append(chips, e.LastChild.Data)
		case e.Data == "article":
			articles = append(articles, class)
		case strings.HasPrefix(class, "tile "):
			tiles = append(tiles, strings.TrimPrefix(class, "tile "))
		}
	}
	class := strings.NewReplacer(" here", "", " ", "").Replace(want)
	require.Len(t, chips, 2+len(verdicts), "in the overview, in the panel, and one for each run")
	assert.Equal(t, []string{want, want}, chips[:2], "the page")
	assert.Equal(t, []string{"wide claim " + class}, articles, "the page")
	assert.Equal(t, []string{class}, tiles, "the page")
	for i, v := range verdicts {
		assert.Equal(t, v, chips[len(chips)-1-i], "the page, of a run")
	}

	var junit struct {
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Cases    []struct {
			Failure    *struct{} `xml:"failure"`
			Skipped    *struct{} `xml:"skipped"`
			Properties []struct {
				Name  string `xml:"name,attr"`
				Value string `xml:"value,attr"`
			} `xml:"properties>property"`
		} `xml:"testsuite>testcase"`
	}
	require.NoError(t, xml.Unmarshal([]byte(read("junit.xml")), &junit))
	require.Len(t, junit.Cases, 1)
	assert.Equal(t, [4]any{failures, skips, failures > 0, skips > 0},
		[4]any{junit.Failures, junit.Skipped, junit.Cases[0].Failure != nil, junit.Cases[0].Skipped != nil}, "JUnit")
	assert.Equal(t, "verdict "+want, junit.Cases[0].Properties[0].Name+" "+junit.Cases[0].Properties[0].Value, "JUnit")

	markdown := read("summary.md")
	assert.True(t, strings.HasPrefix(markdown, sum), "Markdown")
	assert.Regexp(t, `\| 12\.1 \| it works \| (\*\*)?`+want+` \(`+fmt.Sprint(proven)+` of 5 runs proven\)`, markdown)
	assert.Equal(t, want == evidence.Failed, strings.Contains(markdown, "\n**12.1 failed**\n"), "Markdown")
	assert.Equal(t, want == evidence.Undecided, strings.Contains(markdown, "\n**12.1 undecided here**\n"), "Markdown")

	var programs struct {
		Claims []struct {
			Verdict                                      string
			Runs, Proven, Failed, Undecided, NotProvable int
			Not                                          int `json:"not_provable"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(read("report.json")), &programs))
	require.Len(t, programs.Claims, 1)
	c := programs.Claims[0]
	assert.Equal(t, want, c.Verdict, "JSON")
	assert.Equal(t, [5]int{len(verdicts), proven, count[evidence.Failed], count[evidence.Undecided], count[evidence.NotProvable]},
		[5]int{c.Runs, c.Proven, c.Failed, c.Undecided, c.Not}, "JSON")

	repeated := repetition{times: count}
	assert.Equal(t, []error{nil, errSkipped, errFailed}[skips+2*failures], repeated.status(), "assay run")
	soaked := tally{known: []claims.Claim{{ID: "12.1"}}, of: map[string]map[string]int{}, why: map[string][]string{}}
	for i, r := range records {
		soaked.take(i+1, []*evidence.Record{r})
	}
	assert.Equal(t, [4]int{proven, count[evidence.Failed], count[evidence.Undecided], count[evidence.NotProvable]},
		[4]int{soaked.sum()[provenColumn], soaked.sum()[evidence.Failed], soaked.sum()[evidence.Undecided], soaked.sum()[evidence.NotProvable]}, "the tally of a soak")

	// Sabotaged, none of them may be proven.
	for _, r := range records {
		r.Sabotage, r.Faults = "faults", []evidence.Fault{{Kind: "drop"}}
	}
	_, ok := nothing.verdict(nothing.judge(records, nil), true)
	assert.Equal(t, proven == 0 && count[evidence.Failed] > 0, ok, "the judge of faults that do nothing")
	for _, r := range records {
		r.Sabotage, r.Faults[0].Halved = "half", true
	}
	_, ok = half.verdict(half.judge(records, nil), true)
	assert.Equal(t, proven == 0 && count[evidence.Failed]+count[evidence.Undecided] > 0, ok, "the judge of halves")
}

func index(of []string, what string) int {
	for i, s := range of {
		if s == what {
			return i
		}
	}
	return -1
}

// A verdict that nobody knows is never a proof, though nothing else is wrong.
func TestNobodyTakesAnUnknownVerdictForAProof(t *testing.T) {
	root := module(t, map[string]string{"go.mod": "module assay\n"})
	dir := filepath.Join(root, "kept")
	folder := keep(t, dir, "20260101T000000-1", "12.1", evidence.Holds)
	path := filepath.Join(folder, "8.5.json")
	r := ended("20260101T000000-1", "8.5", "holds!")
	_, err := evidence.Write(dir, r)
	require.NoError(t, err)
	status, stdout, stderr := assay(t, "report", folder)
	assert.Equal(t, 1, status)
	assert.Equal(t, "assay: left out: "+path+" contradicts itself: there is no verdict \"holds!\"\n", stderr)
	assert.Contains(t, stdout, "claims: 1 proven (1 holds), 0 failed, 0 not run\n")
	assert.NotContains(t, stdout, "holds!")

	status, _, _ = assay(t, "compare", folder, folder)
	assert.Equal(t, 1, status)
	assert.Equal(t, errFailed, (&repetition{times: map[string]int{"holds!": 1}}).status())
	soaked := tally{known: []claims.Claim{{ID: "8.5"}}, of: map[string]map[string]int{}, why: map[string][]string{}}
	soaked.take(1, []*evidence.Record{r})
	assert.Equal(t, 1, soaked.sum()[evidence.Failed])
}
