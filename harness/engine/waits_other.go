//go:build !linux

package engine

func threadsOf(string, int) string { return "" }
func waits(string) map[int]Wait    { return nil }
