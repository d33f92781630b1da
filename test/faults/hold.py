"""An app that asks once on each of so many REQ sockets, and waits for the replies: hold.py ADDRESS SOCKETS BYTES."""

import sys

import zmq

address, sockets, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
context = zmq.Context()
asking = []
for number in range(sockets):
    socket = context.socket(zmq.REQ)
    socket.linger = 0
    socket.connect(address)
    socket.send(b"x" * size)
    asking.append(socket)
print("asked", flush=True)
for socket in asking:
    socket.recv()
print("answered", flush=True)
