// Package debian puts together the root of a Debian system from the archive: the essential packages and apt, fetched,
// verified and laid out in one tar, ready for dpkg to configure in a container.
//
// Trust goes one way: the keys that come with the recipe sign the release, the release names the checksum of the
// package index, the index those of the packages. Nothing that fails a step of this is looked at further. What may not
// enter: the engine, the terminal, files of the host. Everything is done in memory (about 100 MB).
package debian

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"pault.ag/go/debian/control"
)

// sum is what is known of a file before it is fetched.
type sum struct {
	sha256 string
	size   int64
}

// release is a suite's InRelease file, its signature verified.
type release struct {
	files  map[string]sum // path below dists/<suite>/ → sum
	byHash bool           // files can be fetched by their checksum, and so never from a half updated mirror
}

// clockSkew is how far ahead of this machine's clock a release may be dated.
const clockSkew = 24 * time.Hour

// openRelease verifies a clear-signed release: by one of the armored keys, for the suite, at the time now.
func openRelease(signed, keys []byte, suite string, now time.Time) (release, error) {
	keyring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(keys))
	if err != nil {
		return release{}, fmt.Errorf("read the archive's keys: %w", err)
	}
	block, _ := clearsign.Decode(signed)
	if block == nil {
		return release{}, errors.New("it is not signed: a mirror's error page, or a proxy's?")
	}
	if _, err := block.VerifySignature(keyring, &packet.Config{Time: func() time.Time { return now }}); err != nil {
		return release{}, fmt.Errorf("its signature does not verify with Debian's keys: %w; do not trust this mirror", err)
	}

	reader, err := control.NewParagraphReader(bytes.NewReader(block.Plaintext), nil)
	if err != nil {
		return release{}, err
	}
	fields, err := reader.Next()
	if err != nil {
		return release{}, fmt.Errorf("parse it: %w", err)
	}
	if codename := fields.Values["Codename"]; codename != suite {
		return release{}, fmt.Errorf("it is the release of %q, not of %q", codename, suite)
	}
	date, err := releaseTime(fields.Values["Date"])
	if err != nil {
		return release{}, fmt.Errorf("its date: %w", err)
	}
	if date.After(now.Add(clockSkew)) {
		return release{}, fmt.Errorf("it is dated %s, and here it is %s: set this machine's clock", date.Format(time.DateTime), now.Format(time.DateTime))
	}
	if until := fields.Values["Valid-Until"]; until != "" {
		end, err := releaseTime(until)
		if err != nil {
			return release{}, fmt.Errorf("its end: %w", err)
		}
		if now.After(end) {
			return release{}, fmt.Errorf("it was valid until %s: the mirror is out of date, or this machine's clock wrong", end.Format(time.DateTime))
		}
	}

	r := release{files: map[string]sum{}, byHash: fields.Values["Acquire-By-Hash"] == "yes"}
	for line := range strings.Lines(fields.Values["SHA256"]) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 3 {
			return release{}, fmt.Errorf("parse its checksums: %q", line)
		}
		size, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			return release{}, fmt.Errorf("parse its checksums: %w", err)
		}
		r.files[words[2]] = sum{words[0], size}
	}
	return r, nil
}

// releaseTime parses a date as releases have it: RFC 1123, the zone spelt UTC, the day at times without its zero.
func releaseTime(value string) (time.Time, error) {
	t, err := time.Parse("Mon, _2 Jan 2006 15:04:05 MST", strings.TrimSpace(value))
	if err != nil {
		return t, err
	}
	if zone, _ := t.Zone(); !slices.Contains([]string{"UTC", "GMT"}, zone) {
		return t, fmt.Errorf("%q is not in UTC", value)
	}
	return t, nil
}
