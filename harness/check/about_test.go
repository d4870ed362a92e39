package check

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"assay/harness/history"
)

func TestAboutLeavesTheListOfHistoriesAlone(t *testing.T) {
	client := func(name string) history.History { return history.History{{Client: name}} }
	list := []history.Source{client("a"), client("b")}
	assert.Equal(t, []string{"a", "c"}, about(client("c"), list[:1]...).clients)
	assert.Equal(t, client("b"), list[1], "what the caller has behind those that were named")
}
