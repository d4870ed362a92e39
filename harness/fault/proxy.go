package fault

import (
	"slices"
	"time"
)

// proxy is the one surface of the two places in which Toxiproxy runs.
type proxy interface {
	add([]effect) error    // all, or none and an error
	remove([]effect) error // those that are there
	sever() error          // closes connections and refuses new ones
	rejoin() error         // undoes one sever
	retarget(address string) error
	close() error
}

// effect is what a fault does to one direction of a link.
type effect struct {
	id    int64 // of its fault
	kind  kind
	way   Direction // one of the two
	delay time.Duration
	rate  int    // in kilobytes a second, which is bytes a millisecond
	meter *meter // of what it does, where the link is in this process; nil for what is not measured
}

type kind int

const (
	delays    kind = iota // by delay
	throttles             // to rate
	drops                 // all bytes, without a word
	resets                // connections on which a byte travels
)

// Nowhere is the target of a link whose server has no address at the moment: clients are refused, as by a machine on which
// nothing listens. A killed server's port on this machine may be given to another container, which its clients must not
// reach.
const Nowhere = "127.0.0.1:0"

func without(all, gone []effect) []effect {
	return slices.DeleteFunc(slices.Clone(all), func(e effect) bool { return slices.Contains(gone, e) })
}

func hasKind(all []effect, k kind) bool {
	return slices.ContainsFunc(all, func(e effect) bool { return e.kind == k })
}
