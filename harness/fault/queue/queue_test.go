package queue

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// packet makes one of a client (by its port) to the server's port 7000.
func packet(protocol uint8, client uint16, sequence uint32, syn bool, data string) []byte {
	inner := 8
	if protocol == TCP {
		inner = 20
	}
	b := make([]byte, 20+inner+len(data))
	b[0] = 0x45
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[9] = protocol
	copy(b[12:], []byte{10, 0, 0, 1})
	copy(b[16:], []byte{10, 0, 0, 2})
	binary.BigEndian.PutUint16(b[20:], client)
	binary.BigEndian.PutUint16(b[22:], 7000)
	if protocol == TCP {
		binary.BigEndian.PutUint32(b[24:], sequence)
		b[32] = 5 << 4
		if syn {
			b[33] = 2
		}
	}
	copy(b[20+inner:], data)
	return b
}

func parsed(t *testing.T, b []byte) Packet {
	t.Helper()
	p, err := Parse(b)
	require.NoError(t, err)
	return p
}

func datagram(t *testing.T, client uint16) Packet {
	t.Helper()
	return parsed(t, packet(UDP, client, 0, false, "x"))
}

func inForceOnly(f Fault) *Faults {
	fs := new(Faults)
	f.ID, f.In, f.Port = 1, true, 7000
	fs.Set(Order{[]Fault{f}})
	return fs
}

// met is which of n packets of each flow are lost, the flows in turn or as they are mixed.
func met(t *testing.T, seed uint64, flows, n int, order func(i int) int) map[int][]int {
	t.Helper()
	fs := inForceOnly(Fault{What: Lose, Which: Which{Share: 0.3}, Seed: seed})
	for k := range flows { // the k-th flow is who is seen k-th
		fs.Meet(datagram(t, uint16(40000+k)), true)
	}
	lost, sent := map[int][]int{}, map[int]int{}
	for i := range flows * n {
		k := order(i)
		sent[k]++
		if fs.Meet(datagram(t, uint16(40000+k)), true).Lost {
			lost[k] = append(lost[k], sent[k])
		}
	}
	return lost
}

func TestSameSeedSamePackets(t *testing.T) {
	const flows, n = 3, 200
	turns := func(i int) int { return i % flows }
	one := met(t, 42, flows, n, turns)
	require.Equal(t, one, met(t, 42, flows, n, turns))
	require.Equal(t, one, met(t, 42, flows, n, func(i int) int { return i / n }), "whatever the other flows do")
	require.NotEqual(t, one, met(t, 43, flows, n, turns))
	require.NotEqual(t, one[0], one[1], "each flow has draws of its own")
	for _, lost := range one {
		require.InDelta(t, 0.3*n, len(lost), 40)
	}
}

func TestWhichPacketsAreMet(t *testing.T) {
	type sent struct {
		client   uint16
		sequence uint32
		syn      bool
		data     string
	}
	stream := []sent{ // two connections, of which the one with the odd port is older than the fault
		{40000, 999, true, ""}, {40001, 500, false, "abcd"}, {40000, 1000, false, ""}, {40000, 1000, false, "01234"},
		{40001, 504, false, "efgh"}, {40000, 1005, false, "56789"}, {40000, 1000, false, "01234"}, {40000, 1010, false, "x"},
	}
	for _, c := range []struct {
		which Which
		want  []int // of the packets above, counted from 0
		says  string
	}{
		{Which{Share: 1}, []int{0, 1, 2, 3, 4, 5, 6, 7}, "all packets"},
		{Which{Every: 3}, []int{2, 5}, "one packet in 3"},
		{Which{Nth: 1}, []int{0, 1}, "the first packet of each flow"},
		{Which{Nth: 2}, []int{2, 4}, "packet 2 of each flow"},
		{Which{Data: 1}, []int{1, 3}, "the first packet with data of each flow"},
		{Which{Data: 2}, []int{4, 5}, "packet 2 with data of each flow"},
		{Which{Bytes: &Range{4, 6}}, []int{3, 4, 5, 6}, "packets with bytes 4 to 5 of each stream"},
		{Which{Bytes: &Range{10, 11}}, []int{7}, "packets with bytes 10 to 10 of each stream"},
	} {
		require.NoError(t, c.which.Valid())
		require.Equal(t, c.says, c.which.String())
		fs := inForceOnly(Fault{What: Lose, Which: c.which})
		var got []int
		for i, s := range stream {
			if fs.Meet(parsed(t, packet(TCP, s.client, s.sequence, s.syn, s.data)), true).Lost {
				got = append(got, i)
			}
		}
		require.Equal(t, c.want, got, "%v", c.which)
		require.Equal(t, map[int]Tally{1: {Seen: len(stream), Met: len(got), Flows: 2}}, fs.Set(Order{}).Tallies)
	}
	require.Equal(t, "12.5 % of packets", Which{Share: 0.125}.String())
	for _, none := range []Which{{}, {Share: 1, Nth: 1}, {Share: -0.1}, {Share: 1.1}, {Every: 1}, {Nth: -1}, {Data: -1}, {Bytes: &Range{-1, 2}}, {Bytes: &Range{2, 2}}} {
		require.Error(t, none.Valid(), "%+v", none)
	}
}

// The same bytes are met on every sequence number, also where it wraps around.
func TestBytesOfAStreamThatWrapsAround(t *testing.T) {
	fs := inForceOnly(Fault{What: Lose, Which: Which{Bytes: &Range{2, 4}}})
	require.False(t, fs.Meet(parsed(t, packet(TCP, 1, 0xfffffffe, true, "")), true).Lost)
	require.False(t, fs.Meet(parsed(t, packet(TCP, 1, 0xffffffff, false, "ab")), true).Lost)
	require.True(t, fs.Meet(parsed(t, packet(TCP, 1, 1, false, "cd")), true).Lost)
	require.False(t, fs.Meet(parsed(t, packet(TCP, 1, 3, false, "ef")), true).Lost)
}

func TestFaultsAreOfAPortAndADirection(t *testing.T) {
	fs := new(Faults)
	fs.Set(Order{[]Fault{{ID: 1, In: true, Port: 7000, What: Lose, Which: Which{Share: 1}}, {ID: 2, Out: true, Port: 40000, What: Lose, Which: Which{Share: 1}}}})
	p := datagram(t, 40000) // from 40000 to 7000
	require.True(t, fs.Meet(p, true).Lost)
	require.True(t, fs.Meet(p, false).Lost)
	p.Source, p.Target = 7000, 40000
	require.False(t, fs.Meet(p, true).Lost)
	require.False(t, fs.Meet(p, false).Lost)
}

func TestFaultsActInTheirOrder(t *testing.T) {
	fs := new(Faults)
	lose := Fault{ID: 1, In: true, Port: 7000, What: Lose, Which: Which{Every: 2}}
	hold := Fault{ID: 2, In: true, Port: 7000, What: Hold, Which: Which{Share: 1}, Least: time.Second, Most: time.Second}
	more := Fault{ID: 3, In: true, Port: 7000, What: Hold, Which: Which{Share: 1}, Least: time.Millisecond, Most: 3 * time.Millisecond, Seed: 7}
	both := Fault{ID: 4, In: true, Port: 7000, What: Double, Which: Which{Nth: 1}}
	bad := Fault{ID: 5, In: true, Port: 7000, What: Damage, Which: Which{Nth: 3}}
	fs.Set(Order{[]Fault{lose, hold, more, both, bad}})
	first, second, third := fs.Meet(datagram(t, 1), true), fs.Meet(datagram(t, 1), true), fs.Meet(datagram(t, 1), true)
	require.True(t, first.Doubled && !first.Lost && !first.Damaged)
	require.True(t, second.Lost)
	require.False(t, third.Lost || third.Damaged, "the second one was lost before it could be counted")
	for _, f := range []Fate{first, third} {
		require.GreaterOrEqual(t, f.Held, time.Second+time.Millisecond)
		require.LessOrEqual(t, f.Held, time.Second+3*time.Millisecond)
	}
	require.NotEqual(t, first.Held, third.Held, "drawn anew")
	require.True(t, !fs.Meet(datagram(t, 1), true).Damaged && fs.Meet(datagram(t, 1), true).Damaged, "packets 4, which is lost, and 5")
	fs.HeldFor(third, 1100*time.Millisecond)
	fs.HeldFor(first, 1200*time.Millisecond)

	r := fs.Set(Order{[]Fault{hold}})
	require.Equal(t, Tally{Seen: 5, Met: 2, Flows: 1}, r.Tallies[1])
	require.Equal(t, Tally{Seen: 3, Met: 3, Flows: 1, Shortest: 1100 * time.Millisecond}, r.Tallies[2])
	fs.Meet(datagram(t, 1), true)
	require.Equal(t, 4, fs.Set(Order{}).Tallies[2].Met, "what is in force goes on as it is")
}

func TestParse(t *testing.T) {
	p := parsed(t, packet(TCP, 40000, 77, true, "hello"))
	require.Equal(t, Packet{Protocol: TCP, From: [4]byte{10, 0, 0, 1}, To: [4]byte{10, 0, 0, 2}, Source: 40000, Target: 7000, Data: 5, Sequence: 77, SYN: true, body: 40}, p)
	fragment := packet(UDP, 1, 0, false, "x")
	fragment[7] = 1
	noIP, other := packet(UDP, 1, 0, false, "x"), packet(UDP, 1, 0, false, "x")
	noIP[0], other[9] = 0x65, 1
	options := packet(TCP, 1, 0, false, "x")
	options[32] = 15 << 4
	for name, b := range map[string][]byte{"nothing": nil, "fragment": fragment, "IPv6": noIP, "ICMP": other, "torn": packet(TCP, 1, 0, false, "")[:30], "header longer than all": options} {
		_, err := Parse(b)
		require.Error(t, err, name)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(packet(TCP, 1, 2, true, "x"))
	f.Add(packet(UDP, 1, 2, false, ""))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			return
		}
		require.Len(t, Damaged(b, p), len(b))
		inForceOnly(Fault{What: Hold, Which: Which{Bytes: &Range{0, 5}}, Most: time.Second}).Meet(p, true)
	})
}

func TestDamagedDiffersInOneBit(t *testing.T) {
	for _, data := range []string{"", "x", "hello"} {
		for _, protocol := range []uint8{TCP, UDP} {
			b := packet(protocol, 1, 2, false, data)
			before := append([]byte(nil), b...)
			c := Damaged(b, parsed(t, b))
			require.Equal(t, before, b, "the packet itself is left alone")
			bits := 0
			for i := range b {
				for d := b[i] ^ c[i]; d != 0; d &= d - 1 {
					bits++
				}
			}
			require.Equal(t, 1, bits)
			require.Equal(t, b[:24], c[:24], "it still reaches whom it is for")
		}
	}
}

func TestOrderSurvivesItsWay(t *testing.T) {
	o := Order{[]Fault{{ID: 3, In: true, Port: 7000, What: Hold, Which: Which{Bytes: &Range{1, 2}}, Least: 1, Most: 2, Seed: rand.Uint64()}}}
	text, err := json.Marshal(o)
	require.NoError(t, err)
	require.NotContains(t, string(text), "'", "a shell quotes it so")
	var back Order
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, fmt.Sprint(o.Faults[0].Seed), fmt.Sprint(back.Faults[0].Seed))
	require.Equal(t, o, back)
}
