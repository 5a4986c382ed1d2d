"""Spec, Observable, State: types and ranges, readback, revisions, watchers."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid, Refused, SourceError
from camd.state import EVERYONE, Permission, Principal, Spec, State

GAIN = Spec("cameras/cam1/gain", int, default=5, min=0, max=10, read="Device_r", write="Device_rw", persist=True)
VIEWER = Principal("viewer", frozenset({Permission.Device_r}))


class SpecTests(SynchronousTestCase):
    def test_a_name_is_a_path(self):
        for name in ("gain", "Cameras/gain", "/gain", "cameras//gain", "cameras/gain/", "cameras/ä"):
            with self.assertRaises(Invalid, msg=name):
                Spec(name, int)

    def test_values_that_fit(self):
        for spec, value in (
            (GAIN, 0), (GAIN, 10),
            (Spec("a/b", bool), True), (Spec("a/b", float), 0.5), (Spec("a/b", str), "x"),
            (Spec("a/b", str, choices=("on", "off")), "on"),
            (Spec("a/b", dict), {"x": [1, None]}), (Spec("a/b", list), []),
            (Spec("a/b", int, min=-8, max=8, step=4), -4),
        ):
            self.assertEqual(spec.check(value), value)

    def test_an_int_is_a_float_too_but_a_bool_is_no_int(self):
        self.assertIs(type(Spec("a/b", float).check(3)), float)
        for value in (True, 1.0, "1", None, [1]):
            with self.assertRaises(Invalid):
                GAIN.check(value)

    def test_refused_never_clamped(self):
        for value in (-1, 11, 10**400):
            with self.assertRaisesRegex(Invalid, "between 0 and 10"):
                GAIN.check(value)

    def test_values_that_do_not_fit(self):
        for spec, value in (
            (Spec("a/b", float), float("nan")), (Spec("a/b", float), 10**400),
            (Spec("a/b", str, choices=("on",)), "of"), (Spec("a/b", str), "x" * 5000),
            (Spec("a/b", dict), []), (Spec("a/b", dict), {"x": float("inf")}), (Spec("a/b", dict), {"x": "y" * 20000}),
            (Spec("a/b", int, min=0, max=9, step=3), 4),
        ):
            with self.assertRaises(Invalid, msg=f"{spec} {value}"):
                spec.check(value)

    def test_describe_is_plain_json(self):
        self.assertEqual(GAIN.describe(), {
            "type": "int", "doc": "", "read": "Device_r", "write": "Device_rw", "default": 5, "min": 0, "max": 10,
            "persist": True,
        })


class PermissionTests(SynchronousTestCase):
    def test_fifteen_in_their_order(self):
        self.assertEqual(len(Permission), 15)
        self.assertEqual([Permission.Device_r.ordinal, Permission.Reboot_rw.ordinal], [0, 14])

    def test_write_includes_read(self):
        writer = Principal("w", frozenset({Permission.Device_rw}))
        self.assertTrue(writer.may(Permission.Device_r))
        self.assertFalse(writer.may(Permission.Media_r))
        self.assertFalse(writer.may(None))


class ObservableTests(SynchronousTestCase):
    def setUp(self):
        self.state = State()
        self.seen = []

    def watch(self):
        self.state.observe("cameras/", lambda o: self.seen.append((o.name, o.value)))

    def test_the_readback_is_published_not_the_wish(self):
        gain = self.state.declare(GAIN, lambda value: value - 1)
        self.watch()
        self.assertEqual(self.successResultOf(gain.set(7, EVERYONE)), 6)
        self.assertEqual((gain.value, gain.target, gain.status), (6, 7, "ok"))
        self.assertEqual(self.seen, [(gain.name, 5), (gain.name, 6)])

    def test_no_permission_no_change(self):
        gain = self.state.declare(GAIN)
        self.failureResultOf(gain.set(7, VIEWER), Refused)
        self.assertEqual((gain.value, gain.target), (5, None))

    def test_read_only(self):
        fact = self.state.declare(Spec("cameras/cam1/online", bool, default=False))
        self.failureResultOf(fact.set(True, EVERYONE), Refused)

    def test_same_value_is_no_change(self):
        gain = self.state.declare(GAIN)
        self.watch()
        gain.publish(5)
        self.assertEqual(len(self.seen), 1)
        json = self.state.declare(Spec("cameras/cam1/x", int, default=1))
        json.publish(True)  # equal to 1, but not the same JSON
        self.assertIs(json.value, True)

    def test_a_failing_device_is_alert_and_keeps_the_value(self):
        def fail(value):
            raise SourceError("no device")

        gain = self.state.declare(GAIN, fail)
        self.failureResultOf(gain.set(7, EVERYONE), SourceError)
        self.assertEqual((gain.value, gain.status), (5, "alert"))

    def test_newest_request_wins_while_the_device_is_busy(self):
        calls = []

        def apply(value):
            calls.append((value, Deferred()))
            return calls[-1][1]

        gain = self.state.declare(GAIN, apply)
        answers = [gain.set(value, EVERYONE) for value in (1, 2, 3)]
        self.assertEqual([value for value, _ in calls], [1])
        calls[0][1].callback(1)
        self.assertEqual([value for value, _ in calls], [1, 3])
        calls[1][1].callback(3)
        self.assertEqual([self.successResultOf(answer) for answer in answers], [1, 3, 3])


class StateTests(SynchronousTestCase):
    def setUp(self):
        self.state = State()

    def test_since_tells_what_changed(self):
        gain = self.state.declare(GAIN)
        self.state.declare(Spec("a/b", int, default=0))
        rev = self.state.rev
        self.assertEqual(self.state.since(rev, self.state.boot), [])
        gain.publish(6)
        self.assertEqual(self.state.since(rev, self.state.boot), [gain])

    def test_since_another_run_or_a_removal_starts_over(self):
        self.state.declare(GAIN)
        rev = self.state.rev
        everything = len(list(self.state))
        self.assertEqual(len(self.state.since(rev, "other")), everything)
        self.assertEqual(len(self.state.since(rev + 100, self.state.boot)), everything)
        self.state.remove(GAIN.name)
        self.assertEqual(len(self.state.since(rev, self.state.boot)), everything - 1)

    def test_a_removed_name_is_told(self):
        self.state.declare(GAIN)
        seen = []
        self.state.observe("cameras/", lambda o: seen.append(o.name in self.state))
        self.state.remove(GAIN.name)
        self.assertEqual(seen, [True, False])

    def test_a_watcher_that_fails_harms_nobody(self):
        seen = []
        self.state.observe("a/", lambda o: 1 / 0)
        self.state.observe("a/", lambda o: seen.append(o.value))
        self.state.declare(Spec("a/b", int, default=1))
        self.assertEqual(seen, [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_closed_watch_hears_nothing(self):
        seen = []
        watch = self.state.observe("a/", seen.append)
        watch.close()
        self.state.declare(Spec("a/b", int, default=1))
        self.assertEqual(seen, [])

    def test_the_schema_revision_grows_with_names_and_ranges(self):
        before = self.state["system/schema"].value
        self.state.declare(GAIN)
        self.state.declare(GAIN)  # the same again is no news
        after = self.state["system/schema"].value
        self.assertEqual(after, before + 1)
        self.state.declare(Spec(GAIN.name, int, default=5, min=0, max=20))
        self.assertEqual(self.state["system/schema"].value, after + 1)

    def test_a_saved_value_is_taken_if_it_still_fits(self):
        state = State({GAIN.name: 9, "a/b": "gone wrong"})
        self.assertEqual(state.declare(GAIN).value, 9)
        spec = Spec("a/b", int, default=1, write="Device_rw", persist=True)
        self.assertEqual(state.declare(spec).value, 1)

    def test_unknown_names(self):
        with self.assertRaises(Invalid):
            self.state["no/such"]
        self.assertIsNone(self.state.get("no/such"))
