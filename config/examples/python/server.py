import sys
import time

import zmq

port = sys.argv[1]
socket = zmq.Context().socket(zmq.REP)
socket.bind(f"tcp://127.0.0.1:{port}")

while True:
    order = socket.recv_string()
    print(f"{port} works on {order}")
    time.sleep(0.5)
    socket.send_string(f"{order}: done by {port}")
