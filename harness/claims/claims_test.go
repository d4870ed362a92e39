package claims_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"assay/harness/claims"
)

const guide = "https://www.freecodecamp.org/news/systems-design-for-interviews/"

// tree writes the files, given by their slashed paths, under a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return root
}

const delivery = `package messaging_test

import (
	"testing"

	"assay/harness"
)

func TestAtLeastOnceDelivery(t *testing.T) {
	harness.Prove(t, harness.Claim{ID: "12.1", Says: "a message whose acknowledgement is lost " +
		("is delivered again; " + ` + "`none is lost`" + `)}, func(env *harness.Env) {
		env.Step("x")
	})
}
`

func TestFind(t *testing.T) {
	root := tree(t, map[string]string{
		"go.mod": "module assay\n",
		"scenarios/messaging/at_least_once_test.go": delivery,
		"scenarios/caching/staleness_test.go": `package caching_test
import chaos "assay/harness"
var claim = chaos.Claim{Says: "stale data is bounded", ID: "4.2"}
func TestStaleness(t *testing.T) { chaos.Prove(t, claim, func(*chaos.Env) {}) }
func TestEviction(t *testing.T) {
	for _, c := range []chaos.Claim{{ID: "4.10", Says: "ten"}, {ID: "4.9", Says: "nine"}} { _ = c }
	_ = map[string]*chaos.Claim{"own": {ID: "shop-1", Says: "a claim of one's own"}}
}`,
		"scenarios/caching/dot_test.go": `package caching_test
import . "assay/harness"
func TestDot(t *testing.T) { Prove(t, Claim{ID: "4.4", Says: "dotted"}, func(*Env) {}) }`,
		// None of these states a claim of this module.
		"scenarios/caching/other_test.go":        `package caching_test; import "other/harness"; var _ = harness.Claim{ID: "4.3"}`,
		"scenarios/caching/unrelated_test.go":    `package caching_test; import "assay/harness"; var _ = harness.Limit{ID: "4.3"}; type Claim struct{}; var _ = Claim{}`,
		"scenarios/caching/staleness.go":         `package caching; import "assay/harness"; var _ = harness.Claim{ID: "4.3", Says: "no test"}`,
		"scenarios/caching/testdata/x/x_test.go": `package x; import "assay/harness"; var _ = harness.Claim{}`,
		"scenarios/vendor/x/x_test.go":           `package x; import "assay/harness"; var _ = harness.Claim{}`,
		"scenarios/_old/x_test.go":               `not Go`,
		"scenarios/.old/x_test.go":               `not Go`,
		"scenarios/nested/go.mod":                "module nested\n",
		"scenarios/nested/x_test.go":             `package x; import "assay/harness"; var _ = harness.Claim{}`,
		"harness/env_test.go":                    `package harness_test; import "assay/harness"; var _ = harness.Claim{ID: "1.1", Says: "not a scenario"}`,
	})
	found, err := claims.Find(root)
	require.NoError(t, err)
	const caching = guide + "#section-4-caching"
	assert.Equal(t, []claims.Claim{
		{ID: "4.2", Says: "stale data is bounded", Section: "4 Caching", Link: caching, Dir: "scenarios/caching", File: "scenarios/caching/staleness_test.go", Line: 3},
		{ID: "4.4", Says: "dotted", Section: "4 Caching", Link: caching, Dir: "scenarios/caching", Test: "TestDot", File: "scenarios/caching/dot_test.go", Line: 3},
		{ID: "4.9", Says: "nine", Section: "4 Caching", Link: caching, Dir: "scenarios/caching", Test: "TestEviction", File: "scenarios/caching/staleness_test.go", Line: 6},
		{ID: "4.10", Says: "ten", Section: "4 Caching", Link: caching, Dir: "scenarios/caching", Test: "TestEviction", File: "scenarios/caching/staleness_test.go", Line: 6},
		{
			ID: "12.1", Says: "a message whose acknowledgement is lost is delivered again; none is lost",
			Section: "12 Messaging", Link: guide + "#section-12-messaging-pub-sub",
			Dir: "scenarios/messaging", Test: "TestAtLeastOnceDelivery", File: "scenarios/messaging/at_least_once_test.go", Line: 10,
		},
		{ID: "shop-1", Says: "a claim of one's own", Dir: "scenarios/caching", Test: "TestEviction", File: "scenarios/caching/staleness_test.go", Line: 7},
	}, found)
}

func TestFindInAModuleWithoutScenarios(t *testing.T) {
	root := tree(t, map[string]string{
		"go.mod":                 "module shop\n",
		"shop_test.go":           `package shop; import "assay/harness"; func TestShop(t *testing.T) { harness.Prove(t, harness.Claim{ID: "shop-2", Says: "sells"}, sells) }`,
		"store/deep/x_test.go":   delivery,
		"store/testdata/x.go":    "not Go",
		"vendor/lib/lib_test.go": "not Go",
	})
	found, err := claims.Find(root)
	require.NoError(t, err)
	require.Len(t, found, 2)
	assert.Equal(t, "store/deep", found[0].Dir)
	assert.Equal(t, ".", found[1].Dir)

	found, err = claims.Find(t.TempDir())
	require.NoError(t, err)
	assert.Empty(t, found)
}

func TestFindRefuses(t *testing.T) {
	file := func(body string) map[string]string {
		return map[string]string{"scenarios/x/x_test.go": "package x_test\nimport \"assay/harness\"\n" + body}
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"computed id":    {file(`var _ = harness.Claim{ID: id(), Says: "x"}`), "scenarios/x/x_test.go:3: ID of a claim: must be a string literal, so that it can be read without running the test"},
		"named constant": {file(`var _ = harness.Claim{ID: "1.1", Says: "x" + y}`), "scenarios/x/x_test.go:3: Says of a claim: must be a string literal, so that it can be read without running the test"},
		"number":         {file(`var _ = harness.Claim{ID: 1.1, Says: "x"}`), "scenarios/x/x_test.go:3: ID of a claim: must be a string literal, so that it can be read without running the test"},
		"fields unnamed": {file(`var _ = harness.Claim{"1.1", "x"}`), "scenarios/x/x_test.go:3: a claim's fields must be named: harness.Claim{ID: …, Says: …}"},
		"nothing said":   {file(`var _ = harness.Claim{ID: "1.1"}`), "scenarios/x/x_test.go:3: a claim needs an ID and what it Says"},
		"does not parse": {file(`func {`), "scenarios/x/x_test.go:3:6: expected 'IDENT', found '{'"},
		"all of them":    {file("var _ = harness.Claim{ID: id()}\nvar _ = harness.Claim{}"), "scenarios/x/x_test.go:3: ID of a claim: must be a string literal, so that it can be read without running the test\nscenarios/x/x_test.go:4: a claim needs an ID and what it Says"},
		"made twice": {map[string]string{
			"scenarios/x/x_test.go": "package x\nimport \"assay/harness\"\nvar _ = harness.Claim{ID: \"1.1\", Says: \"x\"}",
			"scenarios/y/y_test.go": "package y\n\nimport \"assay/harness\"\nvar _ = harness.Claim{ID: \"1.1\", Says: \"y\"}",
		}, "claim 1.1 is made twice: at scenarios/x/x_test.go:3 and at scenarios/y/y_test.go:4"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := claims.Find(tree(t, c.files))
			assert.Nil(t, found)
			assert.EqualError(t, err, "find the claims: "+c.want)
		})
	}
	_, err := claims.Find(filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestSection(t *testing.T) {
	for id, want := range map[string][2]string{
		"1.1":                     {"1 Networks and protocols", guide + "#section-1-networks-and-protocols"},
		"3.12":                    {"3 Availability", guide + "#section-3-system-availability"},
		"10.2":                    {"10 Polling and streaming", guide + "#section-10-polling-streaming-sockets"},
		"12.1":                    {"12 Messaging", guide + "#section-12-messaging-pub-sub"},
		"13.4":                    {"13 Logging, monitoring, alerting", guide + "#section-13-smaller-essentials"},
		"14.1":                    {},
		"0.1":                     {},
		"12":                      {},
		"12.0":                    {},
		"12.01":                   {},
		"012.1":                   {},
		"12.1a":                   {},
		"shop":                    {},
		"":                        {},
		"12.99999999999999999999": {},
	} {
		title, link := claims.Section(id)
		assert.Equal(t, want, [2]string{title, link}, "%q", id)
	}
}
