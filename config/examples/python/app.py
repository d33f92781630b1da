from itertools import count

import zmq

socket = zmq.Context().socket(zmq.REQ)
socket.connect("tcp://127.0.0.1:5555")  # the sidecar

for number in count(1):
    socket.send_string(f"order {number}")
    reply = socket.recv_string()
    if reply.startswith('{"lazypirate"'):  # no server could reply
        print(f"order {number} failed: {reply}")
    else:
        print(reply)
