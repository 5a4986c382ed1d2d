"""An app with two cameras and the plugin cpro, in memory, for the tests of the product's keys."""

import json
from dataclasses import replace
from pathlib import Path

from twisted.internet.defer import ensureDeferred

from camd.config import CameraConfig, Config
from camd.hookspecs import hookimpl
from camd.media import Capabilities, Mode
from camd.state import EVERYONE, Spec
from camd.testing import FakeSource, app_for_tests
from camd_plugins import cpro


def control(name, type=int, **about):
    return Spec(f"control/{name}", type, read="Device_r", write="Device_rw", persist=True, **about)


#: The first camera has everything, in ranges of its own; the second has nothing but pictures.
CONTROLS = (
    control("brightness", min=-64, max=64, step=1),
    control("hue", min=-90, max=90, step=1),
    control("auto_exposure", str, choices=("Manual Mode", "Aperture Priority Mode")),
    control("exposure_time_absolute", min=1, max=10000),
    control("white_balance_automatic", bool),
    control("white_balance_temperature", min=2800, max=6500, step=10, unit="K"),
    control("gain", min=0, max=255, step=1),
    control("red_balance", min=0, max=1000, step=50),
    control("noise_reduction", bool),
    control("illuminator_1", bool),
    control("horizontal_flip", bool),
    control("vertical_flip", bool),
)
VALUES = {
    "brightness": 0, "hue": 0, "auto_exposure": "Aperture Priority Mode", "exposure_time_absolute": 157,
    "white_balance_automatic": True, "white_balance_temperature": 4600, "gain": 255, "red_balance": 500,
    "noise_reduction": False, "illuminator_1": False, "horizontal_flip": False, "vertical_flip": True,
}  # fmt: skip
MODES = (
    Mode("mjpeg", 1280, 720, (30.0, 10.0)),
    Mode("mjpeg", 1920, 1080, (30.0, 10.0)),
    Mode("yuyv422", 640, 480, (30.0,)),
)


class FakeDevice(FakeSource):
    """A source that tells what was set."""

    def probe(self):
        return replace(super().probe(), values=dict(self.values))


class FakeCameras:
    """A plugin: the kind of source "device", by the id of its camera."""

    def __init__(self):
        self.sources = {
            "front": FakeDevice(capabilities=Capabilities("Front camera", MODES, CONTROLS, dict(VALUES))),
            "back": FakeDevice(capabilities=Capabilities("Back camera", MODES[:1])),
        }

    @hookimpl
    def camd_sources(self):
        return {"device": self.sources.__getitem__}


def make_app(test, cameras=("front", "back"), plugin=cpro, **config):
    """The app of a test: everybody may everything in it, and no time passes by itself."""
    fake = FakeCameras()
    data_dir = Path(test.mktemp())
    data_dir.mkdir()
    configs = {id: CameraConfig(id, f"device:{id}") for id in cameras}
    app = app_for_tests(
        data_dir, {"fake": fake, "cpro": plugin}, Config(data_dir=data_dir, cameras=configs, **config)
    )
    app.sources = fake.sources
    test.addCleanup(app.cameras.stop)
    test.addCleanup(app.extensions.stop_services)
    test.successResultOf(ensureDeferred(app.start_cameras()))
    return app


class Listener:
    """A client of the broadcast, on the endpoint that a session says."""

    def __init__(self, broadcast, session):
        self.messages = []
        self.session = session
        session.on_change = self.rejoin
        self._broadcast = broadcast
        broadcast.join(self)

    def rejoin(self):
        self._broadcast.leave(self)
        self._broadcast.join(self)

    def write(self, frames):
        self.messages += messages_of(frames)

    def take(self):
        messages, self.messages = self.messages, []
        return messages


def messages_of(frames):
    """The JSON of WebSocket text frames as a server sends them."""
    messages = []
    while frames:
        length, head = frames[1], 2
        if length == 126:
            length, head = int.from_bytes(frames[2:4], "big"), 4
        messages.append(json.loads(frames[head : head + length]))
        frames = frames[head + length :]
    return messages


__all__ = ("EVERYONE", "Listener", "make_app", "messages_of")
