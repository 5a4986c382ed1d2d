"""The state protocol: kinds of messages, all or nothing, permissions, error texts."""

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import SourceError
from camd.hookspecs import Method
from camd.state import EVERYONE, Permission, Principal, Spec, State
from camd.web.api import Api, Session

VIEWER = Principal("viewer", frozenset({Permission.Device_r}))


class ApiTests(SynchronousTestCase):
    def setUp(self):
        self.state = State()
        self.device = {}
        for name in ("a", "b"):
            self.state.declare(
                Spec(f"cam/{name}", int, default=0, min=0, max=9, read="Device_r", write="Device_rw"),
                lambda value, name=name: self.apply(name, value),
            )
        self.state.declare(Spec("system/secret", str, default="x", read="User_rw"))
        self.methods = {}
        self.api = Api(self.state, self.methods)

    def apply(self, name, value):
        if value == 9:
            raise SourceError("the device says no")
        self.device[name] = value
        return value

    def ask(self, message, by=EVERYONE, session=None):
        return self.successResultOf(ensureDeferred(self.api.answer(message, session or Session(by, True))))

    def test_set_answers_with_the_readback(self):
        answer = self.ask({"cam/a": 3, "cam/b": 4, "id": "x"})
        self.assertEqual(answer, {"values": {"cam/a": 3, "cam/b": 4}, "rev": self.state.rev, "id": "x"})
        self.assertEqual(self.device, {"a": 3, "b": 4})

    def test_set_is_all_or_nothing(self):
        for message, key in (
            ({"cam/a": 3, "cam/b": 100}, "cam/b"),
            ({"cam/a": 3, "no/such": 1}, "no/such"),
            ({"cam/a": 3, "cam/b": "4"}, "cam/b"),
        ):
            answer = self.ask(message)
            self.assertEqual((answer["error"], answer["key"]), ("Invalid value", key))
        self.assertEqual(self.device, {})

    def test_a_device_that_refuses_undoes_the_others(self):
        self.ask({"cam/a": 1})
        answer = self.ask({"cam/a": 3, "cam/b": 9})
        self.assertEqual(answer, {"error": "Device error", "key": "cam/b", "message": "the device says no"})
        self.assertEqual(self.device, {"a": 1})

    def test_permissions(self):
        self.assertEqual(self.ask({"cam/a": 3}, VIEWER), {"error": "Permission denied", "key": "cam/a"})
        self.assertEqual(self.ask({"get": ["system/secret"]}, VIEWER)["error"], "Permission denied")
        self.assertEqual(set(self.ask({"get": ["*"]}, VIEWER)["values"]), {"cam/a", "cam/b"})
        self.assertEqual(set(self.ask({"since": 0, "boot": "x"}, VIEWER)["values"]), {"cam/a", "cam/b"})
        self.assertEqual(set(self.ask({"schema": True}, VIEWER)["schema"]), {"cam/a", "cam/b"})

    def test_get_by_name_and_prefix(self):
        answer = self.ask({"get": ["cam/a", "sys*"]})
        self.assertEqual(set(answer), {"values", "rev", "boot"})
        self.assertEqual(set(answer["values"]), {"cam/a", "system/secret", "system/schema"})
        self.assertEqual(self.ask({"get": ["no/such"]})["key"], "no/such")

    def test_since(self):
        first = self.ask({"get": ["*"]})
        self.ask({"cam/a": 5})
        answer = self.ask({"since": first["rev"], "boot": first["boot"]})
        self.assertEqual(answer["values"], {"cam/a": 5})
        self.assertEqual(self.ask({"since": True})["key"], "since")

    def test_schema_has_target_and_status(self):
        self.ask({"cam/a": 5})
        entry = self.ask({"schema": True})["schema"]["cam/a"]
        self.assertEqual((entry["target"], entry["status"], entry["max"]), (5, "ok", 9))
        self.assertEqual(self.ask({"schema": 1})["key"], "schema")

    def test_subscribe(self):
        session = Session(EVERYONE, True)
        self.assertEqual(self.ask({"subscribe": ["cam/*"]}, session=session), {"subscribed": ["cam/*"]})
        self.assertEqual(session.patterns, ("cam/*",))
        answer = self.ask({"subscribe": ["cam/*"]}, session=Session(EVERYONE))
        self.assertIn("WebSocket", answer["message"])

    def test_mixed_kinds_are_refused_whole(self):
        for message in (
            {"get": ["*"], "schema": True}, {"cam/a": 1, "get": ["*"]}, {"cam/a": 1, "nonsense": 2},
            {"call": "x", "args": {}, "boot": 1},
        ):
            self.assertEqual(self.ask(message)["error"], "Invalid value", message)
        self.assertEqual(self.device, {})

    def test_malformed(self):
        for message in (None, [], "x", 1, {}, {"id": 1}, {"id": [], "cam/a": 1}, {"get": "cam/a"}, {"get": [1]},
                        {"get": ["*"] * 2000}, {"foo": 1}, {"call": []}):
            self.assertIn("error", self.ask(message), message)

    def test_call(self):
        pending = Deferred()
        self.methods["add"] = Method("add", {"a": int, "b": int}, "Device_rw", lambda a, b: a + b)
        self.methods["wait"] = Method("wait", {}, "Device_r", lambda: pending)
        self.methods["fail"] = Method("fail", {}, "Device_r", lambda: 1 / 0)
        self.assertEqual(self.ask({"call": "add", "args": {"a": 1, "b": 2}}), {"result": 3})
        self.assertEqual(self.ask({"call": "add", "args": {"a": 1, "b": 2}}, VIEWER)["error"], "Permission denied")
        for arguments in ({}, {"a": 1}, {"a": 1, "b": True}, {"a": 1, "b": 2, "c": 3}, []):
            self.assertEqual(self.ask({"call": "add", "args": arguments})["error"], "Invalid value")
        waiting = ensureDeferred(self.api.answer({"call": "wait"}, Session(EVERYONE)))
        self.assertNoResult(waiting)
        pending.callback("done")
        self.assertEqual(self.successResultOf(waiting), {"result": "done"})
        self.assertEqual(self.ask({"call": "fail"})["error"], "Internal error")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
