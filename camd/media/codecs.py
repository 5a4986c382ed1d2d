"""Codecs: what a pipeline works with, without knowing how it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .frame import Format, Frame, Packet


class Processing(Protocol):
    """What is done to every picture before anybody sees it."""

    reasons: tuple[str, ...]
    masks: tuple[Any, ...]

    def apply(self, frame: Frame) -> Frame: ...

    def output_size(self, width: int, height: int) -> tuple[int, int]: ...


class Decoder(Protocol):
    """Makes pictures of packets, in their order; blocks. Used by one thread at a time."""

    def decode(self, packet: Packet) -> Frame | None: ...


@dataclass(frozen=True, slots=True)
class Codecs:
    """The functions a pipeline works with; they block, and run in the encode pool.

    encoders: "mjpeg" -> function(quality) -> function(Frame) -> Packet, "h264" -> function(VideoSettings)
    -> VideoEncoder; decode(packet, format) for pictures that stand alone; decoder(format) -> Decoder for
    those that do not; processing(**values) -> Processing; scale(frame, width, height);
    card(camera, reason, when, width, height).
    """

    encoders: Mapping[str, Callable[..., Any]]
    decode: Callable[[Packet, Format | None], Frame]
    decoder: Callable[[Format], Decoder]
    processing: Callable[..., Processing]
    scale: Callable[[Frame, int, int], Frame]
    card: Callable[[str, str, float, int, int], Packet]
