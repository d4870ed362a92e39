package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"
)

// named remembers the names of Dir sources, for the list of what can be replaced.
var named struct {
	sync.Mutex
	dirs []string
}

const overridePrefix = "ASSAY_IMAGE_"

// override is the variable that replaces the image called name.
func override(name string) string {
	return overridePrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// replacement is the image that the user has named to stand for the one called name.
func replacement(name string) string {
	if name == "" {
		return ""
	}
	return os.Getenv(override(name))
}

// Overrides checks every ASSAY_IMAGE_<NAME> in environ, as [os.Environ] gives it: the name must be one that exists, a
// recipe's or a [Dir]'s, and the value an image reference. Whether the engine can get that image is seen when it is
// used. A misspelt variable would otherwise be silently without effect, and the wrong image be tested.
//
// A name counts also where Dir has not been called yet, or is called by the tests of another package: then it is found in
// the module's source, if it is written there as a string.
func Overrides(environ []string) error {
	names, err := Names()
	if err != nil {
		return err
	}
	named.Lock()
	names = append(names, named.dirs...)
	named.Unlock()
	known := overrides(names)
	if slices.ContainsFunc(environ, func(setting string) bool {
		variable, _, _ := strings.Cut(setting, "=")
		return strings.HasPrefix(variable, overridePrefix) && !slices.Contains(known, variable)
	}) {
		known = overrides(append(names, namesInSource()...))
	}

	var wrong []error
	for _, setting := range environ {
		variable, ref, _ := strings.Cut(setting, "=")
		if !strings.HasPrefix(variable, overridePrefix) || ref == "" {
			continue
		}
		if !slices.Contains(known, variable) {
			wrong = append(wrong, fmt.Errorf("%s: there is no image of that name; there are %s", variable, strings.Join(known, ", ")))
			continue
		}
		if _, err := reference.ParseNormalizedNamed(ref); err != nil {
			wrong = append(wrong, fmt.Errorf("%s=%s: not an image reference: %w; write it like redis:8 or registry.example/team/server:tag", variable, ref, err))
		}
	}
	return errors.Join(wrong...)
}

// overrides are the variables of these names, sorted.
func overrides(names []string) []string {
	var variables []string
	for _, name := range names {
		variables = append(variables, override(name))
	}
	slices.Sort(variables)
	return slices.Compact(variables)
}

// dirCall is how code names an image of its own.
var dirCall = regexp.MustCompile(`\b(?:harness\.Image|image\.)Dir\(\s*"([^"]*)"`)

// namesInSource are the names that the module's code gives to Dir; none where a test binary is away from its source.
func namesInSource() []string {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil
	}
	var names []string
	_ = filepath.WalkDir(strings.TrimSpace(string(root)), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return nil // what cannot be read names nothing
		}
		code, _ := os.ReadFile(path)
		for _, call := range dirCall.FindAllSubmatch(code, -1) {
			names = append(names, string(call[1]))
		}
		return nil
	})
	return names
}
