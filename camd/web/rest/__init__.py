"""REST: resources below /api with JSON in and out, each noun in a file of its own.

A noun is a list of Operations; `resource` serves them and `openapi` describes them. A new noun is a file
with a class that has `operations()`, and its line in `nouns`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...hookspecs import Route
from ...state.permission import Permission, Principal
from .audit import AuditNoun
from .backup import BackupNoun
from .camera_changes import CameraChangesNoun
from .cameras import CamerasNoun
from .certificate import CertificateNoun
from .config import ConfigNoun
from .described import DESCRIBED, of_alias, of_route
from .documents import DocumentsNoun
from .me import MeNoun
from .operation import ANY, PUBLIC, READER, Operation
from .playing import PlayingNoun
from .plugins import PluginsNoun
from .recordings import RecordingsNoun
from .resource import Operations
from .roles import RolesNoun
from .state import StateNoun
from .tokens import TokensNoun
from .users import UsersNoun

if TYPE_CHECKING:
    from ...app import App

__all__ = ["operations", "routes"]


def operations(app: App) -> list[Operation]:
    """Every Operation that REST serves."""
    served: list[Operation] = []
    cameras = CamerasNoun(app.cameras)
    nouns = (
        StateNoun(app),
        cameras,
        CameraChangesNoun(app, cameras.shown),
        MeNoun(app.users),
        UsersNoun(app.users),
        RolesNoun(app.users),
        TokensNoun(app.users),
        AuditNoun(app.audit),
        CertificateNoun(app.certificate),
        ConfigNoun(app),
        PluginsNoun(app.plugins),
        BackupNoun(app),
        RecordingsNoun(app),
        PlayingNoun(app),
        DocumentsNoun(app, lambda by: described(app, served, by)),
    )
    for noun in nouns:
        served += noun.operations()
    return served


def described(app: App, served: list[Operation], by: Principal) -> list[Operation]:
    """Everything that the document tells this reader: what is served here, the rest of the core, and the plugins."""
    known = [*served, *DESCRIBED]
    paths = {operation.path for operation in known}
    for route in app.web.routes:
        if not any(path == route.path or path.startswith(route.path + "/") for path in paths):
            known += of_alias(route, known) or of_route(route, by)
    return known


def routes(app: App) -> list[Route]:
    """A Route for each noun, with all that is below it."""
    nouns: dict[str, list[Operation]] = {}
    for operation in operations(app):
        nouns.setdefault("/".join(operation.path.split("/")[:3]), []).append(operation)
    return [
        _route(path, found, Operations(path, found, app.web.identify, app.audit.record))
        for path, found in nouns.items()
    ]


def _route(path: str, found: list[Operation], resource: Operations) -> Route:
    """The guard before a noun: never stricter than one of its Operations, which look again for themselves."""
    if any(operation.permission == PUBLIC for operation in found):
        return Route.public(path, resource)
    read = _weakest(operation.permission for operation in found if operation.method == "GET")
    write = _weakest(operation.permission for operation in found if operation.method != "GET")
    # Methods that are not there are refused by the resource, which knows the others.
    return Route(path, resource, read or write, write or read)


def _weakest(permissions: Iterable[Permission | str]) -> Permission | str | None:
    """What all of them include."""
    found = set(permissions)
    if len(found) < 2:
        return next(iter(found), None)
    return READER if READER in found else ANY
