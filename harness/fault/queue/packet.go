package queue

import (
	"encoding/binary"
	"errors"
)

// TCP and UDP are the protocols whose packets have ports (IANA's numbers).
const (
	TCP = 6
	UDP = 17
)

// Packet is what a fault needs to know of one.
type Packet struct {
	Protocol       uint8
	From, To       [4]byte
	Source, Target uint16 // ports
	Data           int    // bytes behind the header of TCP or UDP
	Sequence       uint32 // of TCP, the number of the first of those
	SYN            bool

	body int // where the data begins, or the header of TCP or UDP if there is none
}

var errPacket = errors.New("no packet of TCP or UDP over IPv4")

// Parse reads a packet as the kernel hands it over: from the IPv4 header on. A fragment that is not the first has no ports.
func Parse(b []byte) (Packet, error) {
	var p Packet
	if len(b) < 20 || b[0]>>4 != 4 {
		return p, errPacket
	}
	head := int(b[0]&15) * 4
	size := min(int(binary.BigEndian.Uint16(b[2:])), len(b))
	if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 || head < 20 || size < head+8 {
		return p, errPacket
	}
	p.Protocol = b[9]
	copy(p.From[:], b[12:16])
	copy(p.To[:], b[16:20])
	t := b[head:size]
	p.Source, p.Target = binary.BigEndian.Uint16(t), binary.BigEndian.Uint16(t[2:])
	inner := 8
	switch p.Protocol {
	case UDP:
	case TCP:
		if len(t) < 20 {
			return p, errPacket
		}
		p.Sequence, p.SYN = binary.BigEndian.Uint32(t[4:]), t[13]&2 != 0
		inner = int(t[12]>>4) * 4
	default:
		return p, errPacket
	}
	if inner < 8 || len(t) < inner {
		return p, errPacket
	}
	p.Data = len(t) - inner
	p.body = head + inner
	if p.Data == 0 {
		p.body = head + 4 // past the ports, so that it still reaches whom it is for
	}
	return p, nil
}

// Damaged returns the packet with one bit flipped in the middle of its data, or in its header of TCP or UDP where it has none. Who receives
// it finds that its checksum is wrong.
func Damaged(b []byte, p Packet) []byte {
	c := append([]byte(nil), b...)
	c[p.body+p.Data/2] ^= 1
	return c
}
