package check_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"assay/harness/check"
	"assay/harness/history"
)

func TestCopies(t *testing.T) {
	tests := []struct {
		name         string
		first, other string
		want         check.CopiesReport // its counts
		verdict      check.Verdict
		summary      string
		offending    []string
	}{
		{
			name:    "the same rows, in another order and read twice",
			first:   "a read x/1 1.000\na read x/2 1.001",
			other:   "b read x/2 2.000\nb read x/1 2.001\nb read x/1 2.002",
			want:    check.CopiesReport{Both: 2},
			verdict: check.Holds, summary: "both hold the same 2 items",
		}, {
			name:    "a row that the second lacks",
			first:   "a read x/1 1.000\na read x/2 1.001",
			other:   "b read x/1 2.000\nb read x/0 2.001",
			want:    check.CopiesReport{Both: 1, OnlyFirst: 1},
			verdict: check.Violated, summary: "of 2 items both hold 1, only the first 1, only the second 0 (first: x/2 read at 1.001s)",
			offending: []string{"x/2"},
		}, {
			name:    "a row that the first lacks",
			first:   "a read x/0 1.000",
			other:   "b read x/1 2.000",
			want:    check.CopiesReport{OnlyOther: 1},
			verdict: check.Violated, summary: "of 1 items both hold 0, only the first 0, only the second 1 (first: x/1 read at 2.000s)",
			offending: []string{"x/1"},
		}, {
			name:    "a register with the same value",
			first:   "a read x/7 1.000",
			other:   "b read x/7 2.000",
			want:    check.CopiesReport{Both: 1},
			verdict: check.Holds, summary: "both hold the same 1 items",
		}, {
			name:    "a register with another value",
			first:   "a read x/8 1.000",
			other:   "b read x/7 2.000",
			want:    check.CopiesReport{OnlyFirst: 1, OnlyOther: 1},
			verdict: check.Violated, summary: "of 2 items both hold 0, only the first 1, only the second 1 (first: x/8 read at 1.000s)",
			offending: []string{"x/8", "x/7"},
		}, {
			name:    "the same value under another key",
			first:   "a read x/7 1.000",
			other:   "b read y/7 2.000",
			want:    check.CopiesReport{OnlyFirst: 1, OnlyOther: 1},
			verdict: check.Violated, summary: "of 2 items both hold 0, only the first 1, only the second 1 (first: x/7 read at 1.000s)",
			offending: []string{"x/7", "y/7"},
		}, {
			name:    "a read that failed tells nothing",
			first:   "a read x/1 1.000",
			other:   "b read x/0 2.000 2.001 failed",
			want:    check.CopiesReport{OnlyFirst: 1},
			verdict: check.Unknown, summary: "nothing was read of the second",
		}, {
			name:    "what was written is not what is held",
			first:   "a write x/1 1.000 1.001 ok",
			other:   "b read x/1 2.000",
			want:    check.CopiesReport{OnlyOther: 1},
			verdict: check.Unknown, summary: "nothing was read of the first",
		}, {
			name:    "two empty copies",
			first:   "a read x/0 1.000",
			other:   "b read x/0 2.000",
			verdict: check.Unknown, summary: "neither copy holds anything",
		}, {
			name:    "nothing at all",
			verdict: check.Unknown, summary: "nothing was read of the first",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := check.Copies(parse(t, test.first), parse(t, test.other))
			assert.Equal(t, test.want.Both, r.Both)
			assert.Equal(t, test.want.OnlyFirst, r.OnlyFirst)
			assert.Equal(t, test.want.OnlyOther, r.OnlyOther)
			same := r.Same()
			assert.Equal(t, test.verdict, same.Verdict)
			assert.Equal(t, test.summary, same.Summary)
			assert.ElementsMatch(t, test.offending, names(same.Offending))
		})
	}
}

func TestCopiesNamesBoth(t *testing.T) {
	recorder := history.New()
	here, there := recorder.Client("here"), recorder.Client("there")
	assert.Equal(t, "here, there", check.Copies(here, there).Same().Subject)
	assert.Equal(t, "here, another", check.Copies(here, history.History{}).Same().Subject)
}
