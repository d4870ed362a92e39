package fault

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLinkOfProxiesThatDoNotStartTellsWhy(t *testing.T) {
	ps := NewProxies("links")
	l := ps.NewLink(newHooks().Hooks, "replication", "primary:5432")
	assert.Equal(t, "links:20001", l.Address(), "containers can be told of it before it is there")
	assert.Equal(t, "links:20002", ps.NewLink(newHooks().Hooks, "other", "primary:5432").Address())

	told := make(chan any)
	go func() { // it waits
		defer func() { told <- recover() }()
		l.Sever()
	}()
	ps.Started("", errors.New("links was not ready within 1m0s"))
	assert.EqualError(t, (<-told).(ended), "inject sever on replication: links was not ready within 1m0s")
	assert.EqualError(t, fatal(t, func() { l.Drop(Both) }), "inject drop both ways on replication: links was not ready within 1m0s")
	assert.NoError(t, l.Retarget("127.0.0.1:1"), "the network's name leads to the server")
	assert.ErrorContains(t, l.Retarget(Nowhere), "links was not ready within 1m0s")
	assert.NoError(t, l.Close())
}

func TestFaultWaitsUntilTheProxiesRun(t *testing.T) {
	s, ps, st := serve(t), newProxies(t), newHooks()
	l := ps.NewLink(st.Hooks, "n1 → n2: 100%/2?#", s.address()) // names are for people
	injected := make(chan *Fault)
	go func() { injected <- l.Delay(ClientToServer, forever) }()
	ps.Started(strings.TrimPrefix(control(t).URL, "http://"), nil)
	f := <-injected
	client, server := connect(t, l, s)
	write(t, client, "held")
	write(t, server, "free")
	arrives(t, client, "free")
	heal(t, f)
	arrives(t, server, "held")
	heal(t, l.Sever(), l.Drop(Both), l.Reset())
	reaches(t, l, s)
}

func TestProxiesThatAreGoneEndTheTest(t *testing.T) {
	s, ps, st := serve(t), newProxies(t), newHooks()
	api := control(t)
	ps.Started(strings.TrimPrefix(api.URL, "http://"), nil)
	l := ps.NewLink(st.Hooks, "replication", s.address())
	f := l.Delay(ClientToServer, forever)
	api.CloseClientConnections()
	api.Close()
	bounded(t, "what is asked of it", func() {
		assert.ErrorContains(t, f.Heal(), "heal of delay 1h0m0s client to server on replication: ")
		assert.ErrorContains(t, f.Heal(), "connection refused", "it is no more healed than before")
		assert.ErrorContains(t, fatal(t, func() { l.Drop(Both) }), "inject drop both ways on replication: ")
		assert.ErrorContains(t, fatal(t, func() { l.Sever() }), "inject sever on replication: ")
	})
	require.Len(t, st.injected, 1)
	require.Empty(t, st.healed)
}

func TestPortOfALinkIsTaken(t *testing.T) {
	s, ps := serve(t), newProxies(t)
	ps.Started(strings.TrimPrefix(control(t).URL, "http://"), nil)
	one := ps.NewLink(newHooks().Hooks, "one", s.address())
	require.NoError(t, one.place.there())
	others := newProxies(t)
	others.next = ps.next - 1
	others.Started(strings.TrimPrefix(control(t).URL, "http://"), nil)
	two := others.NewLink(newHooks().Hooks, "two", s.address())
	assert.ErrorContains(t, fatal(t, func() { two.Sever() }), "inject sever on two: listen for link link-")
}
