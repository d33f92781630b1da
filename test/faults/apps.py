"""Misbehaving apps on the given number of sockets: apps.py hold|flood ADDRESS SOCKETS BYTES.

hold: each REQ asks once, with so many bytes, and waits for its reply. flood: each DEALER sends requests of so many bytes as fast
as it can and never reads, until SIGTERM; each line tells how many there were so far."""

import os
import signal
import sys
import time

import zmq

what, address, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
context = zmq.Context()
sockets = []
for _ in range(count):
    socket = context.socket(zmq.REQ if what == "hold" else zmq.DEALER)
    socket.linger = 0
    socket.connect(address)
    sockets.append(socket)
body = b"x" * size


def hold():
    for socket in sockets:
        socket.send(body)
    print("asked", flush=True)
    for socket in sockets:
        socket.recv()
    print("answered", flush=True)


def flood():
    sent = 0
    told = time.monotonic()
    ends = []
    signal.signal(signal.SIGTERM, lambda *_: ends.append(True))
    while not ends:
        idle = True
        for socket in sockets:
            try:
                socket.send_multipart([b"", body], zmq.NOBLOCK, copy=False)
                sent += 1
                idle = False
            except zmq.Again:
                pass
        if idle:
            time.sleep(0.001)
        if time.monotonic() - told > 0.1:
            told = time.monotonic()
            print(f"sent {sent}", flush=True)
    print(f"sent {sent}", flush=True)
    # As little tidied up as when it is killed.
    os._exit(0)


hold() if what == "hold" else flood()
