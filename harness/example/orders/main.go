// Orders is a shop that charges orders, and keeps a ledger of the charges for each customer.
//
//	POST /orders?customer=NAME&id=NUMBER    charges an order
//	GET  /orders?customer=NAME              tells the numbers of the charged orders, as JSON
//
// A POST with an Idempotency-Key is charged once, however often it is sent.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"strconv"
	"sync"
)

func main() {
	s := &shop{ledgers: map[string][]int64{}, seen: map[string]bool{}}
	http.HandleFunc("POST /orders", s.charge)
	http.HandleFunc("GET /orders", s.ledger)
	log.Fatal(http.ListenAndServe(":8080", nil))
}

type shop struct {
	mu      sync.Mutex
	ledgers map[string][]int64 // by customer
	seen    map[string]bool    // the keys that were charged
}

func (s *shop) charge(w http.ResponseWriter, r *http.Request) {
	customer, key := r.FormValue("customer"), r.Header.Get("Idempotency-Key")
	id, err := strconv.ParseInt(r.FormValue("id"), 10, 64)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key == "" || !s.seen[key] {
		s.ledgers[customer] = append(s.ledgers[customer], id)
		s.seen[key] = true
	}
	w.WriteHeader(http.StatusCreated)
}

func (s *shop) ledger(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := json.NewEncoder(w).Encode(s.ledgers[r.FormValue("customer")]); err != nil {
		log.Print(err)
	}
}
