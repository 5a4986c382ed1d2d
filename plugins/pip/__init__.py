"""Picture in picture: a kind of camera whose pictures are those of one camera with a second one in a corner."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from camd.hookspecs import hookimpl

from .mode import Mode
from .source import PictureInPicture

if TYPE_CHECKING:
    from twisted.application.service import IService

    from camd.app import App
    from camd.media import Source


@hookimpl
def camd_sources(app: App) -> dict[str, Callable[[str], Source]]:
    return {"pip": partial(PictureInPicture, app)}


@hookimpl
def camd_services(app: App) -> list[IService]:
    return [Mode(app)]
