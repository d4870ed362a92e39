package claims

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

const guide = "https://www.freecodecamp.org/news/systems-design-for-interviews/"

// sections holds the guide's thirteen in its order, under titles of our own.
var sections = [13]struct{ title, anchor string }{
	{"Networks and protocols", "#section-1-networks-and-protocols"},
	{"Storage, latency, throughput", "#section-2-storage-latency-throughput"},
	{"Availability", "#section-3-system-availability"},
	{"Caching", "#section-4-caching"},
	{"Proxies", "#section-5-proxies"},
	{"Load balancing", "#section-6-load-balancing"},
	{"Consistent hashing", "#section-7-consistent-hashing"},
	{"Databases", "#section-8-databases"},
	{"Leader election", "#section-9-leader-election"},
	{"Polling and streaming", "#section-10-polling-streaming-sockets"},
	{"Endpoint protection", "#section-11-endpoint-protection"},
	{"Messaging", "#section-12-messaging-pub-sub"},
	{"Logging, monitoring, alerting", "#section-13-smaller-essentials"},
}

// Section returns the number and title of the guide's section that the claim belongs to, such as "12 Messaging", and the
// address where the guide speaks of it. Both are empty for an id that is not <1…13>.<number>, such as one of a user's own.
func Section(id string) (title, link string) {
	section, _, ok := number(id)
	if !ok {
		return "", ""
	}
	s := sections[section-1]
	return fmt.Sprintf("%d %s", section, s.title), guide + s.anchor
}

// Part is one of the guide's sections: its number and title, and the address where the guide has it.
type Part struct{ Title, Link string }

// Parts returns the guide's sections in its order, also those of which there are no claims yet.
func Parts() []Part {
	parts := make([]Part, len(sections))
	for i, s := range sections {
		parts[i] = Part{fmt.Sprintf("%d %s", i+1, s.title), guide + s.anchor}
	}
	return parts
}

// Compare orders claims by their ids: by section and number, and then those that have no section, by the alphabet.
func Compare(a, b string) int {
	aSection, aNumber, aOK := number(a)
	bSection, bNumber, bOK := number(b)
	switch {
	case aOK && bOK:
		return cmp.Or(cmp.Compare(aSection, bSection), cmp.Compare(aNumber, bNumber))
	case aOK:
		return -1
	case bOK:
		return 1
	}
	return cmp.Compare(a, b)
}

var numbered = regexp.MustCompile(`^([1-9]|1[0-3])\.([1-9][0-9]{0,5})$`)

func number(id string) (section, n int, ok bool) {
	parts := numbered.FindStringSubmatch(id)
	if parts == nil {
		return 0, 0, false
	}
	section, _ = strconv.Atoi(parts[1])
	n, _ = strconv.Atoi(parts[2])
	return section, n, true
}
