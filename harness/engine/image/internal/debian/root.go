package debian

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"pault.ag/go/debian/deb"
)

// Root is the packages of a minimal system, fetched and verified.
type Root struct {
	packages []*pkg
	debs     [][]byte
}

// Packages is how many they are.
func (r Root) Packages() int { return len(r.packages) }

// Size is how many bytes were fetched for them.
func (r Root) Size() int {
	size := 0
	for _, content := range r.debs {
		size += len(content)
	}
	return size
}

const (
	archives = "var/cache/apt/archives/"
	status   = "var/lib/dpkg/status"
)

// unread is documentation, which a container has no reader for.
var unread = []string{"usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/"}

// WriteTar writes the root of the system: every package's files, so that dpkg can run there, and the packages
// themselves under /var/cache/apt/archives, so that dpkg can install them properly. No maintainer script has run.
func (r Root) WriteTar(w io.Writer) error {
	out := layout{tar: tar.NewWriter(w), seen: map[string]bool{}, links: map[string]string{}}
	// base-files holds the links of the merged /usr (/bin → usr/bin, …). They come first, or the engine would unpack
	// what belongs behind them beside them.
	for i, p := range r.packages {
		if p.name == "base-files" {
			if err := out.unpack(p, r.debs[i]); err != nil {
				return err
			}
		}
	}
	for i, p := range r.packages {
		if p.name != "base-files" {
			if err := out.unpack(p, r.debs[i]); err != nil {
				return err
			}
		}
	}
	if err := out.file(status, nil); err != nil {
		return err
	}
	for i, p := range r.packages {
		if err := out.file(archives+path.Base(p.path), r.debs[i]); err != nil {
			return err
		}
	}
	return out.tar.Close()
}

// layout is the tar of a root in the making.
type layout struct {
	tar   *tar.Writer
	seen  map[string]bool
	links map[string]string // top-level links to directories
}

func (l layout) file(name string, content []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}
	if err := l.tar.WriteHeader(header); err != nil {
		return err
	}
	_, err := l.tar.Write(content)
	return err
}

// unpack adds the files of one package.
func (l layout) unpack(p *pkg, content []byte) error {
	d, err := deb.Load(bytes.NewReader(content), p.path)
	if err != nil {
		return fmt.Errorf("open package %s: %w", p.path, err)
	}
	defer d.Close()
	for {
		header, err := d.Data.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack package %s: %w", p.path, err)
		}
		if err := l.add(header, d.Data); err != nil {
			return fmt.Errorf("unpack package %s: %s: %w", p.path, header.Name, err)
		}
	}
}

func (l layout) add(header *tar.Header, content io.Reader) error {
	name := l.merged(header.Name)
	if name == "" || l.seen[name] {
		return nil
	}
	for _, dir := range unread {
		if strings.HasPrefix(name, dir) {
			return nil
		}
	}
	l.seen[name] = true
	out := *header
	out.Name = name
	// Owners go by number: the names are not known until base-passwd is configured.
	out.Uname, out.Gname, out.Format = "", "", tar.FormatUnknown
	switch header.Typeflag {
	case tar.TypeDir:
		out.Name += "/"
	case tar.TypeLink:
		out.Linkname = l.merged(header.Linkname)
	case tar.TypeSymlink:
		if !strings.Contains(name, "/") {
			l.links[name] = header.Linkname
		}
	}
	if err := l.tar.WriteHeader(&out); err != nil {
		return err
	}
	_, err := io.Copy(l.tar, content)
	return err
}

// merged is a path of a package below the root, the links of the merged /usr followed.
func (l layout) merged(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if top, rest, below := strings.Cut(name, "/"); below {
		if target, ok := l.links[top]; ok {
			return path.Join(target, rest)
		}
	}
	return name
}
