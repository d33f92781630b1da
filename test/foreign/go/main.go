// A peer on go-zeromq/zmq4. peers.ts has the contract.
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	zmq "github.com/go-zeromq/zmq4"
)

func main() {
	if os.Args[1] == "app" {
		app()
		return
	}
	for at := 2; at < len(os.Args); at += 2 {
		serve(os.Args[at], os.Args[at+1])
	}
	select {}
}

func serve(kind, address string) {
	socket := zmq.NewRep(context.Background())
	if kind == "ROUTER" {
		socket = zmq.NewRouter(context.Background())
	}
	if err := socket.Listen(address); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("serving %s tcp://%s\n", kind, socket.Addr())
	go func() {
		for {
			message, err := socket.Recv()
			if err == nil {
				err = socket.SendMulti(message)
			}
			if err != nil {
				log.Print(kind, ": ", err)
			}
		}
	}()
}

func app() {
	var socket zmq.Socket
	isReq := true
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), " ")
		if words[0] == "ask" {
			count, _ := strconv.Atoi(words[1])
			fmt.Println(ask(socket, isReq, count, strings.Split(words[2], ",")))
			continue
		}
		if socket != nil {
			socket.Close()
		}
		isReq = words[1] == "REQ"
		options := []zmq.Option{zmq.WithAutomaticReconnect(true), zmq.WithDialerMaxRetries(-1), zmq.WithDialerRetry(50 * time.Millisecond)}
		if isReq {
			socket = zmq.NewReq(context.Background(), options...)
		} else {
			socket = zmq.NewDealer(context.Background(), options...)
		}
		if err := socket.Dial(words[2]); err != nil {
			fmt.Println("wrong:", err)
		} else {
			fmt.Println("opened")
		}
	}
}

func ask(socket zmq.Socket, isReq bool, count int, sizes []string) string {
	send := func(number int) error { return socket.SendMulti(zmq.NewMsgFrom(message(number, sizes, !isReq)...)) }
	for number := 0; !isReq && number < count; number++ {
		if err := send(number); err != nil {
			return fmt.Sprint("wrong: ", err)
		}
	}
	for number := 0; number < count; number++ {
		if isReq {
			if err := send(number); err != nil {
				return fmt.Sprint("wrong: ", err)
			}
		}
		came, err := socket.Recv()
		if err != nil {
			return fmt.Sprint("wrong: ", err)
		}
		wanted := message(number, sizes, !isReq)
		if len(came.Frames) != len(wanted) {
			return fmt.Sprintf("wrong: %d frames, not %d", len(came.Frames), len(wanted))
		}
		for frame := range wanted {
			if !bytes.Equal(came.Frames[frame], wanted[frame]) {
				return fmt.Sprint("wrong: frame ", frame)
			}
		}
	}
	return "right"
}

func message(number int, sizes []string, hasDelimiter bool) [][]byte {
	frames := [][]byte{}
	if hasDelimiter {
		frames = append(frames, []byte{})
	}
	for frame, size := range sizes {
		length, _ := strconv.Atoi(size)
		body := make([]byte, length)
		for at := range body {
			body[at] = byte(at*31 + frame*7 + number*13)
		}
		frames = append(frames, body)
	}
	return frames
}
