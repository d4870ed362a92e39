package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gofrs/flock"

	"assay/harness/internal/cache"
)

// The labels of everything that Assay makes in the engine.
const (
	labelOwner = "assay.owner" // the process that made it
	labelHome  = "assay.home"  // where that process's lock is: only who sees the lock may judge whether the owner lives
	labelKeep  = "assay.keep"  // ASSAY_KEEP: nobody but `assay clean` removes it
)

// newborn begins the name of a lock whose owner does not hold it yet.
const newborn = "new-"

// owner identifies this process to the engine. It lives as long as it holds the lock on a file of that name, so that others
// can tell a dead owner from a living one without trusting process numbers, which are used again.
type owner struct {
	id   string
	home string
	lock *flock.Flock
}

func newOwner() (*owner, error) {
	dir, home, err := ownersDir()
	if err != nil {
		return nil, err
	}
	id := strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.Itoa(os.Getpid())
	// Locked under another name first: between its creation and its lock, a sweep would take the file for a dead owner's.
	lock := flock.New(filepath.Join(dir, newborn+id))
	if err := lock.Lock(); err != nil {
		return nil, fmt.Errorf("lock %s, which tells other test processes that this one lives: %w", lock.Path(), err)
	}
	if err := os.Rename(lock.Path(), filepath.Join(dir, id)); err != nil {
		return nil, fmt.Errorf("name the lock that tells other test processes that this one lives: %w", err)
	}
	return &owner{id: id, home: home, lock: lock}, nil
}

// ownersDir returns the directory of the owners' locks and its name for the label: with the host, since an engine may serve
// containers that share paths and not files.
func ownersDir() (dir, home string, err error) {
	dir, err = cache.Dir("owners")
	if err != nil {
		return "", "", err
	}
	host, err := os.Hostname()
	if err != nil {
		return "", "", fmt.Errorf("name of this machine: %w", err)
	}
	return dir, host + ":" + dir, nil
}

// dead says whether the owner of that id, whose lock is in dir, has ended.
func dead(dir, id string) bool {
	path := filepath.Join(dir, id)
	if _, err := os.Stat(path); err != nil {
		return os.IsNotExist(err)
	}
	lock := flock.New(path)
	ok, err := lock.TryLock()
	if err != nil || !ok {
		return false
	}
	// The file goes with the owner's last container (sweep), not here: without the file the owner is dead all the same.
	_ = lock.Unlock()
	return true
}

func (o *owner) labels(keep bool) map[string]string {
	l := map[string]string{labelOwner: o.id, labelHome: o.home}
	if keep {
		l[labelKeep] = "1"
	}
	return l
}
