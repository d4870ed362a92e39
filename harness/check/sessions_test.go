package check_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"assay/harness/check"
	"assay/harness/history"
)

// guarantees are the four, by the words that their properties begin with.
var guarantees = map[string]func(check.SessionReport) check.Result{
	"read your writes":    check.SessionReport.ReadYourWrites,
	"monotonic reads":     check.SessionReport.MonotonicReads,
	"monotonic writes":    check.SessionReport.MonotonicWrites,
	"writes follow reads": check.SessionReport.WritesFollowReads,
}

// sessionTrial is a trial of one guarantee. What clients named replica… read, that replica has shown; the others are sessions.
type sessionTrial struct {
	trial
	guarantee string
	order     map[string][]int64 // as the store told; nil for what sole writers issued
}

func (x sessionTrial) judge(h history.History) check.Result {
	var sessions history.History
	replicas := map[string]history.History{}
	var names []string
	for _, op := range h {
		if !strings.HasPrefix(op.Client, "replica") {
			sessions = append(sessions, op)
			continue
		}
		if replicas[op.Client] == nil {
			names = append(names, op.Client)
		}
		replicas[op.Client] = append(replicas[op.Client], op)
	}
	var shown []history.Source
	for _, name := range names {
		shown = append(shown, replicas[name])
	}
	order := check.SoleWriters(sessions)
	if x.order != nil {
		order = check.VersionOrder(x.order)
	}
	return guarantees[x.guarantee](check.Sessions(sessions, order, shown...))
}

func TestSessions(t *testing.T) {
	for _, x := range []sessionTrial{
		{guarantee: "read your writes", order: map[string][]int64{"x": {1, 2, 3}}, trial: trial{
			name: "what was written, what is newer, what others wrote elsewhere, and what was in flight",
			ops: `
				a write x/1 1.000 1.100 ok
				a read x/1 2.000 2.100 ok
				b write x/2 2.000 2.100 ok
				b read x/3 3.000 3.100 ok
				a read x/1 3.000 3.100 ok
				c read x/1 4.000 4.100 ok
				a write x/3 5.000 5.100 ok
				a read x/2 5.050 5.200 ok
				a read x/2 5.100 5.200 ok`,
			verdict: check.Holds, summary: "0 of 5 reads lack what their session had written",
		}},
		{guarantee: "read your writes", order: map[string][]int64{"x": {1, 2}}, trial: trial{
			name: "something older, and nothing at all",
			ops: `
				a write x/2 1.000 1.100 ok
				b write x/1 1.000 1.100 ok
				a read x/1 2.000 2.100 ok
				a read x/0 3.000 3.100 ok
				a read x/2 4.000 4.100 ok
				b read x/2 4.000 4.100 ok`,
			verdict: check.Violated, summary: "2 of 4 reads lack what their session had written (first: x/1 read by a at 2.000s lacks x/2 written by a at 1.000s)",
			offending: []string{
				"a: write x/2 [1.000s, 1.100s] ok", "a: read x/1 [2.000s, 2.100s] ok",
				"a: write x/2 [1.000s, 1.100s] ok", "a: read x/0 [3.000s, 3.100s] ok",
			},
		}},
		{guarantee: "read your writes", trial: trial{
			name: "writes of unknown outcome and failed ones ask for nothing",
			ops: `
				a write x/1 1.000 1.100 ok
				a write x/2 1.200 1.300 unknown
				a write x/3 1.400 1.500 failed
				a read x/1 2.000 2.100 ok
				a read x/2 3.000 3.100 ok
				a read x/0 4.000 4.100 failed
				a read x/0 4.000 4.100 unknown`,
			verdict: check.Holds, summary: "0 of 1 reads lack what their session had written; 1 more had no place in the order of versions",
		}},
		{guarantee: "read your writes", trial: trial{
			name: "several writers, of whom nobody tells the order",
			ops: `
				a write x/1 1.000 1.100 ok
				b write x/2 2.000 2.100 ok
				b read x/1 3.000 3.100 ok`,
			verdict: check.Unknown, summary: "1 values had no place in the order of versions, and there was nothing else to judge",
		}},
		{guarantee: "read your writes", trial: trial{
			name: "nothing at all is older, whatever the order",
			ops: `
				a write x/1 1.000 1.100 ok
				b write x/2 2.000 2.100 ok
				b read x/0 3.000 3.100 ok`,
			verdict: check.Violated, summary: "1 of 1 reads lack what their session had written (first: x/0 read by b at 3.000s lacks x/2 written by b at 2.000s)",
			offending: []string{"b: write x/2 [2.000s, 2.100s] ok", "b: read x/0 [3.000s, 3.100s] ok"},
		}},
		{guarantee: "read your writes", trial: trial{
			name: "one writer who does not wait for one write before the next",
			ops: `
				a write x/1 1.000 2.000 ok
				a write x/2 2.000 2.100 ok
				a write y/1 3.000 3.200 ok
				a write y/2 3.100 3.300 ok
				a read x/1 4.000 4.100 ok
				a read y/1 4.000 4.100 ok`,
			verdict: check.Unknown, summary: "2 values had no place in the order of versions, and there was nothing else to judge",
		}},
		{guarantee: "read your writes", order: map[string][]int64{"x": {1, 2}}, trial: trial{
			name: "one of two writes that came before has no place",
			ops: `
				a write x/3 0.800 0.900 ok
				a write x/2 1.000 1.100 ok
				b write x/1 1.000 1.100 ok
				b write x/4 1.200 1.300 ok
				a read x/2 2.000 2.100 ok
				b read x/2 2.000 2.100 ok
				a read x/1 3.000 3.100 ok`,
			verdict: check.Violated, summary: "1 of 1 reads lack what their session had written (first: x/1 read by a at 3.000s lacks x/2 written by a at 1.000s)",
			offending: []string{"a: write x/2 [1.000s, 1.100s] ok", "a: read x/1 [3.000s, 3.100s] ok"},
		}},
		{guarantee: "read your writes", trial: trial{
			name:    "nothing read",
			ops:     `a write x/1 1.000 1.100 ok`,
			verdict: check.Unknown, summary: "no read came after an acknowledged write of its session to the same key",
		}},
		{guarantee: "read your writes", order: map[string][]int64{"x": {1, 2, 1}}, trial: trial{
			name: "what was written twice has no place",
			ops: `
				a write x/2 1.000 1.100 ok
				a read x/1 2.000 2.100 ok`,
			verdict: check.Unknown, summary: "1 values had no place in the order of versions, and there was nothing else to judge",
		}},
		{guarantee: "monotonic reads", trial: trial{
			name: "forward, of each key, and back in another session",
			ops: `
				w write x/1 1.000 1.100 ok
				w write x/2 1.200 1.300 ok
				w write y/1 1.400 1.500 ok
				a read x/0 2.000 2.100 ok
				a read x/2 3.000 3.100 ok
				a read y/1 4.000 4.100 ok
				a read x/2 5.000 5.100 ok
				b read x/1 5.000 5.100 ok`,
			verdict: check.Holds, summary: "0 of 1 reads lack what their session had read",
		}},
		{guarantee: "monotonic reads", trial: trial{
			name: "back",
			ops: `
				w write x/1 1.000 1.100 ok
				w write x/2 1.200 1.300 ok
				a read x/2 3.000 3.100 ok
				a read x/1 3.050 3.200 ok
				a read x/1 5.000 5.100 ok`,
			verdict: check.Violated, summary: "1 of 1 reads lack what their session had read (first: x/1 read by a at 5.000s lacks x/2 read by a at 3.000s)",
			offending: []string{"a: read x/2 [3.000s, 3.100s] ok", "a: read x/1 [5.000s, 5.100s] ok"},
		}},
		{guarantee: "monotonic reads", trial: trial{
			name:    "read once",
			ops:     `a read x/2 3.000 3.100 ok`,
			verdict: check.Unknown, summary: "no session read a key again",
		}},
		{guarantee: "monotonic writes", order: map[string][]int64{"x": {1, 3, 2}}, trial: trial{
			name: "in order",
			ops: `
				a write x/1 1.000 1.100 ok
				b write x/3 1.000 1.100 ok
				a write x/2 2.000 2.100 ok
				a compare-and-set x/2→3 2.050 2.200 failed
				a write x/4 3.000 3.100 unknown`,
			verdict: check.Holds, summary: "0 of 1 times a session's write took effect without one that it had issued before",
		}},
		{guarantee: "monotonic writes", order: map[string][]int64{"x": {2, 1}}, trial: trial{
			name: "the other way round",
			ops: `
				a write x/1 1.000 1.100 ok
				a compare-and-set x/1→2 2.000 2.100 ok`,
			verdict:   check.Violated,
			summary:   "1 of 1 times a session's write took effect without one that it had issued before (first: x/2 written by a at 2.000s is older than x/1 written by a at 1.000s)",
			offending: []string{"a: write x/1 [1.000s, 1.100s] ok", "a: compare-and-set x/2 if 1 [2.000s, 2.100s] ok"},
		}},
		{guarantee: "monotonic writes", order: map[string][]int64{"x": {2, 1, 3}}, trial: trial{
			name: "of unknown outcome, and the store tells that it happened, or the first may have happened later",
			ops: `
				a write x/1 1.000 1.100 ok
				a write x/2 2.000 2.100 unknown
				a write x/4 2.200 2.300 unknown
				b write x/3 1.000 1.100 unknown
				b write x/1 2.000 2.100 ok`,
			verdict:   check.Violated,
			summary:   "1 of 1 times a session's write took effect without one that it had issued before (first: x/2 written by a at 2.000s is older than x/1 written by a at 1.000s)",
			offending: []string{"a: write x/1 [1.000s, 1.100s] ok", "a: write x/2 [2.000s, 2.100s] unknown"},
		}},
		{guarantee: "monotonic writes", trial: trial{
			name: "of what was issued, the order of issue tells nothing",
			ops: `
				a write x/1 1.000 1.100 ok
				a write x/2 2.000 2.100 ok
				b read x/2 3.000 3.100 ok
				b read x/1 4.000 4.100 ok`,
			verdict: check.Unknown, summary: "neither the order of versions nor a replica could have shown that a session's writes changed places",
		}},
		{guarantee: "monotonic writes", trial: trial{
			name: "a replica has what came before",
			ops: `
				a write x/1 1.000 1.100 ok
				a write y/1 2.000 2.100 unknown
				replica read x/0 2.500 2.600 ok
				replica read y/1 3.000 3.100 ok
				replica read x/0 3.050 3.150 ok
				replica read x/1 4.000 4.100 ok
				b write v/1 5.000 5.100 ok
				b write w/1 5.100 5.200 ok
				c write v/2 5.000 5.100 unknown
				c write w/2 5.200 5.300 ok
				d write v/3 5.000 5.100 ok
				d write w/3 5.200 5.300 ok
				e write w/3 5.000 5.100 ok
				replica read w/1 6.000 6.100 ok
				replica read w/2 6.000 6.100 ok
				replica read w/3 6.000 6.100 ok
				replica read v/0 7.000 7.100 ok`,
			verdict: check.Holds, summary: "0 of 1 times a session's write took effect without one that it had issued before",
		}},
		{guarantee: "monotonic writes", trial: trial{
			name: "a replica has the second and not the first",
			ops: `
				a write x/1 1.000 1.100 ok
				a write y/1 2.000 2.100 unknown
				replica read y/1 3.000 3.100 ok
				replica2 read x/0 4.000 4.100 ok
				replica read x/0 5.000 5.100 ok`,
			verdict: check.Violated,
			summary: "1 of 1 times a session's write took effect without one that it had issued before (first: x/0 read by replica at 5.000s lacks x/1 written by a at 1.000s before y/1 written by a at 2.000s before y/1 read by replica at 3.000s)",
			offending: []string{
				"replica: read y/1 [3.000s, 3.100s] ok", "a: write y/1 [2.000s, 2.100s] unknown", "a: write x/1 [1.000s, 1.100s] ok",
				"replica: read x/0 [5.000s, 5.100s] ok",
			},
		}},
		{guarantee: "monotonic writes", trial: trial{
			name: "to a replica the first is newer",
			ops: `
				a write x/1 1.000 1.100 ok
				a write x/2 2.000 2.100 ok
				replica read x/2 3.000 3.100 ok
				replica read x/1 5.000 5.100 ok`,
			verdict: check.Violated,
			summary: "1 of 1 times a session's write took effect without one that it had issued before (first: x/1 read by replica at 5.000s lacks x/2 written by a at 2.000s before x/2 read by replica at 3.000s)",
			offending: []string{
				"replica: read x/2 [3.000s, 3.100s] ok", "a: write x/2 [2.000s, 2.100s] ok", "replica: read x/1 [5.000s, 5.100s] ok",
			},
		}},
		{guarantee: "monotonic writes", order: map[string][]int64{"x": {1}, "y": {1, 2}}, trial: trial{
			name: "what goes back is no replica",
			ops: `
				a write x/1 1.000 1.100 ok
				a write y/1 2.000 2.100 ok
				a write y/2 2.200 2.300 ok
				replica read y/2 3.000 3.100 ok
				replica read y/1 4.000 4.100 ok
				replica read x/0 5.000 5.100 ok`,
			verdict: check.Unknown,
			summary: "replica 1 went back from 2 at 3.000s to y/1 read by replica at 4.000s: it does not keep what it has, or the order of versions is not its own",
		}},
		{guarantee: "writes follow reads", order: map[string][]int64{}, trial: trial{
			name: "nor is what forgets",
			ops: `
				a write x/1 1.000 1.100 ok
				replica read x/1 3.000 3.100 ok
				replica read x/0 4.000 4.100 ok`,
			verdict: check.Unknown,
			summary: "replica 1 went back from 1 at 3.000s to x/0 read by replica at 4.000s: it does not keep what it has, or the order of versions is not its own",
		}},
		{guarantee: "monotonic writes", trial: trial{
			name: "nor by the order of issue: that nothing is left is no other order",
			ops: `
				a write x/1 1.000 1.100 ok
				a write x/2 2.000 2.100 ok
				replica read x/2 3.000 3.100 ok
				replica read x/0 4.000 4.100 ok`,
			verdict: check.Unknown,
			summary: "replica 1 went back from 2 at 3.000s to x/0 read by replica at 4.000s: it does not keep what it has, or the order of versions is not its own",
		}},
		{guarantee: "writes follow reads", order: map[string][]int64{"x": {1, 2}}, trial: trial{
			name: "after what was read",
			ops: `
				a write x/1 1.000 1.100 ok
				b read x/1 2.000 2.100 ok
				b write x/2 3.000 3.100 ok`,
			verdict: check.Holds, summary: "0 of 1 times a session's write took effect without what it had read before",
		}},
		{guarantee: "writes follow reads", order: map[string][]int64{"x": {2, 1}}, trial: trial{
			name: "before what was read",
			ops: `
				a write x/1 1.000 1.100 ok
				b read x/1 2.000 2.100 ok
				b write x/2 3.000 3.100 ok`,
			verdict:   check.Violated,
			summary:   "1 of 1 times a session's write took effect without what it had read before (first: x/2 written by b at 3.000s is older than x/1 read by b at 2.000s)",
			offending: []string{"b: read x/1 [2.000s, 2.100s] ok", "b: write x/2 [3.000s, 3.100s] ok"},
		}},
		{guarantee: "writes follow reads", trial: trial{
			name: "a replica has a reply, and what it replies to, also at second hand",
			ops: `
				a write x/1 1.000 1.100 ok
				b read x/1 2.000 2.100 ok
				b read w/0 2.000 2.100 ok
				b write y/1 3.000 3.100 ok
				c read y/1 4.000 4.100 ok
				c write z/1 5.000 5.100 ok
				replica read z/1 6.000 6.100 ok
				replica read w/0 7.000 7.100 ok
				replica read x/1 7.000 7.100 ok
				replica read y/1 7.000 7.100 ok`,
			verdict: check.Holds, summary: "0 of 2 times a session's write took effect without what it had read before",
		}},
		{guarantee: "writes follow reads", trial: trial{
			name: "a replica has a reply to a reply, and not what began it",
			ops: `
				a write x/1 1.000 1.100 ok
				b read x/1 2.000 2.100 ok
				b write y/1 3.000 3.100 ok
				c read y/1 4.000 4.100 ok
				c write z/1 5.000 5.100 ok
				replica read z/1 6.000 6.100 ok
				replica read x/0 7.000 7.100 ok
				replica read y/1 7.000 7.100 ok`,
			verdict: check.Violated,
			summary: "1 of 2 times a session's write took effect without what it had read before (first: x/0 read by replica at 7.000s lacks x/1 read by b at 2.000s before y/1 written by b at 3.000s before y/1 read by c at 4.000s before z/1 written by c at 5.000s before z/1 read by replica at 6.000s)",
			offending: []string{
				"replica: read z/1 [6.000s, 6.100s] ok", "c: write z/1 [5.000s, 5.100s] ok", "c: read y/1 [4.000s, 4.100s] ok",
				"b: write y/1 [3.000s, 3.100s] ok", "b: read x/1 [2.000s, 2.100s] ok", "replica: read x/0 [7.000s, 7.100s] ok",
			},
		}},
		{guarantee: "writes follow reads", trial: trial{
			name:    "nothing to see",
			ops:     `a read x/1 2.000 2.100 ok`,
			verdict: check.Unknown, summary: "neither the order of versions nor a replica could have shown that a write came before what its session had read",
		}},
	} {
		t.Run(x.guarantee, func(t *testing.T) { try(t, []trial{x.trial}, x.judge) })
	}
}

// A result shows whole breaches, as many as there is room for.
func TestSessionsShowSomeBreaches(t *testing.T) {
	var h history.History
	for i := range 20 {
		at := time.Duration(i) * time.Second
		h = append(h,
			history.Operation{Client: "a", Kind: history.Write, Key: "x", Value: int64(i + 1), Start: at, End: at + 1, Outcome: history.OK},
			history.Operation{Client: "a", Kind: history.Read, Key: "x", Start: at + 2, End: at + 3, Outcome: history.OK})
	}
	r := check.Sessions(h, check.SoleWriters(h))
	assert.Equal(t, 20, r.ReadYourWrites().Violations)
	assert.Equal(t, []history.Operation(h[:10]), r.ReadYourWrites().Offending)
	assert.Len(t, r.Breaches(), 20)
	assert.Equal(t, [3]int{1, 20, 20}, [3]int{r.Sessions, r.Reads, r.Writes})
	assert.Equal(t, check.Unknown, check.SessionReport{}.MonotonicReads().Verdict)
}

// store is a register store that has all guarantees: a log of writes, of which each replica has a beginning that grows, and sessions that
// are only answered by a replica which has all that the session has written and read.
type store struct {
	log      history.History // what took effect, in its order
	sessions history.History
	replicas map[string]history.History
	has      map[string]int // by replica, how much of the log it has
	never    int            // how much of it nobody has: the next arrives together with what is before it
	now      time.Duration
	next     int64
}

var keys = []string{"x", "y", "z"}

// held gives what a beginning of the log leaves in a key.
func (s *store) held(key string, length int) int64 {
	for i := length - 1; i >= 0; i-- {
		if s.log[i].Key == key {
			return s.log[i].Value
		}
	}
	return 0
}

// does records an operation that takes some time after all others.
func (s *store) does(client, kind, key string, value int64) history.Operation {
	s.now += 10
	op := history.Operation{Client: client, Kind: kind, Key: key, Value: value, Start: s.now, End: s.now + 5, Outcome: history.OK}
	if strings.HasPrefix(client, "replica") {
		s.replicas[client] = append(s.replicas[client], op)
	} else {
		s.sessions = append(s.sessions, op)
	}
	return op
}

func (s *store) fresh() int64 {
	s.next++
	return s.next
}

// order is what the store tells.
func (s *store) order() check.Versions {
	order := map[string][]int64{}
	for _, op := range s.log {
		order[op.Key] = append(order[op.Key], op.Value)
	}
	return check.VersionOrder(order)
}

func (s *store) judged(t *rapid.T) check.SessionReport {
	var shown []history.Source
	for _, r := range s.replicas {
		shown = append(shown, shuffled(r, rapid.Uint64().Draw(t, "order")))
	}
	return check.Sessions(shuffled(s.sessions, rapid.Uint64().Draw(t, "order")), s.order(), shown...)
}

// length draws how much of the log somebody has who had so much.
func (s *store) length(t *rapid.T, had int) int {
	length := rapid.IntRange(had, len(s.log)).Draw(t, "how much of the log")
	if length == s.never && length > 0 {
		length++
	}
	return length
}

// works lets sessions and replicas work for a while.
func (s *store) works(t *rapid.T, seen map[string]int) {
	for range rapid.IntRange(0, 25).Draw(t, "operations") {
		client := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "client")
		replica := rapid.SampledFrom([]string{"replica1", "replica2"}).Draw(t, "replica")
		key := rapid.SampledFrom(keys).Draw(t, "key")
		switch rapid.IntRange(0, 4).Draw(t, "what") {
		case 0, 1:
			op := s.does(client, history.Write, key, s.fresh())
			switch fate := rapid.IntRange(0, 5).Draw(t, "fate"); {
			case fate == 0:
				s.sessions[len(s.sessions)-1].Outcome = history.Failed
			case fate == 1:
				s.sessions[len(s.sessions)-1].Outcome = history.Unknown
				if rapid.Bool().Draw(t, "lost") {
					break
				}
				fallthrough
			default:
				s.log = append(s.log, op)
				if fate > 1 {
					seen[client] = len(s.log)
				}
			}
		case 2, 3:
			length := s.length(t, seen[client])
			s.does(client, history.Read, key, s.held(key, length))
			seen[client] = length
		case 4:
			s.has[replica] = s.length(t, s.has[replica])
			s.does(replica, history.Read, key, s.held(key, s.has[replica]))
		}
	}
}

func TestSessionsFindNothingWhereNothingIsPlanted(t *testing.T) {
	judged := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := &store{replicas: map[string]history.History{}, has: map[string]int{}}
		s.works(t, map[string]int{})
		r := s.judged(t)
		for name, guarantee := range guarantees {
			result := guarantee(r)
			assert.Zero(t, result.Violations, "%s", result)
			assert.NotContains(t, result.Summary, "went back")
			judged[name] += result.Checked
		}
		assert.Empty(t, r.Breaches())
	})
	for name := range guarantees {
		assert.True(t, judged[name] > 0 || testing.Short(), "%s was judged, if not in the few histories of a short test", name)
	}
}

// planted are ways to break one guarantee, and no other. Each works on keys of which something is in the log. It returns the operations
// that are to be found, the one that breaks the guarantee last.
var planted = map[string][]func(s *store, key, other string) history.History{
	"read your writes": {func(s *store, key, _ string) history.History {
		before := s.held(key, len(s.log))
		w := s.does("victim", history.Write, key, s.fresh())
		s.log = append(s.log, w)
		return history.History{w, s.does("victim", history.Read, key, before)}
	}},
	"monotonic reads": {func(s *store, key, _ string) history.History {
		before := s.held(key, len(s.log))
		s.log = append(s.log, s.does("other", history.Write, key, s.fresh()))
		return history.History{s.does("victim", history.Read, key, s.next), s.does("victim", history.Read, key, before)}
	}},
	"monotonic writes": {
		func(s *store, key, _ string) history.History {
			first := s.does("victim", history.Write, key, s.fresh())
			second := s.does("victim", history.Write, key, s.fresh())
			s.log = append(s.log, second, first)
			s.never = len(s.log) - 1
			return history.History{first, second}
		},
		func(s *store, key, other string) history.History {
			before := s.held(key, len(s.log))
			first := s.does("victim", history.Write, key, s.fresh())
			second := s.does("victim", history.Write, other, s.fresh())
			s.log = append(s.log, first, second)
			return history.History{s.does("replica of its own", history.Read, other, second.Value), second, first, s.does("replica of its own", history.Read, key, before)}
		},
	},
	"writes follow reads": {
		func(s *store, key, _ string) history.History {
			w := s.does("other", history.Write, key, s.fresh())
			read := s.does("victim", history.Read, key, s.next)
			reply := s.does("victim", history.Write, key, s.fresh())
			s.log = append(s.log, reply, w)
			s.never = len(s.log) - 1
			return history.History{read, reply}
		},
		func(s *store, key, other string) history.History {
			before := s.held(key, len(s.log))
			s.log = append(s.log, s.does("other", history.Write, key, s.fresh()))
			read := s.does("victim", history.Read, key, s.next)
			reply := s.does("victim", history.Write, other, s.fresh())
			s.log = append(s.log, reply)
			return history.History{s.does("replica of its own", history.Read, other, reply.Value), reply, read, s.does("replica of its own", history.Read, key, before)}
		},
	},
}

func TestSessionsFindTheOneThatIsPlanted(t *testing.T) {
	for name, ways := range planted {
		for i, plant := range ways {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					s := &store{replicas: map[string]history.History{}, has: map[string]int{}}
					seen := map[string]int{}
					s.works(t, seen)
					pair := rapid.Permutation(keys).Draw(t, "keys")
					want := plant(s, pair[0], pair[1])
					s.works(t, seen)
					r := s.judged(t)
					for other, guarantee := range guarantees {
						result := guarantee(r)
						if other != name {
							assert.Zero(t, result.Violations, "%s", result)
							continue
						}
						require.Equal(t, 1, result.Violations, "%s", result)
						assert.Equal(t, check.Violated, result.Verdict)
						assert.Equal(t, []history.Operation(want), result.Offending)
					}
					require.Len(t, r.Breaches(), 1)
					assert.Equal(t, want[len(want)-1], r.Breaches()[0].Op)
				})
			})
		}
	}
}
