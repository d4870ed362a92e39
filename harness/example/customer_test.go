// Package example_test puts a claim about a service of one's own to the test, for the README to show.
package example_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"assay/harness"
	"assay/harness/history"
)

// customer orders from a shop, and records each attempt and how it ended.
type customer struct {
	*history.Client

	env     *harness.Env
	shop    *harness.Node
	link    *harness.Link
	key     key
	browser *http.Client
	last    int64 // the number of the last order
	charged *history.Client
}

// key tells whether orders carry an idempotency key.
type key bool

const (
	withKey    key = true
	withoutKey key = false
)

// newCustomer returns a customer on a side, who orders over the link: what happens to it, the customer's operations are to show.
// An attempt that was not answered is given up when patience is over.
func newCustomer(env *harness.Env, side *harness.Side, key key, shop *harness.Node, link *harness.Link, patience time.Duration) *customer {
	shop.Ready()
	return &customer{
		Client: side.Client("", link), env: env, shop: shop, link: link, key: key,
		// Each attempt has a connection of its own, so that none meets what a fault has left of another's.
		browser: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: -1}},
		charged: side.Client("ledger", shop.Direct()),
	}
}

// Order places n orders at once, and returns when each was acknowledged or given up.
func (c *customer) Order(n int) {
	c.last += int64(n)
	c.attempt()
}

// Retry is the condition that every order was acknowledged. It sends the others again.
func (c *customer) Retry() error {
	c.attempt()
	if n := len(c.open()); n > 0 {
		return fmt.Errorf("%d orders of %s are not acknowledged", n, c.Name())
	}
	return nil
}

// attempt sends each open order once.
func (c *customer) attempt() {
	var attempts sync.WaitGroup
	for _, id := range c.open() {
		request := c.request(http.MethodPost, c.link, fmt.Sprintf("&id=%d", id))
		if c.key {
			request.Header.Set("Idempotency-Key", fmt.Sprintf("%s-%d", c.Name(), id))
		}
		attempts.Go(func() {
			op := c.Begin(history.Write, "orders", id)
			op.End(outcome(c.browser.Do(request)))
		})
	}
	attempts.Wait()
}

// outcome is what a customer knows of an order after the answer to it, or without one.
func outcome(answer *http.Response, err error) (history.Outcome, error) {
	if err != nil {
		// Silence tells nothing: the order may have been charged.
		return history.Unknown, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		return history.Failed, errors.New(answer.Status)
	}
	return history.OK, nil
}

// open are the orders of which no attempt was acknowledged.
func (c *customer) open() (ids []int64) {
	acknowledged := map[int64]bool{}
	for _, attempt := range c.History() {
		acknowledged[attempt.Value] = acknowledged[attempt.Value] || attempt.Outcome == history.OK
	}
	for id := int64(1); id <= c.last; id++ {
		if !acknowledged[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// Ledger is what the shop has charged the customer for, asked past the link and recorded as deliveries.
func (c *customer) Ledger() *history.Client {
	answer, err := c.browser.Do(c.request(http.MethodGet, c.shop.Direct(), ""))
	c.env.Require(err, "ask for the ledger of %s", c.Name())
	defer answer.Body.Close()
	var ids []int64
	c.env.Require(json.NewDecoder(answer.Body).Decode(&ids), "read the ledger of %s", c.Name())
	// A ledger only grows: what it told before comes first, and has been recorded.
	for _, id := range ids[len(c.charged.History()):] {
		c.charged.Event(history.Deliver, "orders", id, 0)
	}
	return c.charged
}

func (c *customer) request(method string, over *harness.Link, query string) *http.Request {
	url := fmt.Sprintf("http://%s/orders?customer=%s%s", over.Address(), c.Name(), query)
	r, err := http.NewRequestWithContext(c.env.Context(), method, url, nil)
	c.env.Require(err, "ask for %s", url)
	return r
}
