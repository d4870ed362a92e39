package engine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// Shell is a shell that stays open in a container. What it is told begins within a millisecond or two; an Exec takes the engine
// fifty to a hundred, which for a fault would be most of its window.
type Shell struct {
	in string // the container's name

	mu     sync.Mutex
	conn   client.HijackedResponse
	output *bufio.Reader
	broken error
}

// Shell opens a shell (sh, which the image must have) in the running container. It ends with the container, or by Close.
func (c *Container) Shell(ctx context.Context) (*Shell, error) {
	made, err := c.engine.cli.ExecCreate(ctx, c.id, client.ExecCreateOptions{Cmd: []string{"sh"}, AttachStdin: true, AttachStdout: true, AttachStderr: true})
	var attached client.ExecAttachResult
	if err == nil {
		attached, err = c.engine.cli.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	}
	if err != nil {
		return nil, fmt.Errorf("open a shell in %s: %w", c.Name, explain(err))
	}
	read, write := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(write, write, attached.Reader)
		write.CloseWithError(errors.Join(errors.New("the shell has ended"), err))
	}()
	s := &Shell{in: c.Name, conn: attached.HijackedResponse, output: bufio.NewReader(read)}
	if _, err := s.Run(ctx, ":"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// endOfRun comes before the status of what was run. Nothing that is run here writes such a byte.
const endOfRun = '\001'

// Run runs a script, in a subshell with nothing to read, and returns what it wrote, both streams; an exit status other than 0 is an
// error that carries it. Runs wait for each other. A shell whose run was given up, because ctx ended, is of no more use.
func (s *Shell) Run(ctx context.Context, script string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return "", s.broken
	}
	// Whoever waits for an answer is woken when ctx ends.
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Conn.SetDeadline(time.Now()) })
	text, status, err := s.run(script)
	if !stop() && err == nil {
		err = ctx.Err() // the deadline is set, so the shell cannot be used again
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		s.broken = fmt.Errorf("the shell in %s is of no more use: %w", s.in, err)
		s.conn.Close()
		return text, fmt.Errorf("run %q in %s: %w", script, s.in, err)
	}
	if status != 0 {
		return text, fmt.Errorf("run %q in %s: exit status %d: %s", script, s.in, status, strings.TrimSpace(text))
	}
	return text, nil
}

func (s *Shell) run(script string) (text string, status int, err error) {
	if _, err := fmt.Fprintf(s.conn.Conn, "(\n%s\n) </dev/null 2>&1; printf '\\001%%d\\n' $?\n", script); err != nil {
		return "", 0, err
	}
	said, err := s.output.ReadBytes(endOfRun)
	text = string(bytes.TrimSuffix(said, []byte{endOfRun}))
	if err != nil {
		return text, 0, err
	}
	line, err := s.output.ReadString('\n')
	if err != nil {
		return text, 0, err
	}
	status, err = strconv.Atoi(strings.TrimSpace(line))
	return text, status, err
}

// Close ends the shell.
func (s *Shell) Close() error {
	s.conn.Close()
	return nil
}
