"""Motion: tells when something moves in front of a camera, as state and as events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from camd.hookspecs import hookimpl

from .service import Motion

if TYPE_CHECKING:
    from twisted.application.service import IService

    from camd.app import App


@hookimpl
def camd_services(app: App) -> list[IService]:
    return [Motion(app)]
