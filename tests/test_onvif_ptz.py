"""PTZ, Imaging and Analytics: what they show is what the camera does."""

from __future__ import annotations

from lxml import etree

from camd.media import Format
from camd.state import Spec

from .onvif_case import NS, OnvifCase

PROFILE = "<tptz:ProfileToken>Profile_cam1_main</tptz:ProfileToken>"
VS = "<timg:VideoSourceToken>VideoSource_cam1</timg:VideoSourceToken>"
FOV = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/TranslationSpaceFov"


class PtzCase(OnvifCase):
    def setUp(self) -> None:
        super().setUp()
        self.app.cameras["cam1"].pipeline.opened(Format("mjpeg", 1280, 720, 30.0))
        self.head = self.app.cameras["cam1"].ptz

    def status(self) -> tuple[str, float, float, float]:
        found = self.call("tptz:GetStatus", PROFILE)[0]
        place = found.find("tt:Position/tt:PanTilt", NS)
        zoom = found.find("tt:Position/tt:Zoom", NS)
        moving = found.findtext("tt:MoveStatus/tt:PanTilt", namespaces=NS)
        return moving, float(place.get("x")), float(place.get("y")), float(zoom.get("x"))

    def rest(self, seconds: float = 10) -> None:
        self.clock.pump([0.04] * round(seconds / 0.04))

    def go(self, pan: float, tilt: float, zoom: float) -> None:
        self.head.move(pan, tilt, zoom)
        self.rest()


class MoveTests(PtzCase):
    def test_an_absolute_move_arrives_and_says_when(self) -> None:
        self.call(
            "tptz:AbsoluteMove",
            PROFILE + '<tptz:Position><tt:PanTilt x="0.5" y="-0.25"/><tt:Zoom x="1"/></tptz:Position>',
        )
        self.assertEqual(self.status()[0], "MOVING")
        self.rest()
        self.assertEqual(self.status(), ("IDLE", 0.5, -0.25, 1.0))
        self.assertEqual(self.head.position, (0.5, -0.25, self.head.most_zoom))

    def test_what_the_request_does_not_name_stays(self) -> None:
        self.go(0.5, 0.5, 2.0)
        self.call("tptz:AbsoluteMove", PROFILE + '<tptz:Position><tt:Zoom x="0"/></tptz:Position>')
        self.rest()
        self.assertEqual(self.head.position, (0.5, 0.5, 1.0))

    def test_a_relative_move(self) -> None:
        self.go(0.5, 0.0, 1.0)
        self.call(
            "tptz:RelativeMove",
            PROFILE + '<tptz:Translation><tt:PanTilt x="0.9" y="-0.25"/></tptz:Translation>',
        )
        self.rest()
        self.assertEqual(self.head.position, (1.0, -0.25, 1.0))

    def test_in_the_field_of_view_the_edge_comes_into_the_middle(self) -> None:
        """At twofold zoom half of the view is a quarter of the picture, which is half of the way from the
        middle."""
        self.go(0.0, 0.0, 2.0)
        move = f'<tptz:Translation><tt:PanTilt x="0.5" y="0" space="{FOV}"/></tptz:Translation>'
        self.call("tptz:RelativeMove", PROFILE + move)
        self.rest()
        self.assertAlmostEqual(self.head.position[0], 0.5)
        nodes = self.call("tptz:GetNodes")
        uris = [uri.text for uri in nodes.findall(".//tt:RelativePanTiltTranslationSpace/tt:URI", NS)]
        self.assertIn(FOV, uris)

    def test_a_continuous_move_ends_by_itself_or_by_stop(self) -> None:
        self.go(0.0, 0.0, 4.0)
        move = (
            PROFILE
            + '<tptz:Velocity><tt:PanTilt x="0.1" y="0"/></tptz:Velocity><tptz:Timeout>PT2S</tptz:Timeout>'
        )
        self.call("tptz:ContinuousMove", move)
        self.rest(1)
        self.assertEqual(self.status()[0], "MOVING")
        self.rest(2)
        self.assertEqual(self.status()[0], "IDLE")
        self.assertAlmostEqual(self.status()[1], 0.2, 1)
        self.call("tptz:ContinuousMove", PROFILE + '<tptz:Velocity><tt:Zoom x="-1"/></tptz:Velocity>')
        self.rest(0.5)
        self.call("tptz:Stop", PROFILE + "<tptz:PanTilt>true</tptz:PanTilt><tptz:Zoom>true</tptz:Zoom>")
        self.assertEqual(self.status()[0], "IDLE")
        self.assertLess(self.head.position[2], 4.0)

    def test_one_axis_alone_stops(self) -> None:
        self.call(
            "tptz:ContinuousMove",
            PROFILE + '<tptz:Velocity><tt:PanTilt x="0.5" y="0"/><tt:Zoom x="0.5"/></tptz:Velocity>',
        )
        self.rest(0.5)
        self.call("tptz:Stop", PROFILE + "<tptz:PanTilt>true</tptz:PanTilt><tptz:Zoom>false</tptz:Zoom>")
        pan, _, zoom = self.head.position
        self.rest(0.5)
        self.assertEqual(self.head.position[0], pan)
        self.assertGreater(self.head.position[2], zoom)
        self.call("tptz:Stop", PROFILE)
        self.assertEqual(self.status()[0], "IDLE")

    def test_a_camera_that_zooms_only(self) -> None:
        self.patch(type(self.head), "axes", frozenset({"zoom"}))
        node = self.call("tptz:GetNodes").find(".//tt:SupportedPTZSpaces", NS)
        self.assertEqual({etree.QName(space).localname for space in node}, {
            "AbsoluteZoomPositionSpace", "RelativeZoomTranslationSpace", "ContinuousZoomVelocitySpace", "ZoomSpeedSpace",
        })  # fmt: skip
        configuration = self.call("tptz:GetConfigurations").find("tptz:PTZConfiguration", NS)
        self.assertIsNone(configuration.find("tt:DefaultContinuousPanTiltVelocitySpace", NS))
        self.assertIsNotNone(configuration.find("tt:ZoomLimits", NS))

    def test_what_is_not_possible_is_refused(self) -> None:
        for name, content, subcode in (
            (
                "AbsoluteMove",
                '<tptz:Position><tt:PanTilt x="2" y="0"/></tptz:Position>',
                "ter:InvalidPosition",
            ),
            (
                "AbsoluteMove",
                '<tptz:Position><tt:PanTilt x="0" y="0" space="urn:x"/></tptz:Position>',
                "ter:SpaceNotSupported",
            ),
            (
                "ContinuousMove",
                '<tptz:Velocity><tt:PanTilt x="1" y="0"/></tptz:Velocity><tptz:Timeout>-PT1S</tptz:Timeout>',
                "ter:TimeoutNotSupported",
            ),
        ):
            self.assertEqual(self.refused(f"tptz:{name}", PROFILE + content)[-1], subcode)
        answer = self.send("tptz:Stop", PROFILE, by="viewer")
        self.assertEqual(self.fault(answer), ("Sender", "ter:NotAuthorized"))


class PresetTests(PtzCase):
    def token(self, name: str) -> str:
        return PROFILE + f"<tptz:PresetToken>{name}</tptz:PresetToken>"

    def test_from_the_first_to_the_last(self) -> None:
        self.go(0.5, 0.0, 2.0)
        made = self.call("tptz:SetPreset", PROFILE + "<tptz:PresetName>Gate</tptz:PresetName>")[0].text
        self.call("tptz:SetHomePosition", PROFILE)
        self.go(0.0, 0.0, 1.0)
        self.assertEqual([one.get("token") for one in self.call("tptz:GetPresets", PROFILE)], [made])
        self.call("tptz:GotoPreset", self.token(made))
        self.rest()
        self.assertEqual(self.head.position, (0.5, 0.0, 2.0))
        self.go(-0.5, 0.0, 2.0)
        self.call("tptz:SetPreset", self.token(made))
        self.call("tptz:GotoHomePosition", PROFILE)
        self.rest()
        self.assertEqual(self.head.position, (0.5, 0.0, 2.0))
        self.assertEqual(self.head.presets[made], (-0.5, 0.0, 2.0))
        self.call("tptz:RemovePreset", self.token(made))
        for name in ("tptz:RemovePreset", "tptz:GotoPreset"):
            self.assertEqual(self.refused(name, self.token(made))[-1], "ter:NoToken")
        self.assertIn("home", self.app.state.saved["cameras/cam1/ptz/presets"])


class ImagingTests(PtzCase):
    def spec(self, name: str, kind: type = int, **about: object) -> Spec:
        return Spec(f"cameras/cam1/{name}", kind, read="Device_r", write="Device_rw", **about)

    def set(self, content: str) -> None:
        self.call("timg:SetImagingSettings", f"{VS}<timg:ImagingSettings>{content}</timg:ImagingSettings>")

    def value(self, name: str) -> object:
        return self.app.state[f"cameras/cam1/{name}"].value

    def equip(self) -> None:
        """Everything that a camera can have."""
        modes = ("Manual Mode", "Aperture Priority Mode")
        for spec in (
            self.spec("auto_exposure", str, choices=modes, default=modes[1]),
            self.spec("exposure_time_absolute", min=3, max=2047, default=250),
            self.spec("gain", min=0, max=255, default=10),
            self.spec("white_balance_automatic", bool, default=True),
            self.spec("red_balance", min=0, max=1000, default=500),
            self.spec("blue_balance", min=0, max=1000, default=500),
            self.spec("focus_automatic_continuous", bool, default=True),
            self.spec("focus_absolute", min=0, max=250, step=5, default=0),
            self.spec("backlight_compensation", min=0, max=1, default=0),
        ):
            self.app.state.declare(spec).publish(spec.default)

    def test_everything_at_once(self) -> None:
        self.equip()
        self.call("timg:GetOptions", VS)
        self.set(
            "<tt:BacklightCompensation><tt:Mode>ON</tt:Mode></tt:BacklightCompensation>"
            "<tt:Brightness>60</tt:Brightness>"
            "<tt:Exposure><tt:Mode>MANUAL</tt:Mode><tt:ExposureTime>10000</tt:ExposureTime>"
            "<tt:Gain>20</tt:Gain></tt:Exposure>"
            "<tt:Focus><tt:AutoFocusMode>MANUAL</tt:AutoFocusMode></tt:Focus><tt:Sharpness>40</tt:Sharpness>"
            "<tt:WhiteBalance><tt:Mode>MANUAL</tt:Mode><tt:CrGain>100</tt:CrGain>"
            "<tt:CbGain>200</tt:CbGain></tt:WhiteBalance>"
        )
        expected = {
            "backlight_compensation": 1, "brightness": 60, "auto_exposure": "Manual Mode", "gain": 20,
            "exposure_time_absolute": 100, "focus_automatic_continuous": False, "sharpness": 40,
            "white_balance_automatic": False, "red_balance": 100, "blue_balance": 200,
        }  # fmt: skip
        self.assertEqual({name: self.value(name) for name in expected}, expected)
        found = self.call("timg:GetImagingSettings", VS)[0]
        self.assertEqual(found.findtext("tt:Exposure/tt:ExposureTime", namespaces=NS), "10000")
        self.set(
            "<tt:Exposure><tt:Mode>AUTO</tt:Mode></tt:Exposure>"
            "<tt:Focus><tt:AutoFocusMode>AUTO</tt:AutoFocusMode></tt:Focus>"
        )
        self.assertEqual(self.value("auto_exposure"), "Aperture Priority Mode")
        self.assertTrue(self.value("focus_automatic_continuous"))

    def test_focus(self) -> None:
        self.equip()
        self.call("timg:GetMoveOptions", VS)
        place = "<timg:Focus><tt:Absolute><tt:Position>52</tt:Position></tt:Absolute></timg:Focus>"
        self.call("timg:Move", VS + place)
        self.assertEqual(self.value("focus_absolute"), 50, "to its step")
        self.assertEqual(self.call("timg:GetStatus", VS).findtext(".//tt:Position", namespaces=NS), "50")

    def test_what_a_camera_lacks(self) -> None:
        focus = "<tt:Focus><tt:AutoFocusMode>AUTO</tt:AutoFocusMode></tt:Focus>"
        content = f"{VS}<timg:ImagingSettings>{focus}</timg:ImagingSettings>"
        self.assertEqual(self.refused("timg:SetImagingSettings", content)[-1], "ter:SettingsInvalid")
        content = f"{VS}<timg:ImagingSettings><tt:Brightness>600</tt:Brightness></timg:ImagingSettings>"
        self.assertEqual(self.refused("timg:SetImagingSettings", content)[-1], "ter:SettingsInvalid")
        other = "<timg:VideoSourceToken>VideoSource_none</timg:VideoSourceToken>"
        self.assertEqual(self.refused("timg:GetOptions", other)[-1], "ter:NoSource")


class AnalyticsTests(PtzCase):
    def test_motion_detection_is_a_rule_and_a_module(self) -> None:
        for name, kind in (("motion", bool), ("motion/sensitivity", int)):
            spec = Spec(f"cameras/cam1/{name}", kind, default=kind(0), read="Device_r", write="Device_rw")
            self.app.state.declare(spec).publish(kind(0))
        token = "<tan:ConfigurationToken>Analytics_cam1</tan:ConfigurationToken>"
        for name in ("GetSupportedRules", "GetRules", "GetSupportedAnalyticsModules", "GetAnalyticsModules"):
            self.assertEqual(len(self.call(f"tan:{name}", token)), 1, name)
        for part in self.call("trt:GetVideoAnalyticsConfigurations")[0].iter("{*}AnalyticsModule"):
            self.assertEqual(part.get("Name"), "MotionModule")
        rule = '<tan:Rule Name="MotionRule" Type="tt:CellMotionDetector"><tt:Parameters/></tan:Rule>'
        self.call("tan:ModifyRules", token + rule)
        module = (
            '<tan:AnalyticsModule Name="MotionModule" Type="tt:CellMotionEngine"><tt:Parameters>'
            '<tt:SimpleItem Name="Sensitivity" Value="70"/></tt:Parameters></tan:AnalyticsModule>'
        )
        self.call("tan:ModifyAnalyticsModules", token + module)
        self.assertEqual(self.app.state["cameras/cam1/motion/sensitivity"].value, 70)
        self.assertIn(
            "ter:RuleNotExistent",
            self.refused("tan:ModifyRules", token + rule.replace("MotionRule", "Other")),
        )
