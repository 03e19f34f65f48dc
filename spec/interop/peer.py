"""A real NVFlare communicator, driven by JSON lines: commands on stdin, events and answers on stdout.

Runs unmodified NVFlare from 2.5 on. Each command `{"id": 1, "do": "send", ...}` is answered by one
`{"event": "done", "id": 1, ...}` or `{"event": "failed", "id": 1, "code": ..., "message": ...}`.
Bytes travel as {"$bytes": "hex"}, integers that a double cannot hold as {"$int": "decimal"}.
"""

import argparse
import errno
import hashlib
import json
import logging
import os
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

# Only events may reach the real stdout: whatever else prints, prints to stderr.
events = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

import nvflare  # noqa: E402
from nvflare.fuel.f3.comm_error import CommError  # noqa: E402
from nvflare.fuel.f3.communicator import Communicator, Mode  # noqa: E402
from nvflare.fuel.f3.endpoint import Endpoint, EndpointMonitor, EndpointState  # noqa: E402
from nvflare.fuel.f3.message import Message, MessageReceiver  # noqa: E402
from nvflare.fuel.f3.sfm import heartbeat_monitor  # noqa: E402

MAX_SAFE_INTEGER = 2**53 - 1
BIND_SECONDS = 10
STOP_SECONDS = 5

events_lock = threading.Lock()


def emit(event, **fields):
    line = json.dumps({"event": event, **to_json(fields)})
    with events_lock:
        print(line, file=events, flush=True)


def to_json(value):
    if isinstance(value, dict):
        return {str(getattr(key, "value", key)): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": bytes(value).hex()}
    if isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
        return {"$int": str(value)}
    return value


def from_json(fields):
    """The hook for json.loads that undoes `to_json`."""
    if fields.keys() == {"$bytes"}:
        return bytes.fromhex(fields["$bytes"])
    if fields.keys() == {"$int"}:
        return int(fields["$int"])
    return fields


def sha256(payload):
    return hashlib.sha256(payload or b"").hexdigest()


def make_payload(size, seed):
    """Byte i is (i * 31 + seed) & 0xff, which repeats every 256 bytes."""
    if size is None:
        return None
    pattern = bytes((i * 31 + seed) & 0xFF for i in range(256))
    return (pattern * (size // 256 + 1))[:size]


def describe(endpoint):
    return {
        "name": endpoint.name,
        "state": EndpointState(endpoint.state).name,
        "properties": endpoint.properties,
        "connProps": endpoint.conn_props,
    }


def wait_until_bound(url):
    """NVFlare binds on a thread of its own: returns when the port of `url`, if it has one, is taken."""
    address = urlsplit(url)
    if not address.port:
        return
    deadline = time.monotonic() + BIND_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            # With this option the probe is refused by a socket that listens, but is never in the way of one.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("" if address.hostname == "0" else address.hostname, address.port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return
                raise
        time.sleep(0.02)
    raise CommError(CommError.TIMEOUT, f"nobody listens on {url}")


class Monitor(EndpointMonitor):
    def state_change(self, endpoint):
        emit("endpoint", **describe(endpoint))


class Receiver(MessageReceiver):
    def __init__(self, communicator, echo):
        self.communicator = communicator
        self.echo = echo

    def process_message(self, endpoint, connection, app_id, message):
        payload = message.payload
        emit(
            "message",
            **{"from": endpoint.name},
            app=app_id,
            headers=message.headers,
            bytes=len(payload or b""),
            sha256=sha256(payload),
            payloadNone=payload is None,
        )
        if self.echo:
            self.communicator.send(endpoint, app_id, Message(message.headers, payload))


class Peer:
    def __init__(self, name, properties, conn_props, heartbeat):
        self.communicator = Communicator(Endpoint(name, properties, conn_props))
        self.communicator.register_monitor(Monitor())
        if heartbeat:
            heartbeat_monitor.HEARTBEAT_TICK = heartbeat / 4
            self.communicator.conn_manager.heartbeat_monitor.interval = heartbeat
        self.communicator.start()

    def run(self, command):
        """Runs one command and answers with the fields of its `done`."""
        return getattr(self, command["do"].replace("-", "_"))(command)

    def listen(self, command):
        answer = self._add_connector(command, Mode.PASSIVE)
        wait_until_bound(command["url"])
        return answer

    def connect(self, command):
        return self._add_connector(command, Mode.ACTIVE)

    def _add_connector(self, command, mode):
        added = self.communicator.add_connector(command["url"], mode, command.get("secure", False))
        # 2.5 returns the handle alone, later versions the parameters as well.
        return {"handle": added[0] if isinstance(added, tuple) else added}

    def receive(self, command):
        receiver = Receiver(self.communicator, command.get("echo", False))
        self.communicator.register_message_receiver(command["app"], receiver)
        return {}

    def send(self, command):
        payload = make_payload(command.get("size"), command.get("seed", 0))
        endpoint = self.communicator.find_endpoint(command["to"]) or Endpoint(command["to"])
        for _ in range(command.get("count", 1)):
            self.communicator.send(endpoint, command["app"], Message(command.get("headers"), payload))
        return {"sha256": sha256(payload)}

    def find(self, command):
        endpoint = self.communicator.find_endpoint(command["name"])
        return {"endpoint": describe(endpoint) if endpoint else None}

    def remove_endpoint(self, command):
        self.communicator.remove_endpoint(command["name"])
        return {}

    def stop(self, command=None):
        # Threads of some drivers outlive, or block, a stop.
        stopping = threading.Thread(target=self.communicator.stop, daemon=True)
        stopping.start()
        stopping.join(STOP_SECONDS)
        return {}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--properties", type=json.loads, default={}, help="public properties, a JSON object")
    parser.add_argument("--conn-props", type=json.loads, default={}, help="credentials, a JSON object")
    parser.add_argument("--heartbeat", type=float, help="seconds of silence after which NVFlare pings")
    options = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)

    peer = Peer(options.name, options.properties, options.conn_props, options.heartbeat)
    emit("started", version=nvflare.__version__)
    for line in sys.stdin:
        command = json.loads(line, object_hook=from_json)
        try:
            emit("done", id=command["id"], **peer.run(command))
        except Exception as error:
            logging.exception("command failed: %s", line[:200])
            code = error.code if isinstance(error, CommError) else type(error).__name__
            emit("failed", id=command["id"], code=code, message=str(error))
        if command["do"] == "stop":
            break
    else:
        peer.stop()
    sys.stderr.flush()
    # Not sys.exit: that would wait for the threads NVFlare left behind.
    os._exit(0)


if __name__ == "__main__":
    main()
