package image

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOverridesAreCheckedAgainstWhatExists(t *testing.T) {
	own(t)
	t.Chdir(t.TempDir()) // away from Assay's own module
	Dir("my-server", "images/my-server")

	assert.NoError(t, Overrides([]string{
		"HOME=/root", "ASSAY_SEED=1", "ASSAY_IMAGE_QUEUE=registry.example:5000/team/queue@sha256:" + sha, "ASSAY_IMAGE_MY_SERVER=server:1", "ASSAY_IMAGE_CACHE=",
	}))

	err := Overrides([]string{"ASSAY_IMAGE_QUEUES=queue:1", "ASSAY_IMAGE_QUEUE=Queue:1"})
	assert.ErrorContains(t, err, "ASSAY_IMAGE_QUEUES: there is no image of that name; there are ASSAY_IMAGE_ALONE, ASSAY_IMAGE_BASE, ASSAY_IMAGE_CACHE, ASSAY_IMAGE_MY_SERVER, ASSAY_IMAGE_QUEUE, ASSAY_IMAGE_WRONG")
	assert.ErrorContains(t, err, "ASSAY_IMAGE_QUEUE=Queue:1: not an image reference: ")
	assert.ErrorContains(t, err, "write it like redis:8")
}

// The code that makes the image mostly comes after the check, and may be that of another package's test.
func TestOverridesOfImagesThatTheCodeNames(t *testing.T) {
	own(t)
	t.Chdir(write(t, map[string]string{
		"go.mod":              "module shop.example\n\ngo 1.26\n",
		"shop/shop_test.go":   "package shop\n\nvar shop = harness.ImageDir(\"shop\", \".\")\n",
		"till/till.go":        "package till\n\nvar till = image.Dir(\n\t\"till-2\", \"till\")\n",
		"till/notes.txt":      "harness.ImageDir(\"notes\", \".\")\n",
		"till/other/other.go": "package other\n\nvar other = MyImageDir(\"other\")\n",
	}))
	assert.NoError(t, Overrides([]string{"ASSAY_IMAGE_SHOP=shop:1", "ASSAY_IMAGE_TILL_2=till:2"}))
	err := Overrides([]string{"ASSAY_IMAGE_SHOPS=shop:1"})
	assert.EqualError(t, err, "ASSAY_IMAGE_SHOPS: there is no image of that name; there are ASSAY_IMAGE_ALONE, ASSAY_IMAGE_BASE, ASSAY_IMAGE_CACHE, ASSAY_IMAGE_QUEUE, ASSAY_IMAGE_SHOP, ASSAY_IMAGE_TILL_2, ASSAY_IMAGE_WRONG")
}

const sha = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

func TestNamesFitTagsVariablesAndFiles(t *testing.T) {
	for _, name := range []string{"nats", "postgres17", "my-server-2"} {
		assert.NoError(t, checkName(name), name)
	}
	for _, name := range []string{"", "NATS", "../nats", "a_b", "a--b", "-a", "8a"} {
		assert.ErrorContains(t, checkName(name), "use lower case letters, digits and single dashes", name)
	}
}

func TestHintsSayWhatToDo(t *testing.T) {
	for text, want := range map[string]string{
		"write /x: No space left on device":                "the disk is full: docker system df",
		"Temporary failure resolving 'mirror.example.org'": "the network did not answer",
		"dial tcp: lookup proxy.example.org: no such":      "GOPROXY",
		"should have a0: do not trust this mirror":         "name another Debian mirror with ASSAY_DEBIAN_MIRROR, or set ASSAY_IMAGE_NATS",
		"The command '/bin/sh -c false' returned a 1":      "mend the recipe, or set ASSAY_IMAGE_NATS to an image that you have",
		"COPY failed: file not found in build context ":    "mend the recipe",
	} {
		assert.Contains(t, hintFor(text, "nats"), want, text)
	}
}

func TestFailureShowsTheEndOfTheLogOnly(t *testing.T) {
	log := make([]string, 40)
	for i := range log {
		log[i] = string(rune('a'+i%26)) + "-line"
	}
	log[0] = "the first line"
	err := failure{recipe: &recipe{name: "nats", dir: "recipes/nats"}, step: "Step 2/3 : RUN make", reason: "exit 1", log: log}
	assert.ErrorContains(t, err, "build image nats: recipe recipes/nats/Dockerfile: Step 2/3 : RUN make: exit 1\nthe last lines of its log:\n\tz-line\n")
	assert.NotContains(t, err.Error(), "the first line")
}
