package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"assay/harness/fault/queue"
	"assay/harness/internal/unprovable"
)

// Shell runs scripts in the network stack of a node, with iptables, nft and queued at hand.
type Shell interface {
	// Run returns what the script wrote; an exit status other than 0 is an error that carries it.
	Run(ctx context.Context, script string) (string, error)
}

// shellLimit bounds one script.
const shellLimit = 30 * time.Second

// Which says which packets a fault meets.
type Which = queue.Which

// All meets every packet.
func All() Which { return Which{Share: 1} }

// Each meets each packet with that probability, above 0 and at most 1, independently of the others. The draws are the test's seed's: the
// n-th packet of the k-th flow is met, or not, whatever the others do.
func Each(probability float64) Which { return Which{Share: probability} }

// EveryNth meets every n-th packet, n at least 2, TCP's and UDP's counted together and those of all flows too; both ways, they are
// counted together as well.
func EveryNth(n int) Which { return Which{Every: n} }

// First meets the first packet of every flow (the four of addresses and ports) that is seen from the fault on: of a new TCP
// connection the SYN, of UDP the first datagram. What follows in the same flow goes through, also the same packet sent again. A
// connection that is there already has its next packet met.
func First() Which { return Nth(1) }

// Nth meets the n-th packet of every flow, counted from 1 and from the fault on.
func Nth(n int) Which { return Which{Nth: n} }

// Data meets the n-th packet of every flow that carries data, counted from 1 and from the fault on: of a new TCP connection, Data(1) is
// the first behind the handshake.
func Data(n int) Which { return Which{Data: n} }

// Bytes meets the packets that carry some of the bytes from the first up to and without the second, counted from 0, of every TCP stream
// in that direction, whenever they are sent: also again. Of a connection that is older than the fault they are counted from the first byte
// that is seen.
func Bytes(from, to int64) Which { return Which{Bytes: &queue.Range{From: from, To: to}} }

// Stack is the network stack of a node, in which things happen to packets. It is the kernel's, and ends with the node's
// processes: a node that is started again has another one.
type Stack struct {
	node  string
	hooks *Hooks

	ready chan struct{} // closed when shell or err is set
	err   error

	mu     sync.Mutex
	shell  Shell
	serial int
	force  []*lasting // in force, in the order of injection
	told   order      // what the stack was told last
}

// lasting is a fault that lasts longer than a stack.
type lasting struct {
	queue  *queue.Fault // what is done to packets that the kernel hands over; nil for what it does by itself
	own    own          // what the kernel does by itself
	jumps  []string     // from where packets come
	before tally        // what it came to in stacks that have ended
	lost   int          // how many packets had overflowed before it
}

// tally is how many packets a fault has seen, how many of them it met, and in how many network stacks that was.
type tally struct {
	seen, met, flows, stacks int
	shortest                 time.Duration // that one was held back
	overflowed               int           // packets that nobody was asked about
}

func (n tally) and(other tally) tally {
	shortest := n.shortest
	if n.shortest == 0 || other.shortest > 0 && other.shortest < shortest {
		shortest = other.shortest
	}
	return tally{n.seen + other.seen, n.met + other.met, n.flows + other.flows, n.stacks + other.stacks, shortest, n.overflowed + other.overflowed}
}

// order is what a stack is told, beside the faults: from where packets are handed over.
type order struct {
	jumps  []string
	double bool // nftables is to send copies
}

// NewStack returns the network stack of the node of that name. Its shell may come later (Started).
func NewStack(hooks *Hooks, node string) *Stack {
	return &Stack{node: node, hooks: hooks, ready: make(chan struct{})}
}

// Started tells what runs scripts in the stack, or why there is nothing.
func (s *Stack) Started(shell Shell, err error) {
	s.shell, s.err = shell, err
	close(s.ready)
}

// Renew is for a node that has been started again. Reopen returns what runs scripts in its new stack; then the faults in force
// are put there again, so that a fault lasts until it is healed. What the node received between its start and that moment, a
// few tenths of a second later, they did not meet.
func (s *Stack) Renew(ctx context.Context, reopen func() (Shell, error)) error {
	<-s.ready
	if s.err != nil {
		return s.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.force {
		n, err := s.tallyOf(ctx, l)
		if err != nil {
			return fmt.Errorf("count the packets of before the restart: %w", err)
		}
		l.before, l.lost = l.before.and(n), 0
	}
	shell, err := reopen()
	if err != nil {
		return err
	}
	force := s.force
	s.shell, s.told, s.force = shell, order{}, nil
	for _, l := range force {
		if err := s.begin(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// Packets returns the path of the packets between clients and a port of the node.
func (s *Stack) Packets(port int) *Packets { return &Packets{stack: s, port: port} }

// Packets is the path of single packets, of TCP and of UDP, between clients and one port of a server. What a Link cannot do,
// since it is a proxy that ends TCP on both sides, happens here: packets are lost, late, doubled or damaged, and the two stacks have to
// cope.
//
// Faults act in the network stack of the server's container, on IPv4, where packets have come in (client to server) or are about
// to go out (server to client). The kernel hands each packet to a program (NFQUEUE), which decides by the seed: the same seed meets the
// same packets of each flow. The kernel cuts what it had merged (segmentation offload) into single packets first. Nobody is told of a
// lost packet. A client outside of the engine's networks,
// such as the test process, reaches a published port through the engine's own proxy, and then the packets are those between
// that proxy and the container: how TCP copes is seen there, and not by the client. UDP ports are not published.
//
// Faults can be combined: they act in the order of their injection, and what one has lost the next does not see. The program takes some
// ten thousands of packets a second (BenchmarkPackets); what it does not keep up with the kernel loses, and counts, and then the
// fault fails the test. At the heal, what is still held back goes on when its time has come. If the program ends, packets pass, and the
// heal fails the test.
type Packets struct {
	stack *Stack
	port  int
}

// Lose loses packets in the given direction.
func (p *Packets) Lose(dir Direction, which Which) *Fault {
	return p.meet(dir, which, queue.Fault{What: queue.Lose}, p.fault("lose", fmt.Sprintf("%v %v", which, dir)))
}

// Delay holds back every packet in the given direction by d, with their order kept.
func (p *Packets) Delay(dir Direction, d time.Duration) *Fault {
	f := p.fault("delay", fmt.Sprintf("%v %v", d, dir))
	f.Delay = d
	return p.hold(dir, All(), d, d, f)
}

// Jitter holds back every packet in the given direction by a time of its own, drawn evenly between two, so that some overtake others.
func (p *Packets) Jitter(dir Direction, least, most time.Duration) *Fault {
	f := p.fault("jitter", fmt.Sprintf("%v to %v %v", least, most, dir))
	f.Delay = least
	return p.hold(dir, All(), least, most, f)
}

// Reorder holds back some packets in the given direction by d, so that those which come within that time overtake them.
func (p *Packets) Reorder(dir Direction, which Which, d time.Duration) *Fault {
	return p.hold(dir, which, d, d, p.fault("reorder", fmt.Sprintf("%v late by %v, %v", which, d, dir)))
}

// Duplicate has packets in the given direction come twice. The copy follows at once.
func (p *Packets) Duplicate(dir Direction, which Which) *Fault {
	return p.meet(dir, which, queue.Fault{What: queue.Double}, p.fault("duplicate", fmt.Sprintf("%v %v", which, dir)))
}

// Corrupt flips one bit of packets in the given direction, in their data where they carry some. Their checksums stay as they were, so who
// receives them finds out, and takes them for lost.
func (p *Packets) Corrupt(dir Direction, which Which) *Fault {
	return p.meet(dir, which, queue.Fault{What: queue.Damage}, p.fault("corrupt", fmt.Sprintf("%v %v", which, dir)))
}

func (p *Packets) hold(dir Direction, which Which, least, most time.Duration, f *Fault) *Fault {
	if least <= 0 || most < least || most > longestHold {
		p.stack.hooks.Fatal(fmt.Errorf("inject %s: packets are held back for more than 0 and at most %v, and no less at most than at least", f, longestHold))
	}
	return p.meet(dir, which, queue.Fault{What: queue.Hold, Least: least, Most: most}, f)
}

// longestHold is how long a packet may be held back: for longer it is lost to every protocol.
const longestHold = time.Minute

// Reset answers every packet of a TCP connection with a reset (RST) to who sent it, and keeps it: connections end as soon as one
// side sends something, and new ones are refused. Each side is told when it sends, not before. It models a firewall or a peer
// that has forgotten its connections. UDP is left alone: it has none. Other faults of packets come first.
func (p *Packets) Reset() *Fault {
	f := p.fault("reset", "connections")
	r := resets{p.stack.name(), []string{fmt.Sprintf("INPUT -p tcp --dport %d", p.port), fmt.Sprintf("OUTPUT -p tcp --sport %d", p.port)}}
	return p.stack.inject(f, &lasting{own: r}, tally.all)
}

// LosePieces loses each packet of UDP that the server receives with that probability, above 0 and at most 1, before fragments are put
// together again: of a datagram that travels in several packets, each may be lost by itself. Those behind the first have no port, so
// this is about all that the server receives. The draws are the kernel's, without a seed.
func (p *Packets) LosePieces(probability float64) *Fault {
	f := &Fault{Kind: "lose", Target: p.stack.node, Detail: percent(probability) + " of packets, fragments too, client to server", Undo: "heal"}
	if !(probability > 0 && probability <= 1) {
		p.stack.hooks.Fatal(fmt.Errorf("inject %s: a probability is above 0 and at most 1", f))
	}
	shows := func(n tally) error { return n.share(probability) }
	does := probability
	if p.stack.hooks.halved(f) {
		does, shows = probability/2, nil
	}
	return p.stack.inject(f, &lasting{own: pieces{p.stack.name(), does}}, shows)
}

func (p *Packets) fault(kind, detail string) *Fault {
	return &Fault{Kind: kind, Target: p.stack.node, Detail: fmt.Sprintf("%s, port %d", detail, p.port), Undo: "heal"}
}

// meet has the program meet packets.
func (p *Packets) meet(dir Direction, which Which, q queue.Fault, f *Fault) *Fault {
	if dir&^Both != 0 || dir == 0 {
		p.stack.hooks.Fatal(fmt.Errorf("inject %s: there is no such direction", f))
	}
	if err := which.Valid(); err != nil {
		p.stack.hooks.Fatal(fmt.Errorf("inject %s: %w", f, err))
	}
	shows := shownBy(which, q)
	if p.stack.hooks.Halved && halve(&which, &q) {
		f.Halved, shows = true, nil
	}
	q.Which, q.In, q.Out, q.Port = which, dir&ClientToServer != 0, dir&ServerToClient != 0, uint16(p.port)
	l := &lasting{queue: &q}
	for _, protocol := range []string{"tcp", "udp"} {
		if q.In {
			l.jumps = append(l.jumps, fmt.Sprintf("INPUT -p %s --dport %d", protocol, p.port))
		}
		if q.Out {
			l.jumps = append(l.jumps, fmt.Sprintf("POSTROUTING -p %s --sport %d", protocol, p.port))
		}
	}
	return p.stack.inject(f, l, shows)
}

// halve leaves half of what has a size, and tells whether anything has.
func halve(which *Which, q *queue.Fault) bool {
	switch {
	case which.Share > 0 && (which.Share < 1 || q.What != queue.Hold):
		which.Share /= 2
	case which.Every > 0:
		which.Every *= 2
	case q.What == queue.Hold:
		q.Least, q.Most = q.Least/2, q.Most/2
	default:
		return false
	}
	return true
}

// shownBy is how the counts show whether a fault was what it says.
func shownBy(which Which, q queue.Fault) func(tally) error {
	return func(n tally) error {
		switch {
		case q.What == queue.Hold && n.met > 0 && n.shortest < q.Least:
			return fmt.Errorf("it held one packet back for %v only", n.shortest.Round(time.Microsecond))
		case which.Share > 0:
			return n.share(which.Share)
		case which.Every > 0:
			return n.every(which.Every)
		case which.Nth == 1 && n.met != n.flows:
			return n.wrong(fmt.Sprintf("the first of each of %d flows", n.flows))
		case which.Nth > 0 || which.Data > 0:
			if n.met > n.flows {
				return n.wrong(fmt.Sprintf("at most one of each of %d flows", n.flows))
			}
		}
		return nil
	}
}

func percent(probability float64) string { return decimal(probability*100) + " %" }

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 32) }

// name is a name for the next chain.
func (s *Stack) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return fmt.Sprintf("assay-%d", s.serial)
}

// inject has the fault last. Its nature is shown by the counts: an error says that they are not as the fault says. Of nothing there is
// nothing to tell.
func (s *Stack) inject(f *Fault, l *lasting, right func(tally) error) *Fault {
	<-s.ready // before the fault's window begins
	f.packets = func() (tally, error) { return s.count(l) }
	f.nature = func() (string, error) {
		n, err := f.packets()
		switch {
		case err != nil || n.seen == 0:
			return "", err
		case n.overflowed > 0:
			return "", fmt.Errorf("it could not be asked about all packets: the kernel has lost %d of them by itself, since they came faster than they were passed on", n.overflowed)
		case right == nil:
			return "", nil
		}
		if err := right(n); err != nil {
			return "", err
		}
		words := fmt.Sprintf("of %d packets that came it met %d", n.seen, n.met)
		if n.shortest > 0 {
			words += fmt.Sprintf(", and held each back for %v or more", n.shortest.Round(time.Microsecond))
		}
		return words, nil
	}
	if l.queue != nil {
		s.mu.Lock()
		s.serial++
		l.queue.ID = s.serial
		l.queue.Seed = s.hooks.Seed + uint64(s.serial)
		s.mu.Unlock()
	}
	return s.hooks.inject(f, func() error {
		return s.do(func(ctx context.Context) error { return s.begin(ctx, l) })
	}, func() error {
		return s.do(func(ctx context.Context) error { return s.end(ctx, l) })
	})
}

// do calls the shell once it is there, one call at a time.
func (s *Stack) do(call func(context.Context) error) error {
	<-s.ready
	if s.err != nil {
		return s.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), shellLimit)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	return call(ctx)
}

// begin puts a fault into the stack. Holding mu.
func (s *Stack) begin(ctx context.Context, l *lasting) error {
	if l.queue == nil {
		if _, err := s.shell.Run(ctx, l.own.adding()); err != nil {
			return lacking("what happens to single packets", err)
		}
		s.force = append(s.force, l)
		return nil
	}
	r, err := s.tell(ctx, append(slices.Clone(s.force), l))
	if err != nil {
		return lacking("what happens to single packets", err)
	}
	l.lost = r.Overflowed
	s.force = append(s.force, l)
	return nil
}

// end takes a fault out of the stack, and keeps what it came to. Holding mu.
func (s *Stack) end(ctx context.Context, l *lasting) error {
	rest := slices.DeleteFunc(slices.Clone(s.force), func(other *lasting) bool { return other == l })
	var n tally
	var err error
	if l.queue == nil {
		n, err = ask(ctx, s.shell, l.own, "set -e\n"+l.own.removing())
	} else {
		var r queue.Report
		r, err = s.tell(ctx, rest)
		n = l.tally(r)
	}
	if err != nil {
		return err
	}
	l.before, s.force = l.before.and(n), rest
	return nil
}

// count is what the fault has come to, up to now or to its end.
func (s *Stack) count(l *lasting) (all tally, err error) {
	err = s.do(func(ctx context.Context) error {
		if all = l.before; !slices.Contains(s.force, l) {
			return nil
		}
		n, err := s.tallyOf(ctx, l)
		all = all.and(n)
		return err
	})
	return all, err
}

// tallyOf is what a fault in force has come to in this stack. Holding mu.
func (s *Stack) tallyOf(ctx context.Context, l *lasting) (tally, error) {
	if l.queue == nil {
		return ask(ctx, s.shell, l.own, l.own.counter())
	}
	r, err := s.tell(ctx, s.force)
	return l.tally(r), err
}

func (l *lasting) tally(r queue.Report) tally {
	t := r.Tallies[l.queue.ID]
	return tally{seen: t.Seen, met: t.Met, flows: t.Flows, stacks: 1, shortest: t.Shortest, overflowed: r.Overflowed - l.lost}
}

// tell has the program meet packets for these faults, and the kernel hand over the packets that they are about. Packets are handed over
// after the program knows what to do with them, and no more before it forgets. Holding mu.
func (s *Stack) tell(ctx context.Context, faults []*lasting) (queue.Report, error) {
	next, o := order{double: s.told.double}, queue.Order{}
	for _, l := range faults {
		if l.queue == nil {
			continue
		}
		o.Faults = append(o.Faults, *l.queue)
		next.double = next.double || l.queue.What == queue.Double
		for _, j := range l.jumps {
			if !slices.Contains(next.jumps, j) {
				next.jumps = append(next.jumps, j)
			}
		}
	}
	text, err := json.Marshal(o)
	if err != nil {
		return queue.Report{}, err
	}
	var added, gone []string
	for _, j := range next.jumps {
		if !slices.Contains(s.told.jumps, j) {
			added = append(added, "-A "+j+handOver)
		}
	}
	for _, j := range s.told.jumps {
		if !slices.Contains(next.jumps, j) {
			gone = append(gone, "-D "+j+handOver)
		}
	}
	script := "set -e\n"
	if len(gone) > 0 {
		script += restore("mangle", gone...)
	}
	if next.double && !s.told.double {
		script += copies
	}
	script += "queued set '" + string(text) + "'\n"
	if len(added) > 0 {
		script += restore("mangle", added...)
	}
	said, err := s.shell.Run(ctx, script)
	if err != nil {
		return queue.Report{}, err
	}
	var r queue.Report
	if err := json.Unmarshal([]byte(said), &r); err != nil {
		return r, fmt.Errorf("queued reports in a way that is not known here: %q", said)
	}
	s.told = next
	return r, nil
}

// What queued marks, as it does (see its serve_linux.go), and what a copy of that is marked with.
const (
	twice  = "0x5a551"
	copied = "0x5a552"
)

// handOver hands packets to queued, and passes them where it does not run. Copies have had their fate.
const handOver = " -m mark ! --mark " + copied + " -j NFQUEUE --queue-num 7 --queue-bypass"

// copies has nftables send a copy of what is marked, to where the packet goes: nothing else sends packets without the right to make up any
// (NET_RAW). What comes in is sent to this very stack once more.
const copies = `nft -f - <<'.'
table ip assay {
	chain in { type filter hook input priority 100; meta mark ` + twice + ` meta mark set ` + copied + ` dup to ip daddr; }
	chain out { type filter hook postrouting priority 100; meta mark ` + twice + ` meta mark set ` + copied + ` dup to ip daddr; }
}
.
`

// restore words one transaction of iptables: all of it is done, or nothing.
func restore(table string, lines ...string) string {
	return "iptables-nft-restore --noflush <<'.'\n*" + table + "\n" + strings.Join(lines, "\n") + "\nCOMMIT\n.\n"
}

// own is a fault that the kernel does by itself. Adding and removing are scripts; removing first sees to it that no more packets come where it
// can, then prints the count, as counter does, then lets it go.
type own interface {
	adding() string
	removing() string
	counter() string
	counted(said string) (tally, error)
}

// ask runs a script that prints the count.
func ask(ctx context.Context, shell Shell, o own, script string) (tally, error) {
	out, err := shell.Run(ctx, script)
	if err != nil {
		return tally{}, err
	}
	return o.counted(out)
}

// resets is a chain of iptables, so that the counters of what is in it are the fault's, and jumps to it. The first rule in the chain only
// counts what comes.
type resets struct {
	chain string
	jumps []string
}

// unreset matches what a reset may be the answer to.
const unreset = "-p tcp ! --tcp-flags RST RST"

func (r resets) adding() string {
	lines := []string{":" + r.chain + " -", "-A " + r.chain + " " + unreset, "-A " + r.chain + " " + unreset + " -j REJECT --reject-with tcp-reset"}
	for _, j := range r.jumps {
		lines = append(lines, "-A "+j+" -j "+r.chain)
	}
	return restore("filter", lines...)
}

func (r resets) removing() string {
	var lines []string
	for _, j := range r.jumps {
		lines = append(lines, "-D "+j+" -j "+r.chain)
	}
	return restore("filter", lines...) + r.counter() + "\n" + restore("filter", "-F "+r.chain, "-X "+r.chain)
}

func (r resets) counter() string { return "iptables-nft -t filter -nvxL " + r.chain }

// counted reads the table of iptables' -L: a line that names the chain, one that names the columns, packets first, and one for
// each of the two rules.
func (r resets) counted(said string) (tally, error) {
	unknown := fmt.Errorf("iptables counts packets in a way that is not known here: %q", said)
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "Chain "+r.chain+" ") {
		return tally{}, unknown
	}
	var counts [2]int
	for i, line := range lines[2:] {
		packets, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		var err error
		if counts[i], err = strconv.Atoi(packets); err != nil {
			return tally{}, unknown
		}
	}
	return tally{seen: counts[0], met: counts[1], stacks: 1}, nil
}

// pieces is a table of nftables that loses packets before those which are fragments are put together (priority -400, NF_IP_PRI_CONNTRACK_DEFRAG).
// What comes from the stack itself, such as the engine's answers about names, is left alone.
type pieces struct {
	table string
	share float64
}

// fine is how fine a probability is for nftables.
const fine = 1 << 20

func (p pieces) adding() string {
	return "nft -f - <<'.'\ntable ip " + p.table + " {\n\tchain pieces {\n\t\ttype filter hook prerouting priority -450;\n" +
		"\t\tiifname != \"lo\" ip protocol udp counter\n" +
		fmt.Sprintf("\t\tiifname != \"lo\" ip protocol udp numgen random mod %d < %d counter drop\n\t}\n}\n.\n", fine, int(math.Round(p.share*fine)))
}

func (p pieces) removing() string { return p.counter() + "\nnft delete table ip " + p.table + "\n" }
func (p pieces) counter() string  { return "nft list table ip " + p.table }

// counters are how nftables tells of them.
var counters = regexp.MustCompile(`counter packets (\d+) bytes`)

func (p pieces) counted(said string) (tally, error) {
	found := counters.FindAllStringSubmatch(said, -1)
	if len(found) != 2 {
		return tally{}, fmt.Errorf("nft counts packets in a way that is not known here: %q", said)
	}
	seen, err := strconv.Atoi(found[0][1])
	met, err2 := strconv.Atoi(found[1][1])
	return tally{seen: seen, met: met, stacks: 1}, errors.Join(err, err2)
}

func (n tally) wrong(expected string) error {
	return fmt.Errorf("it met %d packets of %d, where it was to meet %s", n.met, n.seen, expected)
}

// unlikely is how often chance may bring what is taken for another fault: once in a million.
const unlikely = 1e-6

// share tells whether each packet may have been met with that probability. By Chernoff's bound, of n packets a share x or one further off
// is met with probability exp(-n D) at most, where D is the relative entropy of x to the probability (Hoeffding, "Probability
// Inequalities for Sums of Bounded Random Variables", 1963, theorem 1).
func (n tally) share(probability float64) error {
	x := float64(n.met) / float64(n.seen)
	entropy := relative(x, probability) + relative(1-x, 1-probability)
	if float64(n.seen)*entropy > -math.Log(unlikely/2) {
		return n.wrong("about " + percent(probability))
	}
	return nil
}

func relative(x, p float64) float64 {
	if x == 0 {
		return 0
	}
	return x * math.Log(x/p)
}

// every tells whether one packet in m was met; each stack begins to count anew.
func (n tally) every(m int) error {
	if most := n.seen / m; n.met > most || n.met < most-(n.stacks-1) {
		return n.wrong(fmt.Sprintf("one in %d", m))
	}
	return nil
}

// all tells whether every packet was met.
func (n tally) all() error {
	if n.met != n.seen {
		return n.wrong("every one")
	}
	return nil
}

// lacking tells apart what this kernel cannot do from what went wrong. These are the words of iptables and of tc for a module
// that is not there.
func lacking(what string, err error) error {
	if err == nil {
		return nil
	}
	for _, words := range []string{"missing kernel module", "qdisc kind is unknown", "Protocol not supported", "(No such file or directory)", "RTNETLINK answers: No such file or directory"} {
		if strings.Contains(err.Error(), words) {
			said := err.Error()
			if i := strings.LastIndex(said, "exit status "); i >= 0 {
				_, said, _ = strings.Cut(said[i:], ": ")
			}
			lines := strings.Split(strings.TrimSpace(said), "\n")
			return unprovable.Here(what, "the engine's kernel has no module for it (%s)", lines[len(lines)-1])
		}
	}
	return err
}
