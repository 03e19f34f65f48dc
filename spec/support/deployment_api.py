"""Runs statements, one JSON object a line, that use a session of flare_api, and prints what they assign to `result`."""

import json
import sys
import traceback

from nvflare.fuel.flare_api.flare_api import new_secure_session

user, kit = sys.argv[1:]
session = new_secure_session(user, kit)

for line in sys.stdin:
    call = json.loads(line)
    if session.api.closed:
        session = new_secure_session(user, kit)
    names = {"session": session, "result": None}
    try:
        exec(call["code"], names)
        answer = {"result": names["result"]}
    except Exception:
        answer = {"error": traceback.format_exc()}
    print(json.dumps({"id": call["id"], **answer}, default=str), flush=True)

session.close()
