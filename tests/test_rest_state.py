"""/api/state: reading, setting, all or nothing, versions and rights."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from camd.errors import SourceError
from camd.hookspecs import Route
from camd.state import Spec, State
from camd.web.api import Api
from camd.web.rest.resource import Operations
from camd.web.rest.state import StateNoun

from .rest_client import RestClient, identify, unheard

LIGHT, GAIN = "cameras/front/light", "cameras/back/gain"


class StateCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = State()
        self.state.declare(Spec(LIGHT, bool, default=False, read="Device_r", write="Device_rw"))
        self.state.declare(
            Spec(GAIN, int, default=5, min=0, max=10, read="Device_r", write="Device_rw"), self.apply
        )
        self.state.declare(Spec("users/secret", str, default="x", read="User_r", write="User_rw"))
        self.applied: list[Any] = []
        self.audited: list[Any] = []
        noun = StateNoun(SimpleNamespace(state=self.state, api=Api(self.state, {}, self.audit)))
        self.client = RestClient(
            [Route.public("/api/state", Operations("/api/state", noun.operations(), identify, unheard))]
        )

    def audit(self, event: str, by: str, address: str, **fields: Any) -> None:
        self.audited.append((event, by, address, fields))

    def apply(self, value: int) -> int:
        if value == 9:
            raise SourceError("the device says no")
        self.applied.append(value)
        return value

    def tag(self, path: str) -> str:
        return self.client("GET", path).headers["etag"]


class ReadingTests(StateCase):
    def test_all(self) -> None:
        answer = self.client("GET", "/api/state")
        self.assertEqual(
            answer.json,
            {
                "values": {
                    "system/schema": self.state["system/schema"].value,
                    LIGHT: False,
                    GAIN: 5,
                    "users/secret": "x",
                },
                "rev": self.state.rev,
                "boot": self.state.boot,
            },
        )

    def test_only_what_the_asker_may_read(self) -> None:
        for by, names in (
            ("viewer", {LIGHT, GAIN, "system/schema"}),
            ("nobody", set()),
            ("reading-guest", {LIGHT, GAIN}),
            ("front", {LIGHT, "users/secret", "system/schema"}),
        ):
            self.assertEqual(set(self.client("GET", "/api/state", by=by).json["values"]), names, by)

    def test_some(self) -> None:
        for query, names in (
            (f"name={LIGHT}", {LIGHT}),
            ("name=cameras/*", {LIGHT, GAIN}),
            (f"name={LIGHT}&name=users/*", {LIGHT, "users/secret"}),
            ("name=no*", set()),
        ):
            self.assertEqual(set(self.client("GET", "/api/state?" + query).json["values"]), names, query)
        self.assertEqual(self.client("GET", "/api/state?name=no/such").status, 404)
        self.assertEqual(self.client("GET", "/api/state?name=users/secret", by="viewer").status, 403)

    def test_one(self) -> None:
        answer = self.client("GET", "/api/state/" + GAIN)
        self.assertEqual(answer.json, {"state": GAIN, "value": 5, "rev": self.state[GAIN].rev})
        self.assertEqual(self.client("GET", "/api/state/" + GAIN.replace("/", "%2F")).json, answer.json)

    def test_one_that_is_not_there_or_not_for_the_asker(self) -> None:
        for path, by, status in (
            ("no/such", "admin", 404),
            ("", "admin", 404),
            ("users/secret", "viewer", 403),
            (GAIN, "front", 403),
            ("cameras/back/no", "front", 403),
            (GAIN, "guest", 401),
            ("users/secret", "reading-guest", 401),
        ):
            answer = self.client("GET", "/api/state/" + path, by=by)
            self.assertEqual(answer.status, status, path)
            self.assertNotIn(b'"x"', answer.body)

    def test_versions(self) -> None:
        one, other, all = (
            self.tag("/api/state/" + LIGHT),
            self.tag("/api/state/" + GAIN),
            self.tag("/api/state"),
        )
        self.assertIn(str(self.state[LIGHT].rev), one)
        self.assertEqual(self.client("GET", "/api/state", headers={"If-None-Match": all}).status, 304)
        self.state[GAIN].publish(6)
        self.assertEqual(self.tag("/api/state/" + LIGHT), one)
        self.assertNotEqual(self.tag("/api/state/" + GAIN), other)
        self.assertNotEqual(self.tag("/api/state"), all)

    def test_readers_with_other_rights_have_other_versions(self) -> None:
        tags = {
            self.client("GET", "/api/state", by=by).headers["etag"] for by in ("admin", "viewer", "nobody")
        }
        self.assertEqual(len(tags), 3)


class SettingTests(StateCase):
    def test_one(self) -> None:
        answer = self.client("PUT", "/api/state/" + GAIN, {"value": 7})
        self.assertEqual(
            (answer.status, answer.json), (200, {"state": GAIN, "value": 7, "rev": self.state.rev})
        )
        self.assertEqual(answer.headers["etag"], self.tag("/api/state/" + GAIN))
        self.assertEqual(self.applied, [7])

    def test_a_whole_number_with_a_point(self) -> None:
        self.assertEqual(self.client("PUT", "/api/state/" + GAIN, {"value": 7.0}).json["value"], 7)
        self.client("PATCH", "/api/state", {GAIN: 8.0})
        self.assertEqual(list(map(repr, self.applied)), ["7", "8"])

    def test_many(self) -> None:
        for method in ("PATCH", "PUT"):
            answer = self.client(method, "/api/state", {GAIN: 7, LIGHT: True})
            self.assertEqual(answer.json, {"values": {GAIN: 7, LIGHT: True}, "rev": self.state.rev})

    def test_all_or_nothing(self) -> None:
        for values, key, status in (
            ({LIGHT: True, GAIN: 11}, GAIN, 422),
            ({LIGHT: True, GAIN: "7"}, GAIN, 422),
            ({LIGHT: True, "no/such": 1}, "no/such", 422),
            ({LIGHT: True, "get": ["*"]}, "get", 422),
            ({}, None, 422),
            ([], None, 422),
            ({LIGHT: True, GAIN: 9}, GAIN, 503),
        ):
            answer = self.client("PATCH", "/api/state", values)
            self.assertEqual(answer.status, status, values)
            if key:
                self.assertEqual(answer.error["details"], {"key": key})
            self.assertEqual((self.state[LIGHT].value, self.state[GAIN].value), (False, 5))

    def test_rights(self) -> None:
        for by, name, value, status in (
            ("viewer", GAIN, 1, 403),
            ("front", GAIN, 1, 403),
            ("front", "cameras/back/no", 1, 403),
            ("front", LIGHT, True, 200),
            ("guest", GAIN, 1, 401),
            ("reading-guest", GAIN, 1, 401),
            ("operator", GAIN, 1, 200),
            ("operator", "users/secret", "y", 403),
        ):
            for method, path, body in (
                ("PUT", "/api/state/" + name, {"value": value}),
                ("PATCH", "/api/state", {name: value}),
            ):
                self.assertEqual(
                    self.client(method, path, body, by=by).status, status, f"{by} {method} {name}"
                )
        self.assertEqual(
            self.client("PATCH", "/api/state", {LIGHT: False, "users/secret": "y"}, by="operator").status, 403
        )
        self.assertTrue(self.state[LIGHT].value)

    def test_what_nobody_can_set(self) -> None:
        for method in ("PUT", "OPTIONS"):
            answer = self.client(method, "/api/state/system/schema", {"value": 1})
            self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET, HEAD"))
        self.assertEqual(self.client("PATCH", "/api/state", {"system/schema": 1}).status, 403)
        # Whoever may not read it does not learn that it is there.
        self.assertEqual(
            self.client("PUT", "/api/state/system/schema", {"value": 1}, by="reading-guest").status, 401
        )

    def test_changes_and_refusals_are_on_record(self) -> None:
        self.client("PUT", "/api/state/" + GAIN, {"value": 7})
        self.client("PATCH", "/api/state", {GAIN: 8}, by="viewer")
        self.assertEqual(
            self.audited,
            [
                ("set", "admin", "192.0.2.7", {"values": {GAIN: 7}}),
                ("refused", "viewer", "192.0.2.7", {"name": GAIN}),
            ],
        )

    def test_what_is_wrong(self) -> None:
        for value in ({"value": 11}, {"value": None}, {}, {"value": 1, "rev": 3}, {"val": 1}, 7):
            self.assertEqual(self.client("PUT", "/api/state/" + GAIN, value).status, 422, value)
        self.assertEqual(self.client("PUT", "/api/state/no/such", {"value": 1}).status, 404)
        self.assertEqual(
            self.client("PUT", "/api/state/" + GAIN, {"value": 9}).error["code"], "CAMERA_NOT_CONNECTED"
        )
        self.assertEqual(self.client("DELETE", "/api/state/" + GAIN).headers["allow"], "GET, HEAD, PUT")

    def test_only_if_nobody_was_faster(self) -> None:
        path = "/api/state/" + GAIN
        tag = self.tag(path)
        self.assertEqual(self.client("PUT", path, {"value": 6}, headers={"If-Match": tag}).status, 200)
        answer = self.client("PUT", path, {"value": 7}, headers={"If-Match": tag})
        self.assertEqual((answer.status, answer.error["code"]), (412, "PRECONDITION_FAILED"))
        self.assertEqual(self.state[GAIN].value, 6)
