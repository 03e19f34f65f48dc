"""Logistic regression at a site, on points of its own: each round it measures the global model, and trains it further."""

import time
import zlib

import numpy as np
from nvflare.apis.dxo import DXO, DataKind, MetaKey, from_shareable
from nvflare.apis.executor import Executor
from nvflare.apis.fl_constant import ReturnCode
from nvflare.apis.shareable import make_reply
from nvflare.app_common.app_constant import AppConstants

FEATURES = 9
POINTS = 400
TRUTH = np.array([2.0, -1.5, 1.0, -0.5, 0.5, -1.0, 1.5, -2.0, 0.25])


class Learner(Executor):
    def __init__(self, train_seconds=0.0, fails_at=""):
        super().__init__()
        self.train_seconds = train_seconds
        self.fails_at = fails_at
        self.points = None

    def _load(self, site):
        random = np.random.default_rng(zlib.crc32(site.encode()))
        x = random.normal(size=(POINTS, FEATURES))
        noise = random.normal(scale=1.0 + len(site) % 3, size=POINTS) * random.uniform(0.4, 1.4)
        self.points = x, (x @ TRUTH + noise > 0).astype(float)

    def execute(self, task_name, shareable, fl_ctx, abort_signal):
        site = fl_ctx.get_identity_name()
        current_round = shareable.get_header(AppConstants.CURRENT_ROUND)
        if self.points is None:
            self._load(site)
        end = time.monotonic() + self.train_seconds
        while time.monotonic() < end:
            if abort_signal.triggered:
                return make_reply(ReturnCode.TASK_ABORTED)
            time.sleep(0.05)
        if site == self.fails_at and current_round == 1:
            raise ValueError("could not convert string to float: 'n/a'")
        data = from_shareable(shareable).data
        x, y = self.points
        weights = data["numpy_key"].reshape(-1) / 9.0
        accuracy = float(np.mean((x @ weights > 0) == y))
        for _ in range(4):
            weights = weights - 0.3 * x.T @ (1 / (1 + np.exp(-x @ weights)) - y) / POINTS
        self.log_info(fl_ctx, f"Round {current_round}: accuracy {accuracy:.4f} of the global model on {POINTS} points")
        data["numpy_key"] = (weights * 9.0).reshape(3, 3)
        meta = {MetaKey.NUM_STEPS_CURRENT_ROUND: 1, MetaKey.INITIAL_METRICS: {"accuracy": accuracy}}
        return DXO(data_kind=DataKind.WEIGHTS, data=data, meta=meta).to_shareable()
