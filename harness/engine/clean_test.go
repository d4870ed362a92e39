package engine

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeEngine speaks as much of the engine's API as is needed to list and remove, and remembers what it is asked. What takes
// everything away is not to be tried on an engine that others use.
type fakeEngine struct {
	host string

	mu         sync.Mutex
	containers map[string]map[string]string // by id, the labels
	networks   map[string]map[string]string
	answers    map[string][]answer // to "METHOD path", in turn
	silent     map[string]bool     // paths
	filters    []string
}

type answer struct {
	status  int
	message string
}

func newFakeEngine(t *testing.T) *fakeEngine {
	t.Helper()
	f := &fakeEngine{containers: map[string]map[string]string{}, networks: map[string]map[string]string{}, answers: map[string][]answer{}, silent: map[string]bool{}}
	quit := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if i := strings.Index(path[1:], "/"); strings.HasPrefix(path, "/v1.") && i > 0 {
			path = path[1+i:]
		}
		if f.silent[path] {
			<-quit
			return
		}
		f.serve(w, r.Method, path, r.URL.Query().Get("filters"))
	}))
	t.Cleanup(func() { close(quit); s.Close() })
	f.host = strings.Replace(s.URL, "http://", "tcp://", 1)
	return f
}

func (f *fakeEngine) serve(w http.ResponseWriter, method, path, filters string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Content-Type", "application/json")
	if next := f.answers[method+" "+path]; len(next) > 0 {
		f.answers[method+" "+path] = next[1:]
		w.WriteHeader(next[0].status)
		json.NewEncoder(w).Encode(map[string]string{"message": next[0].message})
		return
	}
	list := func(things map[string]map[string]string) (all []map[string]any) {
		f.filters = append(f.filters, filters)
		for id, labels := range things {
			all = append(all, map[string]any{"Id": id, "Labels": labels})
		}
		return all
	}
	kind, id, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch method + " " + kind {
	case "HEAD _ping", "GET _ping":
	case "GET containers":
		json.NewEncoder(w).Encode(list(f.containers))
	case "GET networks":
		json.NewEncoder(w).Encode(list(f.networks))
	case "GET volumes":
		json.NewEncoder(w).Encode(map[string]any{"Volumes": list(nil)})
	case "DELETE containers":
		delete(f.containers, id)
		w.WriteHeader(http.StatusNoContent)
	case "DELETE networks":
		delete(f.networks, id)
		w.WriteHeader(http.StatusNoContent)
	case "POST networks":
		f.networks["made"] = nil
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(map[string]string{"Id": "made"})
	default:
		w.WriteHeader(http.StatusNotImplemented)
	}
}

func (f *fakeEngine) client(t *testing.T) *client.Client {
	t.Helper()
	cli, err := newClient(f.host)
	require.NoError(t, err)
	t.Cleanup(func() { cli.Close() })
	return cli
}

func keys(m map[string]map[string]string) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}

func TestCleanTakesWhatIsDead(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	r, err := openRegistry()
	require.NoError(t, err)
	living, err := newOwner()
	require.NoError(t, err)
	t.Cleanup(func() { _ = living.lock.Close() })
	died, err := newOwner()
	require.NoError(t, err)
	require.NoError(t, died.lock.Close()) // as the kernel does when the process ends
	forgotten := &owner{id: "forgotten", home: r.home}
	elsewhere := &owner{id: died.id, home: "elsewhere:" + r.dir + ":WORD"}

	fill := func(f *fakeEngine) {
		f.containers = map[string]map[string]string{
			"living": living.labels(false), "living-keeps": living.labels(true), "dead": died.labels(false), "dead-kept": died.labels(true),
			"forgotten": forgotten.labels(false), "elsewhere": elsewhere.labels(false),
		}
		f.networks = map[string]map[string]string{"living": living.labels(false), "dead": died.labels(false)}
	}
	f := newFakeEngine(t)
	t.Setenv("DOCKER_HOST", f.host)

	fill(f)
	sweepDead(t.Context(), f.client(t), r)
	assert.ElementsMatch(t, []string{"living", "living-keeps", "dead-kept", "elsewhere"}, keys(f.containers), "a sweep")
	assert.ElementsMatch(t, []string{"living"}, keys(f.networks), "a sweep")
	assert.NoFileExists(t, filepath.Join(r.dir, died.id))
	assert.FileExists(t, filepath.Join(r.dir, living.id))

	fill(f)
	removed, err := Clean(t.Context(), false)
	require.NoError(t, err)
	assert.Equal(t, Removed{Containers: 3, Networks: 1}, removed)
	assert.ElementsMatch(t, []string{"living", "living-keeps", "elsewhere"}, keys(f.containers), "Clean")
	assert.ElementsMatch(t, []string{"living"}, keys(f.networks), "Clean")

	fill(f)
	removed, err = Clean(t.Context(), true)
	require.NoError(t, err)
	assert.Equal(t, Removed{Containers: 6, Networks: 2}, removed)
	assert.Empty(t, f.containers, "Clean of all")
	assert.Empty(t, f.networks, "Clean of all")
	assert.FileExists(t, filepath.Join(r.dir, living.id), "who lives goes on living")

	for _, filter := range f.filters {
		assert.JSONEq(t, `{"label": {"assay.owner": true}}`, filter, "nothing else is even looked at")
	}
}

func TestWhatCannotBeRemovedKeepsNothingElse(t *testing.T) {
	f := newFakeEngine(t)
	ours := map[string]string{labelOwner: "me"}
	f.containers = map[string]map[string]string{"stuck": ours, "fine": ours, "gone": ours, "going": ours}
	f.networks = map[string]map[string]string{"net": ours}
	f.answers = map[string][]answer{
		"DELETE /containers/stuck":     {{http.StatusInternalServerError, "driver failed to remove root filesystem"}},
		"DELETE /containers/gone":      {{http.StatusNotFound, "No such container"}},
		"DELETE /containers/going":     {{http.StatusConflict, "removal of container going is already in progress"}},
		"POST /containers/going/wait":  {{http.StatusNotFound, "No such container"}},
		"POST /containers/locked/wait": {{http.StatusInternalServerError, "no"}},
		"DELETE /containers/locked":    {{http.StatusConflict, "container locked is in use by a checkpoint"}},
	}
	removed, err := remove(t.Context(), f.client(t), ofOwner("me"), false)
	assert.Equal(t, Removed{Containers: 3, Networks: 1}, removed)
	assert.ErrorContains(t, err, "driver failed to remove root filesystem")
	assert.ErrorContains(t, removeContainer(t.Context(), f.client(t), "locked"), "in use by a checkpoint", "what stood in the way is told")
}

func TestNetworkIsMadeThoughSubnetsOverlap(t *testing.T) {
	f := newFakeEngine(t)
	e := &Engine{cli: f.client(t), owner: &owner{}}
	e.owning.Do(func() {})
	overlap := answer{http.StatusForbidden, "Pool overlaps with other one on this address space"}
	f.answers["POST /networks/create"] = []answer{overlap, overlap, overlap}
	n := e.BeginNetwork(t.Context(), "test")
	err := n.Made()
	require.NoError(t, err)
	assert.Equal(t, "made", n.id)

	f.answers["POST /networks/create"] = []answer{{http.StatusInternalServerError, "no space left on device"}}
	err = e.BeginNetwork(t.Context(), "test").Made()
	assert.ErrorContains(t, err, "make a network with subnet 10.")
	assert.ErrorContains(t, err, "docker system df")

	for range 100 {
		f.answers["POST /networks/create"] = append(f.answers["POST /networks/create"], overlap)
	}
	err = e.BeginNetwork(t.Context(), "test").Made()
	assert.ErrorContains(t, err, "Pool overlaps", "not for ever")
}

func TestRegistry(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	r, err := openRegistry()
	require.NoError(t, err)
	again, err := openRegistry()
	require.NoError(t, err)
	assert.Equal(t, r, again)
	host, err := os.Hostname()
	require.NoError(t, err)
	assert.Regexp(t, `^.+:.+:[A-Z2-7]{8}$`, r.home)
	assert.True(t, strings.HasPrefix(r.home, host+":"+r.dir+":"))

	assert.True(t, r.dead("never-was"))
	assert.NoFileExists(t, filepath.Join(r.dir, "never-was"), "asking leaves no trace")
	o, err := newOwner()
	require.NoError(t, err)
	assert.False(t, r.dead(o.id))
	require.NoError(t, r.forget())
	assert.False(t, r.dead(o.id))
	require.NoError(t, o.lock.Close())
	assert.True(t, r.dead(o.id))
	assert.FileExists(t, filepath.Join(r.dir, o.id))
	require.NoError(t, r.forget())
	assert.NoFileExists(t, filepath.Join(r.dir, o.id))
	assert.True(t, r.dead(o.id))
	assert.NoError(t, r.remove(o.id), "somebody else may have been faster")
}

// Owners are born while others sweep.
func TestNobodyIsForgottenAtBirth(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	r, err := openRegistry()
	require.NoError(t, err)
	stop := make(chan struct{})
	var sweepers, births sync.WaitGroup
	for range 3 {
		sweepers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					assert.NoError(t, r.forget())
				}
			}
		})
	}
	var mu sync.Mutex
	var owners []*owner
	for range 4 {
		births.Go(func() {
			for range 25 {
				o, err := newOwner()
				if !assert.NoError(t, err) {
					return
				}
				assert.False(t, r.dead(o.id))
				mu.Lock()
				owners = append(owners, o)
				mu.Unlock()
			}
		})
	}
	births.Wait()
	for _, o := range owners {
		assert.False(t, r.dead(o.id), "it is taken for dead")
	}
	close(stop)
	sweepers.Wait()
	for _, o := range owners {
		assert.FileExists(t, filepath.Join(r.dir, o.id))
		require.NoError(t, o.lock.Close())
	}
}
