package image

import (
	"testing"
	"time"
	"os"
	"strings"

	"github.com/moby/moby/client"
)

func TestTmp(t *testing.T) {
	cli, err := client.New(client.FromEnv)
	if err != nil { t.Fatal(err) }
	Progress = os.Stdout
	for _, n := range strings.Split(os.Getenv("IMGS"), ",") {
		s := time.Now()
		b, err := Ensure(t.Context(), cli, Recipe(n))
		t.Log(n, b, err, time.Since(s))
	}
	t.Log(Names())
}
