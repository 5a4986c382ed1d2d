"""/api/users, /api/roles, /api/tokens, /api/me and /api/audit, with the real accounts behind them."""

from __future__ import annotations

import json
from typing import Any

from camd.hookspecs import Route
from camd.state import Permission, Principal
from camd.web.rest.audit import AuditNoun
from camd.web.rest.me import MeNoun
from camd.web.rest.resource import Operations
from camd.web.rest.roles import RolesNoun
from camd.web.rest.tokens import TokensNoun
from camd.web.rest.users import UsersNoun

from .auth_case import OTHER, PASSWORD, UsersCase
from .rest_client import Answer, RestClient, unheard


class AccountsCase(UsersCase):
    def setUp(self) -> None:
        super().setUp()
        self.who: dict[str, Principal] = {"root": self.root, "guest": self.users.guest}
        routes = []
        for noun in (
            UsersNoun(self.users),
            RolesNoun(self.users),
            TokensNoun(self.users),
            MeNoun(self.users),
            AuditNoun(self.audit),
        ):
            operations = noun.operations()
            path = "/".join(operations[0].path.split("/")[:3])
            routes.append(Route.public(path, Operations(path, operations, self.identify, unheard)))
        self.client = RestClient(routes)

    def identify(self, request: Any) -> Principal:
        return self.who[request.getHeader(b"authorization").decode().partition(" ")[2]]

    def ask(self, method: str, path: str, value: Any = None, by: str = "root", **more: Any) -> Answer:
        return self.client(method, path, value, by=by, **more)

    def join(self, name: str, role: str = "viewer", **fields: Any) -> None:
        """A user who can ask."""
        self.who[name] = self.add(name, role, **fields)


class UsersTests(AccountsCase):
    def test_a_life(self) -> None:
        new = {
            "username": "eva",
            "password": PASSWORD,
            "role": "operator",
            "cameras": ["front"],
            "email": "eva@example.org",
        }
        made = self.ask("POST", "/api/users", new)
        self.assertEqual((made.status, made.headers["location"]), (201, "/api/users/eva"))
        self.assertEqual(
            (made.json["username"], made.json["role"], made.json["cameras"]), ("eva", "operator", ["front"])
        )
        self.assertNotIn(PASSWORD, made.body.decode())
        self.assertEqual(self.ask("GET", made.headers["location"]).json, made.json)
        self.assertEqual(
            [user["username"] for user in self.ask("GET", "/api/users").json["users"]], ["eva", "root"]
        )

        changed = self.ask("PATCH", "/api/users/eva", {"cameras": None, "additional_permissions": ["User_r"]})
        self.assertEqual((changed.status, changed.json["cameras"]), (200, None))
        self.assertIn("User_r", changed.json["permissions"])
        self.assertEqual(
            self.ask("PUT", "/api/users/eva", {"enabled": False}).json, {**changed.json, "enabled": False}
        )

        self.assertEqual(self.ask("DELETE", "/api/users/eva").status, 204)
        self.assertEqual(self.ask("GET", "/api/users/eva").status, 404)
        self.assertEqual(
            [entry["event"] for entry in self.events() if entry.get("user") == "eva"],
            ["user_add", "user_change", "user_change", "user_remove"],
        )
        self.assertEqual(self.events("user_add")[0]["address"], "192.0.2.7")

    def test_what_does_not_fit(self) -> None:
        self.join("eva")
        for method, path, value, status in (
            ("POST", "/api/users", {"username": "Eva", "password": PASSWORD}, 409),
            ("POST", "/api/users", {"username": "guest", "password": PASSWORD}, 422),
            ("POST", "/api/users", {"username": "adam", "password": "password"}, 422),
            ("POST", "/api/users", {"username": "a b", "password": PASSWORD}, 422),
            ("POST", "/api/users", {"username": "adam"}, 422),
            ("POST", "/api/users", {"username": "adam", "password": PASSWORD, "role": "king"}, 404),
            ("POST", "/api/users", {"username": "adam", "password": PASSWORD, "admin": True}, 422),
            ("PATCH", "/api/users/root", {"role": "viewer"}, 409),
            ("PATCH", "/api/users/root", {"enabled": False}, 409),
            ("PATCH", "/api/users/Root", {"password": OTHER}, 403),
            ("PATCH", "/api/users/eva", {}, 422),
            ("PATCH", "/api/users/eva", {"password": PASSWORD}, 422),
            ("PATCH", "/api/users/nobody", {"enabled": True}, 404),
            ("DELETE", "/api/users/root", None, 409),
            ("DELETE", "/api/users/a%20b", None, 404),
        ):
            answer = self.ask(method, path, value)
            self.assertEqual(answer.status, status, f"{method} {path} {value}: {answer.body!r}")
        self.assertEqual(len(self.ask("GET", "/api/users").json["users"]), 2)

    def test_who_may(self) -> None:
        self.join("eva")
        self.join("boss", additional_permissions=["User_rw"])
        for by, method, path, value, status in (
            ("guest", "GET", "/api/users", None, 401),
            ("eva", "GET", "/api/users", None, 403),
            ("eva", "GET", "/api/users/eva", None, 200),
            ("eva", "GET", "/api/users/root", None, 403),
            ("eva", "PATCH", "/api/users/eva", {"role": "administrator"}, 403),
            ("eva", "DELETE", "/api/users/eva", None, 403),
            ("eva", "POST", "/api/users", {"username": "adam", "password": PASSWORD}, 403),
            # Nobody gives more than they have.
            ("boss", "PATCH", "/api/users/boss", {"role": "administrator"}, 403),
            ("boss", "DELETE", "/api/users/root", None, 403),
            ("boss", "POST", "/api/users", {"username": "adam", "password": PASSWORD}, 201),
        ):
            self.assertEqual(self.ask(method, path, value, by).status, status, f"{by} {method} {path}")

    def test_only_if_nobody_was_faster(self) -> None:
        self.join("eva")
        tag = self.ask("GET", "/api/users/eva").headers["etag"]
        self.assertEqual(
            self.ask("PATCH", "/api/users/eva", {"role": "operator"}, headers={"If-Match": tag}).status, 200
        )
        self.assertEqual(
            self.ask("PATCH", "/api/users/eva", {"role": "viewer"}, headers={"If-Match": tag}).status, 412
        )
        self.assertEqual(self.ask("GET", "/api/users/eva").json["role"], "operator")

    def test_device_passwords(self) -> None:
        self.join("eva")
        path = "/api/users/eva/device-password"
        first = self.ask("GET", path, by="eva").json["device_password"]
        self.assertEqual(self.ask("GET", path).json["device_password"], first)
        second = self.ask("POST", path, by="eva").json["device_password"]
        self.assertNotEqual(first, second)
        self.assertEqual(self.users.device_secret("eva"), second)
        self.assertEqual(self.ask("GET", "/api/users/root/device-password", by="eva").status, 403)
        self.assertEqual(self.ask("GET", path, by="guest").status, 401)
        self.assertEqual(self.ask("GET", path).headers["cache-control"], "no-store")


class RolesTests(AccountsCase):
    def test_a_life(self) -> None:
        self.assertEqual(
            list(self.ask("GET", "/api/roles").json["roles"]),
            ["administrator", "operator", "viewer", "guest"],
        )
        path = "/api/roles/reader"
        self.assertEqual(self.ask("PUT", path, {"permissions": ["Media_r"]}).status, 201)
        changed = self.ask("PUT", path, {"permissions": ["Device_r", "Media_r"]})
        self.assertEqual(
            (changed.status, changed.json), (200, {"name": "reader", "permissions": ["Device_r", "Media_r"]})
        )
        self.assertEqual(self.ask("GET", path).json, changed.json)
        self.assertEqual(self.ask("DELETE", path).status, 204)
        self.assertEqual(self.ask("DELETE", path).status, 404)

    def test_what_does_not_fit(self) -> None:
        self.ask("PUT", "/api/roles/reader", {"permissions": ["Media_r"]})
        self.join("eva", "reader")
        for method, name, value, status in (
            ("PUT", "viewer", {"permissions": []}, 409),
            ("DELETE", "admin", None, 409),
            ("DELETE", "reader", None, 409),
            ("PUT", "guest", {"permissions": ["Device_rw"]}, 422),
            ("PUT", "x", {"permissions": ["Fly_rw"]}, 422),
            ("PUT", "x", {}, 422),
            ("PUT", "9", {"permissions": []}, 404),
            ("GET", "nobody", None, 404),
        ):
            self.assertEqual(
                self.ask(method, f"/api/roles/{name}", value).status, status, f"{method} {name} {value}"
            )
        self.assertEqual(self.ask("GET", "/api/roles/admin").json["name"], "administrator")

    def test_making_one_only_if_there_is_none(self) -> None:
        value, headers = {"permissions": []}, {"If-None-Match": "*"}
        self.assertEqual(self.ask("PUT", "/api/roles/reader", value, headers=headers).status, 201)
        self.assertEqual(self.ask("PUT", "/api/roles/reader", value, headers=headers).status, 412)

    def test_who_may(self) -> None:
        self.join("eva")
        for by, status in (("guest", 401), ("eva", 403)):
            self.assertEqual(self.ask("GET", "/api/roles", by=by).status, status)
            self.assertEqual(self.ask("PUT", "/api/roles/x", {"permissions": []}, by).status, status)

    def test_guests_that_may_read(self) -> None:
        self.assertEqual(self.ask("PUT", "/api/roles/guest", {"permissions": ["Device_r"]}).status, 200)
        self.who["guest"] = self.users.guest
        me = self.ask("GET", "/api/me", by="guest")
        self.assertEqual((me.json["username"], me.json["permissions"]), ("guest", ["Device_r"]))


class TokensTests(AccountsCase):
    def test_a_life(self) -> None:
        made = self.ask("POST", "/api/tokens", {"name": "wall", "permissions": ["Media_r"], "days": 30})
        self.assertEqual(made.status, 201)
        secret, path = made.json["token"], made.headers["location"]
        self.assertEqual(self.users.by_token(secret).permissions, frozenset({Permission.Media_r}))
        entry = self.ask("GET", path).json
        self.assertEqual((entry["name"], entry["user"], entry["permissions"]), ("wall", "root", ["Media_r"]))
        listed = self.ask("GET", "/api/tokens")
        self.assertEqual(len(listed.json["tokens"]), 1)
        self.assertNotIn(secret, listed.body.decode())
        self.assertEqual(self.ask("DELETE", path).status, 204)
        self.assertIsNone(self.users.by_token(secret))
        self.assertEqual((self.ask("DELETE", path).status, self.ask("GET", path).status), (404, 404))

    def test_what_does_not_fit(self) -> None:
        self.join("eva")
        for by, value, status in (
            ("root", {}, 422),
            ("root", {"name": ""}, 422),
            ("root", {"name": "a\nb"}, 422),
            ("root", {"name": "a", "days": 0}, 422),
            ("root", {"name": "a", "days": 1e6}, 422),
            ("root", {"name": "a", "permissions": []}, 422),
            ("root", {"name": "a", "user": "nobody"}, 404),
            ("eva", {"name": "a", "permissions": ["User_rw"]}, 422),
            ("eva", {"name": "a", "user": "root"}, 403),
            ("guest", {"name": "a"}, 401),
        ):
            self.assertEqual(self.ask("POST", "/api/tokens", value, by).status, status, f"{by} {value}")

    def test_ones_own_and_those_of_others(self) -> None:
        self.join("eva")
        for_eva = self.ask("POST", "/api/tokens", {"name": "a", "user": "eva"}).headers["location"]
        of_root = self.ask("POST", "/api/tokens", {"name": "b"}).headers["location"]
        self.assertEqual([t["name"] for t in self.ask("GET", "/api/tokens", by="eva").json["tokens"]], ["a"])
        self.assertEqual([t["name"] for t in self.ask("GET", "/api/tokens").json["tokens"]], ["a", "b"])
        self.assertEqual(self.ask("GET", of_root, by="eva").status, 404)
        self.assertEqual(self.ask("DELETE", of_root, by="eva").status, 404)
        self.assertEqual(self.ask("DELETE", for_eva, by="eva").status, 204)


class MeTests(AccountsCase):
    def test_who_am_i(self) -> None:
        self.join("eva", cameras=["front"])
        self.assertEqual(self.ask("GET", "/api/me", by="guest").status, 401)
        me = self.ask("GET", "/api/me", by="eva").json
        self.assertEqual((me["username"], me["cameras"]), ("eva", ["front"]))
        self.assertEqual(me["permissions"], ["Device_r", "Media_r", "Storage_r", "System_r"])

    def test_a_new_password(self) -> None:
        self.join("eva")
        path = "/api/me/password"
        answer = self.ask("PUT", path, {"old": "Wrong-0-Wrong", "new": OTHER}, "eva")
        self.assertEqual(
            (answer.status, answer.error["code"], answer.error["details"]),
            (403, "INVALID_CREDENTIALS", {"key": "old"}),
        )
        self.assertEqual(self.ask("PUT", path, {"old": PASSWORD, "new": "short"}, "eva").status, 422)
        self.assertEqual(self.ask("PUT", path, {"old": PASSWORD, "new": PASSWORD}, "eva").status, 422)
        self.assertEqual(self.ask("PUT", path, {"old": PASSWORD, "new": OTHER}, "eva").status, 204)
        self.get(self.users.by_password("eva", OTHER, "192.0.2.1"))
        self.assertEqual(self.ask("PUT", path, {"old": PASSWORD, "new": OTHER}, "guest").status, 401)

    def test_who_guesses_has_to_wait(self) -> None:
        self.join("eva")
        for _ in range(5):
            answer = self.ask("PUT", "/api/me/password", {"old": "Wrong-0-Wrong", "new": OTHER}, "eva")
        answer = self.ask("PUT", "/api/me/password", {"old": PASSWORD, "new": OTHER}, "eva")
        self.assertEqual((answer.status, answer.error["code"]), (429, "RATE_LIMITED"))


class AuditTests(AccountsCase):
    def test_the_newest(self) -> None:
        for name in ("a", "b", "c"):
            self.ask("PUT", f"/api/roles/{name}", {"permissions": []})
        entries = self.ask("GET", "/api/audit?limit=2").json["entries"]
        self.assertEqual([entry["role"] for entry in entries], ["b", "c"])
        self.assertEqual((entries[0]["by"], entries[0]["event"]), ("root", "role_set"))
        self.assertEqual(self.ask("GET", "/api/audit?limit=501").status, 400)

    def test_it_is_not_for_everybody(self) -> None:
        self.join("eva", "operator")
        self.assertEqual(
            (
                self.ask("GET", "/api/audit", by="eva").status,
                self.ask("GET", "/api/audit", by="guest").status,
            ),
            (403, 401),
        )


class SecretsTests(AccountsCase):
    def test_no_answer_and_no_audit_entry_has_a_password(self) -> None:
        self.join("eva")
        seen = [
            self.ask("PUT", "/api/me/password", {"old": PASSWORD, "new": OTHER}, "eva"),
            self.ask("PATCH", "/api/users/eva", {"password": "Third+Secret3"}),
            self.ask("POST", "/api/users", {"username": "x y", "password": "Fourth+Secret4"}),
            self.ask("GET", "/api/audit"),
            self.ask("GET", "/api/users"),
        ]
        text = b"".join(answer.body for answer in seen).decode() + json.dumps(self.events())
        for secret in (PASSWORD, OTHER, "Third+Secret3", "Fourth+Secret4", "$argon2"):
            self.assertNotIn(secret, text)
