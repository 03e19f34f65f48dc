"""A real NVFlare cell that sends and receives arrays: `array_peer.py [[<fqcn>, <root url>]]`.

Requests on the channel `task` travel as core requests and say what to do, those on `app` are stream requests. From 2.7 on
a cell sends each array by reference, and the receiver pulls it. It prints `UP` when it runs, and ends with its stdin.
"""

import hashlib
import json
import os
import sys
import tempfile

import numpy as np
from nvflare.apis.utils.decomposers import flare_decomposers
from nvflare.app_common.decomposers import common_decomposers, numpy_decomposers
from nvflare.fuel.f3.cellnet.cell import Cell
from nvflare.fuel.f3.cellnet.defs import MessageHeaderKey
from nvflare.fuel.f3.cellnet.net_agent import NetAgent
from nvflare.fuel.f3.message import Message

flare_decomposers.register()
common_decomposers.register()

[[fqcn, url]] = json.loads(sys.argv[1])
cell = Cell(fqcn=fqcn, root_url=url, secure=False, credentials={}, create_internal_listener=False)


pulls = []
if hasattr(numpy_decomposers, "download_arrays"):
    download_arrays = numpy_decomposers.download_arrays

    def counted(*values, **options):
        # Up to 2.8 the reference is the second of the values.
        pulls.append(options.get("ref_id") or values[1])
        return download_arrays(*values, **options)

    numpy_decomposers.download_arrays = counted


def model(wish):
    """Arrays of many kinds, and `count` large ones of `size` float32 each."""
    small = {
        name: np.arange(6).astype(name).reshape(2, 3)
        for name in ("int8", "uint16", ">i4", "int64", "float16", ">f8", "complex64", "bool")
    }
    small["fortran"] = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    small["scalar"] = np.array(7.5)
    small["empty"] = np.zeros((0, 3))
    large = {str(index): np.arange(wish["size"], dtype=np.float32) + index for index in range(wish["count"])}
    shared = np.ones(3)
    return {"small": small, "large": large, "shared": [shared, shared], "note": "plain"}


def described(value):
    """What an array is, in plain values."""
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<")))
        return [value.dtype.name, list(value.shape), hashlib.sha256(data.tobytes()).hexdigest()]
    if isinstance(value, dict):
        return {key: described(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(item) for item in value]
    return value


def send(request):
    wish = request.payload
    reply = cell.send_request(
        channel=wish["channel"], topic="describe", target="server", request=Message(None, model(wish)), timeout=30
    )
    return Message(None, [reply.get_header(MessageHeaderKey.RETURN_CODE), reply.payload, described(model(wish))])


def ask(request):
    """Asks for arrays, and says what came."""
    wish = request.payload
    reply = cell.send_request(
        channel="app", topic=wish["topic"], target="server", request=Message(None, wish), timeout=30
    )
    return Message(None, [reply.get_header(MessageHeaderKey.RETURN_CODE), described(reply.payload)])


offers = []


def offer_file(request):
    """Keeps a file of so many bytes, and says by which reference."""
    from nvflare.fuel.f3.streaming.file_downloader import add_file
    from nvflare.fuel.f3.streaming.obj_downloader import ObjectDownloader

    path = os.path.join(tempfile.mkdtemp(), "offered")
    with open(path, "wb") as file:
        file.write(bytes(range(256)) * (request.payload // 256) + bytes(request.payload % 256))
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    ended = []
    downloader = ObjectDownloader(cell=cell, timeout=60, num_receivers=1)
    offers.append((downloader, ended))
    ref_id = add_file(
        downloader, path, file_downloaded_cb=lambda to, status, name: ended.append([to, status])
    )
    return Message(None, [ref_id, digest])


def pull_file(request):
    """Pulls a file, and says what it is."""
    from nvflare.fuel.f3.streaming.file_downloader import download_file

    wish = request.payload
    error, path = download_file(wish["fqcn"], wish["ref_id"], 30, cell, location=tempfile.mkdtemp())
    if error:
        return Message(None, [error])
    with open(path, "rb") as file:
        data = file.read()
    return Message(None, [None, len(data), hashlib.sha256(data).hexdigest()])


def fail_source(request):
    """Tells another cell that a child of ours has died, which kept something for it."""
    from nvflare.fuel.f3.streaming.download_service import DownloadService

    wish = request.payload
    errors = DownloadService.notify_source_failure(cell, [wish["target"]], wish["fqcn"], [wish["ref_id"]], "it died")
    return Message(None, errors)


for topic, handler in {
    "offer file": offer_file,
    "offered": lambda request: Message(None, [ended for _, ended in offers]),
    "pull file": pull_file,
    "fail source": fail_source,
    "send": send,
    "ask": ask,
    "make": lambda request: Message(None, model(request.payload)),
    "pulls": lambda request: Message(None, len(set(pulls))),
}.items():
    cell.register_request_cb(channel="task", topic=topic, cb=handler)
for topic, handler in {
    "make": lambda request: Message(None, model(request.payload)),
    "describe": lambda request: Message(None, described(request.payload)),
    "echo": lambda request: Message(None, request.payload),
}.items():
    cell.register_request_cb(channel="app", topic=topic, cb=handler)

NetAgent(cell)
cell.start()
print("UP", flush=True)
sys.stdin.read()
cell.stop()
os._exit(0)
