package image

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Progress, when set, receives the lines that say what is being built, one write a line, instead of the terminal. Set
// it before the first [Ensure].
var Progress io.Writer

// terminal is where progress goes: go test keeps what a test binary prints until the package is done, and a build that
// nobody sees looks like a test that hangs. So the terminal itself, where there is one.
var terminal = sync.OnceValue(func() io.Writer {
	if tty, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
		return tty
	}
	return os.Stderr
})

func say(format string, args ...any) {
	out := Progress
	if out == nil {
		out = terminal()
	}
	_, _ = fmt.Fprintf(out, "assay: "+format+"\n", args...)
}

// soon is how long work that is mostly done at once may take before it is worth a line.
const soon = 2 * time.Second

// sayUnlessSoon says what takes its time, unless it is over soon; call over when it is.
func sayUnlessSoon(format string, args ...any) (over func()) {
	timer := time.AfterFunc(soon, func() { say(format, args...) })
	return func() { timer.Stop() }
}
