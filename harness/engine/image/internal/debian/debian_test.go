package debian

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"
)

var now = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// signer is an archive's key.
type signer struct{ entity *openpgp.Entity }

func newSigner(t *testing.T) signer {
	t.Helper()
	entity, err := openpgp.NewEntity("An Archive", "", "archive@example.org", nil)
	require.NoError(t, err)
	return signer{entity}
}

func (s signer) public(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	require.NoError(t, err)
	require.NoError(t, s.entity.Serialize(w))
	require.NoError(t, w.Close())
	return b.Bytes()
}

func (s signer) sign(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := clearsign.Encode(&b, s.entity.PrivateKey, nil)
	require.NoError(t, err)
	_, err = io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestReleaseIsTakenOnlyFromWhomItShouldBeAndWhen(t *testing.T) {
	debian, stranger := newSigner(t), newSigner(t)
	// Keys are made now, and a signature cannot be older than its key.
	now := time.Now()
	date := func(d time.Duration) string { return now.Add(d).UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC") }
	release := func(codename, date, more string) string {
		return "Origin: Debian\nCodename: " + codename + "\nDate: " + date + "\n" + more + "SHA256:\n " + strings.Repeat("ab", 32) + " 42 main/binary-amd64/Packages.xz\n"
	}
	good := release("trixie", date(-time.Hour), "Acquire-By-Hash: yes\n")

	for name, c := range map[string]struct {
		signed []byte
		wrong  string
	}{
		"good":                   {debian.sign(t, good), ""},
		"valid for a while":      {debian.sign(t, release("trixie", date(-time.Hour), "Valid-Until: "+date(time.Hour)+"\n")), ""},
		"a little ahead":         {debian.sign(t, release("trixie", date(time.Hour), "")), ""},
		"signed by a stranger":   {stranger.sign(t, good), "its signature does not verify with Debian's keys"},
		"changed after signing":  {bytes.Replace(debian.sign(t, good), []byte("42"), []byte("43"), 1), "do not trust this mirror"},
		"not signed":             {[]byte(good), "it is not signed"},
		"an error page":          {[]byte("<html>404</html>"), "it is not signed"},
		"of another suite":       {debian.sign(t, release("bookworm", date(-time.Hour), "")), `it is the release of "bookworm", not of "trixie"`},
		"from the future":        {debian.sign(t, release("trixie", date(48*time.Hour), "")), "set this machine's clock"},
		"out of date":            {debian.sign(t, release("trixie", date(-48*time.Hour), "Valid-Until: "+date(-time.Hour)+"\n")), "the mirror is out of date"},
		"without a date":         {debian.sign(t, release("trixie", "", "")), "its date: "},
		"with a broken checksum": {debian.sign(t, release("trixie", date(0), "")+" abc 12\n"), "parse its checksums"},
	} {
		t.Run(name, func(t *testing.T) {
			// By a clock that is past the signing, which on a busy machine can take a second.
			r, err := openRelease(c.signed, debian.public(t), "trixie", time.Now())
			if c.wrong != "" {
				assert.ErrorContains(t, err, c.wrong)
				assert.Empty(t, r.files)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, map[string]sum{"main/binary-amd64/Packages.xz": {strings.Repeat("ab", 32), 42}}, r.files)
		})
	}
}

func TestReleaseDates(t *testing.T) {
	for value, want := range map[string]bool{
		"Sat, 14 Mar 2026 15:09:26 UTC": true, "Sat, 07 Mar 2026 15:09:26 UTC": true, "Sat,  7 Mar 2026 15:09:26 UTC": true,
		"Sat, 14 Mar 2026 15:09:26 GMT": true, "Sat, 14 Mar 2026 15:09:26 CET": false, "": false, "2026-03-14": false,
	} {
		_, err := releaseTime(value)
		assert.Equal(t, want, err == nil, "%q: %v", value, err)
	}
	got, err := releaseTime("Sat, 14 Mar 2026 15:09:26 UTC")
	require.NoError(t, err)
	assert.True(t, got.Equal(now))
}

// stanza is a package in an index.
func stanza(name, more string, content []byte) string {
	return fmt.Sprintf("Package: %s\nVersion: 1.0-1\nArchitecture: amd64\nMaintainer: Nobody <n@example.org>\nDescription: a test\n of several\n lines\n%sFilename: pool/%s_1.0-1_amd64.deb\nSize: %d\nSHA256: %x\n\n",
		name, more, name, len(content), sha256.Sum256(content))
}

func TestClosureFollowsDependenciesAlternativesAndProviders(t *testing.T) {
	ix, err := readIndex(strings.NewReader(
		stanza("base-files", "Essential: yes\nPre-Depends: awk\n", nil) +
			stanza("apt", "Depends: libc6 (>= 2.41), gpg-checker | sqv, debconf (>= 0.5) | debconf-2.0, nothing | libc6:any [amd64]\n", nil) +
			stanza("libc6", "Depends: libgcc-s1\n", nil) +
			stanza("libgcc-s1", "Depends: libc6\n", nil) + // a circle, as Debian has it
			stanza("gawk", "Priority: optional\nProvides: awk\n", nil) +
			stanza("mawk", "Priority: required\nProvides: awk\n", nil) +
			stanza("sqv", "", nil) + stanza("debconf", "Provides: debconf-2.0\n", nil) + stanza("cdebconf", "Provides: debconf-2.0\n", nil) +
			stanza("vim", "Depends: vim-common\n", nil)))
	require.NoError(t, err)
	packages, err := ix.closure("apt")
	require.NoError(t, err)
	var names []string
	for _, p := range packages {
		names = append(names, p.name)
	}
	assert.Equal(t, []string{"apt", "base-files", "debconf", "libc6", "libgcc-s1", "mawk", "sqv"}, names)

	_, err = ix.closure("vim")
	assert.EqualError(t, err, "package vim needs [vim-common], which the index does not have")
	_, err = ix.closure("emacs")
	assert.EqualError(t, err, "the index does not have the package emacs")
}

func TestBrokenIndexIsRefused(t *testing.T) {
	for name, index := range map[string]string{
		"without a checksum": "Package: a\nFilename: pool/a.deb\nSize: 1\n\n",
		"without a size":     "Package: a\nFilename: pool/a.deb\nSHA256: " + strings.Repeat("0", 64) + "\n\n",
	} {
		_, err := readIndex(strings.NewReader(index))
		assert.ErrorContains(t, err, `parse the package index: package "a"`, name)
	}
}

// debOf makes a package of some files; a name that ends with / is a directory, a content that starts with → a link.
func debOf(t *testing.T, name string, files ...[2]string) []byte {
	t.Helper()
	archive := func(entries [][2]string) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, e := range entries {
			header := &tar.Header{Name: e[0], Mode: 0o755, Typeflag: tar.TypeReg, Size: int64(len(e[1])), Uname: "root"}
			if target, ok := strings.CutPrefix(e[1], "→"); ok {
				header.Typeflag, header.Linkname, header.Size = tar.TypeSymlink, target, 0
			} else if strings.HasSuffix(e[0], "/") {
				header.Typeflag = tar.TypeDir
			}
			require.NoError(t, w.WriteHeader(header))
			if header.Size > 0 {
				_, err := io.WriteString(w, e[1])
				require.NoError(t, err)
			}
		}
		require.NoError(t, w.Close())
		return b.Bytes()
	}
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, member := range []struct {
		name    string
		content []byte
	}{
		{"debian-binary", []byte("2.0\n")},
		{"control.tar", archive([][2]string{{"./control", "Package: " + name + "\nVersion: 1.0-1\nArchitecture: amd64\nMaintainer: Nobody <n@example.org>\nDescription: a test\n"}})},
		{"data.tar", archive(files)},
	} {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", member.name, 0, 0, 0, "100644", len(member.content))
		b.Write(member.content)
		if len(member.content)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// mirror is a Debian archive on 127.0.0.1 with two packages.
type mirror struct {
	mu      sync.Mutex
	files   map[string][]byte
	faults  map[string][]int // path → statuses to answer first
	asked   map[string]int
	archive Archive
}

func newMirror(t *testing.T) *mirror {
	t.Helper()
	key := newSigner(t)
	baseFiles := debOf(t, "base-files", [2]string{"./", ""}, [2]string{"./usr/", ""}, [2]string{"./usr/lib/", ""}, [2]string{"./lib", "→usr/lib"},
		[2]string{"./usr/share/doc/base-files/README", "unread"})
	apt := debOf(t, "apt", [2]string{"./", ""}, [2]string{"./usr/", ""}, [2]string{"./lib/", ""}, [2]string{"./lib/apt.so", "library"}, [2]string{"./usr/share/man/man8/apt.8", "unread"})
	index := stanza("apt", "", apt) + stanza("base-files", "Essential: yes\n", baseFiles)
	var packed bytes.Buffer
	w, err := xz.NewWriter(&packed)
	require.NoError(t, err)
	_, err = io.WriteString(w, index)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	indexSum := fmt.Sprintf("%x", sha256.Sum256(packed.Bytes()))
	release := fmt.Sprintf("Codename: trixie\nDate: %s\nAcquire-By-Hash: yes\nSHA256:\n %s %d main/binary-amd64/Packages.xz\n",
		time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 UTC"), indexSum, packed.Len())
	m := &mirror{faults: map[string][]int{}, asked: map[string]int{}, files: map[string][]byte{
		"/dists/trixie/InRelease":                                    key.sign(t, release),
		"/dists/trixie/main/binary-amd64/by-hash/SHA256/" + indexSum: packed.Bytes(),
		"/pool/apt_1.0-1_amd64.deb":                                  apt,
		"/pool/base-files_1.0-1_amd64.deb":                           baseFiles,
	}}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	m.archive = Archive{Mirror: server.URL, Suite: "trixie", Arch: "amd64", Keys: key.public(t)}
	return m
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked[r.URL.Path]++
	if faults := m.faults[r.URL.Path]; len(faults) > 0 {
		m.faults[r.URL.Path] = faults[1:]
		w.WriteHeader(faults[0])
		return
	}
	content, ok := m.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(content)
}

// times is how often a file was asked for: under the lock, since a fetch that failed leaves requests on their way.
func (m *mirror) times(path string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[path]
}

// tamper changes a byte in the file whose path contains part.
func (m *mirror) tamper(t *testing.T, part string) (path string) {
	t.Helper()
	for path, content := range m.files {
		if strings.Contains(path, part) {
			changed := bytes.Clone(content)
			changed[len(changed)/2] ^= 1
			m.files[path] = changed
			return path
		}
	}
	t.Fatalf("no file %s", part)
	return ""
}

func TestRootIsLaidOutForDpkg(t *testing.T) {
	m := newMirror(t)
	m.faults["/pool/apt_1.0-1_amd64.deb"] = []int{http.StatusBadGateway, http.StatusServiceUnavailable}
	root, err := m.archive.Fetch(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 2, root.Packages())
	assert.Equal(t, 3, m.times("/pool/apt_1.0-1_amd64.deb"), "two hiccups are forgiven")

	var packed bytes.Buffer
	require.NoError(t, root.WriteTar(&packed))
	var names []string
	for r := tar.NewReader(&packed); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		assert.Empty(t, header.Uname, header.Name)
		names = append(names, header.Name)
	}
	assert.Equal(t, []string{
		"usr/", "usr/lib/", "lib", // the links first
		"usr/lib/apt.so", // below the link, not beside it
		"var/lib/dpkg/status", "var/cache/apt/archives/apt_1.0-1_amd64.deb", "var/cache/apt/archives/base-files_1.0-1_amd64.deb",
	}, names)
}

func TestTamperedFilesAreRefused(t *testing.T) {
	for _, part := range []string{"InRelease", "by-hash", "pool/apt"} {
		t.Run(part, func(t *testing.T) {
			m := newMirror(t)
			changed := m.tamper(t, part)
			_, err := m.archive.Fetch(t.Context())
			assert.ErrorContains(t, err, path.Base(changed))
		})
	}
	m := newMirror(t)
	m.tamper(t, "pool/apt")
	_, err := m.archive.Fetch(t.Context())
	assert.ErrorContains(t, err, "/pool/apt_1.0-1_amd64.deb: it has the checksum ")
	assert.ErrorContains(t, err, "do not trust this mirror")
	assert.Equal(t, attempts, m.times("/pool/apt_1.0-1_amd64.deb"))
}

func TestFileOfAnotherLengthIsRefused(t *testing.T) {
	m := newMirror(t)
	m.files["/pool/apt_1.0-1_amd64.deb"] = append(m.files["/pool/apt_1.0-1_amd64.deb"], bytes.Repeat([]byte("x"), 1<<20)...)
	_, err := m.archive.Fetch(t.Context())
	assert.ErrorContains(t, err, "do not trust this mirror")
}

func TestFetchErrorsNameTheFile(t *testing.T) {
	m := newMirror(t)
	delete(m.files, "/pool/apt_1.0-1_amd64.deb")
	_, err := m.archive.Fetch(t.Context())
	assert.ErrorContains(t, err, "/pool/apt_1.0-1_amd64.deb: the mirror does not have it: 404")
	assert.Equal(t, 1, m.times("/pool/apt_1.0-1_amd64.deb"), "what is missing is not asked for again")

	m.archive.Arch = "mips"
	_, err = m.archive.Fetch(t.Context())
	assert.ErrorContains(t, err, "Debian trixie does not come for mips")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = m.archive.Fetch(ctx)
	assert.ErrorIs(t, err, context.Canceled)

	m.archive.Mirror = "http://127.0.0.1:1"
	_, err = m.archive.Fetch(t.Context())
	assert.ErrorContains(t, err, "get http://127.0.0.1:1/dists/trixie/InRelease: ")
	assert.ErrorContains(t, err, "connection refused")
}
