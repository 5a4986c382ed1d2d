"""Monitor: how the machine and camd itself are doing, as state, metrics and health checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from camd.hookspecs import Check, hookimpl

from . import health
from .figures import specs
from .sampler import Sampler
from .service import Monitor

if TYPE_CHECKING:
    from twisted.application.service import IService

    from camd.app import App
    from camd.state import Spec


@hookimpl
def camd_observables(app: App) -> list[Spec]:
    return specs()


@hookimpl
def camd_services(app: App) -> list[IService]:
    return [Monitor(app, Sampler(app.config.data_dir))]


@hookimpl
def camd_health(app: App) -> list[Check]:
    return health.checks(app.state)
