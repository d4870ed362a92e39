package engine

import (
	"net"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// The kernel's own table, with listeners of this test in it.
func TestListens(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Linux has the table")
	}
	for _, where := range []string{"127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"} {
		l, err := net.Listen("tcp", where)
		if err != nil {
			t.Logf("there is no %s here: %v", where, err)
			continue
		}
		t.Cleanup(func() { l.Close() })
		want := l.Addr().(*net.TCPAddr).AddrPort()
		require.Contains(t, (&Container{pid: os.Getpid()}).Listens(), want, where)
		require.NoError(t, l.Close())
		require.NotContains(t, (&Container{pid: os.Getpid()}).Listens(), want, where)
	}
	require.Empty(t, (&Container{}).Listens(), "one that is not in reach")
}
