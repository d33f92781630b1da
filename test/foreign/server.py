"""A foreign upstream: a REP that echoes. Prints its address, and goes on until it is killed."""

import zmq

socket = zmq.Context().socket(zmq.REP)
port = socket.bind_to_random_port("tcp://127.0.0.1")
print(f"tcp://127.0.0.1:{port}", flush=True)
while True:
    socket.send_multipart(socket.recv_multipart())
