package report

import (
	"slices"
	"strings"

	"assay/harness/evidence"
)

// arm is one side of the experiment: the subject, which has the mechanism, the control, which has not, or the clients that no
// check tells to be of either.
type arm struct {
	role    string // "subject", "control", "others", or "clients" where there are no sides
	control string // what the control is, in the scenario's words
	clients []string
	related []string // namesakes of clients, who are not judged themselves
	ops     []*evidence.Operation
}

// arms sorts the record's clients by what the checks say of them. The first control that breaks a property is the claim's, and
// whoever holds that property is the subject; then the other checks speak, in their order, for whom is not yet placed. A
// client in both, such as a producer for two consumers, is shown in both. Who is not judged goes where a namesake is: "orders:
// writer" beside "orders: reader".
func arms(r *evidence.Record) []arm {
	subject, control := arm{role: "subject"}, arm{role: "control"}
	headline := slices.IndexFunc(r.Checks, func(c evidence.Check) bool { return c.Role == "breaks" })
	if headline >= 0 {
		control.control = r.Checks[headline].Control
		control.take(r.Checks[headline].Clients)
		for _, c := range r.Checks {
			if c.Role == "holds" && c.Property == r.Checks[headline].Property {
				subject.take(c.Clients)
			}
		}
		for _, c := range r.Checks {
			for _, client := range c.Clients {
				switch placed := subject.has(client) || control.has(client); {
				case placed:
				case c.Role == "holds":
					subject.take([]string{client})
				case c.Role == "breaks":
					control.take([]string{client})
				}
			}
		}
	}
	sameSides := len(subject.clients) == len(control.clients) && !slices.ContainsFunc(subject.clients, func(c string) bool { return !control.has(c) })

	others, everybody := arm{role: "others"}, arm{role: "clients"}
	seen := map[string]bool{}
	for i := range r.Operations.Items {
		if client := r.Operations.Items[i].Client; !seen[client] {
			seen[client] = true
			everybody.clients = append(everybody.clients, client)
		}
	}
	for _, client := range everybody.clients {
		if subject.has(client) || control.has(client) {
			continue
		}
		inSubject, inControl := subject.namesake(client), control.namesake(client)
		if inSubject {
			subject.related = append(subject.related, client)
		}
		if inControl {
			control.related = append(control.related, client)
		}
		if !inSubject && !inControl {
			others.clients = append(others.clients, client)
		}
	}
	sides := []arm{subject, control, others}
	if sameSides || !subject.acts(seen) || !control.acts(seen) {
		sides = []arm{everybody}
	}
	for i := range sides {
		a := &sides[i]
		a.take(a.related)
		member := map[string]bool{}
		for _, c := range a.clients {
			member[c] = true
		}
		for at := range r.Operations.Items {
			if op := &r.Operations.Items[at]; member[op.Client] {
				a.ops = append(a.ops, op)
			}
		}
	}
	return slices.DeleteFunc(sides, func(a arm) bool { return len(a.ops) == 0 })
}

func (a *arm) has(client string) bool { return slices.Contains(a.clients, client) }

func (a *arm) take(clients []string) {
	for _, c := range clients {
		if !a.has(c) {
			a.clients = append(a.clients, c)
		}
	}
}

func (a *arm) acts(seen map[string]bool) bool {
	return slices.ContainsFunc(a.clients, func(c string) bool { return seen[c] })
}

func (a *arm) namesake(client string) bool {
	return slices.ContainsFunc(a.clients, func(c string) bool { return stem(c) == stem(client) })
}

// stem is what the names of clients that belong together have in common, by the fixtures' habits: "orders: reader", "orders on
// replica#2".
func stem(client string) string {
	client, _, _ = strings.Cut(client, "#")
	client, _, _ = strings.Cut(client, ": ")
	client, _, _ = strings.Cut(client, " on ")
	return client
}
