package fault

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"assay/harness/fault/wire"
	"assay/harness/history"
)

// ends returns who sends and who receives in the direction.
func ends(d Direction, client, server *net.TCPConn) (from, to *net.TCPConn) {
	if d == ClientToServer {
		return client, server
	}
	return server, client
}

func inEachDirection(t *testing.T, test func(t *testing.T, in maker, d Direction)) {
	inBothPlaces(t, func(t *testing.T, in maker) {
		for _, d := range []Direction{ClientToServer, ServerToClient} {
			t.Run(d.String(), func(t *testing.T) {
				t.Parallel()
				test(t, in, d)
			})
		}
	})
}

func TestLinkWithoutFaultCarriesBytesBothWays(t *testing.T) {
	inBothPlaces(t, func(t *testing.T, in maker) {
		_, l, s := both(t, in)
		client, server := connect(t, l, s)
		works(t, client, server)
		require.NoError(t, client.Close())
		eof(t, server)
		client, server = connect(t, l, s)
		works(t, client, server)
		require.NoError(t, server.Close())
		eof(t, client)
	})
}

func TestDelayHoldsBackOneDirectionOnly(t *testing.T) {
	inEachDirection(t, func(t *testing.T, in maker, d Direction) {
		_, l, s := both(t, in)
		client, server := connect(t, l, s)
		from, to := ends(d, client, server)

		const delay = 200 * time.Millisecond
		f := l.Delay(d, delay)
		start := time.Now()
		write(t, from, "late")
		arrives(t, to, "late")
		assert.GreaterOrEqual(t, time.Since(start), delay)
		heal(t, f)

		f = l.Delay(d, forever)
		write(t, from, "held")
		write(t, to, "free")
		arrives(t, from, "free")
		heal(t, f)
		arrives(t, to, "held") // nothing is lost, and nothing is held any longer
		works(t, client, server)
	})
}

func TestDelayBothWaysAddsUpInARoundTrip(t *testing.T) {
	inBothPlaces(t, func(t *testing.T, in maker) {
		_, l, s := both(t, in)
		client, server := connect(t, l, s)
		const delay = 100 * time.Millisecond
		f := l.Delay(Both, delay)
		start := time.Now()
		works(t, client, server)
		assert.GreaterOrEqual(t, time.Since(start), 2*delay)
		heal(t, f)

		// A connection that is made under it feels it too.
		f = l.Delay(Both, delay)
		client, server = connect(t, l, s)
		start = time.Now()
		works(t, client, server)
		assert.GreaterOrEqual(t, time.Since(start), 2*delay)
		heal(t, f)
	})
}

func TestDelaysOfOneDirectionAddUp(t *testing.T) {
	inBothPlaces(t, func(t *testing.T, in maker) {
		_, l, s := both(t, in)
		client, server := connect(t, l, s)
		first, second := l.Delay(ClientToServer, 100*time.Millisecond), l.Delay(ClientToServer, 150*time.Millisecond)
		start := time.Now()
		write(t, client, "late")
		arrives(t, server, "late")
		assert.GreaterOrEqual(t, time.Since(start), 250*time.Millisecond)
		heal(t, second)
		start = time.Now()
		write(t, client, "late")
		arrives(t, server, "late")
		assert.GreaterOrEqual(t, time.Since(start), 100*time.Millisecond)
		heal(t, first)
		works(t, client, server)
	})
}

// With Toxiproxy's own toxics the bytes would stay where they are for an hour, and the next fault would end the process.
func TestBytesHeldForASenderThatIsGoneArriveWhenAllIsHealed(t *testing.T) {
	inBothPlaces(t, bytesHeldArrive)
}

func bytesHeldArrive(t *testing.T, in maker) {
	_, l, s := both(t, in)
	client, server := connect(t, l, s)
	first, second := l.Delay(ClientToServer, time.Millisecond), l.Delay(ClientToServer, forever)
	write(t, client, "last words")
	require.NoError(t, client.Close())
	heal(t, first, second)
	arrives(t, server, "last words")
	eof(t, server)

	client, server = connect(t, l, s)
	narrow, narrower, wide := l.Throttle(ServerToClient, 1000), l.Throttle(ServerToClient, 1000), l.Throttle(ServerToClient, 1_000_000_000)
	write(t, server, strings.Repeat("x", 1<<20))
	require.NoError(t, server.Close())
	heal(t, narrow, narrower)
	arrives(t, client, strings.Repeat("x", 1<<20))
	eof(t, client)
	heal(t, wide)
}

// A fault that comes or goes lets nothing go early that another holds back.
func TestDelayHoldsThroughOtherFaults(t *testing.T) {
	inBothPlaces(t, delayHolds)
}

func delayHolds(t *testing.T, in maker) {
	_, l, s := both(t, in)
	client, server := connect(t, l, s)
	const delay = 300 * time.Millisecond
	l.Delay(ClientToServer, delay)
	start := time.Now()
	write(t, client, "late")
	for range 20 {
		heal(t, l.Throttle(Both, 1_000_000), l.Delay(Both, time.Millisecond))
	}
	arrives(t, server, "late")
	assert.GreaterOrEqual(t, time.Since(start), delay)
}

func TestThrottleLimitsOneDirectionOnly(t *testing.T) {
	inEachDirection(t, func(t *testing.T, in maker, d Direction) {
		_, l, s := both(t, in)
		client, server := connect(t, l, s)
		from, to := ends(d, client, server)

		f := l.Throttle(d, 2000)
		start := time.Now()
		write(t, from, strings.Repeat("x", 1000))
		write(t, to, "free")
		arrives(t, from, "free")
		arrives(t, to, strings.Repeat("x", 1000))
		assert.GreaterOrEqual(t, time.Since(start), 400*time.Millisecond) // 500, of which the proxy's clock may take some
		heal(t, f)

		// What the throttle would let through in a quarter of an hour comes at once, whole and in order.
		f = l.Throttle(d, 1000)
		want := make([]byte, 1<<20)
		for i := range want {
			want[i] = byte(i >> 8)
		}
		go from.Write(want)
		got := make([]byte, len(want))
		_, err := io.ReadFull(to, got[:10])
		require.NoError(t, err)
		heal(t, f)
		_, err = io.ReadFull(to, got[10:])
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, got))
		works(t, client, server)
	})
}

func TestDropIsABlackHoleInOneDirection(t *testing.T) {
	inEachDirection(t, func(t *testing.T, in maker, d Direction) {
		_, l, s := both(t, in)
		client, server := connect(t, l, s)
		works(t, client, server)
		from, to := ends(d, client, server)

		f := l.Drop(d)
		write(t, from, "lost")
		write(t, to, "kept")
		arrives(t, from, "kept") // half-open: the other direction goes on

		// New connections can be made, and are half-open too.
		newClient, newServer := connect(t, l, s)
		newFrom, newTo := ends(d, newClient, newServer)
		write(t, newFrom, "lost")
		write(t, newTo, "kept")
		arrives(t, newFrom, "kept")

		heal(t, f)
		for _, c := range []net.Conn{client, server, newClient, newServer} {
			closes(t, c) // and what was lost stays so
		}
		client, server = connect(t, l, s)
		works(t, client, server)
	})
}

func TestDropBothWays(t *testing.T) {
	inBothPlaces(t, func(t *testing.T, in maker) {
		_, l, s := both(t, in)
		idle, idleServer := connect(t, l, s)
		client, server := connect(t, l, s)
		works(t, idle, idleServer) // until a connection has been set up, the fault may come and go unnoticed
		works(t, client, server)
		f := l.Drop(Both)
		write(t, client, "lost")
		write(t, server, "lost")
		heal(t, f)
		for _, c := range []net.Conn{client, server, idle, idleServer} {
			closes(t, c)
		}
		client, server = connect(t, l, s)
		works(t, client, server)
	})
}

// A black hole swallows the end of a connection, too.
func TestDropSwallowsTheEndOfAConnection(t *testing.T) {
	inEachDirection(t, func(t *testing.T, in maker, d Direction) {
		_, l, s := both(t, in)
		client, server := connect(t, l, s)
		works(t, client, server)
		from, to := ends(d, client, server)
		f := l.Drop(d)
		write(t, from, "lost")
		require.NoError(t, from.CloseWrite())
		write(t, to, "kept")
		arrives(t, from, "kept")
		hearsNothing(t, to)
		heal(t, f)
		closes(t, to)
	})
}

// Who has said all closes that direction, and waits for the answer: a wire passes that on, under every fault that passes anything on.
func TestHalfClosePassesInBothDirections(t *testing.T) {
	faults := map[string]func(*Link) *Fault{
		"no fault":     nil,
		"delay":        func(l *Link) *Fault { return l.Delay(Both, 20*time.Millisecond) },
		"throttle":     func(l *Link) *Fault { return l.Throttle(Both, 1_000_000) },
		"healed sever": func(l *Link) *Fault { f := l.Sever(); heal(t, f); return f },
		"healed reset": func(l *Link) *Fault { f := l.Reset(); heal(t, f); return f },
	}
	inEachDirection(t, func(t *testing.T, in maker, d Direction) {
		for name, inject := range faults {
			_, l, s := both(t, in)
			if inject != nil {
				inject(l)
			}
			client, server := connect(t, l, s)
			from, to := ends(d, client, server)
			write(t, from, "question")
			start := time.Now()
			require.NoError(t, from.CloseWrite())
			arrives(t, to, "question")
			eof(t, to)
			if name == "delay" {
				require.GreaterOrEqual(t, time.Since(start), 20*time.Millisecond, "the end is held as the bytes are")
			}
			write(t, to, "answer")
			require.NoError(t, to.CloseWrite())
			arrives(t, from, "answer")
			eof(t, from)
		}
	})
}

// The end of a direction is something that travels on a connection, so a link that resets does so.
func TestResetMeetsAHalfClose(t *testing.T) {
	inEachDirection(t, func(t *testing.T, in maker, d Direction) {
		_, l, s := both(t, in)
		client, server := connect(t, l, s)
		works(t, client, server)
		from, to := ends(d, client, server)
		l.Reset()
		require.NoError(t, from.CloseWrite())
		for _, end := range []net.Conn{from, to} {
			_, err := end.Read(make([]byte, 1))
			assert.ErrorIs(t, err, syscall.ECONNRESET)
		}
	})
}

// A wire passes on how a connection ends.
func TestResetOfAPeerArrivesAsOne(t *testing.T) {
	inEachDirection(t, func(t *testing.T, in maker, d Direction) {
		_, l, s := both(t, in)
		client, server := connect(t, l, s)
		works(t, client, server)
		from, to := ends(d, client, server)
		require.NoError(t, from.SetLinger(0))
		require.NoError(t, from.Close())
		_, err := to.Read(make([]byte, 1))
		assert.ErrorIs(t, err, syscall.ECONNRESET)
	})
}

func TestSeverClosesAndRefuses(t *testing.T) {
	inBothPlaces(t, func(t *testing.T, in maker) {
		_, l, s := both(t, in)
		client, server := connect(t, l, s)
		works(t, client, server)

		address := l.Address()
		f := l.Sever()
		eof(t, client)
		eof(t, server)
		_, err := net.Dial("tcp", l.Address())
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)

		heal(t, f)
		assert.Equal(t, address, l.Address())
		client, server = connect(t, l, s)
		works(t, client, server)
	})
}

func TestLinkSeveredTwiceIsBackWhenBothAreHealed(t *testing.T) {
	inBothPlaces(t, func(t *testing.T, in maker) {
		_, l, s := both(t, in)
		first, second := l.Sever(), l.Sever()
		heal(t, first)
		_, err := net.Dial("tcp", l.Address())
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
		heal(t, second)
		client, server := connect(t, l, s)
		works(t, client, server)
	})
}

func TestResetHitsWhoSpeaks(t *testing.T) {
	inEachDirection(t, func(t *testing.T, in maker, d Direction) {
		_, l, s := both(t, in)
		idle, idleServer := connect(t, l, s)
		works(t, idle, idleServer)
		old, oldServer := connect(t, l, s)
		works(t, old, oldServer)

		f := l.Reset()
		client, server := connect(t, l, s)
		for _, c := range [][2]*net.TCPConn{{old, oldServer}, {client, server}} {
			from, to := ends(d, c[0], c[1])
			write(t, from, "x")
			for _, end := range []net.Conn{from, to} {
				_, err := end.Read(make([]byte, 1))
				assert.ErrorIs(t, err, syscall.ECONNRESET)
			}
		}
		heal(t, f)
		works(t, idle, idleServer)
		client, server = connect(t, l, s)
		works(t, client, server)
	})
}

// A connection that was made under Reset and stayed idle is a good one afterwards: what is said last on it is not lost.
func TestConnectionThatSurvivedResetEndsWell(t *testing.T) {
	inBothPlaces(t, endsWell)
}

func endsWell(t *testing.T, in maker) {
	_, l, s := both(t, in)
	f := l.Reset()
	client, server := connect(t, l, s)
	heal(t, f)
	works(t, client, server)
	last := strings.Repeat("bye", 100_000)
	go func() {
		io.WriteString(server, last)
		server.Close()
	}()
	got, err := io.ReadAll(client)
	require.NoError(t, err)
	assert.Equal(t, last, string(got))
}

// every is one of each fault that a link can have.
var every = []func(*Link) *Fault{
	func(l *Link) *Fault { return l.Delay(ClientToServer, 10*time.Millisecond) },
	func(l *Link) *Fault { return l.Delay(Both, forever) },
	func(l *Link) *Fault { return l.Throttle(ServerToClient, 1000) },
	func(l *Link) *Fault { return l.Drop(ClientToServer) },
	func(l *Link) *Fault { return l.Drop(ServerToClient) },
	func(l *Link) *Fault { return l.Sever() },
	func(l *Link) *Fault { return l.Reset() },
}

func TestFaultsOfOneLinkHealInAnyOrder(t *testing.T) {
	inBothPlaces(t, func(t *testing.T, in maker) {
		for i, order := range [][]int{{0, 1, 2, 3, 4, 5, 6}, {6, 5, 4, 3, 2, 1, 0}, {3, 0, 5, 6, 2, 4, 1}, {5, 1, 4, 0, 6, 3, 2}} {
			st, l, s := both(t, in)
			client, server := connect(t, l, s)
			works(t, client, server)
			var faults []*Fault
			for _, inject := range every {
				faults = append(faults, inject(l))
			}
			for _, n := range order {
				heal(t, faults[n])
				heal(t, faults[n]) // healing twice is harmless
			}
			require.Len(t, st.healed, len(every), "each is told once")
			client, server = connect(t, l, s)
			works(t, client, server)
			require.NoError(t, l.Close(), i)
		}
	})
}

func TestBadArgumentsEndTheTestAndInjectNothing(t *testing.T) {
	st, l, _ := both(t, inProcess)
	for want, do := range map[string]func() *Fault{
		"inject delay 0s client to server on orders: a delay is a whole number of milliseconds, at least one":                            func() *Fault { return l.Delay(ClientToServer, 0) },
		"inject delay 1.5ms both ways on orders: a delay is a whole number of milliseconds, at least one":                                func() *Fault { return l.Delay(Both, 1500*time.Microsecond) },
		"inject delay -1s both ways on orders: a delay is a whole number of milliseconds, at least one":                                  func() *Fault { return l.Delay(Both, -time.Second) },
		"inject throttle 999 B/s both ways on orders: a rate is a whole number of kilobytes (1000 bytes) a second, at least one":         func() *Fault { return l.Throttle(Both, 999) },
		"inject throttle 1500 B/s server to client on orders: a rate is a whole number of kilobytes (1000 bytes) a second, at least one": func() *Fault { return l.Throttle(ServerToClient, 1500) },
		"inject drop direction 0 on orders: there is no such direction":                                                                  func() *Fault { return l.Drop(0) },
		"inject drop direction 4 on orders: there is no such direction":                                                                  func() *Fault { return l.Drop(4) },
		"inject drop direction 5 on orders: there is no such direction":                                                                  func() *Fault { return l.Drop(5) },
		"inject delay 1s direction 0 on orders: there is no such direction":                                                              func() *Fault { return l.Delay(0, time.Second) },
		"inject throttle 1000 B/s direction -1 on orders: there is no such direction":                                                    func() *Fault { return l.Throttle(-1, 1000) },
	} {
		assert.EqualError(t, fatal(t, func() { do() }), want)
	}
	assert.Empty(t, st.injected)
}

func TestSabotagedFaultsDoNothingAndLookTheSame(t *testing.T) {
	inBothPlaces(t, func(t *testing.T, in maker) {
		st, l, s := both(t, in)
		st.Sabotaged = true
		client, server := connect(t, l, s)
		var faults []*Fault
		for _, inject := range every {
			faults = append(faults, inject(l))
		}
		works(t, client, server)
		works(connectTo(t, l, s))
		heal(t, faults...)
		works(t, client, server)

		assert.Equal(t, names(faults), names(st.injected))
		assert.Equal(t, names(faults), names(st.healed))
		for _, f := range faults {
			assert.Less(t, f.Window().To, history.Open)
		}
		assert.Error(t, fatal(t, func() { l.Delay(Both, 0) }), "what cannot be injected cannot be sabotaged")
	})
}

func connectTo(t testing.TB, l *Link, s *backend) (testing.TB, net.Conn, net.Conn) {
	t.Helper()
	client, server := connect(t, l, s)
	return t, client, server
}

func TestRetargetKeepsAddressAndFaults(t *testing.T) {
	_, l, a := both(t, inProcess)
	b := serve(t)
	client, server := connect(t, l, a)
	works(t, client, server)
	f := l.Delay(ClientToServer, forever)
	address := l.Address()

	require.NoError(t, l.Retarget(b.address()))
	closes(t, client)
	closes(t, server)
	assert.Equal(t, address, l.Address())
	client, server = connect(t, l, b)
	write(t, client, "held")
	write(t, server, "free")
	arrives(t, client, "free")
	heal(t, f)
	arrives(t, server, "held")

	cut := l.Sever()
	require.NoError(t, l.Retarget(a.address()))
	_, err := net.Dial("tcp", l.Address())
	assert.ErrorIs(t, err, syscall.ECONNREFUSED, "a severed link stays severed")
	heal(t, cut)
	works(connectTo(t, l, a))
}

func TestLinkToNowhereRefuses(t *testing.T) {
	st, s := newHooks(), serve(t)
	l, err := NewLink(st.Hooks, "orders", "server:1")
	require.NoError(t, err)
	defer l.Close()
	refuses := func() {
		t.Helper()
		_, err := net.Dial("tcp", l.Address())
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	}
	refuses() // from the start
	require.NoError(t, l.Retarget(s.address()))
	client, server := connect(t, l, s)
	works(t, client, server)

	require.NoError(t, l.Retarget(Nowhere))
	closes(t, client)
	closes(t, server)
	refuses()

	f := l.Sever()
	heal(t, f)
	refuses() // a heal does not bring the server back
	require.NoError(t, l.Retarget(s.address()))
	works(connectTo(t, l, s))
}

// The server's process is gone and its address is not: dialling succeeds, and then there is nobody.
func TestLinkToADeadServerCutsOff(t *testing.T) {
	inBothPlaces(t, func(t *testing.T, in maker) {
		_, l, s := both(t, in)
		require.NoError(t, s.Close())
		closes(t, dial(t, l))
	})
}

func TestNobodyIsRefusedWhileALinkIsRetargeted(t *testing.T) {
	_, l, a := both(t, inProcess)
	b := serve(t)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			c, err := net.Dial("tcp", l.Address())
			if err != nil {
				stopped <- err
				return
			}
			c.Close()
		}
	}()
	for range 200 {
		require.NoError(t, l.Retarget(b.address()))
		require.NoError(t, l.Retarget(a.address()))
	}
	close(stop)
	assert.NoError(t, <-stopped)
}

// Toxiproxy's control plane wedges where the receiver of a stream does not read (toxiproxy#558).
func TestHealComesBackThoughAReceiverDoesNotRead(t *testing.T) {
	faults := map[string]func(*Link, Direction) *Fault{
		"delay":    func(l *Link, d Direction) *Fault { return l.Delay(d, time.Millisecond) },
		"throttle": func(l *Link, d Direction) *Fault { return l.Throttle(d, 1_000_000_000) },
	}
	inEachDirection(t, func(t *testing.T, in maker, d Direction) {
		for kind, inject := range faults {
			for _, others := range []int{0, 3} {
				t.Run(fmt.Sprintf("%s, %d others", kind, others), func(t *testing.T) {
					t.Parallel()
					_, l, s := both(t, in)
					client, server := connect(t, l, s)
					from, _ := ends(d, client, server)
					f := inject(l, d)
					stall(t, from)

					// While the heal is stuck, others dial.
					dialled := make(chan struct{})
					go func() {
						defer close(dialled)
						for range others {
							if c, err := net.Dial("tcp", l.Address()); err == nil {
								defer c.Close()
							}
						}
					}()
					heal(t, f)
					<-dialled
					reaches(t, l, s)
				})
			}
		}
	})
}

func TestStalledConnectionHasFaultsLikeAnyOther(t *testing.T) {
	inEachDirection(t, func(t *testing.T, in maker, d Direction) {
		_, l, s := both(t, in)
		client, server := connect(t, l, s)
		from, to := ends(d, client, server)
		stall(t, from)

		f := l.Delay(d, forever)
		heal(t, f)
		f = l.Throttle(d, 1000)
		heal(t, f)
		// The connection has lived through it, and who sends still feels that nobody reads.
		require.NoError(t, from.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
		_, err := from.Write(make([]byte, 10<<20))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, from.SetWriteDeadline(time.Now().Add(limit)))

		// A black hole takes what nobody reads.
		f = l.Drop(d)
		_, err = from.Write(make([]byte, 10<<20))
		require.NoError(t, err)
		write(t, to, "kept")
		arrives(t, from, "kept")
		heal(t, f)
		reaches(t, l, s)
	})
}

// Sever and Retarget wait for nobody.
func TestStalledConnectionIsCutLikeAnyOther(t *testing.T) {
	_, l, s := both(t, inProcess)
	client, server := connect(t, l, s)
	stall(t, client)
	f := l.Sever()
	heal(t, f)
	_, err := client.Write([]byte("x"))
	for err == nil { // the first write after the end may still be taken
		_, err = client.Write([]byte("x"))
	}
	client, _ = connect(t, l, s)
	stall(t, client)
	require.NoError(t, l.Retarget(s.address()))
	reaches(t, l, s)
	server.Close()
}

// A random life of a link: whatever is injected and healed, in whatever order, while clients talk, come and go, the link is
// as new when all is healed.
func TestLinkSurvivesAnyLife(t *testing.T) {
	inBothPlaces(t, func(t *testing.T, in maker) {
		rapid.Check(t, func(rt *rapid.T) {
			_, l, s := both(t, in)
			defer func() { require.NoError(t, l.Close()) }()
			var lasting []*Fault
			for range rapid.IntRange(1, 40).Draw(rt, "steps") {
				switch what := rapid.IntRange(0, len(every)+5).Draw(rt, "step"); {
				case what < len(every):
					lasting = append(lasting, every[what](l))
				case what < len(every)+3 && len(lasting) > 0:
					i := rapid.IntRange(0, len(lasting)-1).Draw(rt, "heal")
					heal(t, lasting[i])
					lasting = append(lasting[:i], lasting[i+1:]...)
				default:
					if c, err := net.Dial("tcp", l.Address()); err == nil {
						go io.Copy(io.Discard, c)
						c.Write(make([]byte, 100_000))
						if what%2 == 0 {
							c.Close()
						} else {
							defer c.Close()
						}
					}
				}
			}
			heal(t, lasting...)
			reaches(t, l, s)
		})
	})
}

func TestCloseLeavesNothingRunning(t *testing.T) {
	// Goroutines inherit the label, also those that Toxiproxy starts.
	pprof.Do(t.Context(), pprof.Labels("of", t.Name()), func(context.Context) {
		st := newHooks()
		for _, inject := range append(every, func(l *Link) *Fault { return l.Delay(Both, time.Millisecond) }) {
			s := serve(t)
			l, err := NewLink(st.Hooks, "orders", "server:1")
			require.NoError(t, err)
			require.NoError(t, l.Retarget(s.address()))
			var busy sync.WaitGroup
			for range 3 {
				client, server := connect(t, l, s)
				for _, c := range []net.Conn{client, server} {
					busy.Go(func() { io.Copy(c, forEver{}); c.Close() })
					busy.Go(func() { io.Copy(io.Discard, c); c.Close() })
				}
			}
			f := inject(l)
			if c, err := net.Dial("tcp", l.Address()); err == nil {
				busy.Go(func() { io.Copy(c, forEver{}); c.Close() })
			}
			heal(t, f)
			require.NoError(t, l.Close())
			bounded(t, "the end of the connections", busy.Wait)
			s.Close()
		}
		left := ""
		for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			var all bytes.Buffer
			require.NoError(t, pprof.Lookup("goroutine").WriteTo(&all, 1))
			left = ""
			for g := range strings.SplitSeq(all.String(), "\n\n") {
				if strings.Contains(g, t.Name()) && !strings.Contains(g, "testing.tRunner") {
					left += g + "\n\n"
				}
			}
			if left == "" {
				return
			}
		}
		require.Fail(t, "goroutines are left", left)
	})
}

// forEver never ends, and is in no hurry.
type forEver struct{}

func (forEver) Read(b []byte) (int, error) { return min(len(b), 1000), nil }

func TestTwoProcessesNeverShareAPort(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	one, other := &portPool{}, &portPool{} // as in two processes: a lock is of who opened its file
	taken := map[int]bool{}
	for range 300 {
		for _, p := range []*portPool{one, other} {
			port, err := p.take()
			require.NoError(t, err)
			require.False(t, taken[port], "port %d is taken twice", port)
			require.True(t, lowestPort <= port && port <= highestPort)
			taken[port] = true
		}
	}
	// A port that was given back is taken again when all others have been.
	port, err := one.take()
	require.NoError(t, err)
	one.give(port)
	left := len(one.free)
	for range left - 1 {
		p, err := one.take()
		require.NoError(t, err)
		require.NotEqual(t, port, p)
	}
	again, err := one.take()
	require.NoError(t, err)
	assert.Equal(t, port, again)
}

func TestAllPortsTaken(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	greedy, late := &portPool{}, &portPool{}
	for range blocks {
		require.NoError(t, greedy.claim())
	}
	_, err := late.take()
	assert.ErrorContains(t, err, "all ports from 20000 to 31999 of 127.0.0.1 are taken, by links of other test processes (locks in ")
	for _, l := range greedy.locks {
		require.NoError(t, l.Unlock())
	}
	_, err = late.take()
	assert.NoError(t, err)
}

func TestCloseEndsConnectionsAndFreesThePort(t *testing.T) {
	_, l, s := both(t, inProcess)
	cut, delay := l.Sever(), l.Delay(Both, forever)
	heal(t, cut)
	client, server := connect(t, l, s)
	require.NoError(t, l.Close())
	closes(t, client)
	closes(t, server)
	// A fault that is undone late does not bring the link back.
	heal(t, delay)
	_, err := net.Dial("tcp", l.Address())
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.NoError(t, l.Close())

	_, l, s = both(t, inProcess)
	cut = l.Sever()
	require.NoError(t, l.Close())
	heal(t, cut)
	_, err = net.Dial("tcp", l.Address())
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.NoError(t, l.Retarget(s.address()))
	_, err = net.Dial("tcp", l.Address())
	assert.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestFaultSaysWhatItIs(t *testing.T) {
	st, l, _ := both(t, inProcess)
	before := st.Now()
	f := l.Delay(ServerToClient, 500*time.Millisecond)
	after := st.Now()
	assert.Equal(t, "delay 500ms server to client on orders", f.String())
	assert.Equal(t, 500*time.Millisecond, f.Delay)
	w := f.Window()
	assert.Equal(t, f.String(), w.Name)
	assert.True(t, before <= w.From && w.From <= after)
	assert.Equal(t, history.Open, w.To)
	heal(t, f)
	assert.True(t, after <= f.Window().To && f.Window().To <= st.Now())
	ended := f.Window()
	heal(t, f)
	assert.Equal(t, ended, f.Window())

	assert.Equal(t, "throttle 1000 B/s client to server on orders", l.Throttle(ClientToServer, 1000).String())
	assert.Equal(t, "drop both ways on orders", l.Drop(Both).String())
	assert.Equal(t, "reset on orders", l.Reset().String())
	assert.Equal(t, "sever on orders", l.Sever().String())
	assert.Equal(t, "direction 8", Direction(8).String())
}

// weaker is a wire that does half of what it is told.
type weaker struct{ place }

func (w weaker) Set(s wire.State) (wire.Report, error) {
	s.Effects = slices.Clone(s.Effects)
	for i := range s.Effects {
		s.Effects[i].Delay /= 2
		s.Effects[i].Rate *= 2
	}
	return w.place.Set(s)
}

func weak(l *Link) *Link {
	l.place = weaker{l.place}
	return l
}

// leaky is a wire that does nothing of what it is told, and measures.
type leaky struct{ place }

func (w leaky) Set(s wire.State) (wire.Report, error) {
	s.Effects = slices.Clone(s.Effects)
	for i := range s.Effects {
		s.Effects[i].Kind = wire.Throttles
		s.Effects[i].Rate = 1 << 30
	}
	return w.place.Set(s)
}

func leak(l *Link) *Link {
	l.place = leaky{l.place}
	return l
}

// What a link does to the bytes is measured, and not what it was told to do.
func TestNatureOfLinksFaults(t *testing.T) {
	for name, c := range map[string]struct {
		does  func(*Link) *Fault
		says  string
		fails string
	}{
		"delay":           {func(l *Link) *Fault { return l.Delay(Both, 60*time.Millisecond) }, "chunks of bytes were held, each for 6", ""},
		"half a delay":    {func(l *Link) *Fault { return weak(l).Delay(Both, 60*time.Millisecond) }, "", "one was held for "},
		"throttle":        {func(l *Link) *Fault { return l.Throttle(Both, 20_000) }, "bytes went through in", ""},
		"half a throttle": {func(l *Link) *Fault { return weak(l).Throttle(ClientToServer, 20_000) }, "", "bytes went through in"},
		"drop":            {func(l *Link) *Fault { return l.Drop(Both) }, "10000 bytes vanished, nothing went through", ""},
		"leaky drop":      {func(l *Link) *Fault { return leak(l).Drop(ServerToClient) }, "", "bytes went through"},
		"reset":           {(*Link).Reset, "1 connection was reset, nothing went through", ""},
		"leaky reset":     {func(l *Link) *Fault { return leak(l).Reset() }, "", "bytes went through"},
		"sever":           {(*Link).Sever, "1 connection was closed, nothing went through", ""},
		"leaky sever":     {func(l *Link) *Fault { return leak(l).Sever() }, "", "bytes went through"},
	} {
		t.Run(name, func(t *testing.T) {
			inBothPlaces(t, func(t *testing.T, in maker) {
				h, to := newHooks(), echo(t)
				l := in(t, h.Hooks, "wire", to)
				h.Links = func() []*Link { return []*Link{l} }
				conn := dial(t, l)
				bytes := make([]byte, 10_000)
				trip := func() error {
					if _, err := conn.Write(bytes); err != nil {
						return err
					}
					_, err := io.ReadFull(conn, bytes)
					return err
				}
				require.NoError(t, trip())
				f := c.does(l)
				said, err := f.Nature()
				require.NoError(t, err)
				require.Empty(t, said, "it is not over")
				if strings.HasSuffix(name, "drop") && c.fails == "" {
					require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
				}
				_ = trip()
				heal(t, f)
				said, err = f.Nature()
				if c.fails != "" {
					require.ErrorContains(t, err, c.fails)
					require.Equal(t, int64(10_000), f.Traffic()[l].Received)
					return
				}
				require.NoError(t, err)
				require.Contains(t, said, c.says)
			})
		})
	}

	st, l, _ := both(t, inProcess)
	st.Halved = true
	f := l.Delay(Both, 2*time.Millisecond)
	heal(t, f)
	said, err := f.Nature()
	require.NoError(t, err)
	require.Empty(t, said, "laws are to notice by themselves")
}

func TestTrafficOfAFault(t *testing.T) {
	inBothPlaces(t, func(t *testing.T, in maker) {
		st, l, s := both(t, in)
		other := in(t, st.Hooks, "other", s.address())
		st.Links = func() []*Link { return []*Link{l, other} }
		client, server := connect(t, l, s)
		works(t, client, server)
		f := l.Delay(Both, time.Millisecond)
		require.Empty(t, f.Traffic(), "it is not over")
		write(t, client, "to the server")
		arrives(t, server, "to the server")
		works(connectTo(t, l, s))
		heal(t, f)
		require.Equal(t, map[*Link]Traffic{l: {Connections: 1, Sent: 17, Received: 4}, other: {}}, f.Traffic())
		works(t, client, server)
		require.Equal(t, Traffic{Connections: 2, Sent: 25, Received: 12}, Use([]*Link{l})[l])
	})
	ps := NewProxies("links")
	require.Empty(t, Use([]*Link{ps.NewLink(newHooks().Hooks, "early", "server:1")}), "nobody waits for it")
}
