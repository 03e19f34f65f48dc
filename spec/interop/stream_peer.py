"""A real NVFlare cell with streams: `stream_peer.py <fqcn> <root url>`. The cell named `server` listens there.

Requests on the channel `task` travel as core requests and say what to do. It prints `UP` when it runs, and ends with its
stdin.
"""

import hashlib
import os
import sys
import threading
import time

from nvflare.apis.utils.decomposers import flare_decomposers
from nvflare.fuel.f3.cellnet.cell import Cell
from nvflare.fuel.f3.cellnet.defs import MessageHeaderKey, ReturnCode
from nvflare.fuel.f3.cellnet.net_agent import NetAgent
from nvflare.fuel.f3.cellnet.utils import make_reply
from nvflare.fuel.f3.message import Message
from nvflare.fuel.f3.streaming.stream_types import Stream

flare_decomposers.register()

fqcn, url = sys.argv[1:3]
cell = Cell(fqcn=fqcn, root_url=url, secure=False, credentials={}, create_internal_listener=False)
received = {}


def pattern(size):
    block = bytes((index * 31) & 0xFF for index in range(256))
    return (block * (size // 256 + 1))[:size]


class PatternStream(Stream):
    """Bytes that are made when they are read."""

    def __init__(self, size, tell, fail_at=None, wait=0):
        super().__init__(size if tell else 0)
        self.end = size
        self.fail_at = fail_at
        self.wait = wait

    def read(self, size):
        time.sleep(self.wait)
        if self.fail_at is not None and self.pos >= self.fail_at:
            raise RuntimeError("the source is broken")
        # Reads are short, as those of a socket are.
        size = min(size, 700_000, self.end - self.pos)
        start = self.pos % 256
        self.pos += size
        return pattern(start + size)[start:]


def note(name, value):
    received[name] = value


def on_blob(future):
    def wait():
        try:
            blob = future.result()
            note(future.headers["name"], [len(blob), hashlib.sha256(blob).hexdigest()])
        except Exception as error:
            note(future.headers["name"], str(error))

    threading.Thread(target=wait, daemon=True).start()


def on_stream(future, stream, resume):
    name = future.headers["name"]
    digest, size = hashlib.sha256(), 0
    try:
        while True:
            chunk = stream.read(1024 * 1024)
            if not chunk:
                break
            digest.update(chunk)
            size += len(chunk)
            note(name + " so far", size)
            time.sleep(float(future.headers["wait"]))
        note(name, [size, digest.hexdigest()])
    except Exception as error:
        note(name, str(error))


def refuse(future, stream, resume):
    raise RuntimeError("not today")


cell.register_blob_cb("blobs", "*", on_blob)
cell.register_stream_cb("bytes", "*", on_stream)
cell.register_stream_cb("bytes", "refused", refuse)


def outcome(future, timeout=60):
    try:
        return future.result(timeout)
    except Exception as error:
        return "%s: %s" % (type(error).__name__, error)


def send_blob(request):
    wish = request.payload
    message = Message({"name": wish["name"]}, pattern(wish["size"]))
    options = {"reliable": True} if wish.get("reliable") else {}
    future = cell.send_blob("blobs", "from python", wish["target"], message, **options)
    return Message(None, outcome(future))


def send_stream(request):
    wish = request.payload
    stream = PatternStream(wish["size"], wish.get("tell", True), wish.get("fail_at"), wish.get("wait", 0))
    message = Message({"name": wish["name"]}, stream)
    future = cell.send_stream("bytes", wish.get("topic", "from python"), wish["target"], message)
    if wish.get("cancel_after"):
        time.sleep(wish["cancel_after"])
        future.cancel()
    return Message(None, outcome(future))


def ask(request):
    wish = request.payload
    if wish["how"] == "fire":
        cell.fire_and_forget(
            channel="app", topic=wish["topic"], targets=[wish["target"]], message=Message(None, wish["payload"])
        )
        return Message(None, None)
    reply = cell.send_request(
        channel="app",
        topic=wish["topic"],
        target=wish["target"],
        request=Message(None, wish["payload"]),
        timeout=wish["timeout"],
    )
    return Message(
        None,
        [reply.get_header(MessageHeaderKey.RETURN_CODE), reply.get_header(MessageHeaderKey.ERROR), reply.payload],
    )


def echo(request):
    return Message(None, request.payload)


def fail(request):
    raise RuntimeError("a secret of the handler")


def refuse_session(request):
    return make_reply(ReturnCode.INVALID_SESSION, "no such session")


def large(request):
    return Message(None, pattern(request.payload))


for topic, handler in {"echo": echo, "fail": fail, "refuse": refuse_session, "large": large}.items():
    cell.register_request_cb(channel="app", topic=topic, cb=handler)


def read(request):
    return Message(None, received.get(request.payload))


for topic, handler in {"send blob": send_blob, "send stream": send_stream, "ask": ask, "read": read}.items():
    cell.register_request_cb(channel="task", topic=topic, cb=handler)

NetAgent(cell)
cell.start()
print("UP", flush=True)
sys.stdin.read()
cell.stop()
os._exit(0)
