package debian

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"pault.ag/go/debian/deb"
)

// Archive is a Debian mirror, and what to take from it.
type Archive struct {
	Mirror string // e.g. http://mirror.example.org/debian
	Suite  string // its codename
	Arch   string // GOARCH
	Keys   []byte // the archive's public keys, armored
}

const (
	// fetchers is how many packages are fetched at once: enough to hide round trips, few enough for any mirror.
	fetchers = 4
	// attempts is how often a file is asked for before its failure counts.
	attempts = 3
	// headerPatience and filePatience bound one attempt: a mirror that does not answer, and one that trickles.
	headerPatience = 20 * time.Second
	filePatience   = 5 * time.Minute
	// releaseLimit bounds the one file whose size nobody has vouched for.
	releaseLimit = 4 << 20
)

// arches are the names that Debian gives to Go's architectures where they differ.
var arches = map[string]string{"386": "i386", "arm": "armhf", "ppc64le": "ppc64el"}

// Fetch gets and verifies the essential packages and apt.
func (a Archive) Fetch(ctx context.Context) (Root, error) {
	arch := a.Arch
	if renamed, ok := arches[arch]; ok {
		arch = renamed
	}
	dists := strings.TrimSuffix(a.Mirror, "/") + "/dists/" + a.Suite + "/"
	signed, err := retry(ctx, dists+"InRelease", func(ctx context.Context) ([]byte, error) {
		return fetch(ctx, dists+"InRelease", releaseLimit)
	})
	if err != nil {
		return Root{}, err
	}
	r, err := openRelease(signed, a.Keys, a.Suite, time.Now())
	if err != nil {
		return Root{}, fmt.Errorf("%sInRelease: %w", dists, err)
	}

	name := "main/binary-" + arch + "/Packages.xz"
	want, ok := r.files[name]
	if !ok {
		return Root{}, fmt.Errorf("%sInRelease: it has no %s: Debian %s does not come for %s", dists, name, a.Suite, arch)
	}
	url := dists + name
	if r.byHash {
		url = dists + path.Dir(name) + "/by-hash/SHA256/" + want.sha256
	}
	compressed, err := getVerified(ctx, url, want)
	if err != nil {
		return Root{}, err
	}
	plain, err := deb.DecompressorFor(".xz")(bytes.NewReader(compressed))
	if err != nil {
		return Root{}, fmt.Errorf("unpack %s: %w", url, err)
	}
	defer plain.Close()
	ix, err := readIndex(plain)
	if err != nil {
		return Root{}, fmt.Errorf("%s: %w", url, err)
	}
	packages, err := ix.closure("apt")
	if err != nil {
		return Root{}, fmt.Errorf("%s: %w", url, err)
	}
	debs, err := a.getPackages(ctx, packages)
	return Root{packages, debs}, err
}

// getPackages fetches all packages, some at a time, and gives up at the first that fails.
func (a Archive) getPackages(ctx context.Context, packages []*pkg) ([][]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	debs := make([][]byte, len(packages))
	next := make(chan int)
	var fetching sync.WaitGroup
	for range fetchers {
		fetching.Go(func() {
			for i := range next {
				p := packages[i]
				content, err := getVerified(ctx, strings.TrimSuffix(a.Mirror, "/")+"/"+p.path, p.sum)
				if err != nil {
					cancel(err)
				}
				debs[i] = content
			}
		})
	}
	for i := range packages {
		next <- i
	}
	close(next)
	fetching.Wait()
	return debs, context.Cause(ctx)
}

// getVerified fetches a file whose checksum is known. A wrong checksum is asked for again, too: a proxy may have kept
// half a file.
func getVerified(ctx context.Context, url string, want sum) ([]byte, error) {
	return retry(ctx, url, func(ctx context.Context) ([]byte, error) {
		content, err := fetch(ctx, url, want.size)
		if err != nil {
			return nil, err
		}
		if err := want.verify(content); err != nil {
			return nil, err
		}
		return content, nil
	})
}

// retry makes some attempts at a file, each bounded.
func retry(ctx context.Context, url string, attempt func(context.Context) ([]byte, error)) ([]byte, error) {
	var last error
	for range attempts {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		bounded, cancel := context.WithTimeout(ctx, filePatience)
		content, err := attempt(bounded)
		cancel()
		if err == nil {
			return content, nil
		}
		last = err
		if errors.Is(err, errMissing) {
			break
		}
	}
	return nil, fmt.Errorf("get %s: %w", url, last)
}

func (s sum) verify(content []byte) error {
	if got := sha256.Sum256(content); hex.EncodeToString(got[:]) != s.sha256 || int64(len(content)) != s.size {
		return fmt.Errorf("it has the checksum %x and %d bytes, and should have %s and %d: do not trust this mirror", got, len(content), s.sha256, s.size)
	}
	return nil
}

// errMissing is an answer that will not change by asking again.
var errMissing = errors.New("the mirror does not have it")

var web = sync.OnceValue(func() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = headerPatience
	return &http.Client{Transport: transport}
})

// fetch gets a file of at most limit bytes; one that is longer is cut there, which its checksum shows.
func fetch(ctx context.Context, url string, limit int64) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := web().Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode >= 400 && response.StatusCode < 500 {
		return nil, fmt.Errorf("%w: %s", errMissing, response.Status)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the mirror answers %s", response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, limit+1))
}
