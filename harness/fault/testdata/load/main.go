// Load sends datagrams at a pace, and tells how long they were on their way: the two sides have one clock.
//
//	load receive ADDRESS SECONDS        prints how many came until none came for so long, and the quantiles of their times, in µs: N P50 P99
//	load send ADDRESS RATE N            sends N datagrams, RATE a second
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"slices"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "receive":
		quiet, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return receive(args[1], time.Duration(quiet)*time.Second)
	case len(args) == 4 && args[0] == "send":
		rate, err := strconv.Atoi(args[2])
		n, err2 := strconv.Atoi(args[3])
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		return send(args[1], rate, n)
	}
	return errors.New("usage: load receive ADDRESS SECONDS | load send ADDRESS RATE N")
}

func receive(address string, quiet time.Duration) error {
	c, err := net.ListenPacket("udp4", address)
	if err != nil {
		return err
	}
	var took []int64
	b := make([]byte, 64)
	wait := time.Minute // for the first
	for {
		if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return err
		}
		n, _, err := c.ReadFrom(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			return err
		}
		if n == 8 {
			took = append(took, time.Now().UnixNano()-int64(binary.BigEndian.Uint64(b)))
			wait = quiet
		}
	}
	if len(took) == 0 {
		return errors.New("nothing came")
	}
	slices.Sort(took)
	at := func(q float64) int64 { return took[int(q*float64(len(took)-1))] / 1000 }
	fmt.Println(len(took), at(0.5), at(0.99))
	return nil
}

// send sends what is due every half a millisecond, and never more than is due: it does not catch up in bursts.
func send(address string, rate, n int) error {
	c, err := net.Dial("udp4", address)
	if err != nil {
		return err
	}
	begun := time.Now()
	for sent := 0; sent < n; {
		due := min(n, int(time.Since(begun).Seconds()*float64(rate))+1)
		for ; sent < due; sent++ {
			// What nobody takes is lost, and counted by who receives.
			_, _ = c.Write(binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano())))
		}
		time.Sleep(500 * time.Microsecond)
	}
	return nil
}
