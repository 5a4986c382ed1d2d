"""Why a viewer gets no answer, from the child to whoever asked."""

from __future__ import annotations


class Refusal(Exception):
    """code: "offer" (what the viewer sent cannot be used), "profile" (it does not play this H.264), "video"
    (the camera's H.264 cannot be used), "picture" (there is none), "ports" (none is free), "session" (there
    is no such one)."""

    def __init__(self, code: str, text: str):
        self.code = code
        super().__init__(text)
