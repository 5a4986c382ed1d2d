"""The table of the product's keys: values there and back, missing hardware, rights, the main camera."""

from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import CamdError
from camd.state import EVERYONE, Permission, Principal
from camd.web.api import Session
from camd_plugins.cpro.dialect import Dialect
from camd_plugins.cpro.keys import KEYS
from camd_plugins.cpro.vocabulary import names_of

from .cpro_app import Listener, make_app

VIEWER = Principal("viewer", frozenset({Permission.Device_r, Permission.Media_r, Permission.System_r}))
OF_BACK = Principal("guard", frozenset(Permission), cameras=frozenset({"back"}))
#: Of section 4 of the product's interface, where the values are what the product says of a new device.
DOCUMENTED = (
    "cam1-light", "cam2-light", "cam1-exists", "cam2-exists", "main-camera", "cam1-sensor", "cam2-sensor",
    "resolution", "fps", "pip-mode", "brightness", "contrast", "sharpness", "saturation", "gain", "red-gain",
    "blue-gain", "auto-exposure", "auto-white-balance", "noise-supression", "record", "snap", "jpeg-quality",
)  # fmt: skip


class CproCase(SynchronousTestCase):
    cameras = ("front", "back")

    def setUp(self):
        self.app = make_app(self, self.cameras)
        self.state = self.app.state
        self.dialect = Dialect(self.app)

    def v1(self, message, by=EVERYONE):
        """What /api/v1 answers, or the error as (class, key, text)."""
        return self.asked(self.dialect.ask(message, Session(by)))

    def api(self, message, by=EVERYONE):
        return self.asked(self.app.api.ask(message, Session(by)))

    def asked(self, coroutine):
        results = []
        ensureDeferred(coroutine).addBoth(results.append)
        if hasattr(results[0], "value"):
            error = results[0].value
            if not isinstance(error, CamdError):
                results[0].raiseException()
            return type(error).__name__, error.key, getattr(error, "reason", str(error))
        return results[0]

    def value(self, key, by=EVERYONE):
        return self.v1({"get": [key]}, by)[key]

    def set(self, key, value):
        answer = self.v1({key: value})
        return answer[key] if isinstance(answer, dict) else answer


class TableTests(CproCase):
    def test_every_documented_key_is_there(self):
        self.assertEqual(sorted(self.dialect.vocabulary), sorted(DOCUMENTED))

    def test_names_are_unique_and_none_is_a_word_of_the_protocol(self):
        words = {
            "id",
            "get",
            "info",
            "since",
            "boot",
            "subscribe",
            "schema",
            "call",
            "args",
            "token",
            "username",
            "password",
        }
        for names in ([key.key for key in KEYS if key.key], [key.native for key in KEYS if key.native]):
            self.assertEqual(len(names), len(set(names)))
            self.assertFalse(words & set(names))
            self.assertFalse([name for name in names if "/" in name])

    def test_every_key_can_be_read(self):
        self.assertEqual(self.v1({"get": list(DOCUMENTED)}), {
            "cam1-light": False, "cam2-light": False, "cam1-exists": True, "cam2-exists": True,
            "main-camera": 1,
            "cam1-sensor": 1, "cam2-sensor": 1, "resolution": "1920x1080", "fps": 30, "pip-mode": "off",
            "brightness": 50, "contrast": 50, "sharpness": 50, "saturation": 50, "gain": 100, "red-gain": 50,
            "blue-gain": None, "auto-exposure": True, "auto-white-balance": True, "noise-supression": False,
            "record": False, "snap": False, "jpeg-quality": 85,
        })  # fmt: skip

    def test_places(self):
        places = {"{main}": "b", "{1}": "a", "{2}": None}
        self.assertEqual(names_of("cameras/{main}/x|y", places), ["cameras/b/x", "cameras/b/y"])
        self.assertEqual(names_of("cameras/{2}/x", places), [])
        self.assertEqual(names_of("system/name", places), ["system/name"])


class ValueTests(CproCase):
    def test_percent_is_scaled_to_the_range_of_the_device(self):
        for percent, device in ((0, -64), (50, 0), (75, 32), (100, 64), (1, -63), (99, 63)):
            self.assertEqual(self.set("brightness", percent), percent)
            self.assertEqual(self.state["cameras/front/brightness"].value, device)

    def test_coarse_steps_read_back_what_was_really_set(self):
        self.assertEqual(self.set("red-gain", 52), 50)
        self.assertEqual(self.state["cameras/front/red_balance"].value, 500)
        self.assertEqual(self.set("red-gain", 100), 100)

    def test_every_percentage_stays_in_the_range(self):
        for key in ("brightness", "gain", "red-gain", "contrast"):
            for percent in range(101):
                self.assertIsInstance(self.set(key, percent), int)

    def test_wrong_values_are_refused_as_documented(self):
        self.assertEqual(
            self.v1({"brightness": 101}), ("Invalid", "brightness", "Value must be between 0 and 100")
        )
        for key, value in (
            ("brightness", "75"), ("brightness", True), ("brightness", 7.5), ("brightness", None),
            ("cam1-light", 1),
            ("fps", 4), ("fps", 61), ("main-camera", 0), ("main-camera", 3), ("main-camera", "1"),
            ("cam1-sensor", 0),
            ("resolution", "1920*1080"), ("resolution", "319x240"), ("resolution", "3841x2160"),
            ("resolution", 1080),
            ("resolution", "1000x1000"), ("auto-exposure", "yes"), ("auto-exposure", 1), ("jpeg-quality", -1),
            ("record", "now"), ("record", 1), ("noise-supression", "auto"), ("pip-mode", "left"),
        ):  # fmt: skip
            answer = self.v1({key: value})
            self.assertEqual(answer[:2], ("Invalid", key), (key, value))
            self.assertTrue(answer[2])
        self.assertEqual(self.value("brightness"), 50)

    def test_resolution_and_rate(self):
        self.assertEqual(self.set("resolution", "1280x720"), "1280x720")
        self.assertEqual(self.state["cameras/front/size"].value, "1280x720")
        self.assertEqual(self.set("fps", 60), 30)
        self.assertEqual(self.set("fps", 5), 10)

    def test_automatics_by_flag_and_by_word(self):
        exposure = self.state["cameras/front/auto_exposure"]
        for written, read, device in (
            (False, False, "Manual Mode"), (True, True, "Aperture Priority Mode"),
            ("manual", False, "Manual Mode"),
            ("auto", True, "Aperture Priority Mode"), ("auto", True, "Aperture Priority Mode"),
        ):  # fmt: skip
            self.assertEqual(self.set("auto-exposure", written), read)
            self.assertEqual(exposure.value, device)
        self.assertIs(self.set("auto-white-balance", "manual"), False)
        self.assertIs(self.state["cameras/front/white_balance_automatic"].value, False)

    def test_light(self):
        self.assertIs(self.set("cam1-light", True), True)
        self.assertIs(self.state["cameras/front/illuminator_1"].value, True)

    def test_quality_zero_is_one(self):
        self.assertEqual(self.set("jpeg-quality", 0), 1)
        self.assertEqual(self.set("jpeg-quality", 100), 100)

    def test_several_keys_all_or_nothing(self):
        self.assertEqual(
            self.v1({"brightness": 75, "contrast": 60}),
            {"brightness": 75, "contrast": 60, "info": ["brightness", "contrast"]},
        )
        self.assertEqual(self.v1({"brightness": 10, "contrast": 101})[1], "contrast")
        self.assertEqual(self.v1({"brightness": 10, "nonsense": 1})[1], "nonsense")
        self.assertEqual(
            self.v1({"brightness": 10, "cameras/front/contrast": 1})[1], "cameras/front/contrast"
        )
        self.assertEqual(self.value("brightness"), 75)


class MissingTests(CproCase):
    def test_what_is_missing_confirms_what_it_is_and_refuses_the_rest(self):
        for key, value, other, reason in (
            ("cam2-light", False, True, "this camera has no light"),
            ("cam2-sensor", 1, 2, "this camera has one sensor"),
            ("pip-mode", "off", "on", "the plugin pip is switched off"),
            ("record", False, True, "nothing can be recorded now"),
            ("record", "off", "on", "nothing can be recorded now"),
            ("record", "stop", "pause", "nothing can be recorded now"),
            ("snap", False, True, "no picture can be kept now; get /camera.jpeg"),
        ):
            read = self.value(key)
            self.assertEqual(self.v1({key: value}), {key: read, "info": [key]})
            self.assertEqual(self.v1({key: other}), ("Invalid", key, reason))
        self.assertEqual(
            self.v1({"blue-gain": 10}), ("Invalid", "blue-gain", "this camera has no such control")
        )

    def test_facts_cannot_be_set(self):
        self.assertEqual(self.v1({"cam1-exists": True})[:2], ("Refused", "cam1-exists"))


class OneCameraTests(CproCase):
    cameras = ("back",)

    def test_there_is_no_second_head(self):
        keys = ["cam1-exists", "cam2-exists", "cam2-light", "main-camera"]
        self.assertEqual(
            self.v1({"get": keys}),
            {"cam1-exists": True, "cam2-exists": False, "cam2-light": False, "main-camera": 1},
        )
        self.assertEqual(
            self.v1({"main-camera": 2}), ("Invalid", "main-camera", "Value must be between 1 and 1")
        )


class NoCameraTests(CproCase):
    cameras = ()

    def setUp(self):
        super().setUp()
        self.app.cameras.configure({})

    def test_everything_reads_as_its_default(self):
        values = self.v1({"get": list(DOCUMENTED)})
        self.assertEqual(values, {key.key: key.default for key in KEYS if key.key})


class RightsTests(CproCase):
    def test_a_viewer_reads_and_changes_nothing(self):
        for key in DOCUMENTED:
            self.assertIn(key, self.v1({"info": [key]}, VIEWER))
            self.assertEqual(self.v1({key: True}, VIEWER)[:2], ("Refused", key))
        self.assertEqual(self.value("brightness"), 50)

    def test_without_rights_nothing_is_told(self):
        nobody = Principal("nobody", frozenset())
        for key in DOCUMENTED:
            self.assertEqual(self.v1({"get": [key]}, nobody)[:2], ("Refused", key))
            self.assertEqual(self.v1({key: True}, nobody)[:2], ("Refused", key))

    def test_other_cameras_than_ones_own(self):
        self.assertEqual(self.v1({"get": ["brightness"]}, OF_BACK)[:2], ("Refused", "brightness"))
        self.assertEqual(self.v1({"brightness": 50}, OF_BACK)[:2], ("Refused", "brightness"))
        self.assertEqual(self.v1({"get": ["cam1-exists"]}, OF_BACK)[:2], ("Refused", "cam1-exists"))
        self.assertEqual(
            self.v1({"get": ["cam2-exists", "cam2-light"]}, OF_BACK),
            {"cam2-exists": True, "cam2-light": False},
        )

    def test_no_more_than_the_state_allows(self):
        media = Principal("media", frozenset({Permission.Media_rw}))
        self.assertEqual(self.v1({"jpeg-quality": 50}, media)[:2], ("Refused", "jpeg-quality"))


class MainCameraTests(CproCase):
    def listen(self):
        broadcast = self.app.web.websocket.broadcast
        return Listener(broadcast, Session(EVERYONE, True, vocabulary=self.dialect.vocabulary, paths=False))

    def test_switching_it(self):
        client = self.listen()
        self.set("brightness", 75)
        self.assertEqual(client.take(), [{"brightness": 75}])
        self.assertEqual(self.set("main-camera", 2), 2)
        self.assertEqual(self.app.cameras.main.id, "back")
        told = {key: value for message in client.take() for key, value in message.items()}
        self.assertEqual((told["main-camera"], told["brightness"], told["gain"]), (2, 50, None))
        self.assertEqual(self.value("brightness"), 50)
        self.assertEqual(self.v1({"gain": 5})[0], "Invalid")
        self.set("brightness", 20)
        self.assertEqual(self.state["cameras/back/brightness"].value, 20)
        self.assertEqual(self.state["cameras/front/brightness"].value, 32)

    def test_only_changes_of_the_main_camera_are_changes_of_its_keys(self):
        client = self.listen()
        self.state["cameras/back/brightness"].publish(7)
        self.assertEqual(client.take(), [])

    def test_a_camera_that_goes(self):
        client = self.listen()
        configs = {camera.id: camera.config for camera in self.app.cameras.values() if camera.id == "back"}
        self.app.cameras.configure(configs)
        told = {key: value for message in client.take() for key, value in message.items()}
        self.assertEqual(told["cam2-exists"], False)
        self.assertEqual(self.value("main-camera"), 1)


class NativeTests(CproCase):
    def test_native_names_on_api(self):
        answer = self.api({"light0": True, "record": "stop", "cameras/front/gain": 0})
        self.assertEqual(answer["values"], {"light0": True, "record": "stop", "cameras/front/gain": 0})
        self.assertEqual(
            self.api({"info": ["light0", "record", "recordingState", "cameraSwitch", "activeCameraHead"]}),
            {
                "light0": True,
                "record": "stop",
                "recordingState": "stopped",
                "cameraSwitch": 1,
                "activeCameraHead": 0,
            },
        )

    def test_all_of_them_can_be_read(self):
        names = [key.native for key in KEYS if key.native]
        self.assertEqual(set(self.api({"get": names})["values"]), set(names))

    def test_the_message_of_the_products_own_test(self):
        message = {"light0": True, "changePostName": "test_recording", "record": "start"}
        self.assertEqual(self.api(message), ("Invalid", "changePostName", "recordings are named after their time; tag them"))
        self.assertEqual(self.api({"info": ["light0"]}), {"light0": False})

    def test_objects(self):
        balance = {"mode": "auto", "temperature": 4600}
        self.assertEqual(
            self.api({"info": ["whiteBalance", "videoFlip"]}),
            {"whiteBalance": balance, "videoFlip": {"horizontal": False, "vertical": True}},
        )
        self.api({"whiteBalance": {"mode": "manual", "temperature": 3000}, "videoFlip": {"horizontal": True}})
        self.assertEqual(
            self.api({"info": ["whiteBalance", "videoFlip"]}),
            {
                "whiteBalance": {"mode": "manual", "temperature": 3000},
                "videoFlip": {"horizontal": True, "vertical": True},
            },
        )
        self.api({"whiteBalance": "auto"})
        self.assertIs(self.state["cameras/front/white_balance_automatic"].value, True)
        for value in ({}, {"mode": "sunny"}, {"kelvin": 1}, {"temperature": "3000"}, [], 7):
            self.assertEqual(self.api({"whiteBalance": value})[:2], ("Invalid", "whiteBalance"))
        self.assertEqual(self.api({"videoFlip": {"horizontal": 1}})[:2], ("Invalid", "videoFlip"))

    def test_they_are_told_to_who_used_one(self):
        broadcast = self.app.web.websocket.broadcast
        client, other = (
            Listener(broadcast, Session(EVERYONE, True)),
            Listener(broadcast, Session(EVERYONE, True)),
        )
        self.asked(self.app.api.ask({"light0": True}, client.session))
        self.assertIn({"state": "light0", "value": True}, client.take())
        self.assertEqual([message["state"] for message in other.take()], ["cameras/front/illuminator_1"])
        self.set("brightness", 75)
        self.assertEqual(
            [(m["state"], m["value"]) for m in client.take()],
            [("cameras/front/brightness", 32), ("brightness", 75)],
        )

    def test_they_go_with_the_plugin(self):
        self.app.extensions.stop_services()
        self.assertEqual(self.api({"light0": True})[:2], ("Invalid", "light0"))


class MessageTests(CproCase):
    def test_queries(self):
        self.assertEqual(
            self.v1({"get": ["brightness", "resolution"]}), {"brightness": 50, "resolution": "1920x1080"}
        )
        self.assertEqual(
            self.v1({"info": ["cam1-light", "brightness", "record"], "id": 1}),
            {"cam1-light": False, "brightness": 50, "record": False},
        )
        self.assertEqual(self.v1({"get": ["brightness", "nonsense"]})[:2], ("Invalid", "nonsense"))

    def test_what_is_none(self):
        for message, key in (
            ([], ""), ("brightness", ""), (None, ""), ({}, ""), ({"id": 3}, ""), ({"id": []}, "id"),
            ({"get": "brightness"}, "get"), ({"get": [1]}, "get"), ({"info": None}, "info"),
            ({"get": ["fps"], "brightness": 5}, "brightness"),
            ({"action": "setState", "key": "fps", "value": 5}, "action"),
            ({"schema": True}, "schema"), ({"subscribe": ["*"]}, "subscribe"), ({"light0": True}, "light0"),
        ):  # fmt: skip
            self.assertEqual(self.v1(message)[:2], ("Invalid", key), message)
