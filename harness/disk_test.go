package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/engine"
	"assay/harness/evidence"
	"assay/harness/fault"
	"assay/harness/history"
)

// writer writes files to the disk of a server that does nothing else.
type writer struct {
	*history.Client
	*Node
	shell *engine.Shell // nil where there is none
}

func newWriter(e *Env, disk string) *writer {
	n := e.Start(Container{Name: "server", Image: ImageOf("base"), Command: []string{"sleep", "infinity"}, Ports: []int{80}, Disk: disk, DiskSize: 64 << 20})
	n.Ready()
	w := &writer{Client: e.Client("writer", n.Direct()), Node: n}
	// The engine takes long to open a shell, which is no part of a write.
	e.Require(w.run(e.ctx, ":"), "open a shell")
	return w
}

// write is one operation: a file with a line in it, which is synced, or left to the page cache.
func (w *writer) write(name string, synced bool) error {
	script := fmt.Sprintf("cd /data && /bin/echo 1 >%s", name)
	if synced {
		script += fmt.Sprintf(" && sync %s .", name)
	}
	op := w.Begin(history.Write, name, 1)
	ctx, cancel := context.WithTimeout(w.env.ctx, 20*time.Second)
	defer cancel()
	err := w.run(ctx, script)
	if err != nil {
		op.End(history.Unknown, err)
		return err
	}
	op.End(history.OK, nil)
	return nil
}

func (w *writer) run(ctx context.Context, script string) (err error) {
	if w.shell == nil {
		if w.shell, err = w.container.Shell(ctx); err != nil {
			w.shell = nil
			return err
		}
	}
	if _, err = w.shell.Run(ctx, script); err != nil {
		err = errors.Join(err, w.shell.Close())
		w.shell = nil
	}
	return err
}

func (w *writer) files() []string {
	return strings.Fields(w.Exec("bash", "-c", "cd /data; grep -l 1 *"))
}

// underFault writes before, under and after a fault.
func underFault(t *testing.T, e *Env, disk string, inject func(*writer) *fault.Fault, seen func(w *writer, err error)) {
	t.Helper()
	w := newWriter(e, disk)
	e.Step("calm")
	require.NoError(t, w.write("synced", true))
	require.NoError(t, w.write("written", false))
	e.Calm(good)
	e.Step("fault")
	f := inject(w)
	err := w.write("more", true)
	e.Heal(f)
	e.Await("it takes writes", func() error { return w.write("after", true) })
	e.Step("verdict")
	seen(w, err)
	e.Contrast("nothing is lost", good, forgetful)
}

func TestPowerCut(t *testing.T) {
	inject := func(w *writer) *fault.Fault { return w.PowerCut() }
	r := withEngine(t, func(e *Env) {
		underFault(t, e, "/data", inject, func(w *writer, err error) {
			require.Error(t, err)
			require.Equal(t, []string{"after", "synced"}, w.files(), "what was written and not synced is gone")
		})
	})
	require.Empty(t, r.errors)
	f := r.record(t).Faults[0]
	require.Equal(t, []string{"writer: 1 unknown"}, f.Witnesses)
	require.Equal(t, "restart", f.Undo)

	t.Run("control: a kill is none", func(t *testing.T) {
		r := withEngine(t, func(e *Env) {
			underFault(t, e, "/data", func(w *writer) *fault.Fault { return w.Kill() }, func(w *writer, _ error) {
				require.Equal(t, []string{"after", "synced", "written"}, w.files())
			})
		})
		require.Empty(t, r.errors)
	})
	t.Run("sabotaged", func(t *testing.T) {
		t.Setenv("ASSAY_SABOTAGE", "faults")
		r := withEngine(t, func(e *Env) {
			underFault(t, e, "/data", inject, func(w *writer, err error) {
				require.NoError(t, err)
				require.Equal(t, []string{"after", "more", "synced", "written"}, w.files())
			})
		})
		r.failedWith(t, evidence.Vacuous, "nobody felt power cut on server")
	})
	t.Run("without a disk", func(t *testing.T) {
		r := withEngine(t, func(e *Env) {
			n := e.Start(small("server"))
			n.Ready()
			n.PowerCut()
		})
		r.failedWith(t, evidence.Broken, "inject power cut on server: server has no disk of its own: say in its Container at which path it is to have one (Disk)")
	})
}

func TestFullDisk(t *testing.T) {
	inject := func(w *writer) *fault.Fault { return w.Disk().Fill() }
	r := withEngine(t, func(e *Env) {
		underFault(t, e, "/data", inject, func(w *writer, err error) {
			require.ErrorContains(t, err, "No space left on device")
			require.Equal(t, []string{"after", "synced", "written"}, w.files())
		})
	})
	require.Empty(t, r.errors)
	require.Equal(t, []string{"writer: 1 unknown"}, r.record(t).Faults[0].Witnesses)

	t.Run("never healed", func(t *testing.T) {
		r := withEngine(t, func(e *Env) {
			w := newWriter(e, "/data")
			e.Calm(good)
			inject(w)
			_ = w.write("more", true)
			e.Contrast("nothing is lost", good, forgetful)
		})
		r.failedWith(t, evidence.Unhealed, "full disk on server was not undone")
	})
}

// What a server may end of is no death that anybody mourns; anything else is one.
func TestServerThatEndsByItself(t *testing.T) {
	// It will not go on without what it had written, nor without space.
	const script = `cd /data; if [ -e synced ] && ! [ -e written ]; then exit 3; fi
		echo 1 >synced; sync synced .; echo 1 >written
		while ! [ -e stop ] && printf %01000d 1 >>log; do sleep 0.01; done; exit 4`
	server := func(e *Env) (*Node, func(string)) {
		n := e.Start(Container{Name: "server", Image: ImageOf("base"), Command: []string{"bash", "-c", script}, Ports: []int{80}, Disk: "/data", DiskSize: 64 << 20,
			Ready: func(context.Context, string) error { return nil }})
		n.Ready()
		sh := func(script string) { n.Exec("bash", "-c", "cd /data; "+script) }
		sh("until [ -s log ]; do sleep 0.01; done")
		require.Error(t, n.Ended())
		return n, sh
	}
	mourned := func(r ran) string { return strings.Join(r.errors, "\n") } // and that nobody felt the fault
	t.Run("after a power cut", func(t *testing.T) {
		require.NotContains(t, mourned(withEngine(t, func(e *Env) {
			n, _ := server(e)
			e.Heal(n.PowerCut())
			e.Await("it has ended", n.Ended)
			require.Error(t, n.OutOfMemory())
			e.Step("go on")
			n.Restart()
			e.Await("it has ended again", n.Ended)
		})), evidence.Died)
	})
	t.Run("of a full disk", func(t *testing.T) {
		require.NotContains(t, mourned(withEngine(t, func(e *Env) {
			n, _ := server(e)
			full := n.Disk().Fill()
			e.Await("it has ended", n.Ended)
			e.Heal(full)
			n.Restart()
			require.Error(t, n.Ended())
			e.Await("it is back", n.Answers)
			e.Step("go on")
		})), evidence.Died)
	})
	t.Run("after a kill", func(t *testing.T) {
		require.Contains(t, mourned(withEngine(t, func(e *Env) {
			n, sh := server(e)
			sh("rm written")
			e.Heal(n.Kill())
			e.Await("never", n.Ended)
		})), "died: container server ended by itself with status 3")
	})
	t.Run("after a power cut, when it has answered", func(t *testing.T) {
		require.Contains(t, mourned(withEngine(t, func(e *Env) {
			n, sh := server(e)
			sh("sync -f .")
			e.Heal(n.PowerCut())
			e.Await("it is back", n.Answers)
			sh("touch stop")
			e.Await("never", n.Ended)
		})), "died: container server ended by itself with status 4")
	})
}

func TestSlowDisk(t *testing.T) {
	const every = time.Second
	inject := func(w *writer) *fault.Fault { return w.Disk().Slow(every) }
	var faulty time.Duration
	r := withEngine(t, func(e *Env) {
		underFault(t, e, "/data", inject, func(w *writer, err error) {
			require.NoError(t, err)
			ops := w.History()
			faulty = ops[2].End - ops[2].Start
		})
	})
	require.Empty(t, r.errors)
	require.Equal(t, []string{"writer: 1 slowed down"}, r.record(t).Faults[0].Witnesses)
	require.Greater(t, faulty, every, "a synced file takes several accesses")
}
