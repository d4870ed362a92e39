package image

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pullFrom pulls from an engine whose answer to that is given.
func pullFrom(t *testing.T, patience time.Duration, answer http.HandlerFunc) error {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	cli, err := client.New(client.WithHost("tcp://"+server.Listener.Addr().String()), client.WithAPIVersion("1.41"))
	require.NoError(t, err)
	return pull(t.Context(), cli, "redis:8", patience)
}

func TestSilentRegistryIsGivenUp(t *testing.T) {
	err := pullFrom(t, 50*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	assert.EqualError(t, err, "the registry has not answered for 50ms")

	err = pullFrom(t, 50*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"status":"Pulling from library/redis"}`))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	assert.EqualError(t, err, "the registry has not answered for 50ms", "it began to answer")
}

func TestPullFailsWithTheEnginesAnswer(t *testing.T) {
	err := pullFrom(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status":"Pulling from library/redis"}{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}`))
	})
	assert.EqualError(t, err, "manifest unknown")
	assert.NoError(t, pullFrom(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"status":"done"}`)) }))
}
