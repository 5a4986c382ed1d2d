"""H.264 encoders for cameras that give none: the best that this machine has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..hookspecs import hookimpl
from ..media.rendition import VideoSettings
from ..state import Spec
from .candidates import Candidates
from .h264_codec import H264Codec

if TYPE_CHECKING:
    from ..app import App

#: What each candidate is good for here; empty before the first picture was encoded, for trying them costs 30 MB.
ENCODERS = "system/video_encoders"


@hookimpl
def camd_observables(app: App) -> list[Spec]:
    return [Spec(ENCODERS, dict, default={}, doc="The H.264 encoders that were tried: works, or why not.")]


@hookimpl
def camd_encoders(app: App) -> dict[str, Callable[..., Any]]:
    def tried(verdicts: dict[str, str]) -> None:
        app.reactor.callFromThread(lambda: app.state[ENCODERS].publish(verdicts))

    candidates = Candidates(tried)

    def encoder(settings: VideoSettings) -> H264Codec:
        return H264Codec(candidates.best, settings)

    return {"h264": encoder}
