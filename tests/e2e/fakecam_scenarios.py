"""What test_v4l2_fakecam has a child process do with a V4L2 camera, under LD_PRELOAD of the fake one.

`python -m tests.e2e.fakecam_scenarios NAME` plays one scenario and prints what it saw as JSON. The
faults are given through the file in FAKECAM_CONTROL.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from camd.errors import SourceError
from camd.media.frame import Packet
from camd.media.source import SourceSettings
from camd.sources.v4l2 import V4l2Source, devices
from camd.wire import nal

ADDRESS = "/dev/video0"


def fault(text: str) -> None:
    """Replace the list of faults at once, without an empty moment."""
    path = Path(os.environ["FAKECAM_CONTROL"])
    new = path.with_suffix(".new")
    new.write_text(text + "\n")
    new.rename(path)


def opened(**wishes) -> tuple[V4l2Source, dict]:
    source = V4l2Source(ADDRESS)
    form = source.open(SourceSettings("cam1", ADDRESS, **wishes))
    names = ("codec", "width", "height", "fps", "full_range")
    return source, {name: getattr(form, name) for name in names}


def read(source: V4l2Source, count: int) -> list[Packet]:
    packets = [source.read(2.0) for _ in range(count)]
    assert None not in packets
    return packets


def refused(function: Callable, *args) -> dict:
    """The error that a call must end with."""
    try:
        function(*args)
    except SourceError as error:
        return {"state": error.state, "text": str(error)}
    raise AssertionError(f"{function.__name__}{args} did not fail")


def within(seconds: float, event: Callable[[], object]) -> bool:
    """Whether the event comes; `event` itself waits for a moment."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if event():
            return True
    return False


def luma(packet: Packet) -> float:
    samples = packet.data[::2]
    return sum(samples) / len(samples)


def timecode(packet: Packet, width: int) -> int:
    """The 64 blocks of 16x16 pixels from the top left, most significant first: microseconds."""
    value = 0
    for bit in range(64):
        row, column = divmod(bit, width // 16)
        value = value << 1 | (packet.data[((row * 16 + 8) * width + column * 16 + 8) * 2] > 128)
    return value


def mjpeg() -> dict:
    source, form = opened()
    packets = read(source, 15)
    source.close()
    return {
        "format": form,
        "hashes": [hashlib.sha256(packet.data).hexdigest() for packet in packets],
        "seconds": packets[-1].pts - packets[0].pts,
        "age": max(packet.grabbed - packet.pts for packet in packets),
        "wall": max(abs(packet.wall - packet.pts - (time.time() - time.monotonic())) for packet in packets),
        "dropped": source.dropped(),
        "heavy": sorted({"cv2", "numpy", "av"}.intersection(sys.modules)),
    }


def yuyv() -> dict:
    source, form = opened(codec="yuyv422", width=640, height=480)
    packets = read(source, 3)
    before = luma(packets[-1])
    taken = source.set("brightness", 50)
    after = luma(read(source, 5)[-1])
    return {
        "format": form,
        "bytes": len(packets[0].data),
        "timecodes": [timecode(packet, 640) for packet in packets],
        "pts": [round(packet.pts * 1e6) for packet in packets],
        "taken": taken,
        "brighter": after - before,
    }


def h264() -> dict:
    source, form = opened(codec="h264")
    packets = read(source, 45)
    source.close()
    steps = [after.pts - before.pts for before, after in pairwise(packets)]
    return {
        "format": form,
        "keyframes": [number for number, packet in enumerate(packets) if packet.keyframe],
        "sets": [len(nal.parameter_sets(packet.data, "h264")) for packet in packets if packet.keyframe],
        "longest": max(steps),
        "shortest": min(steps),
    }


def unplug() -> dict:
    source, _ = opened()
    read(source, 3)
    fault("unplug")
    found: dict = {}

    def gone() -> bool:
        try:
            source.read(0.2)
        except SourceError as error:
            found["read"] = {"state": error.state, "text": str(error)}
        return bool(found)

    found["noticed"] = within(2.0, gone)
    found["set"] = refused(source.set, "brightness", 1)
    source.close()
    source.close()
    found["present"] = refused(source.present)
    found["open"] = refused(opened)
    found["devices"] = devices()
    fault("")
    found["back"] = within(2.0, lambda: devices())
    source.present()
    source.open(SourceSettings("cam1", ADDRESS))
    found["pictures"] = len(read(source, 3))
    return found


def stall() -> dict:
    source, _ = opened()
    read(source, 3)
    fault("stall")
    found = {"stalled": within(2.0, lambda: source.read(0.2) is None)}
    taken = []
    reading = threading.Event()

    def wait() -> None:
        reading.set()
        taken.append(source.read(1.0))

    thread = threading.Thread(target=wait)
    thread.start()
    reading.wait()
    start = time.monotonic()
    found["taken"] = source.set("brightness", 7)
    found["seconds"] = time.monotonic() - start
    thread.join()
    found["read"] = taken
    fault("")
    found["again"] = within(2.0, lambda: source.read(0.2) is not None)
    return found


def corrupt() -> dict:
    fault("corrupt 3")
    source, form = opened(fps=60.0)
    packets = read(source, 60)
    span = round((packets[-1].pts - packets[0].pts) * form["fps"]) + 1
    return {
        "whole": all(p.data.startswith(b"\xff\xd8") and p.data.endswith(b"\xff\xd9") for p in packets),
        "missing": span - len(packets),
        "dropped": source.dropped(),
    }


def corrupt_yuyv() -> dict:
    fault("corrupt 2")
    source, _ = opened(codec="yuyv422", width=640, height=480, fps=60.0)
    packets = read(source, 10)
    return {"sizes": sorted({len(packet.data) for packet in packets}), "dropped": source.dropped()}


def slow_reader() -> dict:
    """Nobody reads while the camera, at 60/s, fills its four buffers and loses the rest."""
    source, _ = opened(fps=60.0)
    first = read(source, 1)[0]
    idle = V4l2Source("/dev/video1")
    idle.open(SourceSettings("cam2", "/dev/video1", codec="yuyv422", fps=15.0))
    read(idle, 5)
    last = read(source, 6)[-1]
    return {"dropped": source.dropped(), "missing": round((last.pts - first.pts) * 60) - 6}


def controls() -> dict:
    source = V4l2Source(ADDRESS)
    known = source.probe()
    found = {
        "name": known.name,
        "order": [spec.name for spec in known.controls],
        "kinds": {spec.name: spec.kind for spec in known.controls},
        "values": known.values,
        "refused": refused(source.set, "exposure_time_absolute", 300),
        "manual": source.set("auto_exposure", "Manual Mode"),
        "exposure": source.set("exposure_time_absolute", 300),
        "closed": source.set("brightness", -20),
    }
    source.open(SourceSettings("cam1", ADDRESS))
    read(source, 2)
    found["streaming"] = source.set("contrast", 40)
    found["off"] = source.set("focus_automatic_continuous", False)
    found["focus"] = source.set("focus_absolute", 25)
    read(source, 2)
    source.close()
    found["after"] = source.probe().values
    return found


def busy() -> dict:
    source, _ = opened()
    found = {"second": refused(opened)}
    read(source, 2)
    source.close()
    again, _ = opened()
    read(again, 2)
    again.close()
    return found


def nodes() -> dict:
    source = V4l2Source("auto")
    source.present()
    found = {"devices": devices(), "auto": source.open(SourceSettings("cam1", "auto")).size}
    source.close()
    named = V4l2Source("Second")
    found["named"] = named.open(SourceSettings("cam1", "Second")).codec
    named.close()
    found["missing"] = refused(V4l2Source("Third").present)
    return found


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]]()))
