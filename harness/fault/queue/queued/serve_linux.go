package main

import (
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"

	"assay/harness/fault/queue"
)

// From linux/netlink.h, linux/netfilter/nfnetlink.h and linux/netfilter/nfnetlink_queue.h.
const (
	netfilter = 12 // NETLINK_NETFILTER

	subsystem = 3 // NFNL_SUBSYS_QUEUE
	packets   = subsystem << 8
	verdict   = packets + 1
	configure = packets + 2

	header      = 1  // NFQA_PACKET_HDR: be32 id, be16 protocol, u8 hook
	verdictOf   = 2  // NFQA_VERDICT_HDR: be32 verdict, be32 id
	mark        = 3  // NFQA_MARK
	payload     = 10 // NFQA_PAYLOAD
	command     = 1  // NFQA_CFG_CMD: u8 command, u8 padding, be16 family
	params      = 2  // NFQA_CFG_PARAMS: be32 range, u8 mode
	longest     = 3  // NFQA_CFG_QUEUE_MAXLEN
	bind        = 1  // NFQNL_CFG_CMD_BIND
	wholePacket = 2  // NFQNL_COPY_PACKET

	drop, accept = 0, 1 // NF_DROP, NF_ACCEPT
	localIn      = 1    // NF_INET_LOCAL_IN
)

const (
	number = 7       // of the queue, of all that there are in this network stack
	room   = 1 << 16 // packets that may be held at once
	buffer = 1 << 26 // bytes between the kernel and here
)

func head() []byte { return binary.BigEndian.AppendUint16([]byte{0, 0}, number) }

func serve() error {
	c, err := netlink.Dial(netfilter, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, a := range []netlink.Attribute{
		{Type: command, Data: []byte{bind, 0, 0, 0}},
		{Type: params, Data: append(binary.BigEndian.AppendUint32(nil, 0xffff), wholePacket)},
		{Type: longest, Data: binary.BigEndian.AppendUint32(nil, room)},
	} {
		b, err := netlink.MarshalAttributes([]netlink.Attribute{a})
		if err != nil {
			return err
		}
		m := netlink.Message{Header: netlink.Header{Type: configure, Flags: netlink.Request | netlink.Acknowledge}, Data: append(head(), b...)}
		if _, err := c.Execute(m); err != nil {
			return fmt.Errorf("have the kernel hand over packets: %w", err)
		}
	}
	// What does not fit is counted by the kernel, which is where it is looked up.
	if err := errors.Join(c.SetReadBuffer(buffer), c.SetOption(netlink.NoENOBUFS, true)); err != nil {
		return err
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	var faults queue.Faults
	ended := make(chan error, 2)
	go func() { ended <- take(l, &faults, overflowed) }()
	go func() { ended <- pass(c, &faults) }()
	return <-ended
}

// overflowed is how many packets the kernel has lost because the queue was full, or because nobody read what it said.
func overflowed() (int, error) {
	text, err := os.ReadFile("/proc/net/netfilter/nfnetlink_queue")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 7 || f[0] != strconv.Itoa(number) {
			continue
		}
		full, err := strconv.Atoi(f[5])
		unread, err2 := strconv.Atoi(f[6])
		return full + unread, errors.Join(err, err2)
	}
	return 0, errors.New("the kernel does not know the queue any more")
}

// pass takes packets and says what becomes of them.
func pass(c *netlink.Conn, faults *queue.Faults) error {
	h := holder{conn: c, faults: faults, changed: make(chan struct{}, 1)}
	go h.release()
	for {
		messages, err := c.Receive()
		if errors.Is(err, syscall.ENOBUFS) {
			continue // it is counted
		}
		if err != nil {
			return fmt.Errorf("take packets: %w", err)
		}
		came := time.Now()
		for _, m := range messages {
			if m.Header.Type != packets || len(m.Data) < 4 {
				continue
			}
			id, hook, whole := parts(m.Data[4:])
			if id == nil {
				continue
			}
			h.decide(came, id, hook == localIn, whole)
		}
	}
}

// parts takes apart the attributes of a packet.
func parts(b []byte) (id []byte, hook byte, whole []byte) {
	for len(b) >= 4 {
		size := int(binary.NativeEndian.Uint16(b))
		if size < 4 || size > len(b) {
			return id, hook, whole
		}
		switch value := b[4:size]; binary.NativeEndian.Uint16(b[2:]) & 0x3fff {
		case header:
			if len(value) >= 7 {
				id, hook = value[:4], value[6]
			}
		case payload:
			whole = value
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return id, hook, whole
}

// holder has packets for which it is too early.
type holder struct {
	conn   *netlink.Conn
	faults *queue.Faults

	mu      sync.Mutex
	serial  int
	held    heldPackets
	changed chan struct{} // the first one is another
}

// heldPacket is one that the kernel keeps until its verdict.
type heldPacket struct {
	came, due time.Time
	serial    int // those that are due at the same time go in the order in which they came
	id        []byte
	fate      queue.Fate
	changed   []byte // its new contents; nil if it stays as it is
}

func (h *holder) decide(came time.Time, id []byte, in bool, whole []byte) {
	p := heldPacket{came: came, id: id}
	if parsed, err := queue.Parse(whole); err == nil {
		p.fate = h.faults.Meet(parsed, in)
		if p.fate.Damaged {
			p.changed = queue.Damaged(whole, parsed)
		}
	}
	if p.fate.Held == 0 || p.fate.Lost {
		h.say(p)
		return
	}
	p.due = came.Add(p.fate.Held)
	h.mu.Lock()
	h.serial++
	p.serial = h.serial
	heap.Push(&h.held, p)
	first := h.held[0].serial == p.serial
	h.mu.Unlock()
	if first {
		select {
		case h.changed <- struct{}{}:
		default:
		}
	}
}

// release lets packets go when they are due.
func (h *holder) release() {
	timer := time.NewTimer(0)
	for {
		select {
		case <-timer.C:
		case <-h.changed:
		}
		h.mu.Lock()
		for len(h.held) > 0 && !h.held[0].due.After(time.Now()) {
			p := heap.Pop(&h.held).(heldPacket)
			h.mu.Unlock()
			h.faults.HeldFor(p.fate, time.Since(p.came))
			h.say(p)
			h.mu.Lock()
		}
		next := time.Hour
		if len(h.held) > 0 {
			next = time.Until(h.held[0].due)
		}
		h.mu.Unlock()
		timer.Reset(next)
	}
}

// twice marks a packet of which nftables sends a copy (see package fault).
const twice = 0x5a551

// say tells the kernel what becomes of a packet. One that it has given up meanwhile needs no verdict.
func (h *holder) say(p heldPacket) {
	what := uint32(accept)
	if p.fate.Lost {
		what = drop
	}
	attributes := []netlink.Attribute{{Type: verdictOf, Data: append(binary.BigEndian.AppendUint32(nil, what), p.id...)}}
	if p.fate.Doubled {
		attributes = append(attributes, netlink.Attribute{Type: mark, Data: binary.BigEndian.AppendUint32(nil, twice)})
	}
	if p.changed != nil {
		attributes = append(attributes, netlink.Attribute{Type: payload, Data: p.changed})
	}
	b, err := netlink.MarshalAttributes(attributes)
	if err == nil {
		_, err = h.conn.Send(netlink.Message{Header: netlink.Header{Type: verdict, Flags: netlink.Request}, Data: append(head(), b...)})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "queued: a verdict:", err)
	}
}

// heldPackets is a heap of them, the one that is due first on top.
type heldPackets []heldPacket

func (h heldPackets) Len() int { return len(h) }
func (h heldPackets) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].serial < h[j].serial
	}
	return h[i].due.Before(h[j].due)
}
func (h heldPackets) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *heldPackets) Push(p any)   { *h = append(*h, p.(heldPacket)) }
func (h *heldPackets) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
