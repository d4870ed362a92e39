// Command links is the links between containers: package wire under control from afar. It runs in a container whose control port is
// published on 127.0.0.1 only, since who reaches it can lead connections anywhere on the container's networks.
package main

import (
	"flag"
	"log"
	"net/http"
	"time"

	"assay/harness/fault/wire"
)

func main() {
	flag.Parse() // there are none
	s := &http.Server{Addr: ":8474", Handler: new(wire.Control).Handler(), ReadHeaderTimeout: 5 * time.Second}
	log.Printf("takes orders on %s", s.Addr)
	log.Fatal(s.ListenAndServe())
}
