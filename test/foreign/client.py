"""A foreign app: the scenes given, one after the other, against the address given. Exit code 0 if every reply was right."""

import sys

import zmq


def req(context, address, *options):
    socket = context.socket(zmq.REQ)
    for option, value in options:
        socket.setsockopt(option, value)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(address)
    return socket


def echoes(socket, frames):
    socket.send_multipart(frames)
    assert socket.recv_multipart() == frames, "the reply is not the request"


def plain(context, address):
    socket = req(context, address)
    for number in range(1000):
        echoes(socket, [b"request %d" % number])


def thousand_frames(context, address):
    echoes(req(context, address), [b"%d" % number for number in range(1000)])


def large(context, address):
    echoes(req(context, address), [b"x" * (16 * 1024 * 1024)])


def too_large(context, address):
    socket = req(context, address)
    socket.send(b"x" * (16 * 1024 * 1024 + 1))
    reply = socket.recv_json()["lazypirate"]
    assert (reply["status"], reply["code"], reply["executed"]) == (413, "TOO_LARGE", "no"), reply
    echoes(socket, [b"and it goes on"])


def relaxed(context, address):
    socket = req(context, address, (zmq.REQ_RELAXED, 1), (zmq.REQ_CORRELATE, 1))
    for number in range(200):
        socket.send(b"given up %d" % number)
        echoes(socket, [b"asked %d" % number])


def dealer(context, address):
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(address)
    for number in range(500):
        socket.send_multipart([b"", b"request %d" % number])
    for number in range(500):
        assert socket.recv_multipart() == [b"", b"request %d" % number], "out of order"


def dealer_with_ids(context, address):
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(address)
    for number in range(100):
        socket.send_multipart([b"id %d" % number, b"second", b"", b"request %d" % number])
    for number in range(100):
        assert socket.recv_multipart() == [b"id %d" % number, b"second", b"", b"request %d" % number]


SCENES = [plain, thousand_frames, large, too_large, relaxed, dealer, dealer_with_ids]

if __name__ == "__main__":
    scenes = {one.__name__: one for one in SCENES}
    *names, address = sys.argv[1:]
    for name in names:
        context = zmq.Context()
        context.setsockopt(zmq.RCVTIMEO, 300_000)
        context.setsockopt(zmq.SNDTIMEO, 300_000)
        scenes[name](context, address)
        context.destroy(linger=0)
        print(name, "is right", flush=True)
