// Command queued does to single packets what faults ask for, in the network stack of the container whose it shares. The kernel hands it the
// packets that iptables leads to its queue; it needs the capability NET_ADMIN and nothing else.
//
//	queued serve         takes packets, until it is ended
//	queued set ORDER     puts an order (JSON, queue.Order) in force, and prints the report (queue.Report)
//
// If it ends, the kernel passes what comes then (--queue-bypass), loses what it was holding, and whoever sets the next order is told.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"assay/harness/fault/queue"
)

// socket is where orders are taken: in the container's own files, so that nobody else reaches it.
const socket = "/tmp/queued.sock"

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "serve":
		err = serve()
	case len(os.Args) == 3 && os.Args[1] == "set":
		err = set(os.Args[2])
	default:
		err = fmt.Errorf("usage: queued serve | queued set ORDER")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "queued:", err)
		os.Exit(1)
	}
}

func set(order string) error {
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := fmt.Fprintln(c, order); err != nil {
		return err
	}
	var r queue.Report
	if err := json.NewDecoder(c).Decode(&r); err != nil {
		return fmt.Errorf("no report: %w", err)
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// beginning is how long it may take until who serves listens.
const beginning = 10 * time.Second

func dial() (net.Conn, error) {
	for deadline := time.Now().Add(beginning); ; {
		c, err := net.Dial("unix", socket)
		if err == nil || time.Now().After(deadline) {
			return c, err
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // it has begun a moment ago
	}
}

// take takes orders, one connection for each.
func take(l net.Listener, faults *queue.Faults, overflowed func() (int, error)) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			var o queue.Order
			if err := json.NewDecoder(c).Decode(&o); err != nil {
				return // who asked finds no report
			}
			r := faults.Set(o)
			n, err := overflowed()
			if err != nil {
				return
			}
			r.Overflowed = n
			_ = json.NewEncoder(c).Encode(r)
		}()
	}
}
