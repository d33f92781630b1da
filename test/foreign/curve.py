"""A CURVE client or server of pyzmq: curve.py client|server ADDRESS SERVER_KEY_OR_SECRET OWN_PUBLIC OWN_SECRET."""
import sys

import zmq
from zmq.auth.thread import ThreadAuthenticator

role, address, server_key, public, secret = sys.argv[1:6]
context = zmq.Context()
if role == "client":
    socket = context.socket(zmq.REQ)
    socket.linger = 0
    socket.curve_serverkey = server_key.encode()
    socket.curve_publickey = public.encode()
    socket.curve_secretkey = secret.encode()
    socket.connect(address)
    for number in range(100):
        body = b"request %d" % number
        socket.send(body)
        assert socket.recv() == body
    print("right", flush=True)
else:
    # Keys are checked by libzmq; who may come is what the authenticator says.
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve(domain="*", location=zmq.auth.CURVE_ALLOW_ANY)
    socket = context.socket(zmq.REP)
    socket.linger = 0
    socket.curve_server = True
    socket.curve_publickey = public.encode()
    socket.curve_secretkey = secret.encode()
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    print(f"serving tcp://127.0.0.1:{port}", flush=True)
    while True:
        socket.send(socket.recv())
