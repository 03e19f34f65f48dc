"""Writes the values of the FOBS spec as NVFlare does, and reads back what the spec made of them.

`fobs_peer.py write` prints a JSON object of names and hex; `fobs_peer.py check` reads one from stdin and prints the
names whose value is not the one that was written, with what came instead.
"""

import collections
import datetime
import io
import json
import sys

import numpy as np
from nvflare.apis.dxo import DXO, DataKind
from nvflare.apis.shareable import Shareable
from nvflare.apis.utils.decomposers import flare_decomposers
from nvflare.app_common.decomposers import common_decomposers
from nvflare.fuel.utils import fobs
from nvflare.fuel.utils.fobs.datum import Datum

flare_decomposers.register()
common_decomposers.register()

shareable = Shareable()
shareable["DXO"] = {"kind": DataKind.WEIGHTS, "data": {"w": np.arange(6, dtype=np.float32).reshape(2, 3)}, "meta": {}}

text_again, blob_again, array_again = "t" * 500, b"b" * 500, np.arange(500)

VALUES = {
    "none": None,
    "scalars": [True, False, 0, -1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, -32, -33, -(2**31), 2**53 + 1],
    "wide": [2**63, 2**64 - 1, -(2**63)],
    "floats": [0.5, -2.25, 1e300],
    "texts": ["", "a" * 31, "a" * 32, "ü" * 200, "x" * 70_000],
    "bytes": [b"", b"\x00" * 255, b"\x01" * 256, b"\x02" * 70_000],
    "list": list(range(20)),
    "long list": [0] * 70_000,
    "dict": {"a": 1, "__proto__": {"b": 2}},
    "other keys": {1: "one", "two": 2, (3, 4): "tuple"},
    "tuple": (1, (2, 3), [4]),
    "set": {1, 2, 3},
    "ordered": collections.OrderedDict([("b", 1), ("a", 2)]),
    "time": datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.timezone.utc),
    "enum": DataKind.WEIGHTS,
    "shareable": shareable,
    "dxo": DXO(DataKind.WEIGHTS, data={"x": 1}),
    "numpy scalars": [np.float32(2), np.float64(2.5), np.int32(-3), np.int64(2**40)],
    "arrays": [
        np.arange(12, dtype=dtype).reshape(shape)
        for dtype in ("i1", "u1", "<i2", ">i2", "<u4", ">i8", "<u8", "f2", "<f4", ">f4", "f8", "c8", "c16")
        for shape in ((12,), (3, 4))
    ],
    "odd arrays": [
        np.array([True, False]),
        np.array(7.5),
        np.zeros((0, 3)),
        np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
    ],
    "large": {"text": "t" * 5_000, "blob": b"b" * 5_000},
    "texts again": {"a": [text_again, {"b": text_again}], "t": (1, text_again), text_again: text_again},
    "again": [array_again, {"w": array_again}, array_again, blob_again, (blob_again, blob_again)],
    "file": {"file": __file__},
    "npz": {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "größe": np.array(7, dtype=">i8"), "empty": np.zeros((0, 2))},
}


def encoded(name, value):
    if name == "file":
        value = {key: Datum.file_datum(path) for key, path in value.items()}
    if name == "npz":
        stream = io.BytesIO()
        np.savez(stream, **value)
        value = stream.getvalue()
    return fobs.dumps(value, max_value_size=4_000).hex()


def decoded(name, data):
    value = fobs.loads(data)
    if name == "file":
        # What is received is saved, under another name.
        whole = open(__file__, "rb").read()
        return {key: __file__ for key, datum in value.items() if open(datum.value, "rb").read() == whole}
    return dict(np.load(io.BytesIO(value), allow_pickle=False)) if name == "npz" else value


def same(left, right):
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        kinds = left.dtype.newbyteorder("=") == right.dtype.newbyteorder("=")
        return kinds and left.shape == right.shape and bool((left == right).all())
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, DXO):
        return same(vars(left), vars(right))
    return left == right


if sys.argv[1] == "write":
    print(json.dumps({name: encoded(name, value) for name, value in VALUES.items()}))
else:
    wrong = {}
    for name, text in json.load(sys.stdin).items():
        try:
            value = decoded(name, bytes.fromhex(text))
            if not same(VALUES[name], value):
                wrong[name] = repr(value)[:300]
        except Exception as error:
            wrong[name] = repr(error)[:300]
    print(json.dumps(wrong))
