package history

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Recorder collects the operations of many clients on one monotonic clock. All its methods, and those of its clients, may be called by
// several goroutines at once.
type Recorder struct {
	epoch time.Time

	mu      sync.Mutex
	clients []*Client
	names   map[string]int // how many clients asked for this name
}

// New gives a recorder whose epoch is now.
func New() *Recorder {
	return &Recorder{epoch: time.Now(), names: make(map[string]int)}
}

// Now gives the time since the recorder's epoch, which is what the times of operations and windows count from.
func (r *Recorder) Now() time.Duration { return time.Since(r.epoch) }

// Client adds a client. Via names the links and nodes that its operations travel over, from which it can be told who should have felt a
// fault. When the name is taken, the client is called name#2, name#3, …: reports tell clients apart by their names.
func (r *Recorder) Client(name string, via ...string) *Client {
	return r.ClientOn("", name, via...)
}

// ClientOn is Client for one that stands on a side of a comparison, given by the side's name. One on no side, "", does what the sides
// share.
func (r *Recorder) ClientOn(side, name string, via ...string) *Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	unique := name
	for r.names[unique] > 0 {
		r.names[name]++
		unique = fmt.Sprintf("%s#%d", name, r.names[name])
	}
	r.names[unique]++
	c := &Client{epoch: r.epoch, name: unique, side: side, via: slices.Clone(via)}
	r.clients = append(r.clients, c)
	return c
}

// Clients gives all clients, in the order in which they were added.
func (r *Recorder) Clients() []*Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.clients)
}

// History gives the operations of all clients up to now, sorted by Start, while they go on. It is a consistent cut: whatever caused an
// operation in it is in it too.
func (r *Recorder) History() History {
	clients := r.Clients()
	cut := r.Now()
	var all History
	for _, c := range clients {
		all = append(all, c.until(cut)...)
	}
	return all.Sorted()
}

// Client records the operations of one client. It is made by Recorder.Client.
type Client struct {
	epoch time.Time
	name  string
	side  string
	via   []string

	mu sync.Mutex
	// Operations live in chunks that never move: appending copies nothing, and the handle of a pending operation can point at it.
	chunks [][]Operation
	count  int
	txns   []*Txn
}

const (
	firstChunk = 16
	// A snapshot holds the lock for one chunk at a time, so this also bounds how long it keeps a client waiting: some ten microseconds.
	largestChunk = 1024
)

// Name gives the client's name, which is unique among the clients of its recorder.
func (c *Client) Name() string { return c.name }

// Side gives the name of the side that the client is on, "" for none.
func (c *Client) Side() string { return c.side }

// Via gives the names of the links and nodes that the client's operations travel over.
func (c *Client) Via() []string { return slices.Clone(c.via) }

// Op is an operation that has begun. It is ended once; the first end counts.
type Op struct {
	client    *Client
	operation *Operation
}

// Begin records that the client invokes an operation, which is pending from now on. Call it just before the request is sent.
func (c *Client) Begin(kind, key string, value int64) Op { return c.begin(kind, key, 0, value) }

// BeginCompareAndSet is Begin for a CompareAndSet, which has two values.
func (c *Client) BeginCompareAndSet(key string, expected, value int64) Op {
	return c.begin(CompareAndSet, key, expected, value)
}

func (c *Client) begin(kind, key string, expected, value int64) Op {
	c.mu.Lock()
	op := c.invoke(kind, key, expected, value)
	c.mu.Unlock()
	return Op{c, op}
}

// invoke adds an operation that begins now. The clock is read under the lock, which the caller holds: operations lie in the order of their
// starts, and a snapshot misses none that began before it.
func (c *Client) invoke(kind, key string, expected, value int64) *Operation {
	op := c.add()
	*op = Operation{Client: c.name, Kind: kind, Key: key, Value: value, Expected: expected, Start: time.Since(c.epoch), End: Open}
	return op
}

// Event records something that happened to the client at this moment, such as a delivery or a disconnection. Attempt is what the
// broker tells of a delivery: 1 for the first, 2 and up for redeliveries; 0 where it does not apply.
func (c *Client) Event(kind, key string, value int64, attempt int) {
	c.mu.Lock()
	op := c.add()
	now := time.Since(c.epoch)
	*op = Operation{Client: c.name, Kind: kind, Key: key, Value: value, Attempt: attempt, Start: now, End: now, Outcome: OK}
	c.mu.Unlock()
}

// End records the response, or that the client gave up waiting for one. Outcome is Failed only if the operation surely had no effect.
func (o Op) End(outcome Outcome, err error) { o.end(outcome, err, nil) }

// EndRead records the response to a read: the value it returned, 0 for none, or the error. A read has no effect, so one with an error
// is Failed.
func (o Op) EndRead(value int64, err error) {
	if err != nil {
		o.end(Failed, err, nil)
		return
	}
	o.end(OK, nil, &value)
}

func (o Op) end(outcome Outcome, err error, value *int64) {
	now := time.Since(o.client.epoch)
	var text string
	if err != nil {
		text = err.Error()
	}
	o.client.mu.Lock()
	defer o.client.mu.Unlock()
	op := o.operation
	if op.End != Open {
		return
	}
	op.End, op.Outcome, op.Err = now, outcome, text
	if value != nil {
		op.Value = *value
	}
}

// add gives room for one more operation. The caller holds the lock.
func (c *Client) add() *Operation {
	last := len(c.chunks) - 1
	if last < 0 || len(c.chunks[last]) == cap(c.chunks[last]) {
		size := firstChunk
		if last >= 0 {
			size = min(2*cap(c.chunks[last]), largestChunk)
		}
		c.chunks = append(c.chunks, make([]Operation, 0, size))
		last++
	}
	chunk := c.chunks[last]
	chunk = chunk[:len(chunk)+1]
	c.chunks[last] = chunk
	c.count++
	return &chunk[len(chunk)-1]
}

// History gives the client's operations up to now, in the order of their starts, while it goes on.
func (c *Client) History() History { return c.until(time.Since(c.epoch)) }

// until gives the operations that began by the time cut; those that had not ended by then are pending.
func (c *Client) until(cut time.Duration) History {
	c.mu.Lock()
	h := make(History, 0, c.count)
	c.mu.Unlock()
	for i := 0; len(h) < cap(h); i++ {
		c.mu.Lock()
		chunk := c.chunks[i]
		h = append(h, chunk[:min(len(chunk), cap(h)-len(h))]...)
		c.mu.Unlock()
	}
	for len(h) > 0 && h[len(h)-1].Start > cut {
		h = h[:len(h)-1]
	}
	for i := range h {
		if op := &h[i]; op.End > cut && op.End != Open {
			op.End, op.Outcome, op.Err = Open, Unknown, ""
			if op.Kind == Read {
				op.Value = 0 // not returned yet
			}
		}
	}
	return h
}
