package image

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mark is a label of one test's own, by which everything it has the engine make is found again.
func mark(t *testing.T) string {
	return fmt.Sprintf("assay.test=%s-%d", strings.ToLower(t.Name()), time.Now().UnixNano())
}

// engine is a client of the engine; what carries the mark is removed in the end.
func engine(t *testing.T, mark string) *client.Client {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the Docker engine, which -short leaves out")
	}
	cli, err := client.New(client.FromEnv)
	require.NoError(t, err)
	t.Cleanup(func() {
		found, err := cli.ImageList(context.Background(), client.ImageListOptions{All: true, Filters: client.Filters{}.Add("label", mark)})
		require.NoError(t, err)
		for _, image := range found.Items {
			// One that goes with another is fine.
			_, _ = cli.ImageRemove(context.Background(), image.ID, client.ImageRemoveOptions{Force: true, PruneChildren: true})
		}
		left, err := cli.ImageList(context.Background(), client.ImageListOptions{All: true, Filters: client.Filters{}.Add("label", mark)})
		require.NoError(t, err)
		assert.Empty(t, left.Items, "images left by this test")
		require.NoError(t, cli.Close())
	})
	return cli
}

// aside keeps the locks of a test's images out of the user's cache. The base's lock must be the one that other processes
// take, so ask for the base before.
func aside(t *testing.T) { t.Setenv("XDG_CACHE_HOME", t.TempDir()) }

// capture collects what is said while a test runs.
func capture(t *testing.T) *lockedBuffer {
	t.Helper()
	out := &lockedBuffer{}
	before := Progress
	t.Cleanup(func() { Progress = before })
	Progress = out
	return out
}

// lockedBuffer is a buffer that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func dockerfile(mark string, lines ...string) string {
	label, value, _ := strings.Cut(mark, "=")
	return lines[0] + "\nLABEL " + label + "=" + value + "\n" + strings.Join(lines[1:], "\n") + "\n"
}

// base is the reference of Assay's Debian, built if need be, and kept: it is no image of a test's.
func base(t *testing.T, cli *client.Client) string {
	t.Helper()
	built, err := Ensure(t.Context(), cli, Recipe("base"))
	require.NoError(t, err)
	return built.Ref
}

func TestImageIsBuiltOnFirstUseAndQuietlyReusedAfter(t *testing.T) {
	mark := mark(t)
	cli, said := engine(t, mark), capture(t)
	aside(t)
	src := Dir("test-reuse", write(t, map[string]string{"Dockerfile": dockerfile(mark, "FROM scratch", "COPY hello /hello"), "hello": mark}))
	t.Cleanup(func() { named.dirs = nil })

	built, err := Ensure(t.Context(), cli, src)
	require.NoError(t, err)
	assert.Equal(t, "test-reuse", built.Name)
	assert.Regexp(t, `^assay/test-reuse:[0-9a-f]{12}$`, built.Ref)
	assert.Regexp(t, `^sha256:[0-9a-f]{64}$`, built.ID)
	assert.False(t, built.Overridden)
	assert.Regexp(t, `^assay: building image test-reuse \(first use\)\nassay: image test-reuse built in .*s\n$`, said.String())
	shown, err := cli.ImageInspect(t.Context(), built.Ref)
	require.NoError(t, err)
	assert.Equal(t, "test-reuse", shown.Config.Labels["assay.recipe"])

	said = capture(t)
	ensured = flights{} // as in a new process
	again, err := Ensure(t.Context(), cli, src)
	require.NoError(t, err)
	assert.Equal(t, built, again)
	assert.Empty(t, said.String())

	t.Setenv("ASSAY_IMAGE_TEST_REUSE", built.Ref)
	replaced, err := Ensure(t.Context(), cli, src)
	require.NoError(t, err)
	assert.Equal(t, Built{Name: "test-reuse", Ref: built.Ref, ID: built.ID, Overridden: true}, replaced)

	byRef, err := Ensure(t.Context(), cli, Ref(built.Ref))
	require.NoError(t, err)
	assert.Equal(t, Built{Name: built.Ref, Ref: built.Ref, ID: built.ID}, byRef)
}

func TestReplacementThatCannotBeHadNamesVariableReferenceAndAnswer(t *testing.T) {
	cli := engine(t, mark(t))
	capture(t)
	t.Setenv("ASSAY_IMAGE_NATS", "127.0.0.1:1/my/nats:1")
	_, err := Ensure(t.Context(), cli, Recipe("nats"))
	assert.ErrorContains(t, err, "ASSAY_IMAGE_NATS=127.0.0.1:1/my/nats:1: the engine does not have it and cannot pull it: ")
	assert.ErrorContains(t, err, "connection refused")

	t.Setenv("ASSAY_IMAGE_NATS", "My NATS")
	_, err = Ensure(t.Context(), cli, Recipe("nats"))
	assert.ErrorContains(t, err, "ASSAY_IMAGE_NATS=My NATS: not an image reference: ")
}

func TestFailedStepIsShownWithItsLog(t *testing.T) {
	mark := mark(t)
	cli := engine(t, mark)
	capture(t)
	dir := write(t, map[string]string{"Dockerfile": dockerfile(mark, "FROM "+base(t, cli), "RUN echo making it; echo it is broken >&2; exit 3")})
	aside(t)
	_, err := Ensure(t.Context(), cli, Source{Name: "test-fails", Dir: dir})
	require.Error(t, err)
	for _, want := range []string{
		"build image test-fails: recipe " + dir + "/Dockerfile: Step 3/4 : RUN echo making it;", "returned a non-zero code: 3",
		"the last lines of its log:", "\tmaking it\n", "\tit is broken\n", "mend the recipe, or set ASSAY_IMAGE_TEST_FAILS to an image that you have",
	} {
		assert.ErrorContains(t, err, want)
	}
	_, again := Ensure(t.Context(), cli, Source{Name: "test-fails", Dir: dir})
	assert.Equal(t, err, again, "the failure holds for the process")
}

func TestServerOfOnesOwnIsCompiledForTheEngineAndStandsOnTheBase(t *testing.T) {
	mark := mark(t)
	cli := engine(t, mark)
	said := capture(t)
	on := base(t, cli)
	compiles(t)
	aside(t)
	dir := write(t, map[string]string{
		"go.mod":     "module test.example\n\ngo 1.26\n",
		"main.go":    "package main\n\nfunc main() {}\n",
		"Dockerfile": dockerfile(mark, "# assay:go . server\n"+baseArg+"\nFROM ${BASE}", "COPY server /server", `RUN ["/server"]`),
	})
	src := Dir("test-own", dir)
	t.Cleanup(func() { named.dirs = nil })
	built, err := Ensure(t.Context(), cli, src)
	require.NoError(t, err)
	assert.Contains(t, said.String(), "assay: image test-own built in ")
	image, err := cli.ImageInspect(t.Context(), built.Ref)
	require.NoError(t, err)
	below, err := cli.ImageInspect(t.Context(), on)
	require.NoError(t, err)
	assert.Equal(t, below.RootFS.Layers, image.RootFS.Layers[:len(below.RootFS.Layers)])

	said = capture(t)
	ensured = flights{} // as in a new process
	again, err := Ensure(t.Context(), cli, src)
	require.NoError(t, err)
	assert.Equal(t, built, again)
	assert.Empty(t, said.String())
	left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "assay", "build", "*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestMissingFileNamesTheStep(t *testing.T) {
	mark := mark(t)
	cli := engine(t, mark)
	capture(t)
	dir := write(t, map[string]string{"Dockerfile": dockerfile(mark, "FROM scratch", "COPY server /server")})
	aside(t)
	_, err := Ensure(t.Context(), cli, Source{Name: "test-missing", Dir: dir})
	assert.ErrorContains(t, err, "Step 3/4 : COPY server /server: COPY failed: ")
}

func TestCancelledBuildLeavesNoContainer(t *testing.T) {
	mark := mark(t)
	cli, said := engine(t, mark), capture(t)
	dir := write(t, map[string]string{"Dockerfile": dockerfile(mark, "FROM "+base(t, cli), "RUN exec tail -f /dev/null")})
	aside(t)
	containers := func(status ...string) int {
		found, err := cli.ContainerList(context.Background(), client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", mark).Add("status", status...)})
		require.NoError(t, err)
		return len(found.Items)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		_, err := Ensure(ctx, cli, Source{Name: "test-cancel", Dir: dir})
		failed <- err
	}()
	require.Eventually(t, func() bool { return containers("running") == 1 }, 20*time.Second, 20*time.Millisecond, "the step runs")
	cancel()
	err := <-failed
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "build image test-cancel: Step 3/4 : RUN exec tail -f /dev/null")
	require.Eventually(t, func() bool { return containers() == 0 }, 20*time.Second, 20*time.Millisecond, "the step's container is gone")
	assert.Contains(t, said.String(), "building image test-cancel (first use; step 3/4: RUN exec tail -f /dev/null)")
}

// The next test runs this binary again, as two processes that need the same image at the same time.
const childVariable = "ASSAY_TEST_ENSURE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		os.Exit(ensureInChild(dir))
	}
	os.Exit(m.Run())
}

func ensureInChild(dir string) int {
	Progress = os.Stdout
	cli, err := client.New(client.FromEnv)
	if err == nil {
		var built Built
		if built, err = Ensure(context.Background(), cli, Dir("test-once", dir)); err == nil {
			fmt.Println("got", built.ID)
			return 0
		}
	}
	fmt.Println(err)
	return 1
}

func TestProcessesSideBySideBuildAnImageOnce(t *testing.T) {
	mark := mark(t)
	cli := engine(t, mark)
	dir := write(t, map[string]string{"Dockerfile": dockerfile(mark, "FROM scratch", "COPY hello /hello"), "hello": mark})
	aside(t)
	self, err := os.Executable()
	require.NoError(t, err)
	// Holding the lock, this process sees to it that both are about to build when it lets them.
	arch, err := targetOf(t.Context(), cli)
	require.NoError(t, err)
	r, err := load(Source{Name: "test-once", Dir: dir}, arch)
	require.NoError(t, err)
	unlock, err := lock(t.Context(), r)
	require.NoError(t, err)

	type child struct {
		cmd *exec.Cmd
		out lockedBuffer
	}
	children := [2]child{}
	for i := range children {
		c := &children[i]
		c.cmd = exec.CommandContext(t.Context(), self)
		c.cmd.Env = append(os.Environ(), childVariable+"="+dir)
		c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
		require.NoError(t, c.cmd.Start())
	}
	for i := range children {
		require.Eventually(t, func() bool { return strings.Contains(children[i].out.String(), "waiting for another process") }, 20*time.Second, 10*time.Millisecond)
	}
	unlock()
	var all string
	for i := range children {
		assert.NoError(t, children[i].cmd.Wait())
		all += children[i].out.String()
	}
	assert.Equal(t, 1, strings.Count(all, "image test-once built in"), all)
	assert.Equal(t, 2, strings.Count(all, "got sha256:"), all)
}
