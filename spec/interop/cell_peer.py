"""Real NVFlare cells, each in a process of its own: `cell_peer.py '[["server", "<root url>"], ...]'`.

The cell named `server` listens at the root URL, others connect there. A third item is the URL of a parent, to which a
cell without a root URL connects. It prints `UP` when all have started, and all end with its stdin.

A cell answers requests on the channel `task`, which NVFlare asks by core requests, and on `app`, which it asks by
streams. A request of `admin` makes it ask and send itself.
"""

import hashlib
import json
import os
import sys
import threading
import time

from nvflare.apis.utils.decomposers import flare_decomposers
from nvflare.app_common.decomposers import common_decomposers
from nvflare.fuel.f3.cellnet.cell import Cell
from nvflare.fuel.f3.cellnet.defs import InvalidSession, MessageHeaderKey, ReturnCode
from nvflare.fuel.f3.cellnet.net_agent import NetAgent
from nvflare.fuel.f3.cellnet.utils import make_reply
from nvflare.fuel.f3.message import Message
from nvflare.fuel.f3.streaming.stream_types import Stream

flare_decomposers.register()
common_decomposers.register()


def pattern(size):
    block = bytes((index * 31) & 0xFF for index in range(256))
    return (block * (size // 256 + 1))[:size]


def echo(request):
    return Message(None, request.payload)


def headers(request):
    return Message(None, {key: str(value) for key, value in request.headers.items()})


def fail(request):
    raise RuntimeError("a secret of the handler")


def bad_session(request):
    raise InvalidSession()


def refuse(request):
    return make_reply(ReturnCode.INVALID_SESSION, "no such session")


def silent(request):
    return None


def late(request):
    time.sleep(0.3)
    return Message(None, b"late")


def large(request):
    return Message(None, pattern(request.payload))


class PatternStream(Stream):
    """Bytes that are made when they are read."""

    def __init__(self, size, tell, fail_at=None):
        super().__init__(size if tell else 0)
        self.end = size
        self.fail_at = fail_at

    def read(self, size):
        if self.fail_at is not None and self.pos >= self.fail_at:
            raise RuntimeError("the source is broken")
        # Reads are short, as those of a socket are.
        size = min(size, 700_000, self.end - self.pos)
        start = self.pos % 256
        self.pos += size
        return pattern(start + size)[start:]


def outcome(future, timeout=60):
    try:
        return future.result(timeout)
    except Exception as error:
        return "%s: %s" % (type(error).__name__, error)


def answer(reply):
    return [reply.get_header(MessageHeaderKey.RETURN_CODE), reply.get_header(MessageHeaderKey.ERROR), reply.payload]


class Peer:
    def __init__(self, fqcn, root_url, parent_url=None):
        self.cell = Cell(
            fqcn=fqcn,
            root_url=root_url,
            parent_url=parent_url,
            secure=False,
            credentials={},
            create_internal_listener=False,
        )
        self.notes = []
        self.received = {}
        for topic, handler in {
            "echo": echo,
            "headers": headers,
            "fail": fail,
            "bad session": bad_session,
            "refuse": refuse,
            "silent": silent,
            "late": late,
            "large": large,
            "note": lambda request: self.notes.append(request.payload),
            "noted": lambda request: Message(None, self.notes),
        }.items():
            self.cell.register_request_cb(channel="task", topic=topic, cb=handler)
            self.cell.register_request_cb(channel="app", topic=topic, cb=handler)
        for topic, handler in {
            "ask": self.ask,
            "send blob": self.send_blob,
            "send stream": self.send_stream,
            "read": lambda request: Message(None, self.received.get(request.payload)),
        }.items():
            self.cell.register_request_cb(channel="admin", topic=topic, cb=handler)
        self.cell.register_blob_cb("blobs", "*", self.on_blob)
        self.cell.register_stream_cb("bytes", "*", self.on_stream)
        self.cell.register_stream_cb("bytes", "refused", self.refuse_stream)
        NetAgent(self.cell)
        self.cell.start()

    def ask(self, request):
        wish = request.payload
        channel, topic, targets = wish.get("channel", "task"), wish["topic"], wish["targets"]
        message = Message(None, wish.get("payload"))
        if wish["how"] == "request":
            reply = self.cell.send_request(
                channel=channel, topic=topic, target=targets[0], request=message, timeout=wish["timeout"]
            )
            return Message(None, {targets[0]: answer(reply)})
        if wish["how"] == "broadcast":
            replies = self.cell.broadcast_request(
                channel=channel, topic=topic, targets=targets, request=message, timeout=wish["timeout"]
            )
            return Message(None, {target: answer(reply) for target, reply in replies.items()})
        if wish["how"] == "queue":
            for number in range(3):
                self.cell.queue_message(
                    channel=channel, topic=topic, targets=targets, message=Message(None, {"number": number})
                )
        if wish["how"] == "fire":
            self.cell.fire_and_forget(channel=channel, topic=topic, targets=targets, message=message)
        return Message(None, {})

    def send_blob(self, request):
        wish = request.payload
        message = Message({"name": wish["name"]}, pattern(wish["size"]))
        return Message(None, outcome(self.cell.send_blob("blobs", "from python", wish["target"], message)))

    def send_stream(self, request):
        wish = request.payload
        stream = PatternStream(wish["size"], wish.get("tell", True), wish.get("fail_at"))
        message = Message({"name": wish["name"]}, stream)
        future = self.cell.send_stream("bytes", wish.get("topic", "from python"), wish["target"], message)
        return Message(None, outcome(future, wish.get("timeout", 60)))

    def on_blob(self, future):
        def wait():
            name = future.headers["name"]
            try:
                blob = future.result()
                self.received[name] = [len(blob), hashlib.sha256(blob).hexdigest()]
            except Exception as error:
                self.received[name] = str(error)

        threading.Thread(target=wait, daemon=True).start()

    def on_stream(self, future, stream, resume):
        name = future.headers["name"]
        self.received[name + " begun"] = True
        note = lambda *_: self.received.setdefault(name + " failed", str(future.error))
        future.add_done_callback(note)
        # A future that has failed before calls nobody.
        if future.error:
            note()
        digest, size = hashlib.sha256(), 0
        try:
            while True:
                chunk = stream.read(1024 * 1024)
                if not chunk:
                    break
                digest.update(chunk)
                size += len(chunk)
                time.sleep(float(future.headers["wait"]))
            self.received[name] = [size, digest.hexdigest()]
        except Exception as error:
            self.received[name] = str(error)

    def refuse_stream(self, future, stream, resume):
        raise RuntimeError("not today")


def run(started, *cell):
    Peer(*cell)
    os.write(started, b"1")
    sys.stdin.read()
    os._exit(0)


# To load NVFlare takes longer than all else, so it is loaded once.
for cell in json.loads(sys.argv[1]):
    hears, started = os.pipe()
    if os.fork() == 0:
        run(started, *cell)
    os.close(started)
    if os.read(hears, 1) != b"1":
        sys.exit("the cell %s did not start" % cell[0])
print("UP", flush=True)
sys.stdin.read()
os._exit(0)
