"""The same site as site.ts, on NVFlare's own communicator. Its flowers come on standard input."""

import json
import os
import sys
import threading

import numpy as np
from nvflare.fuel.f3.communicator import Communicator, Mode
from nvflare.fuel.f3.endpoint import Endpoint
from nvflare.fuel.f3.message import Message, MessageReceiver

TRAIN, UPDATE, DONE = 100, 101, 102
LEARNING_RATE, EPOCHS = 0.05, 2

name, url = sys.argv[1:]
flowers = json.load(sys.stdin)
inputs = np.array([flower["features"] + [1] for flower in flowers])
species = np.eye(3)[[flower["species"] for flower in flowers]]


def train(weights):
    for _ in range(EPOCHS):
        for x, y in zip(inputs, species):
            scores = np.exp(weights @ x)
            weights -= LEARNING_RATE * np.outer(scores / scores.sum() - y, x)
    return weights


class Trainer(MessageReceiver):
    def process_message(self, endpoint, connection, app_id, message):
        weights = np.frombuffer(message.payload, "<f8").reshape(3, 5).copy()
        headers = {"round": message.headers["round"], "samples": len(flowers)}
        communicator.send(endpoint, UPDATE, Message(headers, train(weights).astype("<f8").tobytes()))


class Finisher(MessageReceiver):
    def process_message(self, endpoint, connection, app_id, message):
        done.set()


done = threading.Event()
communicator = Communicator(Endpoint(name, {"samples": len(flowers), "language": "Python"}))
communicator.register_message_receiver(TRAIN, Trainer())
communicator.register_message_receiver(DONE, Finisher())
communicator.add_connector(url, Mode.ACTIVE)
communicator.start()
done.wait()
communicator.stop()
os._exit(0)
