package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestBuilds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Builds
		time.Sleep(time.Second)
		assert.Zero(t, b.Total())
		one := b.begin()
		time.Sleep(time.Second)
		other := b.begin()
		time.Sleep(time.Second)
		one()
		assert.Equal(t, 2*time.Second, b.Total(), "while one is waited for")
		time.Sleep(time.Second)
		other()
		time.Sleep(time.Second)
		assert.Equal(t, 3*time.Second, b.Total(), "two at once count once")
		again := b.begin()
		time.Sleep(time.Second)
		again()
		assert.Equal(t, 4*time.Second, b.Total())
		(*Builds)(nil).begin()()
	})
}
