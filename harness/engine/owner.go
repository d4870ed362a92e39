package engine

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"assay/harness/internal/cache"
)

// The labels of everything that Assay makes in the engine.
const (
	labelOwner = "assay.owner" // the process that made it
	labelHome  = "assay.home"  // the registry of that process: only who sees its lock may judge whether it lives
	labelKeep  = "assay.keep"  // ASSAY_KEEP: nobody but `assay clean` removes it
)

// registry is the directory in which every owner on this machine holds a lock, by the owner's id. Names that begin with a dot
// are the registry's own.
type registry struct {
	dir  string
	home string // its name in labels
}

// openRegistry returns this user's registry. Its name has the host, the path and a word drawn for it: an engine may serve
// containers that share the first two and not the files.
func openRegistry() (*registry, error) {
	dir, err := cache.Dir("owners")
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name of this machine: %w", err)
	}
	r := &registry{dir: dir}
	return r, r.alone(func() error {
		path := filepath.Join(dir, ".word")
		word, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			word = []byte(rand.Text()[:8])
			err = os.WriteFile(path, word, 0o600)
		}
		r.home = fmt.Sprintf("%s:%s:%s", host, dir, word)
		return err
	})
}

// alone does what no other process may do at the same time.
func (r *registry) alone(do func() error) error {
	gate := flock.New(filepath.Join(r.dir, ".gate"))
	if err := gate.Lock(); err != nil {
		return fmt.Errorf("lock %s against other test processes: %w", gate.Path(), err)
	}
	return errors.Join(do(), gate.Close())
}

// owner identifies this process to the engine. It lives as long as it holds the lock on a file of that name, so that others
// can tell a dead owner from a living one without trusting process numbers, which are used again.
type owner struct {
	id   string
	home string
	lock *flock.Flock
}

func newOwner() (*owner, error) {
	r, err := openRegistry()
	if err != nil {
		return nil, err
	}
	id := strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.Itoa(os.Getpid())
	o := &owner{id: id, home: r.home, lock: flock.New(filepath.Join(r.dir, id))}
	// Alone: between the file's creation and its lock, forget would take it for a dead owner's.
	if err := r.alone(o.lock.Lock); err != nil {
		return nil, fmt.Errorf("tell other test processes that this one lives: %w", err)
	}
	return o, nil
}

func (o *owner) labels(keep bool) map[string]string {
	l := map[string]string{labelOwner: o.id, labelHome: o.home}
	if keep {
		l[labelKeep] = "1"
	}
	return l
}

// dead says whether the owner of that id has ended. It has where there is no file: the file goes before the owner's things
// only when the owner is dead.
func (r *registry) dead(id string) bool {
	lock := flock.New(filepath.Join(r.dir, id), flock.SetFlag(os.O_RDONLY)) // not to be created here
	// Shared: several processes may ask about an owner at once, and none must take another for the owner.
	ok, err := lock.TryRLock()
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	_ = lock.Close()
	return ok
}

// forget removes the files of dead owners.
func (r *registry) forget() error {
	return r.alone(func() error {
		entries, err := os.ReadDir(r.dir)
		if err != nil {
			return err
		}
		var errs []error
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") && r.dead(e.Name()) {
				errs = append(errs, r.remove(e.Name()))
			}
		}
		return errors.Join(errs...)
	})
}

// remove removes an owner's file, which somebody else may have done.
func (r *registry) remove(id string) error {
	if err := os.Remove(filepath.Join(r.dir, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
