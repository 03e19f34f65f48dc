"""One end of the benchmark on a real NVFlare communicator: `serve URL` or `connect URL`, driven by JSON lines.

The last argument has the properties of the connection, as JSON.
"""

import json
import os
import sys
import threading
import time

from nvflare.fuel.f3.communicator import Communicator, Mode
from nvflare.fuel.f3.endpoint import Endpoint, EndpointMonitor, EndpointState
from nvflare.fuel.f3.message import Message, MessageReceiver

APP = 1
HEADERS = {"topic": "task_result", "channel": "aux_comm", "origin": "site-1.job-7"}


def tell(**report):
    print(json.dumps(report), flush=True)


class Receiver(MessageReceiver):
    """Serves: sends back what is to be echoed, and one message when all of a series have arrived."""

    def __init__(self, communicator):
        self.communicator = communicator
        self.lock = threading.Lock()
        self.received = 0
        self.expected = None
        self.answered = threading.Event()

    def process_message(self, endpoint, connection, app_id, message):
        kind = message.headers.get("kind")
        if kind == "echo":
            self.communicator.send(endpoint, APP, Message({**message.headers, "kind": "answer"}, message.payload))
        elif kind == "answer":
            self.answered.set()
        else:
            # NVFlare handles frames on many threads: the last one to arrive need not be the last one sent.
            with self.lock:
                self.received += 1
                if kind == "last":
                    self.expected = message.headers["count"]
                complete = self.received == self.expected
                if complete:
                    self.received, self.expected = 0, None
            if complete:
                self.communicator.send(endpoint, APP, Message({**HEADERS, "kind": "answer"}, None))


class Monitor(EndpointMonitor):
    def __init__(self):
        self.peer = None
        self.ready = threading.Event()

    def state_change(self, endpoint):
        if endpoint.state == EndpointState.READY:
            self.peer = endpoint
            self.ready.set()


def main(role, url, properties):
    name = "hub" if role == "serve" else "site-1"
    communicator = Communicator(Endpoint(name, conn_props=json.loads(properties)))
    receiver, monitor = Receiver(communicator), Monitor()
    communicator.register_message_receiver(APP, receiver)
    communicator.register_monitor(monitor)
    communicator.add_connector(url, Mode.PASSIVE if role == "serve" else Mode.ACTIVE)
    communicator.start()
    if role == "connect":
        monitor.ready.wait(20)
    tell(event="started")

    def send(kind, payload, **more):
        communicator.send(monitor.peer, APP, Message({**HEADERS, "kind": kind, **more}, payload))

    for line in sys.stdin:
        command = json.loads(line)
        payload = bytes(command["bytes"])
        durations = []
        if command["do"] == "one-way":
            start = time.perf_counter()
            for _ in range(command["count"] - 1):
                send("data", payload)
            send("last", payload, count=command["count"])
            receiver.answered.wait(120)
            receiver.answered.clear()
            durations.append(time.perf_counter() - start)
        else:
            for _ in range(command["count"]):
                start = time.perf_counter()
                send("echo", payload)
                receiver.answered.wait(20)
                receiver.answered.clear()
                durations.append(time.perf_counter() - start)
        tell(event="done", seconds=durations)


main(*sys.argv[1:])
os._exit(0)
