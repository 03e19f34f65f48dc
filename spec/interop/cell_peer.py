"""A real NVFlare cell: `cell_peer.py <fqcn> <root url>`. The cell named `server` listens there, any other connects.

It answers requests on the channel `task`, which NVFlare asks by core requests, and asks others when it is told to by a
request of `admin`, `ask`. It prints `UP` when it runs, and ends with its stdin.
"""

import os
import sys
import time

from nvflare.apis.utils.decomposers import flare_decomposers
from nvflare.app_common.decomposers import common_decomposers
from nvflare.fuel.f3.cellnet.cell import Cell
from nvflare.fuel.f3.cellnet.defs import InvalidSession, MessageHeaderKey
from nvflare.fuel.f3.cellnet.net_agent import NetAgent
from nvflare.fuel.f3.message import Message

flare_decomposers.register()
common_decomposers.register()

fqcn, url = sys.argv[1:3]
cell = Cell(fqcn=fqcn, root_url=url, secure=False, credentials={}, create_internal_listener=False)
notes = []


def echo(request):
    return Message(None, request.payload)


def headers(request):
    return Message(None, {key: str(value) for key, value in request.headers.items()})


def fail(request):
    raise RuntimeError("a secret of the handler")


def bad_session(request):
    raise InvalidSession()


def silent(request):
    return None


def slow(request):
    time.sleep(3)
    return Message(None, b"late")


def note(request):
    notes.append(request.payload)


def noted(request):
    return Message(None, notes)


for topic, handler in {
    "echo": echo,
    "headers": headers,
    "fail": fail,
    "bad session": bad_session,
    "silent": silent,
    "slow": slow,
    "note": note,
    "noted": noted,
}.items():
    cell.register_request_cb(channel="task", topic=topic, cb=handler)


def answer(reply):
    return [reply.get_header(MessageHeaderKey.RETURN_CODE), reply.get_header(MessageHeaderKey.ERROR), reply.payload]


def ask(request):
    wish = request.payload
    message = Message(None, wish.get("payload"))
    if wish["how"] == "request":
        reply = cell.send_request(
            channel="task", topic=wish["topic"], target=wish["targets"][0], request=message, timeout=wish["timeout"]
        )
        return Message(None, {wish["targets"][0]: answer(reply)})
    if wish["how"] == "broadcast":
        replies = cell.broadcast_request(
            channel="task", topic=wish["topic"], targets=wish["targets"], request=message, timeout=wish["timeout"]
        )
        return Message(None, {target: answer(reply) for target, reply in replies.items()})
    if wish["how"] == "queue":
        for number in range(3):
            cell.queue_message(
                channel="task", topic=wish["topic"], targets=wish["targets"], message=Message(None, {"number": number})
            )
    if wish["how"] == "fire":
        cell.fire_and_forget(channel="task", topic=wish["topic"], targets=wish["targets"], message=message)
    return Message(None, {})


cell.register_request_cb(channel="admin", topic="ask", cb=ask)
NetAgent(cell)
cell.start()
print("UP", flush=True)
sys.stdin.read()
cell.stop()
os._exit(0)
