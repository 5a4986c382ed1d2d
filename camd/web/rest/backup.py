"""/api/backup and /api/restore: everything that makes this camd the one it is, out and in again."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...errors import Invalid
from ...state.permission import Permission
from .operation import Answer, Call, Operation, Rejected, Reply
from .schema import listing, record, text

if TYPE_CHECKING:
    from ...app import App

_TYPE = "application/zip"
#: Of an archive over the API, in base64 (characters); the command takes larger ones.
_LARGEST = 6 << 20
_PASSPHRASE = text("Encrypts everything, and brings the secrets", least=8, most=1024)
_ARCHIVE = Answer("A ZIP", {"type": "string", "contentMediaType": _TYPE}, _TYPE)
_DOC = "By HTTPS only, or from the machine itself, and with the permissions System_rw and User_rw as well."


class BackupNoun:
    """The backup of this camd."""

    def __init__(self, app: App):
        self._app = app

    def operations(self) -> list[Operation]:
        write = Permission.FirmwareUpdate_rw
        return [
            Operation("GET", "/api/backup", write, "Make a backup without secrets", {200: _ARCHIVE},
                      self.plain,
                      f"Configuration, settings, users with the hashes of their passwords, tags. {_DOC}"),
            Operation("POST", "/api/backup", write, "Make an encrypted backup", {200: _ARCHIVE}, self.sealed,
                      f"With the secret key and the key of the certificate. {_DOC}",
                      body=record({"passphrase": _PASSPHRASE}, closed=True)),
            Operation("POST", "/api/restore", write, "Restore a backup", {
                202: Answer("It is checked and laid down; camd starts again with it",
                            record({"restored": listing(text(), doc="The files in it")})),
                422: Answer("It is no backup, the passphrase is another, or camd could not start with it"),
            }, self.restore, f"All is checked before anything changes. {_DOC}",
                      body=record({"archive": text("The ZIP in base64", least=1, most=_LARGEST)},
                                  {"passphrase": text(most=1024)}, closed=True), body_limit=_LARGEST + 4096),
        ]  # fmt: skip

    async def plain(self, call: Call) -> Any:
        return await self._make(call, "")

    async def sealed(self, call: Call) -> Any:
        return await self._make(call, call.body["passphrase"])

    async def _make(self, call: Call, passphrase: str) -> Any:
        self._check(call)
        archive = await self._app.backups.make(passphrase)
        self._app.audit.record("backup", call.by.name, call.address, encrypted=bool(passphrase))
        name = f"camd-{datetime.now(UTC):%Y%m%d-%H%M%S}Z.zip"
        return Reply(content=archive, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    async def restore(self, call: Call) -> Any:
        self._check(call)
        try:
            archive = base64.b64decode(call.body["archive"], validate=True)
        except (binascii.Error, ValueError):
            raise Invalid("archive", "Value must be base64") from None
        files = await self._app.backups.restore(archive, call.body.get("passphrase", ""))
        self._app.audit.record("restore", call.by.name, call.address, files=", ".join(files))
        return {"restored": files}

    def _check(self, call: Call) -> None:
        """Users come and go with it, so it takes what changing them takes."""
        for permission in (Permission.System_rw, Permission.User_rw):
            if permission not in call.by.permissions or call.by.cameras is not None:
                raise Rejected(403, f"This needs the permission {permission.name}, for all cameras")
        way = call.request.way
        if not (way.secure or way.is_local):
            raise Rejected(403, "Others could read it on its way: use HTTPS")
