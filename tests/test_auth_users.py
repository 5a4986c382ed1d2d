"""Users: accounts, roles and tokens; who may change them; what must never happen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from camd.auth.accounts import TOKENS_PER_USER
from camd.auth.roles import BUILT_IN, names_of
from camd.errors import Conflict, Gone, Invalid, Locked, Refused, Unauthorized
from camd.state.permission import SYSTEM, Permission, Principal

from .auth_case import ALL, AWAY, CHEAP, HOME, OTHER, PASSWORD, UsersCase, names, with_accounts

ROOT = Path(__file__).parent.parent
VIEWER = {"Device_r", "Media_r", "Storage_r", "System_r"}


class RoleTests(UsersCase):
    def test_the_products_roles(self) -> None:
        roles = self.users.roles()
        self.assertEqual(list(roles), ["administrator", "operator", "viewer", "guest"])
        self.assertEqual(roles["administrator"], [permission.name for permission in Permission])
        self.assertEqual(roles["operator"], ["Device_r", "Device_rw", "Media_r", "Media_rw", "Storage_r",
                                             "System_r", "Reboot_rw"])
        self.assertEqual(roles["viewer"], ["Device_r", "Media_r", "Storage_r", "System_r"])
        self.assertEqual(roles["guest"], [])

    def test_admin_is_administrator(self) -> None:
        self.get(self.users.add(self.root, "second", PASSWORD, "admin"))
        self.assertEqual(self.users.get(self.root, "second")["role"], "administrator")

    def test_own_role(self) -> None:
        self.get(self.users.set_role(self.root, "guard", ["Media_r", 9, Permission.User_r]))
        self.assertEqual(self.users.roles()["guard"], ["Media_r", "User_r", "Storage_rw"])
        ann = self.add("ann", "guard")
        self.assertEqual(names(ann), {"Media_r", "User_r", "Storage_rw", "Storage_r"})
        self.get(self.users.set_role(self.root, "guard", ["Media_r"]))
        self.assertEqual(names(self.users.still_valid(ann)), {"Media_r"})
        self.assertIn("ann", str(self.fails(Conflict, self.users.remove_role(self.root, "guard"))))
        self.get(self.users.change(self.root, "ann", role="viewer"))
        self.get(self.users.remove_role(self.root, "guard"))
        self.assertNotIn("guard", self.users.roles())
        self.fails(Gone, self.users.remove_role(self.root, "guard"))
        self.fails(Gone, self.users.change(self.root, "ann", role="guard"))

    def test_fixed_roles(self) -> None:
        for name in ("administrator", "admin", "operator", "viewer"):
            self.fails(Conflict, self.users.set_role(self.root, name, []))
            self.fails(Conflict, self.users.remove_role(self.root, name))
        for name in ("", "Über", "a b", "x" * 33, "1st", 5):
            self.fails(Invalid, self.users.set_role(self.root, name, []))

    def test_guest(self) -> None:
        self.assertEqual(self.users.guest.permissions, frozenset())
        guest = self.users.guest
        self.get(self.users.set_role(self.root, "guest", ["Media_r"]))
        self.assertEqual(names(self.users.guest), {"Media_r"})
        self.assertEqual(self.users.still_valid(guest), self.users.guest)
        for permission in ("Media_rw", "User_r", "User_rw", "Reboot_rw"):
            self.fails(Invalid, self.users.set_role(self.root, "guest", [permission]))
        self.get(self.users.remove_role(self.root, "guest"))
        self.assertEqual(self.users.guest.permissions, frozenset())

    def test_permissions_as_they_may_be_written(self) -> None:
        for wrong in ("Media_r", ["media_r"], [15], [-1], [True], [None], [1.0]):
            self.fails(Invalid, self.users.set_role(self.root, "guard", wrong))


class UserTests(UsersCase):
    def test_entry(self) -> None:
        self.clock.advance(5)
        entry = self.get(self.users.add(self.root, "Ann", PASSWORD, "viewer", ["front", "back"], ["Reboot_rw"]))
        self.assertEqual(entry, {
            "name": "Ann", "role": "viewer", "enabled": True, "cameras": ["back", "front"],
            "additional_permissions": ["Reboot_rw"],
            "permissions": ["Device_r", "Media_r", "Storage_r", "System_r", "Reboot_rw"],
            "created": 1_700_000_005_000, "last_login": None, "device_password": False,
        })
        self.clock.advance(1)
        self.login("ann")
        self.assertEqual(self.users.get(self.root, "ANN")["last_login"], 1_700_000_006_000)
        self.assertEqual([entry["name"] for entry in self.users.list(self.root)], ["Ann", "root"])

    def test_names(self) -> None:
        for name in ("", " ", "a b", "-a", "a\n", "ä", "x" * 65, "Guest", "system", "a:b", None):
            self.fails(Invalid, self.users.add(self.root, name, PASSWORD))
        for name in ("a", "Ann.B_c-d@example.org", "x" * 64, "0"):
            self.get(self.users.add(self.root, name, PASSWORD))
        self.fails(Conflict, self.users.add(self.root, "ROOT", PASSWORD))

    def test_values(self) -> None:
        for fields in ({"cameras": "front"}, {"cameras": ["Front!"]}, {"cameras": [1]}, {"enabled": 1},
                       {"role": None}, {"role": 5}, {"name": "x"}, {"additional_permissions": ["x"]}):
            self.fails(Invalid, self.users.change(self.root, "root", **fields))
        self.fails(Gone, self.users.add(self.root, "ann", PASSWORD, "nothing"))
        self.fails(Gone, self.users.change(self.root, "nobody", enabled=True))
        self.fails(Invalid, self.users.add(self.root, "ann", "short"))
        self.fails(Invalid, self.users.add(self.root, "ann", PASSWORD, "admin", ["front"]))

    def test_cameras(self) -> None:
        ann = self.add("ann", cameras=["front"])
        self.assertTrue(ann.may(Permission.Media_r, "cameras/front/"))
        self.assertFalse(ann.may(Permission.Media_r, "cameras/back/"))
        self.get(self.users.change(self.root, "ann", cameras=None))
        self.assertTrue(self.users.still_valid(ann).may(Permission.Media_r, "cameras/back/"))
        self.get(self.users.change(self.root, "ann", cameras=[]))
        self.assertFalse(self.users.still_valid(ann).may(Permission.Media_r, "cameras/front/"))

    def test_change_is_seen_at_once(self) -> None:
        ann = self.add("ann")
        self.changes = 0
        self.get(self.users.change(self.root, "ann", additional_permissions=["Media_rw"]))
        self.assertEqual(self.changes, 1)
        self.assertEqual(names(self.users.still_valid(ann)), VIEWER | {"Media_rw"})
        self.get(self.users.change(self.root, "ann"))
        self.assertEqual(self.changes, 1)

    def test_remove(self) -> None:
        ann = self.add("ann")
        secret, _ = self.login("ann")
        token, _ = self.get(self.users.create_token(ann, "script"))
        self.get(self.users.remove(self.root, "Ann"))
        self.assertIsNone(self.users.still_valid(ann))
        self.assertIsNone(self.users.by_session(secret))
        self.assertIsNone(self.users.by_token(token))
        self.fails(Gone, self.users.remove(self.root, "ann"))
        self.fails(Unauthorized, self.users.by_password("ann", PASSWORD, HOME))
        self.add("ann")
        self.assertIsNone(self.users.still_valid(ann), "another ann of the same name and password")

    def test_disable(self) -> None:
        ann = self.add("ann")
        secret, _ = self.login("ann")
        token, _ = self.get(self.users.create_token(ann, "script"))
        self.get(self.users.change(self.root, "ann", enabled=False))
        for ended in (self.users.still_valid(ann), self.users.by_session(secret), self.users.by_token(token)):
            self.assertIsNone(ended)
        self.fails(Unauthorized, self.users.by_password("ann", PASSWORD, HOME))
        self.get(self.users.change(self.root, "ann", enabled=True))
        self.get(self.users.by_password("ann", PASSWORD, HOME))
        self.assertIsNone(self.users.by_session(secret), "sessions do not come back")
        self.assertIsNotNone(self.users.by_token(token), "tokens do")


class LastAdministratorTests(UsersCase):
    def test_stays(self) -> None:
        self.add("ann", "operator")
        for change in ({"role": "operator"}, {"enabled": False}):
            self.assertIn("last", str(self.fails(Conflict, self.users.change(self.root, "root", **change))))
        self.fails(Conflict, self.users.remove(self.root, "root"))
        self.assertIsNotNone(self.users.still_valid(self.root))
        self.get(self.users.change(self.root, "root", cameras=None, enabled=True, role="admin"))

    def test_a_disabled_one_does_not_count(self) -> None:
        self.add("ann", "administrator")
        self.get(self.users.change(self.root, "ann", enabled=False))
        self.fails(Conflict, self.users.remove(self.root, "root"))
        self.get(self.users.remove(self.root, "ann"))

    def test_with_a_second_one_it_may_go(self) -> None:
        ann = self.add("ann", "administrator")
        self.get(self.users.change(self.root, "root", role="viewer"))
        self.fails(Refused, self.users.change(self.users.still_valid(self.root), "root", role="administrator"))
        self.get(self.users.remove(ann, "root"))
        self.fails(Conflict, self.users.remove(ann, "ann"))

    def test_not_by_two_processes_at_once_either(self) -> None:
        self.add("ann", "administrator")
        with_accounts(self.folder, lambda accounts: accounts.remove_user("ann"))  # not noticed yet
        self.fails(Conflict, self.users.remove(self.root, "root"))


class RightsTests(UsersCase):
    """Nobody gives, takes or uses rights that they do not hold themselves."""

    def setUp(self) -> None:
        super().setUp()
        self.get(self.users.set_role(self.root, "keeper", ["User_rw", "Media_r"]))
        self.keeper = self.add("keeper", "keeper")
        self.ann = self.add("ann")

    def test_without_permission(self) -> None:
        for by in (self.ann, self.users.guest):
            self.assertRaises(Refused, self.users.list, by)
            self.assertRaises(Refused, self.users.get, by, "root")
            for work in (
                self.users.add(by, "new", PASSWORD), self.users.change(by, "ann", role="operator"),
                self.users.remove(by, "keeper"), self.users.set_role(by, "new", []), self.users.remove_role(by, "keeper"),
                self.users.device_password(by, "root"), self.users.create_token(by, "x", user="root"),
                self.users.change(by, "root", password=OTHER), self.users.change(by, "nobody", enabled=False),
            ):
                self.fails(Refused, work)
        self.assertEqual(self.users.get(self.ann, "ANN")["name"], "ann")
        self.fails(Refused, self.users.create_token(self.users.guest, "x"))
        self.fails(Refused, self.users.change_own_password(self.users.guest, "", OTHER))
        self.assertRaises(Refused, self.users.get, Principal("root", frozenset(), how="guest"), "root")

    def test_reading_only(self) -> None:
        self.get(self.users.set_role(self.root, "reader", ["User_r"]))
        bob = self.add("bob", "reader")
        self.assertEqual(len(self.users.list(bob)), 4)
        self.fails(Refused, self.users.add(bob, "new", PASSWORD, "reader"))
        self.fails(Refused, self.users.device_password(bob, "root"))

    def test_no_more_rights_than_ones_own(self) -> None:
        by = self.keeper
        for work in (
            self.users.add(by, "new", PASSWORD, "administrator"),
            self.users.add(by, "new", PASSWORD, "keeper", None, ["Reboot_rw"]),
            self.users.change(by, "keeper", role="administrator"),
            self.users.change(by, "keeper", additional_permissions=["System_rw"]),
            self.users.set_role(by, "keeper", ["User_rw", "System_rw"]),
            self.users.set_role(by, "new", ["Media_rw"]),
        ):
            self.fails(Refused, work)
        self.get(self.users.add(by, "new", PASSWORD, "keeper"))
        self.get(self.users.set_role(by, "less", ["Media_r"]))
        self.get(self.users.change(by, "new", role="less"))

    def test_no_power_over_those_who_have_more(self) -> None:
        by = self.keeper
        for work in (
            self.users.change(by, "root", password=OTHER), self.users.change(by, "root", enabled=False),
            self.users.remove(by, "ann"), self.users.device_password(by, "ann"),
            self.users.create_token(by, "x", user="root"), self.users.remove_role(by, "operator"),
        ):
            self.fails(Refused, work, Conflict)

    def test_no_power_over_holders_of_a_role_who_have_more(self) -> None:
        self.get(self.users.set_role(self.root, "plain", ["Media_r"]))
        self.add("chief", "plain", additional_permissions=["System_rw"])
        for wanted in ([], ["Media_r", "User_rw"]):
            self.fails(Refused, self.users.set_role(self.keeper, "plain", wanted))
        self.assertEqual(self.users.roles()["plain"], ["Media_r"])
        self.get(self.users.change(self.root, "chief", additional_permissions=[]))
        self.get(self.users.set_role(self.keeper, "plain", ["Media_r", "User_rw"]))

    def test_no_power_over_holders_another_process_gave_more(self) -> None:
        self.get(self.users.set_role(self.root, "plain", ["Media_r"]))
        self.add("chief", "plain")
        with_accounts(self.folder, lambda accounts: accounts.change_user("chief", additional=frozenset(Permission)))
        self.fails(Refused, self.users.set_role(self.keeper, "plain", []))
        self.assertEqual(self.users.roles()["plain"], ["Media_r"])

    def test_rights_that_change_while_a_password_is_hashed(self) -> None:
        self.get(self.users.set_role(self.root, "less", ["Media_r"]))
        pool = self.threads.pools["auth"]
        for name, meanwhile in (
            ("bob", lambda: self.get(self.users.change(self.root, "bob", role="administrator"))),
            ("cid", lambda: with_accounts(
                self.folder, lambda accounts: accounts.change_user("cid", role="administrator"))),
            ("dan", lambda: self.get(self.users.change(self.root, "keeper", role="viewer"))),
        ):
            target = self.add(name, "less")
            pool.at_once = False
            asked = ensureDeferred(self.users.change(self.keeper, name, password=OTHER))
            self.assertNoResult(asked)
            meanwhile()
            pool.at_once = True
            pool.run()
            self.failureResultOf(asked, Refused)
            self.assertIsNotNone(self.users.still_valid(target))

    def test_a_user_removed_while_a_password_is_hashed(self) -> None:
        """Another one of the same name is somebody else."""
        self.get(self.users.set_role(self.root, "less", ["Media_r"]))
        self.add("bob", "less")
        pool = self.threads.pools["auth"]
        pool.at_once = False
        asked = ensureDeferred(self.users.change(self.keeper, "bob", password=OTHER))
        hashed = CHEAP.hash("Another+One3")

        def replace(accounts: Any) -> None:
            accounts.remove_user("bob")
            accounts.add_user("bob", hashed, "less")

        with_accounts(self.folder, replace)
        pool.at_once = True
        pool.run()
        self.failureResultOf(asked, Gone)

    def test_cameras_too(self) -> None:
        self.get(self.users.change(self.root, "keeper", cameras=["front"]))
        by = self.users.still_valid(self.keeper)
        self.fails(Refused, self.users.add(by, "new", PASSWORD, "keeper"))
        self.fails(Refused, self.users.change(by, "keeper", cameras=None))
        self.get(self.users.add(by, "new", PASSWORD, "keeper", ["front"]))
        self.fails(Refused, self.users.change(by, "new", cameras=["front", "back"]))

    def test_a_role_counts_for_all_cameras(self) -> None:
        self.get(self.users.set_role(self.root, "keeper", ["User_rw", "Media_r", "Device_r", "System_r"]))
        self.get(self.users.set_role(self.root, "spare", ["Media_r"]))
        self.get(self.users.change(self.root, "keeper", cameras=["front"]))
        secret, _ = self.get(self.users.create_token(self.root, "x", cameras=["front"]))
        for by in (self.users.still_valid(self.keeper), self.users.by_token(secret, AWAY)):
            self.fails(Refused, self.users.set_role(by, "guest", ["Media_r"]))
            self.fails(Refused, self.users.set_role(by, "spare", ["Device_r"]))
            self.fails(Refused, self.users.remove_role(by, "spare"))
        self.assertFalse(self.users.guest.sees("back"))

    def test_the_daemon_itself(self) -> None:
        self.get(self.users.add(SYSTEM, "new", PASSWORD, "administrator"))
        self.assertEqual(len(self.users.list(SYSTEM)), 4)
        self.fails(Refused, self.users.create_token(SYSTEM, "x"))
        self.get(self.users.create_token(SYSTEM, "x", user="new"))


class PasswordTests(UsersCase):
    def test_own(self) -> None:
        ann = self.add("ann")
        secret, session = self.login("ann")
        token, _ = self.get(self.users.create_token(ann, "script"))
        self.fails(Unauthorized, self.users.change_own_password(ann, "Wrong-000", OTHER))
        self.fails(Invalid, self.users.change_own_password(ann, PASSWORD, "short"))
        self.changes = 0
        self.get(self.users.change_own_password(session, PASSWORD, OTHER, address=AWAY))
        self.assertGreater(self.changes, 0)
        for ended in (self.users.by_session(secret), self.users.still_valid(session), self.users.still_valid(ann)):
            self.assertIsNone(ended)
        self.assertIsNotNone(self.users.by_token(token))
        self.fails(Unauthorized, self.users.by_password("ann", PASSWORD, HOME))
        self.get(self.users.by_password("ann", OTHER, HOME))
        self.assertEqual(self.events("password_change")[-1]["address"], AWAY)

    def test_own_needs_the_old_one(self) -> None:
        self.fails(Invalid, self.users.change(self.root, "root", password=OTHER))

    def test_by_an_administrator(self) -> None:
        self.add("ann")
        secret, _ = self.login("ann")
        self.get(self.users.change(self.root, "ann", password=OTHER))
        self.assertIsNone(self.users.by_session(secret))
        self.get(self.users.by_password("ann", OTHER, HOME))

    def test_none_of_the_last_five(self) -> None:
        self.add("ann")
        for number in range(1, 6):
            self.fails(Invalid, self.users.change(self.root, "ann", password=PASSWORD))
            self.get(self.users.change(self.root, "ann", password=f"Another-{number}"))
        self.fails(Invalid, self.users.change(self.root, "ann", password="Another-1"))
        self.get(self.users.change(self.root, "ann", password=PASSWORD))

    def test_a_lost_client_does_not_lose_the_change(self) -> None:
        """The request is cancelled while the database works: the mirror and the audit log hear of it."""
        from twisted.internet.defer import CancelledError, ensureDeferred

        ann = self.add("ann")
        pool = self.threads.pools["db"]
        pool.at_once = False
        asked = ensureDeferred(self.users.change(self.root, "ann", enabled=False))
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        pool.run()
        self.assertIsNone(self.users.still_valid(ann))
        self.assertEqual(self.events("user_change")[-1]["user"], "ann")
        pool.at_once = True

    def test_too_much_work_is_refused(self) -> None:
        from twisted.internet.defer import ensureDeferred

        pool = self.threads.pools["auth"]
        pool.at_once = False
        waiting = [ensureDeferred(self.users.add(self.root, f"u{n}", PASSWORD)) for n in range(34)]
        self.fails(Locked, self.users.add(self.root, "last", PASSWORD))
        self.fails(Locked, self.users.by_password("ann", PASSWORD, HOME))
        pool.at_once = True
        pool.run()
        for done in waiting:
            self.successResultOf(done)
        self.get(self.users.add(self.root, "last", PASSWORD))


class DevicePasswordTests(UsersCase):
    def test_made_when_asked_for(self) -> None:
        ann = self.add("ann")
        self.assertIsNone(self.users.device_secret("ann"))
        secret = self.get(self.users.device_password(ann, "ann"))
        self.assertRegex(secret, r"^[A-Za-z2-9]{16}$")
        self.assertEqual(self.get(self.users.device_password(self.root, "Ann")), secret)
        self.assertEqual(self.users.device_secret("ANN"), secret)
        self.assertTrue(self.users.get(ann, "ann")["device_password"])
        self.assertEqual([entry["event"] for entry in self.events() if "device" in entry["event"]],
                         ["device_password_renew", "device_password_show"])

    def test_renew_ends_what_it_began(self) -> None:
        secret = self.get(self.users.device_password(self.root, "root"))
        watching = self.users.by_device_password("root", secret)
        self.assertEqual((watching.name, watching.how), ("root", "basic"))
        self.assertEqual(self.users.still_valid(watching), watching)
        fresh = self.get(self.users.device_password(self.root, "root", renew=True))
        self.assertNotEqual(fresh, secret)
        self.assertIsNone(self.users.still_valid(watching))
        self.assertIsNone(self.users.by_device_password("root", secret))
        self.assertIsNotNone(self.users.by_device_password("root", fresh))

    def test_a_recorder_brings_its_own(self) -> None:
        ann = self.add("ann")
        self.get(self.users.set_device_password(self.root, "Ann", "Re-corder1"))
        watching = self.users.by_device_password("ann", "Re-corder1")
        self.get(self.users.set_device_password(ann, "ann", "An-other1"))
        self.assertEqual(self.users.device_secret("ann"), "An-other1")
        self.assertIsNone(self.users.still_valid(watching))
        self.assertEqual([entry["by"] for entry in self.events() if entry["event"] == "device_password_set"],
                         ["root", "ann"])
        self.fails(Invalid, self.users.set_device_password(ann, "ann", "weak"))
        self.fails(Refused, self.users.set_device_password(ann, "root", "An-other1"))

    def test_a_username_token(self) -> None:
        ann = self.add("ann")
        self.get(self.users.set_device_password(ann, "ann", "Re-corder1"))

        def ask(name: str, secret: str) -> Principal:
            return self.users.by_username_token(name, lambda known: known == secret, HOME)

        self.assertEqual((ask("ANN", "Re-corder1").name, ask("ann", "Re-corder1").how), ("ann", "onvif"))
        with self.assertRaises(Unauthorized):
            self.users.by_username_token("nobody", lambda known: True, HOME)
        for _ in range(5):
            with self.assertRaises(Unauthorized):
                ask("ann", "wrong")
        with self.assertRaises(Locked):
            ask("ann", "Re-corder1")

    def test_encrypted_at_rest(self) -> None:
        secret = self.get(self.users.device_password(self.root, "root"))
        for path in self.folder.iterdir():
            self.assertNotIn(secret.encode(), path.read_bytes(), path)

    def test_bound_to_its_user(self) -> None:
        self.add("ann")
        self.get(self.users.device_password(self.root, "root"))

        def swap(accounts: object) -> None:
            users = accounts.load().by_name
            accounts.set_device_password("ann", users["root"].device_password)

        with_accounts(self.folder, swap)
        self.clock.advance(1)
        self.assertIsNone(self.users.device_secret("ann"))

    def test_survives_a_restart_but_not_another_key(self) -> None:
        secret = self.get(self.users.device_password(self.root, "root"))
        self.assertEqual(self.start_users().device_secret("root"), secret)
        (self.folder / "secret.key").write_bytes(b"k" * 32)
        again = self.start_users()
        self.assertIsNone(again.device_secret("root"))
        self.assertNotEqual(self.get(again.device_password(self.root, "root")), secret)

    def test_wrong_ones(self) -> None:
        self.get(self.users.device_password(self.root, "root"))
        for name, password in (("root", ""), ("root", PASSWORD), ("nobody", "x"), ("root", "\ud800")):
            self.assertIsNone(self.users.by_device_password(name, password))

    def test_not_for_a_token_with_less(self) -> None:
        _, entry = self.get(self.users.create_token(self.root, "few", ["Media_r"]))
        few = self.users.still_valid(Principal("root", frozenset(), how="bearer", key=f"token:{entry['id']}"))
        self.fails(Refused, self.users.device_password(few, "root"))


class TokenTests(UsersCase):
    def token(self, by: Principal | None = None, *args: object, **fields: object) -> tuple[Principal, dict]:
        secret, entry = self.get(self.users.create_token(by or self.root, "script", *args, **fields))
        return self.users.by_token(secret, HOME), entry

    def test_entry(self) -> None:
        secret, entry = self.get(self.users.create_token(self.root, " Home Assistant ", ["Media_r"], ["front"], 30))
        self.assertRegex(secret, r"^camd_[\w-]{43}$")
        self.assertEqual(entry, {
            "id": entry["id"], "name": "Home Assistant", "user": "root", "permissions": ["Media_r"],
            "cameras": ["front"], "created": 1_700_000_000_000, "expires": 1_700_000_000_000 + 30 * 86_400_000,
            "last_used": None, "last_address": "",
        })
        self.clock.advance(7)
        by = self.users.by_token(secret, AWAY)
        self.assertEqual((by.name, names(by), by.cameras, by.how), ("root", {"Media_r"}, {"front"}, "bearer"))
        listed = self.users.tokens(self.root)
        self.assertEqual(listed, [{**entry, "last_used": 1_700_000_007_000, "last_address": AWAY}])
        for path in self.folder.iterdir():
            self.assertNotIn(secret.encode(), path.read_bytes(), path)

    def test_follows_its_user(self) -> None:
        ann = self.add("ann")
        everything, _ = self.token(ann)
        few, _ = self.token(ann, ["Media_r", "Device_r"])
        self.get(self.users.change(self.root, "ann", role="operator", cameras=["front"]))
        self.assertIn("Reboot_rw", names(self.users.still_valid(everything)))
        self.assertEqual(self.users.still_valid(few).cameras, {"front"})
        self.assertEqual(names(self.users.still_valid(few)), {"Media_r", "Device_r"})
        self.get(self.users.set_role(self.root, "small", ["Media_r"]))
        self.get(self.users.change(self.root, "ann", role="small"))
        self.assertEqual(names(self.users.still_valid(few)), {"Media_r"})

    def test_writing_shrinks_to_reading(self) -> None:
        ann = self.add("ann", "operator")
        token, _ = self.token(ann, ["Media_rw"])
        self.assertEqual(names(token), {"Media_r", "Media_rw"})
        self.get(self.users.change(self.root, "ann", role="viewer"))
        self.assertEqual(names(self.users.still_valid(token)), {"Media_r"})

    def test_not_more_than_its_user(self) -> None:
        ann = self.add("ann", cameras=["front"])
        self.fails(Invalid, self.users.create_token(ann, "x", ["Media_rw"]))
        self.fails(Invalid, self.users.create_token(ann, "x", []))
        self.fails(Invalid, self.users.create_token(ann, "x", cameras=["front", "back"]))
        self.fails(Invalid, self.users.create_token(self.root, "x", ["Reboot_rw"], user="ann"))

    def test_a_token_makes_no_stronger_token(self) -> None:
        few, entry = self.token(None, ["Media_r"], ["front"], 1)
        second, made = self.token(few)
        self.assertEqual((names(second), second.cameras, made["expires"]), ({"Media_r"}, {"front"}, entry["expires"]))
        self.fails(Refused, self.users.create_token(few, "x", ["Media_rw"]))
        self.fails(Refused, self.users.create_token(few, "x", cameras=["back"]))
        _, made = self.token(few, days=100)
        self.assertEqual(made["expires"], entry["expires"])
        self.get(self.users.change(self.root, "root", additional_permissions=[]))
        self.assertEqual(names(self.users.still_valid(second)), {"Media_r"})

    def test_what_its_user_gets_later_is_not_for_others(self) -> None:
        ann = self.add("ann", cameras=["front"])
        fixed, _ = self.token(ann, sorted(names(ann)), ["front"])
        second, _ = self.token(fixed)
        self.get(self.users.set_role(self.root, "keeper", ["User_rw", *names(ann)]))
        keeper = self.add("keeper", "keeper")
        secret, _ = self.get(self.users.create_token(keeper, "x", user="ann"))
        kept = self.users.by_token(secret, AWAY)
        secret, _ = self.get(self.users.create_token(self.root, "x", user="ann"))
        given = self.users.by_token(secret, AWAY)
        self.get(self.users.change(self.root, "ann", role="administrator", cameras=None))
        for by in (second, kept):
            self.assertEqual(names(self.users.still_valid(by)), names(ann))
        self.assertEqual(self.users.still_valid(second).cameras, {"front"})
        self.assertIn("System_rw", names(self.users.still_valid(given)))

    def test_values(self) -> None:
        for fields in ({"name": ""}, {"name": "a\nb"}, {"name": "x" * 101}, {"name": None}, {"days": 0},
                       {"days": -1}, {"days": 4000}, {"days": float("nan")}, {"days": True}, {"days": "7"},
                       {"permissions": "Media_r"}, {"cameras": "front"}):
            self.fails(Invalid, self.users.create_token(self.root, **{"name": "x", **fields}))
        self.fails(Gone, self.users.create_token(self.root, "x", user="nobody"))

    def test_expiry(self) -> None:
        token, _ = self.token(None, days=1)
        self.changes = 0
        self.clock.pump([3600] * 25)
        self.assertIsNone(self.users.still_valid(token))
        self.assertGreater(self.changes, 0)
        self.assertEqual(len(self.users.tokens(self.root)), 1, "still listed")

    def test_revoke(self) -> None:
        ann = self.add("ann")
        token, entry = self.token(ann)
        other, others_entry = self.token()
        self.fails(Gone, self.users.revoke_token(ann, others_entry["id"]))
        self.assertEqual([entry["user"] for entry in self.users.tokens(ann)], ["ann"])
        self.assertEqual(len(self.users.tokens(self.root)), 2)
        self.assertEqual(self.users.tokens(self.users.guest), [])
        self.get(self.users.revoke_token(token, entry["id"]))
        self.assertIsNone(self.users.still_valid(token))
        self.fails(Gone, self.users.revoke_token(ann, entry["id"]))
        few, _ = self.token(None, ["Media_r"])
        self.fails(Refused, self.users.revoke_token(few, others_entry["id"]))
        self.get(self.users.revoke_token(self.root, others_entry["id"]))
        self.assertIsNone(self.users.still_valid(other))

    def test_not_without_end(self) -> None:
        for _ in range(TOKENS_PER_USER):
            self.token()
        self.fails(Conflict, self.users.create_token(self.root, "one more"))

    def test_last_use_is_written_lazily(self) -> None:
        secret, _ = self.get(self.users.create_token(self.root, "x"))
        self.clock.advance(3)
        self.users.by_token(secret, AWAY)
        jobs = self.threads.jobs["db"]
        for _ in range(50):
            self.users.by_token(secret, AWAY)
        self.assertEqual(self.threads.jobs["db"], jobs)
        self.clock.pump([1] * 61)
        used = with_accounts(self.folder, lambda accounts: accounts.load().tokens[0])
        self.assertEqual((used.last_used, used.last_address), (1_700_000_003_000, AWAY))

    def test_foreign_secrets(self) -> None:
        for secret in ("", "camd_", "camd_" + "x" * 43, "x" * 100_000, "camd_\ud800"):
            self.assertIsNone(self.users.by_token(secret))


class UrlTokenTests(UsersCase):
    def test_for_a_minute_and_one_camera(self) -> None:
        secret, session = self.login()
        token = self.users.url_token(session, "front")
        by = self.users.by_url_token(token, "front")
        self.assertEqual((by.name, by.how, by.cameras, names(by)), ("root", "url", {"front"}, {"Media_r"}))
        self.assertIsNone(self.users.by_url_token(token, "back"))
        self.assertIsNone(self.users.by_token(token))
        self.assertIsNone(self.users.by_session(token))
        self.clock.advance(59)
        self.assertIsNotNone(self.users.by_url_token(token, "front"))
        self.clock.advance(1)
        self.assertIsNone(self.users.by_url_token(token, "front"))
        self.assertEqual(self.users.still_valid(by), by, "what it began goes on")
        self.users.logout(secret)
        self.assertIsNone(self.users.still_valid(by))

    def test_needs_the_camera(self) -> None:
        ann = self.add("ann", cameras=["front"])
        self.assertRaises(Refused, self.users.url_token, ann, "back")
        self.assertRaises(Refused, self.users.url_token, self.users.guest, "front")
        by = self.users.by_url_token(self.users.url_token(ann, "front"), "front")
        self.assertRaises(Refused, self.users.url_token, by, "front")
        self.get(self.users.change(self.root, "ann", cameras=["back"]))
        self.assertFalse(self.users.still_valid(by).may(Permission.Media_r, "cameras/front/"))

    def test_an_api_token_works_too(self) -> None:
        secret, entry = self.get(self.users.create_token(self.root, "x"))
        by = self.users.by_url_token(secret, "front")
        self.assertEqual((by.how, names(by), by.key), ("url", ALL, f"token:{entry['id']}"))
        self.assertEqual(self.users.still_valid(by), by)
        shown = self.users.by_url_token(self.users.url_token(by, "front"), "front")
        self.assertEqual((names(shown), shown.cameras), ({"Media_r"}, {"front"}))
        self.get(self.users.revoke_token(self.root, entry["id"]))
        self.assertIsNone(self.users.still_valid(shown))

    def test_guests_who_may(self) -> None:
        self.get(self.users.set_role(self.root, "guest", ["Media_r"]))
        token = self.users.url_token(self.users.guest, "front")
        self.assertEqual(self.users.by_url_token(token, "front"), self.users.guest)

    def test_bounded(self) -> None:
        ann = self.add("ann")
        kept = self.users.url_token(ann, "front")
        for _ in range(300):
            self.users.url_token(self.root, "front")
        self.assertLess(len(self.users._url_tokens), 260)
        self.assertIsNotNone(self.users.by_url_token(kept, "front"))


class PageTests(SynchronousTestCase):
    """docs/users.md says what the code does."""

    def setUp(self) -> None:
        self.page = (ROOT / "docs" / "users.md").read_text("utf-8")

    def test_roles(self) -> None:
        for role in ("operator", "viewer"):
            self.assertIn(f"| `{role}` | {', '.join(names_of(BUILT_IN[role]))} |", self.page)
        self.assertIn(", ".join(names_of(Permission)), self.page.replace("\n", " "))

    def test_every_event(self) -> None:
        code = "".join(path.read_text() for path in (ROOT / "camd").rglob("*.py") if path.parent.name in ("auth", "cli"))
        recorded = set(re.findall(r'(?:told(?:: Told)? = \(|record\(|_tell\(accounts, |told=\()"(\w+)"', code))
        self.assertLess({"login", "locked", "setup", "user_change", "token_revoke"}, recorded)
        for event in recorded:
            self.assertIn(f"`{event}`", self.page)

    def test_every_command(self) -> None:
        listed = set(re.findall(r"`camd ((?:user|token|setup)[a-z-]*(?: [a-z]+)?)", self.page))
        verbs = {f"{group} {verb}" for group, names in (
            ("user", "add passwd list role disable enable remove"), ("token", "create list revoke"))
            for verb in names.split()}
        self.assertLessEqual(verbs | {"setup-code"}, listed)
