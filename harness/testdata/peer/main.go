// Peer is a member of a cluster that does nothing but talk with the other members.
//
//	peer NAME LISTEN PEER=ADDRESS…
//
// It keeps a connection to each peer, which it dials, and answers on LISTEN: who dials says its name in a line. Everybody may say
// something on any connection. For its test it serves HTTP on port 8080:
//
//	GET /say?to=PEER&on=dialled|accepted&what=WORD   says a word on the connection that it has dialled, or that the peer has
//	GET /heard                                       tells the words that it has heard, one a line
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type peer struct {
	name string

	mu    sync.Mutex
	wires map[string]net.Conn // "dialled n2", "accepted n2"
	heard []string
}

func main() {
	p := &peer{name: os.Args[1], wires: map[string]net.Conn{}}
	l, err := net.Listen("tcp", os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	for _, arg := range os.Args[3:] {
		other, address, _ := strings.Cut(arg, "=")
		go p.dial(other, address)
	}
	http.HandleFunc("/say", p.say)
	http.HandleFunc("/heard", p.tell)
	go func() { log.Fatal(http.ListenAndServe(":8080", nil)) }()
	for {
		c, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go p.accept(c)
	}
}

// dial keeps a connection to the other.
func (p *peer) dial(other, address string) {
	for {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			if _, err := fmt.Fprintln(c, p.name); err == nil {
				p.listen("dialled "+other, c, bufio.NewScanner(c))
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// accept is told who dialled, or is asked by the mesh's probe.
func (p *peer) accept(c net.Conn) {
	lines := bufio.NewScanner(c)
	if !lines.Scan() {
		c.Close()
		return
	}
	if lines.Text() == "ping" {
		fmt.Fprintln(c, "pong")
		c.Close()
		return
	}
	p.listen("accepted "+lines.Text(), c, lines)
}

func (p *peer) listen(wire string, c net.Conn, lines *bufio.Scanner) {
	defer c.Close()
	p.mu.Lock()
	p.wires[wire] = c
	p.mu.Unlock()
	for lines.Scan() {
		p.mu.Lock()
		p.heard = append(p.heard, lines.Text())
		p.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wires[wire] == c {
		delete(p.wires, wire)
	}
}

func (p *peer) say(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	c := p.wires[r.FormValue("on")+" "+r.FormValue("to")]
	p.mu.Unlock()
	if c == nil {
		http.Error(w, "there is no such connection", http.StatusServiceUnavailable)
		return
	}
	if _, err := fmt.Fprintln(c, r.FormValue("what")); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

func (p *peer) tell(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(w, strings.Join(p.heard, "\n"))
}
