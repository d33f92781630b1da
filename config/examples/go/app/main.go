package main

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/go-zeromq/zmq4"
)

func main() {
	// Without these two, a socket that has lost its connection stays without one.
	socket := zmq4.NewReq(context.Background(), zmq4.WithAutomaticReconnect(true), zmq4.WithDialerMaxRetries(-1))
	if err := socket.Dial("tcp://127.0.0.1:5555"); err != nil { // the sidecar
		log.Fatal(err)
	}
	for number := 1; ; number++ {
		if err := socket.Send(zmq4.NewMsgString(fmt.Sprint("order ", number))); err != nil {
			log.Fatal(err)
		}
		reply, err := socket.Recv()
		if err != nil {
			log.Fatal(err)
		}
		if text := string(reply.Bytes()); strings.HasPrefix(text, `{"lazypirate"`) { // no server could reply
			fmt.Printf("order %d failed: %s\n", number, text)
		} else {
			fmt.Println(text)
		}
	}
}
