"""What every Operation gets for nothing: identity, parameters, bodies, conditions, errors."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Conflict, Gone, Invalid, Locked, Refused, SourceError
from camd.hookspecs import Route
from camd.state import Permission
from camd.web.rest.operation import ANY, PUBLIC, READER, Answer, Call, Operation, Parameter, Reply
from camd.web.rest.resource import Operations

from .rest_client import RestClient, identify, unheard

TEXT = {"type": "string", "minLength": 1, "maxLength": 8}
OK = {200: Answer("Well", {})}


class ResourceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.calls: list[Call] = []
        self.result: Any = {"n": 1}
        self.client = RestClient(
            [Route.public("/api/thing", Operations("/api/thing", self.operations(), identify, unheard))]
        )

    def operations(self) -> list[Operation]:
        limit = Parameter("limit", {"type": "integer", "minimum": 1, "maximum": 9}, "")
        flag = Parameter("flag", {"type": "boolean"}, "")
        names = Parameter("name", {"type": "array", "items": TEXT, "maxItems": 2}, "", many=True)
        id = Parameter("id", TEXT, "", "path")
        rest = Parameter("rest", {"type": "string"}, "", "path", rest=True)
        body = {
            "type": "object",
            "properties": {"a": {"type": "integer"}},
            "required": ["a"],
            "additionalProperties": False,
        }
        return [
            Operation("GET", "/api/thing", READER, "", OK, self.handle, parameters=(limit, flag, names)),
            Operation(
                "POST",
                "/api/thing",
                Permission.User_rw,
                "",
                {201: Answer("Made", {})},
                self.handle,
                body=body,
            ),
            Operation("GET", "/api/thing/{id}", Permission.Device_r, "", OK, self.handle, parameters=(id,)),
            Operation("PUT", "/api/thing/{id}", ANY, "", OK, self.handle, parameters=(id,), body=body),
            Operation(
                "DELETE", "/api/thing/{id}", ANY, "", {204: Answer("Gone")}, self.handle, parameters=(id,)
            ),
            Operation("POST", "/api/thing/{id}/knock", PUBLIC, "", OK, self.handle, parameters=(id,)),
            Operation("GET", "/api/thing/tree/{rest}", PUBLIC, "", OK, self.handle, parameters=(rest,)),
        ]

    def handle(self, call: Call) -> Any:
        self.calls.append(call)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class RoutingTests(ResourceCase):
    def test_paths(self) -> None:
        for method, path, values in (
            ("GET", "/api/thing", {}),
            ("GET", "/api/thing/x", {"id": "x"}),
            ("POST", "/api/thing/x/knock", {"id": "x"}),
            ("GET", "/api/thing/%C3%A4", {"id": "ä"}),
            ("GET", "/api/thing/tree/a/b%2Fc", {"rest": "a/b/c"}),
        ):
            self.assertEqual(self.client(method, path).status, 200, path)
            self.assertEqual(self.calls[-1].path, values)

    def test_what_is_not_there(self) -> None:
        for path in (
            "/api/thing/",
            "/api/thing//",
            "/api/thing/x/y",
            "/api/thing/x/knock/",
            "/api/thing/x/",
            "/api/thing/tree/",
            "/api/thing/toolonganame",
            "/api/thing/%FF",
        ):
            answer = self.client("GET", path)
            self.assertEqual((answer.status, answer.error["code"]), (404, "FILE_NOT_FOUND"), path)

    def test_a_method_that_is_not_there(self) -> None:
        answer = self.client("PATCH", "/api/thing/x", {})
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "DELETE, GET, HEAD, PUT"))
        self.assertEqual(self.client("GET", "/api/thing/x/knock").headers["allow"], "POST")

    def test_head_is_get_without_its_body(self) -> None:
        get, head = self.client("GET", "/api/thing"), self.client("HEAD", "/api/thing")
        self.assertEqual(head.body, b"")
        for name in ("content-length", "content-type", "etag"):
            self.assertEqual(head.headers[name], get.headers[name])

    def test_an_answer_that_comes_later(self) -> None:
        self.result = Deferred()
        with self.assertRaises(AssertionError):
            self.client("GET", "/api/thing")

    def test_an_answer_without_body(self) -> None:
        self.result = None
        answer = self.client("DELETE", "/api/thing/x")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertNotIn("content-length", answer.headers)


class IdentityTests(ResourceCase):
    def test_who_may(self) -> None:
        for method, path, statuses in (
            ("GET", "/api/thing", {"guest": 401, "reading-guest": 200, "nobody": 200, "admin": 200}),
            ("GET", "/api/thing/x", {"guest": 401, "reading-guest": 200, "nobody": 403, "viewer": 200}),
            ("POST", "/api/thing/x/knock", {"guest": 200, "nobody": 200}),
            ("POST", "/api/thing", {"guest": 401, "reading-guest": 401, "viewer": 403}),
            ("DELETE", "/api/thing/x", {"guest": 401, "reading-guest": 401, "nobody": 204}),
        ):
            for by, status in statuses.items():
                answer = self.client(method, path, by=by)
                self.assertEqual(answer.status, status, f"{by}: {method} {path}")
                if status == 401:
                    self.assertEqual(
                        (answer.error["code"], answer.error["message"]),
                        ("INVALID_CREDENTIALS", "Unauthorized"),
                    )

    def test_rights_come_before_what_is_wrong_with_the_request(self) -> None:
        self.assertEqual(self.client("POST", "/api/thing", body=b"{", by="viewer").status, 403)

    def test_a_handler_that_refuses_a_guest_asks_for_an_identity(self) -> None:
        self.result = Refused("users", Permission.User_rw)
        self.assertEqual(self.client("GET", "/api/thing", by="reading-guest").status, 401)
        self.assertEqual(self.client("GET", "/api/thing", by="viewer").status, 403)

    def test_from_where(self) -> None:
        self.client("GET", "/api/thing")
        self.assertEqual((self.calls[0].address, self.calls[0].by.name), ("192.0.2.7", "admin"))


class ParameterTests(ResourceCase):
    def test_values(self) -> None:
        for query, values in (
            ("", {}),
            ("?limit=9&flag=true&unknown=1", {"limit": 9, "flag": True}),
            ("?limit=1&limit=2", {"limit": 2}),
            ("?name=a&name=b", {"name": ["a", "b"]}),
        ):
            self.assertEqual(self.client("GET", "/api/thing" + query).status, 200)
            self.assertEqual(self.calls[-1].query, values)

    def test_wrong_values(self) -> None:
        for query in (
            "limit=",
            "limit=0",
            "limit=10",
            "limit=1.5",
            "limit=x",
            "limit=" + "9" * 100,
            "flag=1",
            "name=a&name=b&name=c",
            "name=",
            "name=" + "a" * 5000,
            "name=%FF",
        ):
            answer = self.client("GET", "/api/thing?" + query)
            self.assertEqual(
                (answer.status, answer.error["details"]), (400, {"key": query.partition("=")[0]}), query
            )


class BodyTests(ResourceCase):
    def test_a_body(self) -> None:
        answer = self.client("POST", "/api/thing", {"a": 1})
        self.assertEqual((answer.status, answer.json, self.calls[0].body), (201, {"n": 1}, {"a": 1}))

    def test_types(self) -> None:
        for kind, status in (
            ("application/json", 201),
            ("Application/JSON; charset=UTF-8", 201),
            ('application/json;charset="utf-8"', 201),
            (None, 415),
            ("text/plain", 415),
            ("application/x-www-form-urlencoded", 415),
            ("application/json; charset=latin-1", 415),
            ("application/jsonx", 415),
            ("multipart/form-data", 415),
        ):
            headers = {"Content-Type": kind} if kind else {}
            answer = self.client("POST", "/api/thing", body=b'{"a": 1}', headers=headers)
            self.assertEqual(answer.status, status, kind)
        self.assertEqual(
            self.client("POST", "/api/thing", {"a": 1}, headers={"Content-Encoding": "gzip"}).status, 415
        )

    def test_what_is_no_json(self) -> None:
        for body in (b"", b"{", b'{"a": 1, "a": 2}', b'{"a": NaN}', b"\xff", b"[" * 100):
            answer = self.client(
                "POST", "/api/thing", body=body, headers={"Content-Type": "application/json"}
            )
            self.assertEqual((answer.status, answer.error["code"]), (400, "INVALID_FORMAT"), body)
        self.assertEqual(self.calls, [])

    def test_what_does_not_fit(self) -> None:
        for value, key in (
            ({}, "a"),
            ({"a": "1"}, "a"),
            ({"a": True}, "a"),
            ({"a": 1, "b": 2}, None),
            ([], None),
        ):
            answer = self.client("POST", "/api/thing", value)
            self.assertEqual((answer.status, answer.error["code"]), (422, "INVALID_FORMAT"), value)
            self.assertEqual(answer.error["details"], {"key": key} if key else None)

    def test_a_body_that_is_too_large(self) -> None:
        answer = self.client("POST", "/api/thing", {"a": "x" * 70_000})
        self.assertEqual(answer.status, 413)


class ConditionTests(ResourceCase):
    def test_reading_what_is_known(self) -> None:
        tag = self.client("GET", "/api/thing").headers["etag"]
        for given, status in (
            (tag, 304),
            (f'"x", {tag}', 304),
            (f"W/{tag}", 304),
            ("*", 304),
            ('"x"', 200),
            (tag[:-1], 200),
        ):
            answer = self.client("GET", "/api/thing", headers={"If-None-Match": given})
            self.assertEqual(answer.status, status, given)
            self.assertEqual(answer.headers["etag"], tag)
        self.result = {"n": 2}
        self.assertEqual(self.client("GET", "/api/thing", headers={"If-None-Match": tag}).status, 200)

    def test_changing_what_is_known(self) -> None:
        tag = self.client("GET", "/api/thing/x").headers["etag"]
        self.calls.clear()
        for given, status in ((tag, 200), ("*", 200), ('"x"', 412), (f"W/{tag}", 412), ("", 412)):
            answer = self.client("PUT", "/api/thing/x", {"a": 1}, headers={"If-Match": given})
            self.assertEqual(answer.status, status, given)
        self.assertEqual(sum(call.body is not None for call in self.calls), 2)
        self.assertEqual(answer.error["code"], "PRECONDITION_FAILED")
        self.assertEqual(self.client("DELETE", "/api/thing/x", headers={"If-Match": '"x"'}).status, 412)

    def test_making_only_what_is_not_there(self) -> None:
        self.assertEqual(
            self.client("PUT", "/api/thing/x", {"a": 1}, headers={"If-None-Match": "*"}).status, 412
        )
        self.result = Gone("nothing there")
        self.assertEqual(self.client("PUT", "/api/thing/x", {"a": 1}, headers={"If-Match": "*"}).status, 412)
        # It comes to the handler, which says that it is not there.
        self.assertEqual(
            self.client("PUT", "/api/thing/x", {"a": 1}, headers={"If-None-Match": "*"}).status, 404
        )

    def test_a_tag_of_its_own(self) -> None:
        self.result = Reply({"n": 1}, etag="v7")
        self.assertEqual(self.client("GET", "/api/thing").headers["etag"], '"v7"')
        self.assertEqual(self.client("PUT", "/api/thing/x", {"a": 1}).headers["etag"], '"v7"')

    def test_nobody_keeps_an_answer(self) -> None:
        for method, path, value in (
            ("GET", "/api/thing", None),
            ("POST", "/api/thing", {"a": 1}),
            ("GET", "/api/no", None),
        ):
            self.assertEqual(self.client(method, path, value).headers["cache-control"], "no-store")


class ErrorTests(ResourceCase):
    def test_every_error_has_its_status(self) -> None:
        for error, status, code in (
            (Invalid("a", "is wrong"), 422, "INVALID_FORMAT"),
            (Refused("a", Permission.User_r), 403, "PERMISSION_DENIED"),
            (Gone("it went"), 404, "FILE_NOT_FOUND"),
            (Conflict("the name is taken"), 409, "CONFLICT"),
            (SourceError("it is silent"), 503, "CAMERA_NOT_CONNECTED"),
            (Locked(300), 429, "RATE_LIMITED"),
        ):
            self.result = error
            answer = self.client("GET", "/api/thing")
            self.assertEqual((answer.status, answer.error["code"]), (status, code), error)
            self.assertEqual(answer.error.keys(), {"code", "message", "details", "timestamp"})

    def test_a_bug_says_nothing(self) -> None:
        self.result = RuntimeError("secret")
        answer = self.client("GET", "/api/thing")
        self.assertEqual(answer.status, 500)
        self.assertNotIn(b"secret", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
