package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
)

// registryPatience is how long a registry may say nothing at all before it counts as not there. A slow download keeps
// talking, and may take its time.
const registryPatience = 20 * time.Second

// pull has the engine fetch an image, and gives up once it has heard nothing of it for as long as patience lasts.
func pull(ctx context.Context, cli *client.Client, ref string, patience time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(patience, func() {
		cancel(fmt.Errorf("the registry has not answered for %s", patience))
	})
	defer silence.Stop()
	response, err := cli.ImagePull(ctx, ref, client.ImagePullOptions{})
	if err == nil {
		err = follow(ctx, response, func(jsonstream.Message) { silence.Reset(patience) })
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// follow reads what the engine reports about a long operation, to its end, and closes it. An operation that fails
// says so in a message; the HTTP status was fine.
func follow(ctx context.Context, body io.ReadCloser, each func(jsonstream.Message)) error {
	defer body.Close()
	defer context.AfterFunc(ctx, func() { _ = body.Close() })()
	messages := json.NewDecoder(body)
	for {
		var message jsonstream.Message
		if err := messages.Decode(&message); errors.Is(err, io.EOF) {
			return ctx.Err()
		} else if err != nil {
			return fmt.Errorf("read the engine's report: %w", err)
		}
		if message.Error != nil {
			return message.Error
		}
		each(message)
	}
}
