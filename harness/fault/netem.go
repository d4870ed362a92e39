package fault

import (
	"context"
	"fmt"
	"time"
)

// Delay holds back each packet that the server sends by d, whole microseconds, with order kept. What the server receives is not
// delayed: a queueing discipline has a hold only of what goes out. What is held back when it is healed is lost.
func (p *Packets) Delay(d time.Duration) *Fault {
	f := p.fault("delay", fmt.Sprintf("%v server to client", d))
	f.Delay = d
	if p.stack.hooks.halved(f) {
		d /= 2
	}
	return p.queue(f, "delay of single packets", d, fmt.Sprintf("delay %dus", d.Microseconds()))
}

// Reorder sends each packet of the server's at once with the given probability, above 0 and at most 1; the others are held back by d,
// so that they are overtaken. Two packets stay in order that are further apart than d. What is held back when it is healed is
// lost.
func (p *Packets) Reorder(probability float64, d time.Duration) *Fault {
	f := p.fault("reorder", fmt.Sprintf("%s of packets ahead by %v, server to client", percent(probability), d))
	p.likely(f, probability)
	if p.stack.hooks.halved(f) {
		probability /= 2
	}
	return p.queue(f, "reordering of packets", d, fmt.Sprintf("delay %dus reorder %s%%", d.Microseconds(), decimal(probability*100)))
}

// Duplicate sends each packet of the server's twice with the given probability, above 0 and at most 1.
func (p *Packets) Duplicate(probability float64) *Fault {
	f := p.fault("duplicate", fmt.Sprintf("%s of packets server to client", percent(probability)))
	p.likely(f, probability)
	if p.stack.hooks.halved(f) {
		probability /= 2
	}
	return p.queue(f, "duplication of packets", time.Microsecond, fmt.Sprintf("duplicate %s%%", decimal(probability*100)))
}

// queue has the packets that the server sends from the port go through netem, set up as told, which holds none longer than d.
func (p *Packets) queue(f *Fault, what string, d time.Duration, as string) *Fault {
	if d < time.Microsecond || d%time.Microsecond != 0 {
		p.stack.hooks.Fatal(fmt.Errorf("inject %s: a delay is a whole number of microseconds, at least one", f))
	}
	p.stack.mu.Lock()
	for _, l := range p.stack.force {
		if _, ok := l.act.(*netem); ok {
			p.stack.mu.Unlock()
			p.stack.hooks.Fatal(fmt.Errorf("inject %s: there is a delay, reorder or duplicate in force on %s already; heal that first", f, p.stack.node))
		}
	}
	p.stack.mu.Unlock()
	return p.stack.inject(f, &netem{what: what, queue: "netem limit 100000 " + as, rule: rule{
		table: "mangle", chain: p.stack.name(), does: []string{"-j CLASSIFY --set-class 1:4"},
		jumps: []string{fmt.Sprintf("POSTROUTING -p tcp --sport %d", p.port), fmt.Sprintf("POSTROUTING -p udp --sport %d", p.port)},
	}})
}

// netem is a queue of the kernel's on each way out of the stack (tc-netem(8)). A rule leads the packets to it, by their port, as a
// class of HTB, which lets all others pass (tc-htb(8)).
type netem struct {
	rule
	what  string
	queue string
}

const eachWayOut = "for d in /sys/class/net/*; do d=${d##*/}; [ $d != lo ] || continue\n"

func (n *netem) put(ctx context.Context, shell Shell) error {
	_, err := shell.Run(ctx, "set -e\n"+eachWayOut+
		"tc qdisc add dev $d root handle 1: htb\n"+
		"tc class add dev $d parent 1: classid 1:4 htb rate 10gbit quantum 65536\n"+
		"tc qdisc add dev $d parent 1:4 handle 40: "+n.queue+" || { tc qdisc del dev $d root; exit 1; }\n"+
		"done\n"+n.adding())
	return lacking(n.what, err)
}

func (n *netem) remove(ctx context.Context, shell Shell) (tally, error) {
	return n.ask(ctx, shell, "set -e\n"+n.removing()+eachWayOut+"tc qdisc del dev $d root\ndone\n")
}
