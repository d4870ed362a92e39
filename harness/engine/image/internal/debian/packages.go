package debian

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pault.ag/go/debian/control"
	"pault.ag/go/debian/dependency"
)

// pkg is one package of the index, as far as it matters here.
type pkg struct {
	name      string
	path      string // below the mirror
	essential bool
	priority  int // 0 is the most important
	needs     []dependency.Relation
	provides  []string
	sum       sum
}

// index is a suite's packages, and who provides what.
type index struct {
	packages  map[string]*pkg
	providers map[string][]*pkg
}

// wanted are the fields of the index that matter; leaving the others out saves most of the work of reading it.
var wanted = []string{"Package", "Filename", "Essential", "Priority", "Depends", "Pre-Depends", "Provides", "Size", "SHA256"}

var priorities = []string{"required", "important", "standard", "optional", "extra"}

// readIndex reads a Packages file.
func readIndex(r io.Reader) (index, error) {
	ix := index{packages: map[string]*pkg{}, providers: map[string][]*pkg{}}
	only, done := onlyFields(r, wanted)
	defer done()
	reader, err := control.NewParagraphReader(only, nil)
	if err != nil {
		return ix, err
	}
	for {
		fields, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return ix, nil
		}
		if err != nil {
			return ix, fmt.Errorf("parse the package index: %w", err)
		}
		p, err := readPackage(fields.Values)
		if err != nil {
			return ix, err
		}
		// A suite has one version of a package, its index may have more: the last stands, as good as any.
		ix.packages[p.name] = p
		for _, name := range p.provides {
			ix.providers[name] = append(ix.providers[name], p)
		}
	}
}

func readPackage(fields map[string]string) (*pkg, error) {
	p := &pkg{name: fields["Package"], path: fields["Filename"], essential: fields["Essential"] == "yes"}
	if p.priority = slices.Index(priorities, fields["Priority"]); p.priority < 0 {
		p.priority = len(priorities)
	}
	size, err := strconv.ParseInt(fields["Size"], 10, 64)
	if err != nil || len(fields["SHA256"]) != 64 {
		return nil, fmt.Errorf("parse the package index: package %q: size %q, checksum %q", p.name, fields["Size"], fields["SHA256"])
	}
	p.sum = sum{fields["SHA256"], size}
	for _, field := range []string{"Pre-Depends", "Depends"} {
		relations, err := dependency.Parse(fields[field])
		if err != nil {
			return nil, fmt.Errorf("parse the package index: package %q: %s: %w", p.name, field, err)
		}
		p.needs = append(p.needs, relations.Relations...)
	}
	provides, err := dependency.Parse(fields["Provides"])
	if err != nil {
		return nil, fmt.Errorf("parse the package index: package %q: Provides: %w", p.name, err)
	}
	for _, relation := range provides.Relations {
		for _, possibility := range relation.Possibilities {
			p.provides = append(p.provides, possibility.Name)
		}
	}
	return p, nil
}

// onlyFields passes on a control file with only some of its fields. Call done when no more is read.
func onlyFields(r io.Reader, fields []string) (_ io.Reader, done func()) {
	out, w := io.Pipe()
	go func() {
		buffered := bufio.NewWriterSize(w, 1<<16)
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<22)
		keep := false
		for lines.Scan() {
			line := lines.Text()
			if line != "" && line[0] != ' ' && line[0] != '\t' {
				name, _, _ := strings.Cut(line, ":")
				keep = slices.Contains(fields, name)
			}
			if keep || line == "" {
				_, _ = buffered.WriteString(line + "\n")
			}
		}
		w.CloseWithError(cmp.Or(lines.Err(), buffered.Flush()))
	}()
	return out, func() { _ = out.Close() }
}

// closure is the essential packages, those named, and all that they need, sorted by name. Versions are not compared: a
// suite is consistent in itself.
func (ix index) closure(names ...string) ([]*pkg, error) {
	chosen := map[string]*pkg{}
	var choose func(p *pkg) error
	choose = func(p *pkg) error {
		if chosen[p.name] != nil {
			return nil
		}
		chosen[p.name] = p
		for _, relation := range p.needs {
			next := ix.resolve(relation, chosen)
			if next == nil {
				return fmt.Errorf("package %s needs %v, which the index does not have", p.name, alternatives(relation))
			}
			if err := choose(next); err != nil {
				return err
			}
		}
		return nil
	}
	for _, p := range ix.packages {
		// Essential first, in any order: what they need does not depend on it, alternatives aside.
		if p.essential {
			names = append(names, p.name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		p := ix.packages[name]
		if p == nil {
			return nil, fmt.Errorf("the index does not have the package %s", name)
		}
		if err := choose(p); err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Values(chosen), func(a, b *pkg) int { return strings.Compare(a.name, b.name) }), nil
}

// resolve picks what satisfies a relation: what is chosen already, else the first alternative that exists, else the
// most important package that provides one.
func (ix index) resolve(relation dependency.Relation, chosen map[string]*pkg) *pkg {
	names := alternatives(relation)
	for _, name := range names {
		if p := chosen[name]; p != nil {
			return p
		}
		for _, p := range ix.providers[name] {
			if chosen[p.name] != nil {
				return p
			}
		}
	}
	for _, name := range names {
		if p := ix.packages[name]; p != nil {
			return p
		}
	}
	for _, name := range names {
		if providers := ix.providers[name]; len(providers) > 0 {
			return slices.MinFunc(providers, func(a, b *pkg) int {
				return cmp.Or(cmp.Compare(a.priority, b.priority), strings.Compare(a.name, b.name))
			})
		}
	}
	return nil
}

func alternatives(relation dependency.Relation) []string {
	var names []string
	for _, possibility := range relation.Possibilities {
		names = append(names, possibility.Name)
	}
	return names
}
