"""Apps that never read: flood.py ADDRESS SOCKETS BYTES. Each DEALER sends requests of so many bytes as fast as it can, until
it is killed; each line tells how many there were so far."""

import sys
import time

import zmq

address, sockets, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
context = zmq.Context()
dealers = []
for _ in range(sockets):
    dealer = context.socket(zmq.DEALER)
    dealer.linger = 0
    dealer.connect(address)
    dealers.append(dealer)
body = b"x" * size
sent = 0
told = time.monotonic()
while True:
    idle = True
    for dealer in dealers:
        try:
            dealer.send_multipart([b"", body], zmq.NOBLOCK, copy=False)
            sent += 1
            idle = False
        except zmq.Again:
            pass
    if idle:
        time.sleep(0.001)
    if time.monotonic() - told > 0.1:
        told = time.monotonic()
        print(f"sent {sent}", flush=True)
