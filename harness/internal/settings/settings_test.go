package settings_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"assay/harness/internal/settings"
)

func TestUnknown(t *testing.T) {
	const tail = "\nthe settings are ASSAY_SEED, ASSAY_KNOBS, ASSAY_EVIDENCE, ASSAY_SCHEDULE, ASSAY_SABOTAGE, ASSAY_REQUIRE_ALL, ASSAY_KEEP, ASSAY_IMAGE_<NAME>, " +
		"ASSAY_DEBIAN_MIRROR (`assay help` explains them)"
	for name, c := range map[string]struct {
		environ []string
		want    string
	}{
		"none set":             {[]string{"HOME=/root", "XASSAY_SEED=1"}, ""},
		"all known":            {[]string{"ASSAY_SEED=1", "ASSAY_KNOBS=", "ASSAY_IMAGE_NATS=nats:2"}, ""},
		"misspelt":             {[]string{"ASSAY_SEDE=1"}, "ASSAY_SEDE is no setting; did you mean ASSAY_SEED?"},
		"singular":             {[]string{"ASSAY_KNOB=8.5.delay=2s"}, "ASSAY_KNOB is no setting; did you mean ASSAY_KNOBS?"},
		"misspelt family":      {[]string{"ASSAY_IMAGES_NATS=x"}, "ASSAY_IMAGES_NATS is no setting; did you mean ASSAY_IMAGE_NATS?"},
		"family without name":  {[]string{"ASSAY_IMAGE_=x"}, "ASSAY_IMAGE_ is no setting"},
		"like nothing":         {[]string{"ASSAY_RUN=1"}, "ASSAY_RUN is no setting"},
		"several, in order":    {[]string{"ASSAY_RUN=1", "ASSAY_KEEEP=1"}, "ASSAY_KEEEP is no setting; did you mean ASSAY_KEEP?\nASSAY_RUN is no setting"},
		"malformed is no name": {[]string{"ASSAY_SEED"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := settings.Unknown(c.environ)
			if c.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.EqualError(t, err, c.want+tail)
		})
	}
}

func TestEverySettingIsExplained(t *testing.T) {
	for _, s := range settings.All {
		assert.NotEmpty(t, s.Means, s.Name)
		assert.NotEmpty(t, s.Default, s.Name)
		assert.NotEmpty(t, s.Example, s.Name)
	}
}
