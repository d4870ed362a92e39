// Package claims knows which claims there are: it reads them out of the scenarios' source, without running anything, and
// tells which section of the guide each belongs to.
//
// The room is for what the code says. What a run has shown (harness/evidence) may not enter.
package claims

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Claim is one claim as a scenario states it.
type Claim struct {
	ID      string
	Says    string
	OnlyIf  string // the condition that the guide leaves out; empty where there is none
	Refuted bool   // the guide's sentence is shown to be false
	Section string // of the guide, e.g. "12 Messaging"; empty where the guide has none for it
	Link    string // where the guide speaks of it; empty where Section is
	Dir     string // the package's folder, relative to the root, with slashes
	Test    string // the test function; empty where the claim is stated outside of one
	File    string // relative to the root, with slashes
	Line    int
}

// harness is the import path of the package whose Claim the scenarios state.
const harness = "assay/harness"

// Find returns the claims that the tests under root/scenarios state, or those of all tests of the module at root where it
// has no such folder; sorted by section and number. Testdata, vendored packages and nested modules are left out. ID and Says
// must be string literals, or concatenations of such, since nothing is run here. Whatever does not follow that, a file that
// does not parse, and an id that two places claim are errors, each with file and line; they are reported together.
func Find(root string) ([]Claim, error) {
	start := filepath.Join(root, "scenarios")
	if info, err := os.Stat(start); err != nil || !info.IsDir() {
		start = root
	}
	var found []Claim
	var bad []error
	err := filepath.WalkDir(start, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != start && leftOut(name):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		in, err := inFile(root, filepath.ToSlash(rel))
		found = append(found, in...)
		bad = append(bad, err)
		return nil
	})
	bad = append(bad, err)

	slices.SortStableFunc(found, func(a, b Claim) int { return Compare(a.ID, b.ID) })
	for i := 1; i < len(found); i++ {
		if a, b := found[i-1], found[i]; a.ID == b.ID {
			bad = append(bad, fmt.Errorf("claim %s is made twice: at %s:%d and at %s:%d", a.ID, a.File, a.Line, b.File, b.Line))
		}
	}
	if err := errors.Join(bad...); err != nil {
		return nil, fmt.Errorf("find the claims: %w", err)
	}
	return found, nil
}

// leftOut says whether the go command would leave the folder out of the module's packages, too.
func leftOut(dir string) bool {
	base := filepath.Base(dir)
	if base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func inFile(root, rel string) ([]Claim, error) {
	files := token.NewFileSet()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(rel)))
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(files, rel, text, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	local := localName(file)
	if local == "" {
		return nil, nil
	}
	var found []Claim
	var bad []error
	read := func(lit *ast.CompositeLit, test string) {
		at := files.Position(lit.Pos())
		c := Claim{Dir: path.Dir(rel), Test: test, File: rel, Line: at.Line}
		if err := c.read(lit); err != nil {
			bad = append(bad, fmt.Errorf("%s:%d: %w", rel, at.Line, err))
			return
		}
		found = append(found, c)
	}
	for _, decl := range file.Decls {
		var test string
		if f, ok := decl.(*ast.FuncDecl); ok {
			test = f.Name.Name
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if isClaim(lit.Type, local) {
				read(lit, test)
			}
			for _, elt := range elided(lit, local) {
				read(elt, test)
			}
			return true
		})
	}
	return found, errors.Join(bad...)
}

// localName returns the name by which the file knows the harness, "." where its names need none; "" where the file does not
// import it.
func localName(file *ast.File) string {
	for _, i := range file.Imports {
		if p, _ := strconv.Unquote(i.Path.Value); p == harness {
			if i.Name != nil {
				return i.Name.Name
			}
			return path.Base(harness)
		}
	}
	return ""
}

func isClaim(t ast.Expr, local string) bool {
	switch t := t.(type) {
	case *ast.SelectorExpr:
		x, ok := t.X.(*ast.Ident)
		return ok && x.Name == local && t.Sel.Name == "Claim"
	case *ast.Ident:
		return local == "." && t.Name == "Claim"
	}
	return false
}

// elided returns the elements of a list or map of claims that leave out their type.
func elided(lit *ast.CompositeLit, local string) []*ast.CompositeLit {
	var of ast.Expr
	switch t := lit.Type.(type) {
	case *ast.ArrayType:
		of = t.Elt
	case *ast.MapType:
		of = t.Value
	}
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if !isClaim(of, local) {
		return nil
	}
	var elements []*ast.CompositeLit
	for _, elt := range lit.Elts {
		if pair, ok := elt.(*ast.KeyValueExpr); ok {
			elt = pair.Value
		}
		if elt, ok := elt.(*ast.CompositeLit); ok && elt.Type == nil {
			elements = append(elements, elt)
		}
	}
	return elements
}

func (c *Claim) read(lit *ast.CompositeLit) error {
	for _, elt := range lit.Elts {
		pair, ok := elt.(*ast.KeyValueExpr)
		if !ok {
			return errors.New("a claim's fields must be named: harness.Claim{ID: …, Says: …}")
		}
		key, ok := pair.Key.(*ast.Ident)
		if !ok {
			continue
		}
		var err error
		switch key.Name {
		case "ID":
			c.ID, err = literal(pair.Value)
		case "Says":
			c.Says, err = literal(pair.Value)
		case "OnlyIf":
			c.OnlyIf, err = literal(pair.Value)
		case "Refuted":
			word, plain := pair.Value.(*ast.Ident)
			if c.Refuted = plain && word.Name == "true"; !c.Refuted {
				err = errors.New("must be true, or left out")
			}
		}
		if err != nil {
			return fmt.Errorf("%s of a claim: %w", key.Name, err)
		}
	}
	if c.ID == "" || c.Says == "" {
		return errors.New("a claim needs an ID and what it Says")
	}
	c.Section, c.Link = Section(c.ID)
	return nil
}

// literal returns the string that an expression of literals spells.
func literal(e ast.Expr) (string, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			return strconv.Unquote(e.Value)
		}
	case *ast.ParenExpr:
		return literal(e.X)
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			x, errX := literal(e.X)
			y, errY := literal(e.Y)
			return x + y, errors.Join(errX, errY)
		}
	}
	return "", errors.New("must be a string literal, so that it can be read without running the test")
}
