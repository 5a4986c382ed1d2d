"""Controls and their profiles: order, automatics, defaults, and values under a name."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, fail, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Conflict, Invalid, SourceError
from camd.media import Capabilities
from camd.media.controls import ADJUSTMENTS, REFRESH, Controls
from camd.media.profiles import BUILT_IN, MOST, Choice, Level, Profiles
from camd.state import EVERYONE, Spec, State

R: dict[str, Any] = {"read": "Device_r", "write": "Device_rw", "persist": True}
MENU = ("Manual Mode", "Aperture Priority Mode")
SPECS = (
    Spec("control/brightness", int, default=0, min=-64, max=64, step=1, **R),
    Spec("control/auto_exposure", str, default=MENU[1], choices=MENU, **R),
    Spec("control/exposure_time_absolute", int, default=157, min=1, max=5000, **R),
    Spec("control/white_balance_automatic", bool, default=True, **R),
    Spec("control/white_balance_temperature", int, default=4600, min=2800, max=6500, step=10, **R),
    Spec("control/sharpness", int, default=3, min=0, max=6, **R),
    Spec("control/pan_reset", bool, default=False, read="Device_r", write="Device_rw"),
    Spec("control/temperature", int, default=0, read="Device_r"),
)
GOVERNED = {
    "exposure_time_absolute": ("auto_exposure", MENU[0]),
    "white_balance_temperature": ("white_balance_automatic", False),
}


class FakeDevice:
    """A camera whose manual values are refused while their automatic is on."""

    def __init__(self) -> None:
        self.specs = SPECS
        self.values: dict[str, Any] = {spec.name.partition("/")[2]: spec.default for spec in SPECS}
        self.log: list[tuple[str, Any]] = []
        self.away: SourceError | None = None
        self.probes = 0
        self.hold: list[Deferred] = []
        self.holds = False
        self.volatile: frozenset[str] = frozenset()

    def inactive(self) -> frozenset[str]:
        return frozenset(name for name, (by, off) in GOVERNED.items() if self.values[by] != off)

    def capabilities(self) -> Capabilities:
        return Capabilities("Fake", (), self.specs, dict(self.values), self.inactive(), self.volatile)

    def probe(self) -> Deferred[Capabilities]:
        self.probes += 1
        if self.holds:
            self.hold.append(Deferred())
            return self.hold[-1]
        return fail(self.away) if self.away else maybeDeferred(self.capabilities)

    def set(self, name: str, value: Any) -> Deferred[Any]:
        self.log.append((name, value))
        if self.away:
            return fail(self.away)
        if name in self.inactive():
            return fail(SourceError(f"{name}: it is automatic now"))
        self.values[name] = value
        return maybeDeferred(lambda: value)


class ControlsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.device = FakeDevice()
        self.adjusted: dict[str, int] = {}
        self.begin({})

    def begin(self, saved: dict[str, Any]) -> None:
        self.state = State(saved)
        self.controls = Controls("cameras/cam1/", self.state, self.device, self.adjust)
        self.profiles = Profiles("cameras/cam1/", self.state, self.controls)
        self.controls.declare(self.device.capabilities())

    def adjust(self, **values: int) -> None:
        self.adjusted = values

    def value(self, name: str) -> Any:
        return self.state[f"cameras/cam1/{name}"].value

    def set(self, name: str, value: Any) -> Any:
        return self.successResultOf(self.state[f"cameras/cam1/{name}"].set(value, EVERYONE))

    def saved(self) -> dict[str, Any]:
        return {name.removeprefix("cameras/cam1/"): value for name, value in self.state.saved.items()}


class ControlTests(ControlsCase):
    def test_what_is_inactive_is_told_and_stays_true(self) -> None:
        self.assertEqual(self.value("inactive"), ["exposure_time_absolute", "white_balance_temperature"])
        self.set("auto_exposure", MENU[0])
        self.assertEqual(self.value("inactive"), ["white_balance_temperature"])
        self.set("auto_exposure", MENU[1])
        self.assertEqual(self.value("inactive"), ["exposure_time_absolute", "white_balance_temperature"])

    def test_what_becomes_read_only_is_told(self) -> None:
        self.device.specs = tuple(
            Spec("control/sharpness", int, default=3, min=0, max=6, read="Device_r")
            if spec.name == "control/sharpness" else spec
            for spec in SPECS
        )  # fmt: skip
        self.set("white_balance_automatic", False)
        self.assertIsNone(self.state["cameras/cam1/sharpness"].spec.write)

    def test_what_the_device_changes_by_itself_is_read_again(self) -> None:
        self.device.volatile = frozenset({"temperature"})
        self.controls.declare(self.device.capabilities())
        self.device.values["temperature"] = 40
        for _ in range(REFRESH):
            self.controls.tick(True)
        self.assertEqual(self.value("temperature"), 40)
        self.device.volatile = frozenset()
        self.controls.declare(self.device.capabilities())
        probes = self.device.probes
        for _ in range(2 * REFRESH):
            self.controls.tick(True)
        self.assertEqual(self.device.probes, probes)

    def test_a_change_while_it_looks_is_looked_at_afterwards(self) -> None:
        self.device.holds = True
        self.controls.refresh()
        self.controls.refresh()
        self.controls.refresh()
        self.assertEqual(len(self.device.hold), 1)
        self.device.hold[0].callback(self.device.capabilities())
        self.assertEqual(len(self.device.hold), 2)
        self.device.hold[1].callback(self.device.capabilities())
        self.assertEqual(len(self.device.hold), 2)

    def test_values_come_back_in_the_order_of_the_device(self) -> None:
        self.set("auto_exposure", MENU[0])
        self.set("exposure_time_absolute", 300)
        self.set("brightness", 12)
        self.device.values = {spec.name.partition("/")[2]: spec.default for spec in SPECS}
        self.device.log.clear()
        self.successResultOf(ensureDeferred(self.controls.reapply()))
        self.assertEqual(
            self.device.log, [("brightness", 12), ("auto_exposure", MENU[0]), ("exposure_time_absolute", 300)]
        )
        self.assertEqual(self.value("inactive"), ["white_balance_temperature"])

    def test_a_device_that_is_away_is_not_asked_for_every_value(self) -> None:
        self.set("brightness", 12)
        self.set("sharpness", 1)
        self.device.log.clear()
        for state in ("absent", "stalled"):
            self.device.away = SourceError("gone", state)
            self.successResultOf(ensureDeferred(self.controls.reapply()))
        self.assertEqual(self.device.log, [("brightness", 12)] * 2)


class ResetTests(ControlsCase):
    def test_all_are_at_their_defaults_and_nothing_is_kept(self) -> None:
        defaults = dict(self.device.values)
        self.set("auto_exposure", MENU[0])
        self.set("exposure_time_absolute", 300)
        self.set("brightness", 12)
        self.set("contrast", 80)
        self.successResultOf(self.profiles.reset())
        self.assertEqual(self.device.values, defaults)
        self.assertEqual((self.value("brightness"), self.value("exposure_time_absolute")), (0, 157))
        self.assertEqual((self.value("contrast"), self.adjusted["contrast"]), (50, 50))
        self.assertEqual({name: value for name, value in self.saved().items() if value}, {})
        self.assertEqual(self.value("inactive"), ["exposure_time_absolute", "white_balance_temperature"])
        self.device.log.clear()
        self.successResultOf(ensureDeferred(self.controls.reapply()))
        self.assertEqual(self.device.log, [])

    def test_no_button_is_pressed(self) -> None:
        self.successResultOf(self.profiles.reset())
        self.assertNotIn("pan_reset", dict(self.device.log))

    def test_an_automatic_that_is_off_by_default(self) -> None:
        self.device.specs = tuple(
            Spec("control/white_balance_automatic", bool, default=False, **R)
            if spec.name == "control/white_balance_automatic" else spec
            for spec in SPECS
        )  # fmt: skip
        self.device.values["white_balance_automatic"] = True
        self.device.values["white_balance_temperature"] = 3000
        self.controls.declare(self.device.capabilities())
        self.successResultOf(self.profiles.reset())
        self.assertEqual(self.device.values["white_balance_temperature"], 4600)

    def test_of_a_device_that_is_away(self) -> None:
        self.set("brightness", 12)
        self.device.away = SourceError("gone", "absent")
        self.failureResultOf(self.profiles.reset(), SourceError)
        self.assertEqual(self.saved()["brightness"], 12)


class ProfileTests(ControlsCase):
    def test_names(self) -> None:
        spec = self.state["cameras/cam1/profile"].spec
        self.assertEqual(spec.choices, ("", "indoor", "outdoor", "low_light", "microscopy"))
        self.assertEqual(self.value("profile"), "")

    def test_every_built_in_one_fits_every_camera(self) -> None:
        for name in BUILT_IN:
            for control, value in self.profiles.values(name).items():
                self.controls.observable(control).spec.check(value)
            self.assertEqual(self.set("profile", name), name)

    def test_microscopy(self) -> None:
        self.set("profile", "microscopy")
        values = self.device.values
        self.assertEqual((values["auto_exposure"], values["white_balance_automatic"]), (MENU[0], False))
        self.assertEqual((values["sharpness"], values["exposure_time_absolute"]), (4, 157))  # halfway, as it was
        self.assertEqual(self.adjusted["contrast"], 60)  # which the device lacks
        self.assertNotIn("focus_automatic_continuous", dict(self.device.log))
        self.assertEqual(self.saved()["auto_exposure"], MENU[0])

    def test_a_profile_of_ones_own(self) -> None:
        self.set("auto_exposure", MENU[0])
        self.set("exposure_time_absolute", 300)
        self.set("saturation", 70)
        self.assertEqual(self.profiles.save(" evening "), [*BUILT_IN, "evening"])
        self.assertEqual(self.value("profile"), "evening")
        self.set("profile", "indoor")
        self.assertEqual((self.device.values["auto_exposure"], self.adjusted["saturation"]), (MENU[1], 50))
        self.set("profile", "evening")
        self.assertEqual(self.device.values["exposure_time_absolute"], 300)
        self.assertEqual(self.adjusted["saturation"], 70)
        # The colour temperature was the camera's own choice, and stays that.
        self.assertNotIn("white_balance_temperature", self.profiles.values("evening"))
        self.assertNotIn("pan_reset", self.profiles.values("evening"))

    def test_they_survive_a_restart(self) -> None:
        self.set("brightness", 20)
        self.profiles.save("evening")
        self.begin(self.state.saved)
        self.assertEqual((self.value("profile"), self.profiles.names[-1]), ("evening", "evening"))
        self.assertEqual(self.profiles.values("evening")["brightness"], 20)

    def test_a_control_that_is_changed_ends_it(self) -> None:
        self.set("profile", "outdoor")
        self.set("brightness", 3)
        self.assertEqual((self.value("profile"), self.saved()["profile"]), ("", ""))
        self.set("profile", "outdoor")
        self.set("contrast", 3)
        self.assertEqual(self.value("profile"), "")
        self.set("profile", "outdoor")
        self.set("profile", "")
        self.assertEqual((self.value("profile"), self.value("brightness")), ("", 0))

    def test_deleted(self) -> None:
        self.profiles.save("evening")
        self.assertEqual(self.profiles.delete("evening"), [*BUILT_IN])
        self.assertEqual(self.value("profile"), "")
        self.assertRaises(Invalid, self.profiles.values, "evening")

    def test_what_is_refused(self) -> None:
        for name in ("", "  ", "x" * 41, "a\nb"):
            self.assertRaises(Invalid, self.profiles.save, name)
        self.assertRaises(Conflict, self.profiles.save, "indoor")
        for name in ("indoor", "evening", ""):
            self.assertRaises(Invalid, self.profiles.delete, name)
        for number in range(MOST):
            self.profiles.save(f"profile {number}")
        self.assertIn("at most", str(self.assertRaises(Conflict, self.profiles.save, "one more")))
        self.profiles.save("profile 3")
        self.failureResultOf(self.state["cameras/cam1/profile"].set("unknown", EVERYONE), Invalid)

    def test_saved_with_another_device(self) -> None:
        self.begin({"cameras/cam1/profiles": {"old": {"brightness": 1000, "iris": 3, "sharpness": 5}}})
        self.assertEqual(self.profiles.values("old"), {"sharpness": 5})

    def test_of_a_device_that_is_away(self) -> None:
        self.device.away = SourceError("gone", "absent")
        self.failureResultOf(self.state["cameras/cam1/profile"].set("indoor", EVERYONE), SourceError)
        self.assertEqual((self.value("profile"), len(self.device.log)), ("", 1))


class WishTests(SynchronousTestCase):
    def test_levels(self) -> None:
        spec = Spec("control/x", int, default=4600, min=2800, max=6500, step=10, **R)
        found = [Level(percent).of(spec) for percent in (-100, -50, 0, 33, 100)]
        self.assertEqual(found, [2800, 3700, 4600, 5230, 6500])
        self.assertIsNone(Level(10).of(Spec("control/x", bool, **R)))

    def test_choices(self) -> None:
        spec = Spec("control/x", str, choices=("Auto Mode", "Manual Mode"), **R)
        self.assertEqual(Choice(("aperture priority", "auto")).of(spec), "Auto Mode")
        self.assertIsNone(Choice(("shutter",)).of(spec))

    def test_adjustments_are_neutral_by_default(self) -> None:
        for name, spec in ADJUSTMENTS.items():
            spec.check(spec.default)
            self.assertTrue(spec.doc, name)
