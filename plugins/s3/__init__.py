"""S3: copies what was recorded and uploaded to object storage, and tells how far behind it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from camd.hookspecs import Check, hookimpl

if TYPE_CHECKING:
    from twisted.application.service import IService

    from camd.app import App


@hookimpl
def camd_services(app: App) -> list[IService]:
    from .service import Copies

    return [Copies(app)]


@hookimpl
def camd_health(app: App) -> list[Check]:
    if "s3/state" not in app.state:
        return []
    failed = app.state["s3/state"].value == "waiting"
    return [Check("s3", not failed, str(app.state["s3/reason"].value) if failed else "")]
