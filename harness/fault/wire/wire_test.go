package wire

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A client may have been let in a moment before a cut, and be led on a moment after it: it finds the cut, as everybody.
func TestWhoWasLetInBeforeACutFindsIt(t *testing.T) {
	w, err := New("orders", "127.0.0.1:0")
	require.NoError(t, err)
	defer w.Close()
	to := echo(t)
	_, err = w.Set(State{Target: to})
	require.NoError(t, err)
	_, err = w.Set(State{Target: to, Effects: []Effect{{ID: 1, Kind: Severs, Way: Both}}})
	require.NoError(t, err)

	door, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer door.Close()
	client, err := net.Dial("tcp", door.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	in, err := door.Accept()
	require.NoError(t, err)
	w.now.Load().connect(in.(*net.TCPConn))
	require.NoError(t, client.SetDeadline(time.Now().Add(20*time.Second)))
	_, _ = client.Write([]byte("x"))
	_, err = client.Read(make([]byte, 1))
	require.Error(t, err)
	var timeout net.Error
	require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "it was led on: %v", err)

	r, err := w.Set(State{Target: to})
	require.NoError(t, err)
	require.Zero(t, r.Meters[1].Bytes, "nothing went through")
	require.Zero(t, r.Traffic.Connections)
}
