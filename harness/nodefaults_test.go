package harness

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

	"assay/harness/evidence"
	"assay/harness/history"
)

// The server of these tests is a Redis, told in plain words: it computes, allocates and tells the time when it is asked to.
func talkative() Container {
	return Container{
		Name: "server", Image: ImageOf("redis"), Command: []string{"--save", ""}, Ports: []int{6379}, Skewable: true,
		Ready: func(_ context.Context, address string) error {
			c, err := open6379(address)
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.ask("PING")
			return err
		},
	}
}

type conversation struct {
	net.Conn
	answers *bufio.Reader
}

func open6379(address string) (*conversation, error) {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return nil, err
	}
	return &conversation{c, bufio.NewReader(c)}, nil
}

// ask gives the lines of an answer: one, or for a list its items.
func (c *conversation) ask(command string) ([]string, error) {
	if _, err := io.WriteString(c, command+"\r\n"); err != nil {
		return nil, err
	}
	line := func() (string, error) {
		s, err := c.answers.ReadString('\n')
		return strings.TrimSpace(s), err
	}
	first, err := line()
	if err != nil || !strings.HasPrefix(first, "*") {
		if strings.HasPrefix(first, "-") {
			err = fmt.Errorf("%s: %s", command, first)
		}
		return []string{first}, err
	}
	n, err := strconv.Atoi(first[1:])
	var items []string
	for i := 0; i < n && err == nil; i++ {
		if _, err = line(); err == nil { // its length
			first, err = line()
			items = append(items, first)
		}
	}
	return items, err
}

// clock is the time of day that the server tells.
func (c *conversation) clock() (time.Time, error) {
	now, err := c.ask("TIME")
	if err != nil || len(now) != 2 {
		return time.Time{}, fmt.Errorf("TIME: %v, %w", now, err)
	}
	s, _ := strconv.ParseInt(now[0], 10, 64)
	us, _ := strconv.ParseInt(now[1], 10, 64)
	return time.UnixMicro(s*1e6 + us), nil
}

// Some commands: work is some milliseconds of a processor's time, all of it in one thread; grab is memory that is touched.
const (
	work = `EVAL "local x = 0 for i = 1, 1000000 do x = x + i end return x" 0`
	grab = "SETRANGE big 60000000 x"
)

// said is a command as an operation of a client, on a connection of its own.
func said(c *history.Client, l *Link, command string) error {
	op := c.Begin(history.Write, "said", 1)
	conn, err := open6379(l.Address())
	if err == nil {
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, err = conn.ask(command)
	}
	if err != nil {
		op.End(history.Unknown, err)
		return err
	}
	op.End(history.OK, nil)
	return nil
}

func TestStarveIsFeltAndUndone(t *testing.T) {
	r := withEngine(t, func(e *Env) {
		n := e.Start(talkative())
		n.Ready()
		link := e.Link("clients", n)
		client := e.Client("client", link)
		took := func() time.Duration {
			var all []time.Duration
			for range 5 {
				start := time.Now()
				require.NoError(t, said(client, link, work))
				all = append(all, time.Since(start))
			}
			slices.Sort(all)
			return all[2]
		}
		usual := took()
		e.Calm(good)
		starved := n.Starve(0.02)
		slow := took()
		require.Greater(t, slow, 3*usual, "a fiftieth of a processor, of which there was more than a tenth")
		killed := n.Kill()
		require.Error(t, said(client, link, work))
		e.Heal(killed)
		e.Await("it is back", n.Answers)
		require.Greater(t, took(), slow/4, "starved still")
		e.Heal(starved)
		require.Less(t, took(), slow/2)
		e.Await("it is well", n.Answers)
		e.Contrast("nothing is lost", good, forgetful)
	})
	require.Empty(t, r.errors)
	rec := r.record(t)
	require.Equal(t, "starve", rec.Faults[0].Kind)
	require.NotEmpty(t, rec.Faults[0].Witnesses)
	require.Contains(t, rec.Faults[0].Witnesses[0], "slowed down")
	require.Contains(t, rec.Faults[0].Witnesses[1], "the kernel: it held its threads back ")
}

func TestSqueezeUntilTheKernelKills(t *testing.T) {
	r := withEngine(t, func(e *Env) {
		n := e.Start(talkative())
		n.Ready()
		link := e.Link("clients", n)
		client := e.Client("client", link)
		require.NoError(t, said(client, link, "SET a 1"))
		require.Error(t, n.OutOfMemory())
		e.Calm(good)
		squeezed := n.Squeeze(32 << 20)
		require.NoError(t, said(client, link, "SET a 2"), "it has all that it needs")
		require.Error(t, said(client, link, grab))
		e.Await("the kernel has ended it", n.OutOfMemory)
		require.Error(t, said(client, link, "SET a 3"))
		e.Step("still no death that anybody would mourn")
		e.Heal(squeezed)
		n.Restart()
		require.Error(t, n.OutOfMemory())
		e.Await("it is back", n.Answers, func() error { return said(client, link, "SET a 4") })
		require.NoError(t, said(client, link, grab), "it has its memory back")
		e.Contrast("nothing is lost", good, forgetful)
	})
	require.Empty(t, r.errors)
	require.NotEmpty(t, r.record(t).Faults[0].Witnesses)
}

func TestWhoRunsOutOfMemoryUnsqueezedHasDied(t *testing.T) {
	r := withEngine(t, func(e *Env) {
		c := talkative()
		c.Memory = 32 << 20
		n := e.Start(c)
		n.Ready()
		require.Error(t, said(e.Client("client", n.Direct()), n.Direct(), grab))
		e.Await("never", n.OutOfMemory)
	})
	r.failedWith(t, evidence.Died, "container server ended by itself with status 137, killed by the kernel for want of memory")
}

func TestSkewIsSeenAndUndone(t *testing.T) {
	r := withEngine(t, func(e *Env) {
		n := e.Start(talkative())
		n.Ready()
		link := e.Link("clients", n)
		client := e.Client("client", link)
		clock := func() time.Duration {
			require.NoError(t, said(client, link, "PING"))
			c, err := open6379(link.Address())
			require.NoError(t, err)
			defer c.Close()
			now, err := c.clock()
			require.NoError(t, err)
			return time.Until(now)
		}
		const near = float64(10 * time.Second)
		require.InDelta(t, 0, clock(), near)
		e.Calm(good)
		for _, ahead := range []time.Duration{time.Hour, -time.Hour} {
			skewed := n.Skew(ahead)
			require.InDelta(t, ahead, clock(), near)
			killed := n.Kill()
			require.Error(t, said(client, link, "PING"))
			e.Heal(killed)
			e.Await("it is back", n.Answers)
			require.InDelta(t, ahead, clock(), near)
			e.Witness(skewed, good)
			e.Heal(skewed)
			require.InDelta(t, 0, clock(), near)
		}
		e.Await("it is well", n.Answers)
		e.Contrast("nothing is lost", good, forgetful)
	})
	require.Empty(t, r.errors)
	for _, f := range r.record(t).Faults {
		if f.Kind == "skew" {
			require.Len(t, f.Witnesses, 1, "what failed, failed of the kill")
		}
	}
}

func TestWhoseClockCannotBeSkewed(t *testing.T) {
	t.Run("it was not prepared", func(t *testing.T) {
		r := withEngine(t, func(e *Env) { e.Start(small("server")).Skew(time.Second) })
		r.failedWith(t, evidence.Broken, "inject skew by 1s on server: container server was not made for it: start it with Skewable")
	})
	t.Run("it is statically linked", func(t *testing.T) {
		r := withEngine(t, func(e *Env) {
			c := small("server")
			c.Skewable = true
			e.Start(c).Ready()
		})
		require.Empty(t, r.errors)
		require.Contains(t, r.skipped, "NOT PROVABLE HERE: a skewed clock of server cannot be had here")
		require.Contains(t, r.skipped, "every Go server")
	})
}
