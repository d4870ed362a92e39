package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"assay/harness/check"
	"assay/harness/history"
)

// A register whose reader is behind by half a second from 1.5 s on, cut off at 4 s, and back at 6 s.
const behind = `
	writer write x/1 1.000 1.010 ok
	reader read x/1 1.012 1.013 ok
	writer write x/2 2.000 2.010 ok
	reader read x/1 2.100 2.101 ok
	reader read x/2 2.510 2.511 ok
	writer write x/3 3.000 3.010 ok
	reader read x/2 3.400 3.401 ok
	reader read x/3 3.530 3.531 ok
	writer write x/4 4.500 4.510 ok
	writer write x/5 5.500 5.510 ok
	reader read x/3 5.600 5.601 ok`

const back = behind + `
	reader read x/5 6.200 6.201 ok`

func TestSomeOlderThan(t *testing.T) {
	for _, tt := range []struct {
		name, ops string
		bound     time.Duration
		verdict   check.Verdict
		summary   string
	}{
		{"one is", behind, time.Second, check.Holds, "1 of 6 reads staler than 1s, the oldest by 1.09s (first: read x/3 at 5.600s, overwritten by 4 at 4.510s: 1.09s stale)"},
		{"one is by just that", behind, 1090 * time.Millisecond, check.Violated, "none of 6 reads staler than 1.09s: 3 stale, the oldest by 1.09s"},
		{"none is", behind, 2 * time.Second, check.Violated, "none of 6 reads staler than 2s: 3 stale, the oldest by 1.09s"},
		{"nothing was read", "writer write x/1 1.000 1.010 ok", time.Second, check.Unknown, "nothing was read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := parse(t, tt.ops)
			got := check.Staleness(h, h).SomeOlderThan(tt.bound)
			assert.Equal(t, "some reads are staler than a bound", got.Property)
			assert.Equal(t, tt.verdict, got.Verdict)
			assert.Equal(t, tt.summary, got.Summary)
		})
	}
}

func TestLagWithin(t *testing.T) {
	h := parse(t, back)
	r := check.Staleness(h, h)
	assert.Equal(t, 510*time.Millisecond, r.LagWithin(history.Window{From: 1500 * time.Millisecond, To: 4 * time.Second}), "the median of 500 and 520 ms")
	assert.Equal(t, 500*time.Millisecond, r.LagWithin(history.Window{From: 1500 * time.Millisecond, To: 3300 * time.Millisecond}), "not what was seen later")
	assert.Equal(t, 2*time.Millisecond, r.LagWithin(history.Window{To: 1500 * time.Millisecond}))
	assert.Equal(t, 520*time.Millisecond, r.LagWithin(history.Window{From: 2005 * time.Millisecond, To: 4 * time.Second}), "not what began before it")
	assert.Equal(t, 2*time.Millisecond, r.LagWithin(history.Window{To: 2509 * time.Millisecond}), "nor what could be seen just after it")
	assert.Zero(t, r.LagWithin(history.Window{From: 7 * time.Second, To: 8 * time.Second}))
}

func TestSeenWithin(t *testing.T) {
	h := parse(t, back)
	r := check.Staleness(h, h)
	for _, tt := range []struct {
		name     string
		bound    time.Duration
		from, to time.Duration
		verdict  check.Verdict
		summary  string
	}{
		{"half are late", 505 * time.Millisecond, 1500 * time.Millisecond, 4 * time.Second, check.Violated, "1 of 2 writes were seen later than after 505ms, half of them after 510ms or more"},
		{"one is late", 100 * time.Millisecond, 0, 2600 * time.Millisecond, check.Violated, "1 of 2 writes were seen later than after 100ms, half of them after 251ms or more"},
		{"half are late, and one by nothing", 500 * time.Millisecond, 1500 * time.Millisecond, 4 * time.Second, check.Violated, "1 of 2 writes were seen later than after 500ms, half of them after 510ms or more"},
		{"fewer are late", 515 * time.Millisecond, 0, 4 * time.Second, check.Holds, "2 of 3 writes were seen within 515ms, half of them within 500ms"},
		{"none was seen", time.Second, 4 * time.Second, 5 * time.Second, check.Unknown, "none of the writes from 4.000s on was seen by 5.000s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := r.SeenWithin(tt.bound, history.Window{From: tt.from, To: tt.to})
			assert.Equal(t, "acknowledged writes are usually seen within a bound", got.Property)
			assert.Equal(t, tt.verdict, got.Verdict)
			assert.Equal(t, tt.summary, got.Summary)
		})
	}
}

func TestConvergence(t *testing.T) {
	h := parse(t, back)
	assert.Equal(t, 200*time.Millisecond, check.Staleness(h, h).Convergence(6*time.Second))
	assert.Equal(t, 10*time.Millisecond, check.Staleness(h, h).Convergence(2500*time.Millisecond), "what is written after that does not count")
	assert.Zero(t, check.Staleness(h, h).Convergence(4*time.Second), "all had been seen before")
	under := parse(t, `
		writer write x/1 1.000 1.010 ok
		reader read x/1 1.020 1.030 ok
		writer write x/2 2.000 3.000 ok
		reader read x/2 5.000 5.010 ok`)
	assert.Zero(t, check.Staleness(under, under).Convergence(2500*time.Millisecond), "nor what is under way then")
	others := parse(t, `
		writer write y/1 1.000 1.010 ok
		reader read y/1 2.700 2.710 ok`)
	assert.Equal(t, 200*time.Millisecond, check.Staleness(append(under, others...), append(under, others...)).Convergence(2500*time.Millisecond), "but another register does")
	h = parse(t, behind)
	assert.Equal(t, history.Open, check.Staleness(h, h).Convergence(6*time.Second), "nobody saw the end of it")
}

func TestFastest(t *testing.T) {
	assert.Equal(t, 10*time.Millisecond, check.Fastest(parse(t, `
		w write x/1 1.000 1.030 ok
		w write x/2 2.000 2.010 ok
		w write x/3 3.000 3.001 unknown`)))
	assert.Zero(t, check.Fastest(history.History{}))
}

func TestLatency(t *testing.T) {
	assert.Equal(t, 20*time.Millisecond, check.Latency(parse(t, `
		w write x/1 1.000 1.010 ok
		w write x/2 2.000 2.030 ok
		w write x/3 3.000 9.000 unknown`)))
	assert.Zero(t, check.Latency(history.History{}))
	assert.Equal(t, []float64{0.01, 0.03}, check.Latencies(parse(t, `
		w write x/1 1.000 1.010 ok
		w write x/2 2.000 2.030 ok
		w write x/3 3.000 9.000 unknown`)))
}
