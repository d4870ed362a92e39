package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/engine/image"
)

// asker puts one question after the other to a Redis, and remembers when each was asked and answered.
type asker struct {
	conn  net.Conn
	turns []turn
	done  chan struct{}
}

type turn struct {
	asked, answered time.Time
	answer          string
}

// interview begins to ask, each question when the one before is answered.
func interview(b *testing.B, c *Container, question string, lines int) *asker {
	var conn net.Conn
	var read *bufio.Reader
	answered := func() (string, error) {
		if _, err := io.WriteString(conn, question+"\r\n"); err != nil {
			return "", err
		}
		all := ""
		for range lines {
			line, err := read.ReadString('\n')
			if err != nil {
				return "", err
			}
			all += line
		}
		return all, nil
	}
	address, err := c.Address(6379)
	require.NoError(b, err)
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		if conn, err = net.Dial("tcp", address); err == nil {
			read = bufio.NewReader(conn)
			if _, err = answered(); err == nil {
				break
			}
			conn.Close()
		}
		require.Less(b, time.Since(start), time.Minute, "%v", err)
	}
	a := &asker{conn: conn, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		for {
			start := time.Now()
			answer, err := answered()
			a.turns = append(a.turns, turn{start, time.Now(), answer})
			if err != nil {
				return
			}
		}
	}()
	return a
}

// all hangs up, and gives what was asked and answered, the last without an answer.
func (a *asker) all() []turn {
	a.conn.Close()
	<-a.done
	return a.turns
}

// BenchmarkEffect measures from a call to its effect on a connection. Past the engine it lies within 20 ms in 99 of 100 cases;
// what the engine takes is reported beside it, without a budget: it is the engine's. That limits do limit is for tests.
func BenchmarkEffect(b *testing.B) {
	const budget = 20 * time.Millisecond
	e, err := Connect(b.Context())
	require.NoError(b, err)
	built, err := e.Image(b.Context(), image.Recipe("redis"))
	require.NoError(b, err)
	n := e.BeginNetwork(b.Context(), "bench")
	c, err := e.Run(b.Context(), n, Spec{Name: "redis", Image: built.Ref, Command: []string{"--save", ""}, Ports: []int{6379}, Skewable: true})
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, c.Remove(context.Background()))
		require.NoError(b, n.Remove(context.Background()))
	})
	if c.cgroup == nil {
		b.Skip("this process may not write to the control groups of the engine's containers: there is only the engine's way")
	}
	for _, kind := range []struct {
		name     string
		question string
		lines    int
		do, undo func(context.Context) error
		felt     func([]turn) time.Time // the moment, none if it was not felt; nil where who needs more feels it from the call's return
	}{
		{"Kill", "PING", 1, func(ctx context.Context) error { _, err := c.Kill(ctx); return err }, c.Start, func(turns []turn) time.Time { return turns[len(turns)-1].answered }},
		{"Pause", "PING", 1, c.Pause, c.Unpause, func(turns []turn) time.Time { return turns[len(turns)-1].asked }},
		{"Processors", `EVAL "for i = 1, 1000000 do end return 1" 0`, 1,
			func(ctx context.Context) error { return c.Processors(ctx, time.Millisecond, 10*time.Millisecond) },
			func(ctx context.Context) error { return c.Processors(ctx, 0, 0) },
			nil},
		{"Memory", "PING", 1,
			func(ctx context.Context) error { return c.Memory(ctx, 64<<20) },
			func(ctx context.Context) error { return c.Memory(ctx, 0) },
			nil},
		{"Clock", "TIME", 5,
			func(ctx context.Context) error { return c.Clock(ctx, time.Hour) },
			func(ctx context.Context) error { return c.Clock(ctx, 0) },
			func(turns []turn) time.Time {
				for _, t := range turns {
					seconds, _ := strconv.ParseInt(strings.Split(t.answer+"\r\n\r\n", "\r\n")[2], 10, 64)
					if time.Unix(seconds, 0).Sub(t.asked) > 30*time.Minute {
						return t.answered
					}
				}
				return time.Time{}
			}},
	} {
		for _, way := range []string{"past", "by"} {
			b.Run(fmt.Sprintf("%s/%s the engine", kind.name, way), func(b *testing.B) {
				var took []time.Duration
				once := func() {
					a := interview(b, c, kind.question, kind.lines)
					held := c.cgroup
					if way == "by" {
						c.cgroup = nil
					}
					start := time.Now()
					require.NoError(b, kind.do(b.Context()))
					felt := time.Now()
					if kind.felt != nil {
						time.Sleep(20 * time.Millisecond) // so that what is felt a little later is felt
						felt = kind.felt(after(a.all(), start))
					} else {
						a.all()
					}
					require.False(b, felt.IsZero(), "it was not felt")
					took = append(took, max(0, felt.Sub(start)))
					require.NoError(b, kind.undo(b.Context()))
					if kind.name != "Kill" {
						c.cgroup = held
					}
				}
				least := 100
				if way == "by" {
					least = 20
				}
				for b.Loop() {
					once()
				}
				for len(took) < least {
					once()
				}
				slices.Sort(took)
				at := func(q float64) time.Duration { return took[int(q*float64(len(took)-1))] }
				b.ReportMetric(float64(at(0.5).Microseconds()), "p50-µs")
				b.ReportMetric(float64(at(0.99).Microseconds()), "p99-µs")
				if way == "past" && at(0.99) > budget {
					b.Fatalf("99 of 100 are felt within %v, more than the %v that are allowed", at(0.99), budget)
				}
			})
		}
	}
}

// after gives the turns that were answered after a moment, or never.
func after(turns []turn, when time.Time) []turn {
	i := slices.IndexFunc(turns, func(t turn) bool { return t.answered.After(when) })
	return turns[max(0, i):]
}
