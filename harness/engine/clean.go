package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Removed counts what a sweep removed.
type Removed struct{ Containers, Networks, Volumes int }

// Clean removes from the engine what dead test processes of this machine left, and what ASSAY_KEEP kept. With all it removes
// everything that Assay ever made there, also what running tests are using.
func Clean(ctx context.Context, all bool) (Removed, error) {
	cli, _, err := usual.dial(ctx, os.Getenv)
	if err != nil {
		return Removed{}, err
	}
	defer cli.Close()
	r, err := openRegistry()
	if err != nil {
		return Removed{}, err
	}
	match := ofDead(r)
	if all {
		match = func(map[string]string) bool { return true }
	}
	removed, err := remove(ctx, cli, match, true)
	return removed, errors.Join(err, r.forget())
}

// sweepDead removes what dead owners of this machine left, but not what they wanted kept.
func sweepDead(ctx context.Context, cli *client.Client, r *registry) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	// What does not go now may at the next start.
	if _, err := remove(ctx, cli, ofDead(r), false); err == nil {
		_ = r.forget()
	}
}

// matcher tells from its labels whether a thing in the engine is meant.
type matcher func(labels map[string]string) bool

func ofOwner(id string) matcher {
	return func(l map[string]string) bool { return l[labelOwner] == id }
}

func ofDead(r *registry) matcher {
	return func(l map[string]string) bool { return l[labelHome] == r.home && r.dead(l[labelOwner]) }
}

// remove takes away the containers, then the networks and volumes, that match; kept ones only on request. What cannot be
// removed keeps nothing else from being removed.
func remove(ctx context.Context, cli *client.Client, match matcher, kept bool) (removed Removed, err error) {
	ours := make(client.Filters).Add("label", labelOwner)
	meant := func(l map[string]string) bool { return match(l) && (kept || l[labelKeep] == "") }
	var errs []error

	var containers, networks, volumes []string
	if found, err := cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ours}); err != nil {
		errs = append(errs, fmt.Errorf("list containers: %w", err))
	} else {
		for _, c := range found.Items {
			if meant(c.Labels) {
				containers = append(containers, c.ID)
			}
		}
	}
	removed.Containers, err = each(containers, func(id string) error { return removeContainer(ctx, cli, id) })
	errs = append(errs, err)

	if found, err := cli.NetworkList(ctx, client.NetworkListOptions{Filters: ours}); err != nil {
		errs = append(errs, fmt.Errorf("list networks: %w", err))
	} else {
		for _, n := range found.Items {
			if meant(n.Labels) {
				networks = append(networks, n.ID)
			}
		}
	}
	removed.Networks, err = each(networks, func(id string) error { return removeNetwork(ctx, cli, id) })
	errs = append(errs, err)

	if found, err := cli.VolumeList(ctx, client.VolumeListOptions{Filters: ours}); err != nil {
		errs = append(errs, fmt.Errorf("list volumes: %w", err))
	} else {
		for _, v := range found.Items {
			if meant(v.Labels) {
				volumes = append(volumes, v.Name)
			}
		}
	}
	removed.Volumes, err = each(volumes, func(name string) error {
		_, err := cli.VolumeRemove(ctx, name, client.VolumeRemoveOptions{Force: true})
		return gone(err)
	})
	return removed, errors.Join(append(errs, err)...)
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
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, err := cli.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if !errdefs.IsConflict(err) {
		return gone(err)
	}
	wait := cli.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	select {
	case waiting := <-wait.Error:
		if gone(waiting) == nil {
			return nil
		}
		return err // what stood in the way
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
