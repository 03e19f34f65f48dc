"""Records frames that a real NVFlare sends, into frames.json beside this script.

Run it with the Python of a virtual environment that has nvflare==2.9.0. The communicator is NVFlare's own;
its peer is a bare TCP socket that plays the few frames NVFlare needs to hear. Only the timestamps in HELLO
and READY differ from run to run.
"""

import json
import os
import socket
import struct
import time
from contextlib import closing
from pathlib import Path

import msgpack
import nvflare
from nvflare.fuel.f3.communicator import Communicator, Mode
from nvflare.fuel.f3.endpoint import Endpoint
from nvflare.fuel.f3.message import Message
from nvflare.fuel.f3.sfm.constants import Types

PREFIX = struct.Struct(">IHBBHHHH")
PREFIX_FIELDS = ("length", "headerLength", "type", "reserved", "flags", "appId", "streamId", "sequence")
MAX_SAFE_INTEGER = 2**53 - 1
PAYLOAD = bytes(range(256))
SIMPLE_HEADERS = {"topic": "greeting", "count": 3}
TRICKY_HEADERS = {
    "unicode": "Grüße, 世界 🌍",
    "naïve key": True,
    "integers": [0, 1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**40, 2**53 - 1, 2**63, 2**64 - 1],
    "negatives": [-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**40), -(2**63)],
    "floats": [0.5, -0.1, 1e300, 5e-324],
    "none": None,
    "booleans": [True, False],
    "bytes": b"\x00\x01\xfe\xff",
    "empty": ["", b"", [], {}],
    "nested": {"list": [1, [2, [3, {"deep": None}]]], "dict": {"a": {"b": {"c": b"\xc0"}}}},
    "long text": "x" * 300,
    "long bytes": bytes(300),
}


class RawPeer:
    """The other end of NVFlare's connection."""

    def __init__(self, connection):
        connection.settimeout(10)
        self.stream = connection.makefile("rwb")

    def send(self, frame_type, body, stream_id=1):
        payload = msgpack.packb(body)
        self.stream.write(PREFIX.pack(PREFIX.size + len(payload), 0, frame_type, 0, 0, 0, stream_id, 1) + payload)
        self.stream.flush()

    def introduce(self, frame_type, name):
        self.send(frame_type, {"endpoint_name": name, "timestamp": time.time()})

    def record(self, name):
        """Reads one frame and describes it."""
        prefix = self.stream.read(PREFIX.size)
        fields = dict(zip(PREFIX_FIELDS, PREFIX.unpack(prefix)))
        body = self.stream.read(fields["length"] - PREFIX.size)
        headers, payload = body[: fields["headerLength"]], body[fields["headerLength"] :]
        del fields["reserved"]
        return {
            "name": name,
            "hex": (prefix + body).hex(),
            "prefix": fields,
            "headers": to_json(msgpack.unpackb(headers)) if headers else None,
            "payload": payload.hex() if payload else None,
        }


def to_json(value):
    """Bytes become {"$bytes": "hex"}, integers that a double cannot hold {"$int": "decimal"}."""
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
        return {"$int": str(value)}
    return value


def start(name, url, mode):
    communicator = Communicator(Endpoint(name, {"role": name, "level": 1}))
    communicator.add_connector(url, mode)
    communicator.start()
    return communicator


def wait_for(produce):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        result = produce()
        if result:
            return result
        time.sleep(0.01)
    raise TimeoutError("NVFlare took too long")


def record_active():
    """NVFlare connects: HELLO, then messages and heartbeats."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        site = start("site-1", f"tcp://127.0.0.1:{server.getsockname()[1]}", Mode.ACTIVE)
        peer = RawPeer(server.accept()[0])

    yield peer.record("hello")
    peer.introduce(Types.READY, "hub")
    hub = wait_for(lambda: site.find_endpoint("hub"))

    for name, app_id, headers, payload in (
        ("data", 1, SIMPLE_HEADERS, PAYLOAD),
        ("data-without-headers", 1, None, PAYLOAD),
        ("data-without-payload", 1, SIMPLE_HEADERS, None),
        ("data-with-neither", 1, None, None),
        ("data-with-empty-headers-and-payload", 1, {}, b""),
        ("data-with-tricky-headers", 65535, TRICKY_HEADERS, b"\x00"),
    ):
        site.send(hub, app_id, Message(headers, payload))
        yield peer.record(name)

    site.conn_manager.get_connections("hub")[0].send_heartbeat(Types.PING)
    yield peer.record("ping")
    peer.send(Types.PING, None, stream_id=17)
    yield peer.record("pong")


def record_passive():
    """NVFlare listens: READY."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    start("hub", f"tcp://127.0.0.1:{port}", Mode.PASSIVE)
    peer = RawPeer(wait_for(lambda: try_connect(port)))
    peer.introduce(Types.HELLO, "site-1")
    yield peer.record("ready")


def try_connect(port):
    try:
        return socket.create_connection(("127.0.0.1", port))
    except ConnectionRefusedError:
        return None


def main():
    frames = [*record_active(), *record_passive()]
    recording = {"nvflare": nvflare.__version__, "frames": frames}
    text = json.dumps(recording, indent=2, ensure_ascii=False)
    Path(__file__).with_name("frames.json").write_text(text + "\n", encoding="utf-8")
    print(f"recorded {len(frames)} frames of NVFlare {nvflare.__version__}")


if __name__ == "__main__":
    main()
    # The communicators' threads would keep a plain exit waiting.
    os._exit(0)
