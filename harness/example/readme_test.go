package example_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/harness/internal/settings"
)

const (
	blockBegins = "<!-- example -->\n"
	blockEnds   = "<!-- /example -->\n"
)

func TestReadmeShowsTheExampleThatRuns(t *testing.T) {
	_, block, begun := strings.Cut(readme(t), blockBegins)
	block, _, ended := strings.Cut(block, blockEnds)
	if !begun || !ended {
		t.Fatalf("README.md has no block between %q and %q", blockBegins, blockEnds)
	}
	for file, language := range map[string]string{"orders/Dockerfile": "dockerfile", "retry_test.go": "go", "customer_test.go": "go"} {
		code, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(block, "\n```"+language+"\n"+string(code)+"```\n") {
			t.Errorf("README.md does not show harness/example/%s as it is: copy it into the block that begins with %s", file, blockBegins)
		}
	}
}

func TestReadmeListsEachSetting(t *testing.T) {
	lines := strings.Split(readme(t), "\n")
	for _, s := range settings.All {
		listed := 0
		for _, line := range lines {
			if strings.HasPrefix(line, "| `"+s.Name+"` |") && strings.Contains(line, "`"+s.Example+"`") {
				listed++
			}
		}
		if listed != 1 {
			t.Errorf("README.md has %d lines of its table for %s with the example %s", listed, s.Name, s.Example)
		}
	}
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
