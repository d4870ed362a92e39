package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Removed counts what a sweep removed.
type Removed struct{ Containers, Networks, Volumes int }

func (r Removed) total() int { return r.Containers + r.Networks + r.Volumes }

// Clean removes from the engine what dead test processes of this machine left, and what ASSAY_KEEP kept. With all it removes
// everything that Assay ever made there, also what running tests are using.
func Clean(ctx context.Context, all bool) (Removed, error) {
	cli, _, err := dial(ctx, os.Getenv)
	if err != nil {
		return Removed{}, err
	}
	defer cli.Close()
	dir, home, err := ownersDir()
	if err != nil {
		return Removed{}, err
	}
	match := ofDead(dir, home)
	if all {
		match = func(map[string]string) bool { return true }
	}
	removed, err := remove(ctx, cli, match, true)
	if err == nil {
		err = forget(dir)
	}
	return removed, err
}

// forget removes the locks of dead owners.
func forget(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), newborn) && dead(dir, e.Name()) {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// sweepDead removes what dead owners of this machine left, but not what they wanted kept. Nobody waits for it.
func sweepDead(ctx context.Context, cli *client.Client, dir, home string) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := remove(ctx, cli, ofDead(dir, home), false); err == nil {
		_ = forget(dir)
	}
}

// matcher tells from its labels whether a thing in the engine is meant.
type matcher func(labels map[string]string) bool

func ofOwner(id string) matcher {
	return func(l map[string]string) bool { return l[labelOwner] == id }
}

func ofDead(dir, home string) matcher {
	return func(l map[string]string) bool { return l[labelHome] == home && dead(dir, l[labelOwner]) }
}

// remove takes away the containers, then the networks and volumes, that match; kept ones only on request.
func remove(ctx context.Context, cli *client.Client, match matcher, kept bool) (Removed, error) {
	mine := make(client.Filters).Add("label", labelOwner)
	meant := func(l map[string]string) bool { return match(l) && (kept || l[labelKeep] == "") }
	var removed Removed

	containers, err := cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: mine})
	if err != nil {
		return removed, fmt.Errorf("list containers: %w", err)
	}
	var ids []string
	for _, c := range containers.Items {
		if meant(c.Labels) {
			ids = append(ids, c.ID)
		}
	}
	removed.Containers, err = each(ids, func(id string) error { return removeContainer(ctx, cli, id) })
	if err != nil {
		return removed, fmt.Errorf("remove containers: %w", err)
	}

	networks, err := cli.NetworkList(ctx, client.NetworkListOptions{Filters: mine})
	if err != nil {
		return removed, fmt.Errorf("list networks: %w", err)
	}
	ids = nil
	for _, n := range networks.Items {
		if meant(n.Labels) {
			ids = append(ids, n.ID)
		}
	}
	removed.Networks, err = each(ids, func(id string) error { return removeNetwork(ctx, cli, id) })
	if err != nil {
		return removed, fmt.Errorf("remove networks: %w", err)
	}

	volumes, err := cli.VolumeList(ctx, client.VolumeListOptions{Filters: mine})
	if err != nil {
		return removed, fmt.Errorf("list volumes: %w", err)
	}
	ids = nil
	for _, v := range volumes.Items {
		if meant(v.Labels) {
			ids = append(ids, v.Name)
		}
	}
	removed.Volumes, err = each(ids, func(name string) error {
		_, err := cli.VolumeRemove(ctx, name, client.VolumeRemoveOptions{Force: true})
		return gone(err)
	})
	if err != nil {
		return removed, fmt.Errorf("remove volumes: %w", err)
	}
	return removed, nil
}

// each does it for all ids at once and counts those for which it went well.
func each(ids []string, do func(string) error) (int, error) {
	errs := make([]error, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() { errs[i] = do(id) })
	}
	wg.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
		}
	}
	return done, errors.Join(errs...)
}

// removeContainer kills and removes a container with its anonymous volumes, and returns when it is gone, also where somebody
// else (the reaper, a sweep) is removing it at the same time.
func removeContainer(ctx context.Context, cli *client.Client, id string) error {
	_, err := cli.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if !errdefs.IsConflict(err) {
		return gone(err)
	}
	wait := cli.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	select {
	case err := <-wait.Error:
		return gone(err)
	case <-wait.Result:
		return nil
	}
}

func removeNetwork(ctx context.Context, cli *client.Client, id string) error {
	_, err := cli.NetworkRemove(ctx, id, client.NetworkRemoveOptions{})
	return gone(err)
}

// gone takes "there is no such thing" for success.
func gone(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}
