"""A peer on libzmq through pyzmq. peers.ts has the contract."""

import signal
import sys
import threading

import zmq

context = zmq.Context()


def serve(kind, address):
    socket = context.socket(getattr(zmq, kind))
    socket.bind(address)
    print(f"serving {kind} {socket.getsockopt_string(zmq.LAST_ENDPOINT)}", flush=True)

    def echo():
        while True:
            socket.send_multipart(socket.recv_multipart())

    # If another address cannot be bound, the process must end.
    threading.Thread(target=echo, daemon=True).start()


def opened(kind, address, heartbeat_ms=None):
    socket = context.socket(getattr(zmq, kind))
    socket.linger = 0
    if heartbeat_ms is not None:
        socket.heartbeat_ivl = int(heartbeat_ms)
        socket.heartbeat_timeout = 60_000
    socket.connect(address)
    return socket


def message(number, sizes):
    return [content(frame * 7 + number * 13, size) for frame, size in enumerate(sizes)]


def content(first, size):
    turn = bytes((first + at * 31) % 256 for at in range(256))
    return (turn * (size // 256 + 1))[:size]


def ask(socket, count, sizes):
    is_req = socket.type == zmq.REQ
    messages = [([] if is_req else [b""]) + message(number, sizes) for number in range(count)]
    if not is_req:
        for wanted in messages:
            socket.send_multipart(wanted)
    for wanted in messages:
        if is_req:
            socket.send_multipart(wanted)
        came = socket.recv_multipart()
        if len(came) != len(wanted):
            return f"wrong: {len(came)} frames, not {len(wanted)}"
        for frame in range(len(wanted)):
            if came[frame] != wanted[frame]:
                return f"wrong: frame {frame}"
    return "right"


if sys.argv[1] == "app":
    socket = None
    for line in sys.stdin:
        command, *words = line.split()
        if command == "open":
            if socket is not None:
                socket.close()
            socket = opened(*words)
            print("opened", flush=True)
        else:
            count, sizes = words
            print(ask(socket, int(count), [int(size) for size in sizes.split(",")]), flush=True)
    context.destroy(linger=0)
else:
    for kind, address in zip(sys.argv[2::2], sys.argv[3::2]):
        serve(kind, address)
    signal.pause()
