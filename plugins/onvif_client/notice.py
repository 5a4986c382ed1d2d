"""Notices: what a device's events say that camd has a name for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: End of a topic -> what it is here. Devices differ in which of them they have.
KINDS = {
    "VideoSource/MotionAlarm": "motion",
    "CellMotionDetector/Motion": "motion",
    "MotionRegionDetector/Motion": "motion",
    "TamperDetector/Tamper": "tampering",
    "GlobalSceneChange/ImagingService": "tampering",
    "GlobalSceneChange/AnalyticsService": "tampering",
    "Trigger/DigitalInput": "inputs",
}
#: Names of the items that say for which picture something is.
_OF_CAMERA = frozenset({"Source", "VideoSource", "VideoSourceToken", "VideoSourceConfigurationToken"})
_DATA = frozenset({"State", "IsMotion", "IsTamper", "LogicalState"})
_MOST = 256


@dataclass(frozen=True, slots=True)
class Notice:
    """Something is so, or is not any more. kind: of KINDS; topic: as the device has it; cameras: tokens by
    which the device names what it is about; item: the token of an input."""

    kind: str
    topic: str
    on: bool
    cameras: frozenset[str] = frozenset()
    item: str = ""


def notices(told: Any) -> Iterator[Notice]:
    """Those in an answer to PullMessages."""
    for one in (getattr(told, "NotificationMessage", None) or ())[:_MOST]:
        message = getattr(one.Message, "_value_1", None)
        if not hasattr(message, "iterfind"):
            continue
        topic = _topic(message)
        kind = next((kind for end, kind in KINDS.items() if topic.endswith(end)), None)
        if kind is None:
            continue
        source = dict(_items(message, "Source"))
        data = dict(_items(message, "Data"))
        value = next((data[name] for name in data if name in _DATA), None)
        gone = message.get("PropertyOperation") == "Deleted"
        if value is None and not gone:
            continue
        on = not gone and str(value).strip().lower() in ("true", "1", "active")
        cameras = frozenset(value for name, value in source.items() if name in _OF_CAMERA)
        yield Notice(
            kind, topic, on, cameras if kind != "inputs" else frozenset(), source.get("InputToken", "")[:32]
        )


def _topic(message: Any) -> str:
    """The topic of the notification around it, without prefixes: zeep drops the text of an element that may
    have others in it."""
    outer = message.getparent()
    around = outer.getparent() if outer is not None else None
    topic = around.find("{*}Topic") if around is not None else None
    text = (topic.text or "").strip() if topic is not None else ""
    return "/".join(part.rpartition(":")[2] for part in text.split("/"))


def _items(message: Any, part: str) -> Iterator[tuple[str, str]]:
    for item in message.iterfind(f"{{*}}{part}/{{*}}SimpleItem"):
        yield item.get("Name", ""), item.get("Value", "")
