"""An app that never finishes its message: unfinished.py HOST PORT MIB. It speaks ZMTP (RFC 23) as a DEALER, and sends frames of
64 KiB, each of which says that more follow, until so much is sent, it is killed, or its connection drops."""

import socket
import sys

greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
properties = b"\x0bSocket-Type" + b"\0\0\0\x06DEALER"
ready = b"\x05READY" + properties
more, long = 1, 2
frame = bytes([more | long]) + (65536).to_bytes(8, "big") + bytes(65536)

peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
peer.sendall(greeting)
peer.sendall(bytes([4, len(ready)]) + ready)
heard = b""
while b"READY" not in heard:
    heard += peer.recv(4096)
sent = 0
try:
    while sent < 16 * int(sys.argv[3]):
        peer.sendall(frame)
        sent += 1
except OSError:
    pass
print(f"sent {sent * 65536 >> 20} MiB", flush=True)
