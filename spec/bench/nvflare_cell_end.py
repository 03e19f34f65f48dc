"""One end of the benchmark on a real NVFlare cell: `nvflare_cell_end.py FQCN URL`, driven by JSON lines.

The cell named `server` listens at the URL, the others connect to it.
"""

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from nvflare.apis.utils.decomposers import flare_decomposers
from nvflare.fuel.f3.cellnet.cell import Cell
from nvflare.fuel.f3.cellnet.defs import MessageHeaderKey
from nvflare.fuel.f3.message import Message
from nvflare.fuel.f3.streaming.stream_types import Stream

# NVFlare sends the requests of this channel as one message each, and those of most others as streams.
CHANNEL = "task"
CHUNK = bytes(1024 * 1024)
# More threads that ask at a time do not make it faster.
THREADS = 4

flare_decomposers.register()


def tell(**report):
    print(json.dumps(report), flush=True)


class Zeros(Stream):
    def read(self, size):
        size = min(size, len(CHUNK), self.get_size() - self.pos)
        self.pos += size
        return memoryview(CHUNK)[:size]


streamed = threading.Semaphore(0)


def on_stream(future, stream, resume):
    while stream.read(len(CHUNK)):
        pass
    streamed.release()


def on_received(request):
    """Answers when a stream has arrived."""
    streamed.acquire(timeout=60)
    return Message(None, b"")


def main(fqcn, url):
    cell = Cell(fqcn=fqcn, root_url=url, secure=False, credentials={}, create_internal_listener=False)
    cell.register_request_cb(channel=CHANNEL, topic="echo", cb=lambda request: Message(None, request.payload))
    cell.register_request_cb(channel=CHANNEL, topic="received", cb=on_received)
    cell.register_stream_cb("bench", "stream", on_stream)
    cell.start()
    while fqcn != "server" and not cell.core_cell.is_cell_connected("server"):
        time.sleep(0.05)
    tell(event="started")

    def ask(target, topic, payload):
        message = Message(None, payload)
        reply = cell.send_request(channel=CHANNEL, topic=topic, target=target, request=message, timeout=60)
        code = reply.get_header(MessageHeaderKey.RETURN_CODE)
        if code != "ok":
            raise RuntimeError(f"{target} answered {code}")

    def seconds_of(work):
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def pipelined(target, payload, count):
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(lambda _: ask(target, "echo", payload), range(count)):
                pass

    def stream(target, size):
        cell.send_stream("bench", "stream", target, Message(None, Zeros(size))).result(60)
        ask(target, "received", b"")

    for line in sys.stdin:
        command = json.loads(line)
        target, size, count = command["target"], command["bytes"], command["count"]
        if command["do"] == "stream":
            durations = [seconds_of(lambda: stream(target, size)) for _ in range(count)]
        elif command["do"] == "pipelined":
            durations = [seconds_of(lambda: pipelined(target, bytes(size), count))]
        else:
            durations = [seconds_of(lambda: ask(target, "echo", bytes(size))) for _ in range(count)]
        tell(event="done", seconds=durations)


main(sys.argv[1], sys.argv[2])
os._exit(0)
