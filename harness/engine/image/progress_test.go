package image

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestWorkThatIsOverSoonIsNotToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := capture(t)
		over := sayUnlessSoon("image %s: go build %s", "shop", ".")
		time.Sleep(soon / 2)
		over()
		time.Sleep(soon)
		assert.Empty(t, said.String())

		over = sayUnlessSoon("image %s: go build %s", "shop", ".")
		time.Sleep(soon + 1)
		synctest.Wait()
		over()
		assert.Equal(t, "assay: image shop: go build .\n", said.String())
	})
}
