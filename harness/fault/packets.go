package fault

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"assay/harness/internal/unprovable"
)

// Shell runs scripts in the network stack of a node, with iptables and tc at hand.
type Shell interface {
	// Run returns what the script wrote; an exit status other than 0 is an error that carries it.
	Run(ctx context.Context, script string) (string, error)
}

// shellLimit bounds one script.
const shellLimit = 30 * time.Second

// Stack is the network stack of a node, in which packets can be lost. It is the kernel's, and ends with the node's
// processes: a node that is started again has another one.
type Stack struct {
	node  string
	hooks *Hooks

	ready chan struct{} // closed when shell or err is set
	err   error

	mu     sync.Mutex
	shell  Shell
	serial int
	force  []*lasting // in force, the latest last
}

// lasting is a fault that lasts longer than a stack: what puts it into one, and what it came to in those that have ended.
type lasting struct {
	act
	before tally
}

// tally is how many packets a fault has seen, how many of them it met, and in how many network stacks that was.
type tally struct{ seen, met, stacks int }

func (t tally) and(other tally) tally {
	return tally{t.seen + other.seen, t.met + other.met, t.stacks + other.stacks}
}

// act is what a fault does to a stack.
type act interface {
	put(context.Context, Shell) error
	remove(context.Context, Shell) (tally, error)
	count(context.Context, Shell) (tally, error)
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
	for _, r := range s.force {
		n, err := r.count(ctx, s.shell)
		if err != nil {
			return fmt.Errorf("count the packets of before the restart: %w", err)
		}
		r.before = r.before.and(n)
	}
	shell, err := reopen()
	if err != nil {
		return err
	}
	s.shell = shell
	for _, r := range s.force {
		if err := r.put(ctx, s.shell); err != nil {
			return err
		}
	}
	return nil
}

// Packets returns the path of the packets between clients and a port of the node.
func (s *Stack) Packets(port int) *Packets { return &Packets{stack: s, port: port} }

// Packets is the path of single packets, of TCP and of UDP, between clients and one port of a server. What a Link cannot do,
// since it is a proxy that ends TCP on both sides, happens here: packets are lost and the two stacks have to cope.
//
// Faults act in the network stack of the server's container, on IPv4, where packets have come in (client to server) or are about
// to go out (server to client). So a packet is what the stack takes for one: with segmentation offload, as between containers of
// one machine, that is up to 64 kB of a TCP stream. Nobody is told of a lost packet. A client outside of the engine's networks,
// such as the test process, reaches a published port through the engine's own proxy, and then the packets are those between
// that proxy and the container: how TCP copes is seen there, and not by the client. UDP ports are not published.
//
// Faults can be combined: they act in the order of their injection, and what one has lost the next does not see. Of Delay,
// Reorder and Duplicate there is one at a time for a server: they are the kernel's netem, which not every kernel has, and where it has
// not they are not provable.
type Packets struct {
	stack *Stack
	port  int
}

// Lose loses each packet in the given direction with that probability, above 0 and at most 1, independently of the others. The
// draws are the kernel's, without a seed.
func (p *Packets) Lose(dir Direction, probability float64) *Fault {
	f := p.fault("lose", fmt.Sprintf("%s of packets %v", percent(probability), dir))
	p.likely(f, probability)
	if p.stack.hooks.halved(f) {
		probability /= 2
	} else {
		f.counted(func(n tally) error { return n.share(probability) })
	}
	return p.inject(f, dir, lose("-m statistic --mode random --probability "+decimal(probability)))
}

// LoseEvery loses every n-th packet in the given direction, n at least 2, TCP's and UDP's counted together and those of all flows
// too. Both ways, they are counted together as well.
func (p *Packets) LoseEvery(dir Direction, n int) *Fault {
	f := p.fault("lose", fmt.Sprintf("one packet in %d %v", n, dir))
	if n < 2 {
		p.stack.hooks.Fatal(fmt.Errorf("inject %s: say every second packet, or a higher number", f))
	}
	if p.stack.hooks.halved(f) {
		n *= 2
	} else {
		f.counted(func(c tally) error { return c.every(n) })
	}
	return p.inject(f, dir, lose(fmt.Sprintf("-m statistic --mode nth --every %d --packet %d", n, n-1)))
}

// LoseFirst loses the first packet of every flow (the four of addresses and ports) that is seen from now on in the given
// direction: of a new TCP connection the SYN, of UDP the first datagram. What follows in the same flow goes through, also the
// same packet sent again. A connection that is there already loses its next packet.
func (p *Packets) LoseFirst(dir Direction) *Fault {
	f := p.fault("lose", fmt.Sprintf("the first packet of each flow %v", dir))
	f.counted(tally.first)
	return p.inject(f, dir, func(chain string) (rules []string) {
		for _, protocol := range []string{"tcp", "udp"} { // whose ports are not the same, though their numbers may be
			// A flow may send one packet a day of those that are lost, and the day is not over before the test is.
			rules = append(rules, "-p "+protocol+" -m hashlimit --hashlimit-name "+chain+"-"+protocol+" --hashlimit-mode srcip,srcport,dstip,dstport"+
				" --hashlimit-upto 1/day --hashlimit-burst 1 --hashlimit-htable-expire 86400000 -j "+nowhere)
		}
		return rules
	})
}

// Reset answers every packet of a TCP connection with a reset (RST) to who sent it, and keeps it: connections end as soon as one
// side sends something, and new ones are refused. Each side is told when it sends, not before. It models a firewall or a peer
// that has forgotten its connections. UDP is left alone: it has none.
func (p *Packets) Reset() *Fault {
	f := p.fault("reset", "connections")
	f.counted(tally.all)
	return p.inject(f, Both, always(unreset+" -j REJECT --reject-with tcp-reset"))
}

// unreset matches what a reset may be the answer to.
const unreset = "-p tcp ! --tcp-flags RST RST"

// nowhere is a queue that nobody reads. There packets are lost, and as on a wire nobody is told: the target DROP would let who
// sends from this stack know (EPERM), and TCP would not count the packet as sent.
const nowhere = "NFQUEUE --queue-num 65535"

// lose is the rule that loses what matches.
func lose(match string) func(string) []string { return always(match + " -j " + nowhere) }

// always is the one rule whatever its chain is called.
func always(rule string) func(string) []string {
	return func(string) []string { return []string{rule} }
}

func percent(probability float64) string { return decimal(probability*100) + " %" }

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 32) }

func (p *Packets) fault(kind, detail string) *Fault {
	return &Fault{Kind: kind, Target: p.stack.node, Detail: fmt.Sprintf("%s, port %d", detail, p.port), Undo: "heal"}
}

func (p *Packets) likely(f *Fault, probability float64) {
	if !(probability > 0 && probability <= 1) {
		p.stack.hooks.Fatal(fmt.Errorf("inject %s: a probability is above 0 and at most 1", f))
	}
}

// inject has a rule of iptables meet the packets in the direction.
func (p *Packets) inject(f *Fault, dir Direction, does func(chain string) []string) *Fault {
	if dir&^Both != 0 || dir == 0 {
		p.stack.hooks.Fatal(fmt.Errorf("inject %s: there is no such direction", f))
	}
	protocols, sees := []string{"tcp", "udp"}, ""
	if f.Kind == "reset" {
		protocols, sees = protocols[:1], unreset
	}
	var jumps []string
	for _, protocol := range protocols {
		if dir&ClientToServer != 0 {
			jumps = append(jumps, fmt.Sprintf("INPUT -p %s --dport %d", protocol, p.port))
		}
		if dir&ServerToClient != 0 {
			jumps = append(jumps, fmt.Sprintf("OUTPUT -p %s --sport %d", protocol, p.port))
		}
	}
	name := p.stack.name()
	return p.stack.inject(f, &rule{table: "filter", chain: name, sees: sees, does: does(name), jumps: jumps})
}

// name is a name for the next chain.
func (s *Stack) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return fmt.Sprintf("assay-%d", s.serial)
}

func (s *Stack) inject(f *Fault, a act) *Fault {
	<-s.ready // before the fault's window begins
	l := &lasting{act: a}
	f.packets = func() (tally, error) { return s.count(l) }
	return s.hooks.inject(f, func() error { return s.put(l) }, func() error { return s.remove(l) })
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

func (s *Stack) put(r *lasting) error {
	return s.do(func(ctx context.Context) error {
		if err := r.put(ctx, s.shell); err != nil {
			return err
		}
		s.force = append(s.force, r)
		return nil
	})
}

func (s *Stack) remove(r *lasting) error {
	return s.do(func(ctx context.Context) error {
		n, err := r.remove(ctx, s.shell)
		if err != nil {
			return err
		}
		r.before = r.before.and(n)
		s.force = slices.DeleteFunc(s.force, func(other *lasting) bool { return other == r })
		return nil
	})
}

// count is what the fault has come to, up to now or to its end.
func (s *Stack) count(r *lasting) (all tally, err error) {
	err = s.do(func(ctx context.Context) error {
		if all = r.before; !slices.Contains(s.force, r) {
			return nil
		}
		n, err := r.count(ctx, s.shell)
		all = all.and(n)
		return err
	})
	return all, err
}

// rule is a fault as iptables has it: a chain of its own, so that the counters of what is in it are the fault's, and jumps to it. The
// first rule in the chain only counts what comes.
type rule struct {
	table string
	chain string
	sees  string   // the match of what is counted as seen, all that comes where it is ""
	does  []string // of each rule in the chain, the match and the target
	jumps []string // from where packets come
}

// restore words one transaction: all of it is done, or nothing.
func (r *rule) restore(lines ...string) string {
	return "iptables-nft-restore --noflush <<'.'\n*" + r.table + "\n" + strings.Join(lines, "\n") + "\nCOMMIT\n.\n"
}

// adding and removing are scripts; removing first sees to it that no more packets come, then counts, then lets the counter go.
func (r *rule) adding() string {
	lines := []string{":" + r.chain + " -", strings.TrimSpace("-A " + r.chain + " " + r.sees)}
	for _, does := range r.does {
		lines = append(lines, "-A "+r.chain+" "+does)
	}
	for _, j := range r.jumps {
		lines = append(lines, "-A "+j+" -j "+r.chain)
	}
	return r.restore(lines...)
}

func (r *rule) removing() string {
	var lines []string
	for _, j := range r.jumps {
		lines = append(lines, "-D "+j+" -j "+r.chain)
	}
	return r.restore(lines...) + r.counter() + "\n" + r.restore("-F "+r.chain, "-X "+r.chain)
}

func (r *rule) counter() string { return "iptables-nft -t " + r.table + " -nvxL " + r.chain }

func (r *rule) put(ctx context.Context, shell Shell) error {
	_, err := shell.Run(ctx, "exec "+r.adding()) // a process less to start
	return lacking("loss of single packets", err)
}

func (r *rule) remove(ctx context.Context, shell Shell) (tally, error) {
	return r.ask(ctx, shell, "set -e\n"+r.removing())
}

func (r *rule) count(ctx context.Context, shell Shell) (tally, error) {
	return r.ask(ctx, shell, r.counter())
}

// ask runs a script that prints the counter.
func (r *rule) ask(ctx context.Context, shell Shell, script string) (tally, error) {
	out, err := shell.Run(ctx, script)
	if err != nil {
		return tally{}, err
	}
	return r.counted(out)
}

// counted reads the table of iptables' -L: a line that names the chain, one that names the columns, packets first, and one for
// each rule.
func (r *rule) counted(table string) (tally, error) {
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if len(lines) != 3+len(r.does) || !strings.HasPrefix(lines[0], "Chain "+r.chain+" ") {
		return tally{}, fmt.Errorf("iptables counts packets in a way that is not known here: %q", table)
	}
	all := tally{stacks: 1}
	for i, line := range lines[2:] {
		packets, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(packets)
		if err != nil {
			return tally{}, fmt.Errorf("iptables counts packets in a way that is not known here: %q", table)
		}
		if i == 0 {
			all.seen = n
		} else {
			all.met += n
		}
	}
	return all, nil
}

// counted has the fault's nature told by the kernel's counters: an error says that what the kernel counted is not what the fault says. Of
// nothing there is nothing to tell.
func (f *Fault) counted(right func(tally) error) {
	f.nature = func() (string, error) {
		n, err := f.packets()
		if err != nil || n.seen == 0 {
			return "", err
		}
		if err := right(n); err != nil {
			return "", err
		}
		return fmt.Sprintf("the kernel saw %d packets, and it met %d of them", n.seen, n.met), nil
	}
}

func (n tally) wrong(expected string) error {
	return fmt.Errorf("the kernel counted that it met %d packets of %d, where it was to meet %s", n.met, n.seen, expected)
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

// first tells whether some packets were met, as the first of a flow must be.
func (n tally) first() error {
	if n.met == 0 {
		return n.wrong("the first of each flow")
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
