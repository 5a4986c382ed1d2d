from __future__ import annotations

import errno

from twisted.trial.unittest import SynchronousTestCase

from camd.errors import SourceError
from camd.sources.v4l2 import abi as v4l2
from camd.sources.v4l2.abi import Abi
from camd.sources.v4l2.controls import Controls
from camd.sources.v4l2.device import Device
from camd.state.permission import Permission

from .fake_v4l2 import FakeCamera, FakeControl, FakeKernel

BRIGHTNESS, HUE, AUTO_WB, GAIN, WB_TEMPERATURE = 0x980900, 0x980903, 0x98090C, 0x980913, 0x98091A
HUE_AUTO, POWER_LINE, AUTO_EXPOSURE, EXPOSURE = 0x980919, 0x980918, 0x9A0901, 0x9A0902
FOCUS, AUTO_FOCUS, PAN_RESET = 0x9A090A, 0x9A090C, 0x9A0906
VENDOR = 0x0A046D01
BOOLEAN, MENU, BUTTON = v4l2.CTRL_TYPE_BOOLEAN, v4l2.CTRL_TYPE_MENU, v4l2.CTRL_TYPE_BUTTON


def exposure(manual: bool = False) -> list[FakeControl]:
    modes = {1: "Manual Mode", 3: "Aperture Priority Mode"}
    return [
        FakeControl(AUTO_EXPOSURE, MENU, "Auto Exposure", 0, 3, 1, 3, menu=modes, value=1 if manual else 3),
        FakeControl(EXPOSURE, label="Exposure Time, Absolute", low=3, high=2047, default=250),
    ]


class ControlsCase(SynchronousTestCase):
    abi = Abi()

    def ask(self, *controls: FakeControl) -> Controls:
        self.camera = FakeCamera(controls=list(controls))
        self.device = Device.open("/dev/video0", FakeKernel({"/dev/video0": self.camera}, self.abi))
        return Controls(self.device)

    def spec(self, control: FakeControl):
        (spec,) = self.ask(control).specs
        return spec

    def names(self, *controls: FakeControl) -> list[str]:
        return [spec.name for spec in self.ask(*controls).specs]

    def refusal(self, controls: Controls, name: str, value) -> str:
        return str(self.assertRaises(SourceError, controls.set, self.device, name, value))


class SpecTests(ControlsCase):
    def test_integer(self) -> None:
        spec = self.spec(FakeControl(BRIGHTNESS, label="Helligkeit", low=-64, high=64, default=3))
        self.assertEqual(
            (spec.name, spec.type, spec.min, spec.max, spec.step, spec.default, spec.doc),
            ("control/brightness", int, -64, 64, 1, 3, "Helligkeit"),
        )
        self.assertEqual((spec.read, spec.write), (Permission.Device_r, Permission.Device_rw))
        self.assertTrue(spec.persist)

    def test_units(self) -> None:
        self.assertEqual(self.spec(FakeControl(WB_TEMPERATURE)).unit, "K")
        self.assertEqual(self.spec(FakeControl(EXPOSURE)).unit, "100 µs")

    def test_boolean(self) -> None:
        spec = self.spec(FakeControl(AUTO_WB, BOOLEAN, high=1, default=1))
        self.assertEqual((spec.type, spec.default, spec.min), (bool, True, None))

    def test_menu(self) -> None:
        menu = {0: "Disabled", 1: "50 Hz", 3: "Auto"}
        spec = self.spec(FakeControl(POWER_LINE, MENU, high=3, default=1, menu=menu))
        self.assertEqual(
            (spec.choices, spec.default, spec.kind), (("Disabled", "50 Hz", "Auto"), "50 Hz", "enum")
        )

    def test_integer_menu(self) -> None:
        kind = v4l2.CTRL_TYPE_INTEGER_MENU
        spec = self.spec(FakeControl(VENDOR, kind, high=2, default=1, menu={0: -1000, 1: 0, 2: 1000}))
        self.assertEqual((spec.choices, spec.default), (("-1000", "0", "1000"), "0"))

    def test_menu_with_a_bad_default_and_labels_that_repeat(self) -> None:
        spec = self.spec(FakeControl(VENDOR, MENU, high=4, default=9, menu={1: "On", 2: "On", 4: ""}))
        self.assertEqual((spec.choices, spec.default), (("On", "On 2", "4"), "On"))

    def test_menu_without_entries_is_left_out(self) -> None:
        self.assertEqual(self.names(FakeControl(VENDOR, MENU)), [])

    def test_menu_without_end(self) -> None:
        menu = {1: "One"}
        self.assertEqual(self.spec(FakeControl(VENDOR, MENU, high=2**31 - 1, menu=menu)).choices, ("One",))

    def test_button(self) -> None:
        spec = self.spec(FakeControl(PAN_RESET, BUTTON))
        self.assertEqual((spec.type, spec.default, spec.persist), (bool, False, False))
        self.assertIs(spec.write, Permission.Device_rw)

    def test_read_only_and_write_only(self) -> None:
        spec = self.spec(FakeControl(VENDOR, flags=v4l2.CTRL_FLAG_READ_ONLY))
        self.assertEqual((spec.write, spec.persist), (None, False))
        spec = self.spec(FakeControl(VENDOR, flags=v4l2.CTRL_FLAG_WRITE_ONLY))
        self.assertEqual((spec.write, spec.persist), (Permission.Device_rw, False))

    def test_steps_of_devices_that_lie(self) -> None:
        for step, low, default, expected in (
            (0, 0, 50, 1),
            (5, 0, 50, 5),
            (5, 3, 50, 1),  # the default would not be allowed
            (200, 0, 0, 1),  # only the least value would
            (2**64 - 1, 0, 50, 1),
        ):
            spec = self.spec(FakeControl(VENDOR, step=step, low=low, default=default))
            self.assertEqual(spec.step, expected)
            self.assertEqual(spec.check(default), default)

    def test_a_default_out_of_range(self) -> None:
        self.assertEqual(self.spec(FakeControl(VENDOR, low=1, high=9, default=-8193)).default, 1)

    def test_names(self) -> None:
        self.assertEqual(
            self.names(
                FakeControl(VENDOR, label="LED1 Mode (Blink)"),
                FakeControl(VENDOR + 1, label="LED1 mode: blink"),
                FakeControl(VENDOR + 2, label="亮度"),
                FakeControl(AUTO_WB, BOOLEAN, "White Balance Temperature, Auto"),
            ),
            [
                "control/white_balance_automatic",
                "control/led1_mode_blink",
                "control/led1_mode_blink_a046d02",
                "control/a046d03",
            ],
        )

    def test_what_has_no_plain_value_is_left_out(self) -> None:
        self.assertEqual(
            self.names(
                FakeControl(0x980001, 6, "User Controls"),
                FakeControl(VENDOR, 0x0100, "Compound"),
                FakeControl(VENDOR + 1, flags=v4l2.CTRL_FLAG_DISABLED),
                FakeControl(VENDOR + 2, flags=v4l2.CTRL_FLAG_HAS_PAYLOAD),
                FakeControl(VENDOR + 3, dims=1),
                FakeControl(VENDOR + 4, low=5, high=4),
                FakeControl(VENDOR + 5, 7, "String"),
                FakeControl(BRIGHTNESS),
            ),
            ["control/brightness"],
        )

    def test_inactive_stays(self) -> None:
        self.assertEqual(
            self.names(FakeControl(EXPOSURE, flags=v4l2.CTRL_FLAG_INACTIVE)),
            ["control/exposure_time_absolute"],
        )

    def test_automatics_come_first(self) -> None:
        numbers = (FOCUS, AUTO_FOCUS, HUE, HUE_AUTO, GAIN, AUTO_EXPOSURE, EXPOSURE, BRIGHTNESS)
        menu = {1: "Manual Mode"}
        kinds = {AUTO_EXPOSURE: MENU, AUTO_FOCUS: BOOLEAN, HUE_AUTO: BOOLEAN}
        names = self.names(*(FakeControl(n, kinds.get(n, 1), menu=menu) for n in numbers))
        self.assertEqual(
            [name.removeprefix("control/") for name in names],
            [
                "brightness",
                "hue_automatic",
                "hue",
                "auto_exposure",
                "gain",
                "exposure_time_absolute",
                "focus_automatic_continuous",
                "focus_absolute",
            ],
        )

    def test_a_driver_that_goes_round_in_circles(self) -> None:
        self.ask(FakeControl(BRIGHTNESS))
        self.device.kernel.do_query_ext_ctrl = lambda camera, f: f.update(id=BRIGHTNESS, type=1, maximum=9)
        self.assertEqual(len(Controls(self.device).specs), 1)

    def test_a_driver_that_never_ends(self) -> None:
        self.ask()
        self.device.kernel.do_query_ext_ctrl = lambda camera, f: f.update(
            id=(f["id"] & 0xFFFFFFF) + 1, type=1, maximum=9
        )
        self.assertEqual(len(Controls(self.device).specs), 256)

    def test_devices_without_controls(self) -> None:
        for code in (errno.ENOTTY, errno.EIO):
            self.ask(FakeControl(BRIGHTNESS))
            self.camera.faults["QUERY_EXT_CTRL"] = [code]
            self.assertEqual(Controls(self.device).specs, ())

    def test_a_device_that_goes_away(self) -> None:
        self.ask(*exposure())
        for call in ("QUERY_EXT_CTRL", "QUERYMENU"):
            self.camera.faults[call] = [errno.ENODEV]
            with self.assertRaises(OSError):
                Controls(self.device)


class ValueTests(ControlsCase):
    def test_values(self) -> None:
        controls = self.ask(
            FakeControl(BRIGHTNESS, value=-7, low=-64),
            FakeControl(AUTO_WB, BOOLEAN, value=1),
            *exposure(),
            FakeControl(PAN_RESET, BUTTON),
            FakeControl(VENDOR, flags=v4l2.CTRL_FLAG_WRITE_ONLY),
            FakeControl(VENDOR + 1, MENU, "Mode", menu={0: "A"}, value=7),
        )
        self.assertEqual(
            controls.values(self.device),
            {
                "brightness": -7,
                "white_balance_automatic": True,
                "auto_exposure": "Aperture Priority Mode",
                "exposure_time_absolute": 250,
                "pan_reset": False,
            },
        )

    def test_one_that_cannot_be_read(self) -> None:
        controls = self.ask(FakeControl(BRIGHTNESS), FakeControl(HUE))
        self.camera.faults["G_CTRL"] = [errno.EIO]
        self.assertEqual(controls.values(self.device), {"hue": 50})

    def test_unplugged(self) -> None:
        controls = self.ask(FakeControl(BRIGHTNESS))
        self.camera.unplugged = True
        with self.assertRaises(OSError):
            controls.values(self.device)


class SetTests(ControlsCase):
    def test_each_kind(self) -> None:
        controls = self.ask(
            FakeControl(BRIGHTNESS, low=-64),
            FakeControl(AUTO_WB, BOOLEAN, value=1),
            *exposure(),
            FakeControl(VENDOR, flags=v4l2.CTRL_FLAG_WRITE_ONLY),
        )
        for name, value in (
            ("brightness", -3),
            ("white_balance_automatic", False),
            ("auto_exposure", "Manual Mode"),
            (self.names_of(controls)[-1], 5),
        ):
            self.assertIs(type(controls.set(self.device, name, value)), type(value))
            self.assertEqual(controls.set(self.device, name, value), value)
        self.assertEqual([control.value for control in self.camera.controls], [-3, 0, 1, 250, 5])

    @staticmethod
    def names_of(controls: Controls) -> list[str]:
        return [spec.name.removeprefix("control/") for spec in controls.specs]

    def test_the_answer_is_what_the_device_took(self) -> None:
        controls = self.ask(FakeControl(BRIGHTNESS, on_set=lambda camera, value: value // 10 * 10))
        self.assertEqual(controls.set(self.device, "brightness", 47), 40)

    def test_button(self) -> None:
        pressed = []
        controls = self.ask(FakeControl(PAN_RESET, BUTTON, on_set=lambda camera, v: pressed.append(v)))
        self.assertIs(controls.set(self.device, "pan_reset", False), False)
        self.assertEqual(pressed, [])
        self.assertIs(controls.set(self.device, "pan_reset", True), False)
        self.assertEqual(pressed, [1])

    def test_inactive_names_the_automatic(self) -> None:
        controls = self.ask(*exposure())
        self.camera.controls[1].flags = v4l2.CTRL_FLAG_INACTIVE
        text = self.refusal(controls, "exposure_time_absolute", 100)
        self.assertIn(
            'exposure_time_absolute: it is automatic now; first set auto_exposure to "Manual Mode"', text
        )
        self.assertNotIn("S_CTRL", self.camera.log)

    def test_inactive_for_a_reason_of_its_own(self) -> None:
        controls = self.ask(*exposure(manual=True))
        self.camera.controls[1].flags = v4l2.CTRL_FLAG_INACTIVE
        self.assertIn("by itself", self.refusal(controls, "exposure_time_absolute", 100))

    def test_drivers_that_do_not_tell_what_is_inactive(self) -> None:
        automatic = FakeControl(AUTO_FOCUS, BOOLEAN, value=1)
        controls = self.ask(FakeControl(FOCUS), automatic)
        for code in (errno.EACCES, errno.EIO, errno.EINVAL):
            self.camera.faults["S_CTRL"] = [code]
            text = self.refusal(controls, "focus_absolute", 10)
            self.assertIn("first set focus_automatic_continuous to false", text)
        automatic.value = 0
        self.camera.faults["S_CTRL"] = [errno.EACCES]
        self.assertIn(
            "the camera refuses it (Permission denied)", self.refusal(controls, "focus_absolute", 10)
        )

    def test_busy(self) -> None:
        controls = self.ask(FakeControl(BRIGHTNESS))
        self.camera.faults["S_CTRL"] = [errno.EBUSY]
        self.assertIn("while the camera streams", self.refusal(controls, "brightness", 1))

    def test_unplugged(self) -> None:
        controls = self.ask(FakeControl(BRIGHTNESS))
        self.camera.unplugged = True
        error = self.assertRaises(SourceError, controls.set, self.device, "brightness", 1)
        self.assertEqual(error.state, "absent")

    def test_unplugged_before_the_readback(self) -> None:
        def vanish(camera: FakeCamera, value: int) -> int:
            camera.unplugged = True
            return value

        controls = self.ask(FakeControl(BRIGHTNESS, on_set=vanish))
        error = self.assertRaises(SourceError, controls.set, self.device, "brightness", 1)
        self.assertEqual(error.state, "absent")

    def test_what_is_not_accepted(self) -> None:
        controls = self.ask(
            FakeControl(BRIGHTNESS), FakeControl(HUE, flags=v4l2.CTRL_FLAG_READ_ONLY), *exposure()
        )
        for name, value, text in (
            ("brightness", 101, "between 0 and 100"),
            ("brightness", True, "must be of type int"),
            ("auto_exposure", "Shutter", "must be one of Manual Mode"),
            ("hue", 3, "only be read"),
            ("zoom", 1, "no control zoom"),
        ):
            self.assertIn(text, self.refusal(controls, name, value))
        self.assertNotIn("S_CTRL", self.camera.log)

    def test_a_choice_that_the_device_does_not_offer(self) -> None:
        control = FakeControl(VENDOR, MENU, "Mode", menu={0: "A"}, on_set=lambda camera, value: 9)
        controls = self.ask(control)
        self.assertIn("does not offer", self.refusal(controls, "mode", "A"))

    def test_a_signal_during_a_call(self) -> None:
        controls = self.ask(FakeControl(BRIGHTNESS))
        self.camera.faults["S_CTRL"] = [errno.EINTR, errno.EINTR]
        self.assertEqual(controls.set(self.device, "brightness", 1), 1)


class SmallUserlandTests(SetTests):
    """The same on 32 bits."""

    abi = Abi(32, 32, 4)
