package image

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWorkIsDoneOnceForAllWhoAsk(t *testing.T) {
	for name, result := range map[string]error{"success": nil, "failure": errors.New("no such step")} {
		t.Run(name, func(t *testing.T) {
			var f flights
			var works atomic.Int32
			var asking sync.WaitGroup
			for range 16 {
				asking.Go(func() {
					built, err := f.do(t.Context(), flight{src: Recipe("nats")}, func() (Built, error) {
						works.Add(1)
						return Built{ID: "sha256:1"}, result
					})
					assert.Equal(t, result, err)
					assert.Equal(t, "sha256:1", built.ID)
				})
			}
			asking.Wait()
			assert.EqualValues(t, 1, works.Load())
		})
	}
}

func TestWorkOfACallerWhoGaveUpIsDoneByTheNext(t *testing.T) {
	var f flights
	key := flight{src: Recipe("nats")}
	first, giveUp := context.WithCancel(t.Context())
	started, gaveUp := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gaveUp)
		_, err := f.do(first, key, func() (Built, error) {
			close(started)
			<-first.Done()
			return Built{}, first.Err()
		})
		assert.ErrorIs(t, err, context.Canceled)
	}()
	<-started

	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.do(impatient, key, nil)
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "waiting for image nats")

	giveUp()
	built, err := f.do(t.Context(), key, func() (Built, error) { return Built{ID: "sha256:2"}, nil })
	require.NoError(t, err)
	assert.Equal(t, "sha256:2", built.ID)
	<-gaveUp
}

func TestWaitingForAnotherProcessCanBeCancelled(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	said := capture(t)
	r := &recipe{name: "nats", hash: "0123456789ab"}
	unlock, err := lock(t.Context(), r)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = lock(ctx, r)
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorContains(t, err, "lock image nats between processes")
	assert.Contains(t, said.String(), "assay: waiting for another process that is building image nats\n")

	unlock()
	unlock, err = lock(t.Context(), r)
	require.NoError(t, err)
	unlock()
}

func TestWithoutAHomeWorkGoesAmongTheTemporaryFiles(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	t.Setenv("TMPDIR", t.TempDir())
	dir, err := workDir("nats")
	require.NoError(t, err)
	assert.Contains(t, dir, "assay-")
}
