"""Users for tests: time and threads under control, hashes that cost nothing, a database in a folder of its own."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from camd.auth.accounts import Accounts
from camd.auth.audit import Audit
from camd.auth.passwords import Hashing
from camd.auth.users import Users
from camd.state.permission import Permission, Principal
from camd.testing import FakeReactor, ThreadlessPool
from camd.threads import Threads

PASSWORD = "Correct-Horse1"
OTHER = "Battery+Staple2"
HOME, AWAY = "192.0.2.1", "198.51.100.7"
EPOCH = 1_700_000_000.0
CHEAP = Hashing(8, 1)


class UsersCase(SynchronousTestCase):
    """self.users is started; self.root is an administrator called root, unless with_root is False."""

    with_root = True

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.clock = FakeReactor()
        self.threads = Threads(self.clock)
        self.threads.pools = {name: ThreadlessPool() for name in self.threads.pools}
        if self.with_root:
            with_accounts(self.folder, lambda accounts: accounts.add_user("root", CHEAP.hash(PASSWORD), "administrator"))
        self.users = self.start_users()
        if self.with_root:
            self.root = self.get(self.users.by_password("root", PASSWORD, HOME, how="password"))
        self.changes = 0

    def start_users(self) -> Users:
        """Another Users on the same folder, as after a restart."""
        self.audit = Audit(self.folder, self.threads, self.wall)
        users = Users(self.folder, self.threads, self.clock, self.audit, wall=self.wall, hashing=CHEAP)
        self.changes = 0
        users.on_change.append(self.note_change)
        self.get(users.start())
        self.addCleanup(lambda: self.get(users.stop()))
        return users

    def wall(self) -> float:
        return EPOCH + self.clock.seconds()

    def note_change(self) -> None:
        self.changes += 1

    def get(self, work: Coroutine[Any, Any, Any] | Deferred[Any]) -> Any:
        return self.successResultOf(ensureDeferred(work))

    def fails(self, kind: type[Exception], work: Coroutine[Any, Any, Any], *kinds: type[Exception]) -> Any:
        return self.failureResultOf(ensureDeferred(work), kind, *kinds).value

    def add(self, name: str, role: str = "viewer", **fields: Any) -> Principal:
        """A new user with PASSWORD, as it is after a login with it."""
        self.get(self.users.add(self.root, name, PASSWORD, role, **fields))
        return self.get(self.users.by_password(name, PASSWORD, HOME, how="password"))

    def login(self, name: str = "root", password: str = PASSWORD, address: str = HOME) -> tuple[str, Principal]:
        return self.get(self.users.login(name, password, address))

    def wrong(self, name: str, address: str, password: str = "Wrong-0") -> str:
        """What a login that must fail says: "Unauthorized" or "Locked"."""
        error = self.failureResultOf(ensureDeferred(self.users.by_password(name, password, address))).value
        return type(error).__name__

    def events(self, event: str = "") -> list[dict[str, Any]]:
        return [entry for entry in self.audit.tail(500) if event in ("", entry["event"])]


def with_accounts(folder: Path, act: Any) -> Any:
    """Do something to the accounts as another process would."""
    accounts = Accounts(folder, lambda: EPOCH)
    accounts.open()
    try:
        return act(accounts)
    finally:
        accounts.close()


def names(principal: Principal) -> set[str]:
    return {permission.name for permission in principal.permissions}


ALL = {permission.name for permission in Permission}
