"""The guide's Lazy Pirate (lpclient.py) as a proxy with one socket on each side: a REP faces the apps, one request at a time."""

import sys

import zmq

TIMEOUT_MS, ATTEMPTS = 2500, 3

context = zmq.Context()
front = context.socket(zmq.REP)
front.backlog = 4096
port = front.bind_to_random_port("tcp://127.0.0.1")


def connect():
    client = context.socket(zmq.REQ)
    client.linger = 0
    for address in sys.argv[1:]:
        client.connect(address)
    return client


client = connect()
print(f"listening tcp://127.0.0.1:{port}", flush=True)
while True:
    request = front.recv()
    for _ in range(ATTEMPTS):
        client.send(request)
        if client.poll(TIMEOUT_MS) & zmq.POLLIN:
            front.send(client.recv())
            break
        client.close()
        client = connect()
    else:
        front.send(b"failed")
