package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/go-zeromq/zmq4"
)

func main() {
	port := os.Args[1]
	socket := zmq4.NewRep(context.Background())
	if err := socket.Listen("tcp://127.0.0.1:" + port); err != nil {
		log.Fatal(err)
	}
	for {
		message, err := socket.Recv()
		if err != nil {
			log.Fatal(err)
		}
		order := string(message.Bytes())
		fmt.Printf("%s works on %s\n", port, order)
		time.Sleep(500 * time.Millisecond)
		if err := socket.Send(zmq4.NewMsgString(order + ": done by " + port)); err != nil {
			log.Print(err)
		}
	}
}
