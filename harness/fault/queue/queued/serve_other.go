//go:build !linux

package main

import "errors"

func serve() error { return errors.New("only Linux hands packets over") }
