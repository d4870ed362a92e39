// Package unprovable is the error of what this engine or its kernel cannot do: a claim that needs it is neither proven nor
// failed here, and says so.
//
// The room is for that one error, which engine and fault return and the harness tells apart. What becomes of a test that meets
// it may not enter: that is for the harness.
package unprovable

import "fmt"

// Error says what cannot be done here.
type Error struct {
	What string // e.g. "a power cut"
	Why  string // e.g. "the engine gives no loop devices: it is rootless"
}

func (e *Error) Error() string { return fmt.Sprintf("%s cannot be had here: %s", e.What, e.Why) }

// Here returns the error that what cannot be had here, and why, in the manner of fmt.Sprintf.
func Here(what, why string, args ...any) error {
	return &Error{What: what, Why: fmt.Sprintf(why, args...)}
}
