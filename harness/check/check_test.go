package check_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/check"
	"assay/harness/history"
)

func TestZeroResultIsNoPass(t *testing.T) {
	assert.Equal(t, check.Unknown, check.Result{}.Verdict)
}

func TestVerdictText(t *testing.T) {
	for _, v := range []check.Verdict{check.Unknown, check.Holds, check.Violated} {
		data, err := json.Marshal(v)
		require.NoError(t, err)
		assert.JSONEq(t, `"`+v.String()+`"`, string(data))
		var back check.Verdict
		require.NoError(t, json.Unmarshal(data, &back))
		assert.Equal(t, v, back)
	}
	_, err := check.Verdict(3).MarshalText()
	require.EqualError(t, err, "check: no such verdict: 3")
	assert.Equal(t, "Verdict(3)", check.Verdict(3).String())
	require.EqualError(t, new(check.Verdict).UnmarshalText([]byte("passed")), `check: no such verdict: "passed", want holds, violated or unknown`)
}

func TestThat(t *testing.T) {
	good := check.That("a leader is elected", true, "leader %s after %d ms", "n2", 210)
	assert.Equal(t, check.Result{Property: "a leader is elected", Verdict: check.Holds, Summary: "leader n2 after 210 ms", Checked: 1}, good)
	bad := check.That("a leader is elected", false, "no leader after %s", 5*time.Second)
	assert.Equal(t, check.Result{Property: "a leader is elected", Verdict: check.Violated, Summary: "no leader after 5s", Checked: 1, Violations: 1}, bad)
}

func TestResultShowsOffendingOperations(t *testing.T) {
	sent := parse(t, `
		producer publish orders/1 1.000 1.010 ok
		producer publish orders/2 1.203 1.210 ok`)
	r := check.Delivery(sent, history.History{}).NothingLost()
	assert.Equal(t, `nothing acknowledged is lost: violated: lost 2 of 2 acknowledged (first: orders/1 published at 1.000s)
	producer: publish orders/1 [1.000s, 1.010s] ok
	producer: publish orders/2 [1.203s, 1.210s] ok`, r.String())
}
