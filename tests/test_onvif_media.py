"""Both Media services: profiles, configurations that really change, addresses, texts, masks."""

from __future__ import annotations

import json

from camd_plugins.onvif.profiles import MOST_PROFILES

from camd.media import Format

from .onvif_case import NS, OnvifCase

VSC, ENCODER = "VideoSourceConfig_cam1", "VideoEncoder_cam1_main"
MULTICAST = (
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address>"
    "<tt:Port>0</tt:Port><tt:TTL>1</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
)


def profile_token(prefix: str, token: str) -> str:
    return f"<{prefix}:ProfileToken>{token}</{prefix}:ProfileToken>"


def configuration_token(prefix: str, token: str) -> str:
    return f"<{prefix}:ConfigurationToken>{token}</{prefix}:ConfigurationToken>"


class MediaCase(OnvifCase):
    def setUp(self) -> None:
        super().setUp()
        self.with_ports()
        for camera in self.app.cameras.values():
            camera.pipeline.opened(Format("mjpeg", 1280, 720, 30.0))

    def with_ports(self) -> None:
        """RTSP is switched on."""
        self.app.listeners.urls[:] = [
            "http://localhost:8080/",
            "rtsp://localhost:8554/",
            "rtsps://localhost:8322/",
        ]

    def with_h264(self) -> None:
        """camd has an encoder for H.264."""
        self.app.extensions.encoders["h264"] = lambda settings: None
        self.addCleanup(self.app.extensions.encoders.pop, "h264")

    def value(self, name: str) -> object:
        return self.app.state[f"cameras/cam1/{name}"].value


class ProfileTests(MediaCase):
    def profiles(self, by: str = "admin") -> list[str]:
        return [one.get("token") for one in self.call("trt:GetProfiles", by=by)]

    def test_main_and_sub_of_each_camera(self) -> None:
        expected = [f"Profile_{camera}_{name}" for camera in ("cam1", "door") for name in ("main", "sub")]
        self.assertEqual(self.profiles(), expected)
        self.assertEqual([one.get("token") for one in self.call("tr2:GetProfiles")], expected)

    def test_programs_cannot_set_what_is_none(self) -> None:
        """Every recorder asks for them first."""
        for wrong in ({"x": 5}, {"x": {"camera": [1]}}, {"x": {"name": 1}}, {"x": {"more": ""}}, {"": {}},
                      {"x": {"name": "x" * 300}}, {str(number): {} for number in range(MOST_PROFILES + 1)}):  # fmt: skip
            answer = self.ask("PUT", "/api/state/onvif/profiles", json.dumps({"value": wrong}).encode(), by="operator",
                              content_type="application/json")  # fmt: skip
            self.assertEqual(answer.status, 422, wrong)
        self.call("trt:GetProfiles")

    def test_who_may_see_one_camera_knows_of_no_other(self) -> None:
        self.assertEqual(self.profiles("limited"), ["Profile_cam1_main", "Profile_cam1_sub"])
        self.assertIn("ter:NoProfile", self.refused(
            "trt:GetProfile", profile_token("trt", "Profile_door_main"), by="limited"))  # fmt: skip
        self.assertEqual(len(self.call("trt:GetVideoSources", by="limited")), 1)

    def test_the_tokens_of_the_product_mean_the_main_camera(self) -> None:
        for alias, token in (("Profile_1", "Profile_cam1_main"), ("Profile_2", "Profile_cam1_sub")):
            answer = self.call("trt:GetProfile", profile_token("trt", alias))
            self.assertEqual(answer[0].get("token"), token)
        encoder = self.call("trt:GetVideoEncoderConfiguration", configuration_token("trt", "VideoEncoder_2"))
        self.assertEqual(encoder[0].get("token"), "VideoEncoder_cam1_sub")

    def test_recorders_find_what_they_look_for(self) -> None:
        """Rates are whole numbers, and each profile has a source: adoption fails without."""
        self.with_h264()
        for one in self.call("trt:GetProfiles"):
            self.assertIsNotNone(one.find("tt:VideoSourceConfiguration/tt:SourceToken", NS))
            encoder = one.find("tt:VideoEncoderConfiguration", NS)
            self.assertEqual(encoder.findtext("tt:Encoding", namespaces=NS), "H264")
            for name in ("FrameRateLimit", "EncodingInterval", "BitrateLimit"):
                self.assertGreater(int(encoder.findtext(f"tt:RateControl/tt:{name}", namespaces=NS)), 0)
            ptz = one.find("tt:PTZConfiguration", NS)
            for name in ("DefaultContinuousPanTiltVelocitySpace", "DefaultRelativePanTiltTranslationSpace",
                         "DefaultAbsolutePantTiltPositionSpace"):  # fmt: skip
                self.assertTrue(ptz.findtext(f"tt:{name}", namespaces=NS), name)

    def test_without_an_encoder_there_is_jpeg(self) -> None:
        found = {one.findtext(".//tt:Encoding", namespaces=NS) for one in self.call("trt:GetProfiles")}
        self.assertEqual(found, {"JPEG"})

    def test_h265_is_told_to_the_second_service_only(self) -> None:
        self.app.cameras["cam1"].pipeline.opened(Format("hevc", 1280, 720, 30.0))
        old = self.call("trt:GetProfile", profile_token("trt", "Profile_cam1_main"))[0]
        self.assertIsNone(old.find("tt:VideoEncoderConfiguration", NS))
        new = self.call("tr2:GetProfiles", "<tr2:Token>Profile_cam1_main</tr2:Token><tr2:Type>All</tr2:Type>")
        self.assertEqual(new[0].findtext(".//tt:Encoding", namespaces=NS), "H265")
        self.call("tr2:GetVideoEncoderConfigurationOptions", profile_token("tr2", "Profile_cam1_main"))

    def test_one_of_a_clients_own(self) -> None:
        self.call("trt:CreateProfile", "<trt:Name>Mine</trt:Name><trt:Token>mine</trt:Token>")
        mine = profile_token("trt", "mine")
        for name, token in (
            ("VideoSource", VSC),
            ("VideoEncoder", ENCODER),
            ("PTZ", "PTZ_cam1"),
            ("VideoAnalytics", "Analytics_cam1"),
            ("Metadata", "Metadata_cam1"),
        ):
            self.call(f"trt:Add{name}Configuration", mine + configuration_token("trt", token))
        self.assertEqual(len(self.call("trt:GetProfile", mine)[0]), 6)
        self.assertIn("rtsp://camd:8554/cam1/main", self.uri(mine))
        self.call("trt:RemoveMetadataConfiguration", mine)
        self.call("trt:RemoveVideoAnalyticsConfiguration", mine)
        self.call("trt:RemovePTZConfiguration", mine)
        self.call("trt:RemoveVideoEncoderConfiguration", mine)
        self.assertIn("ter:IncompleteConfiguration", self.refused("trt:GetStreamUri", self.setup() + mine))
        self.call("trt:RemoveVideoSourceConfiguration", mine)
        self.assertEqual(len(self.call("trt:GetProfile", mine)[0]), 1)
        self.assertIn("mine", self.app.state.saved["onvif/profiles"])
        self.call("trt:DeleteProfile", mine)
        self.assertEqual(self.app.state["onvif/profiles"].value, {})

    def test_the_same_by_the_second_service(self) -> None:
        wanted = "".join(f"<tr2:Configuration><tr2:Type>{kind}</tr2:Type></tr2:Configuration>"
                         for kind in ("VideoSource", "VideoEncoder", "PTZ"))  # fmt: skip
        token = self.call("tr2:CreateProfile", f"<tr2:Name>Mine</tr2:Name>{wanted}")[0].text
        mine = profile_token("tr2", token)
        self.call(
            "tr2:AddConfiguration",
            mine + "<tr2:Configuration><tr2:Type>Metadata</tr2:Type></tr2:Configuration>",
        )
        found = self.call("tr2:GetProfiles", f"<tr2:Token>{token}</tr2:Token><tr2:Type>All</tr2:Type>")[0]
        kinds = [part.tag.rpartition("}")[2] for part in found.find("tr2:Configurations", NS)]
        self.assertEqual(kinds, ["VideoSource", "VideoEncoder", "PTZ", "Metadata"])
        self.call(
            "tr2:RemoveConfiguration",
            mine + "<tr2:Configuration><tr2:Type>All</tr2:Type></tr2:Configuration>",
        )
        self.call("tr2:DeleteProfile", f"<tr2:Token>{token}</tr2:Token>")
        self.assertIn("ter:NoProfile", self.refused("tr2:DeleteProfile", f"<tr2:Token>{token}</tr2:Token>"))

    def test_fixed_ones_stay_as_they_are(self) -> None:
        main = profile_token("trt", "Profile_cam1_main")
        self.assertIn("ter:DeletionOfFixedProfile", self.refused("trt:DeleteProfile", main))
        self.assertEqual(self.refused("trt:RemovePTZConfiguration", main)[0], "Sender")
        self.assertEqual(self.refused(
            "trt:CreateProfile", "<trt:Name>a</trt:Name><trt:Token>Profile_cam1_sub</trt:Token>")[-1],
            "ter:ProfileExists")  # fmt: skip
        other = configuration_token("trt", "VideoEncoder_door_main")
        self.assertEqual(self.refused("trt:AddVideoEncoderConfiguration", main + other)[0], "Sender")

    def setup(self, protocol: str = "UDP") -> str:
        return (
            "<trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport>"
            f"<tt:Protocol>{protocol}</tt:Protocol>"
            "</tt:Transport></trt:StreamSetup>"
        )

    def uri(self, profile: str, protocol: str = "UDP", **options: object) -> str:
        return self.call("trt:GetStreamUri", self.setup(protocol) + profile, **options).findtext(
            ".//tt:Uri", namespaces=NS
        )

    def test_addresses_are_those_that_the_client_knows_us_by(self) -> None:
        sub = profile_token("trt", "Profile_cam1_sub")
        self.assertEqual(self.uri(sub), "rtsp://camd:8554/cam1/sub")
        for protocol in ("RTSP", "HTTP", "TCP"):
            self.assertTrue(self.uri(sub, protocol).startswith("rtsp://camd:"))
        snapshot = self.call("trt:GetSnapshotUri", sub, secure=True).findtext(".//tt:Uri", namespaces=NS)
        self.assertEqual(snapshot, "https://camd/cam/cam1/snapshot.jpg?rendition=sub")
        tls = self.call(
            "tr2:GetStreamUri",
            "<tr2:Protocol>RtspsUnicast</tr2:Protocol>" + profile_token("tr2", "Profile_1"),
        )
        self.assertEqual(tls[0].text, "rtsps://camd:8322/cam1/main")
        self.app.listeners.urls.clear()
        self.assertEqual(self.uri(sub, "HTTP"), "rtsp://camd:80/cam1/sub")
        self.assertIn("ter:InvalidStreamSetup", self.refused("trt:GetStreamUri", self.setup("RTSP") + sub))
        self.assertIn(
            "ter:InvalidStreamSetup",
            self.refused(
                "tr2:GetStreamUri",
                "<tr2:Protocol>RtspMulticast</tr2:Protocol>" + profile_token("tr2", "Profile_1"),
            ),
        )

    def test_a_key_frame_is_asked_for(self) -> None:
        self.with_h264()
        asked: list[str] = []
        pipeline = self.app.cameras["cam1"].pipeline
        stream = pipeline.stream(pipeline.video("main"))
        self.patch(type(stream), "request_keyframe", lambda stream: asked.append("key frame"))
        for prefix in ("trt", "tr2"):
            self.call(f"{prefix}:SetSynchronizationPoint", profile_token(prefix, "Profile_cam1_main"))
        self.assertEqual(asked, [], "nobody watches")
        self.patch(type(stream), "running", True)
        for prefix in ("trt", "tr2"):
            self.call(f"{prefix}:SetSynchronizationPoint", profile_token(prefix, "Profile_cam1_main"))
        self.assertEqual(asked, ["key frame"] * 2)


class EncoderTests(MediaCase):
    def change(self, content: str, token: str = "VideoEncoder_cam1_sub", attributes: str = "") -> str:
        return (
            f'<tr2:Configuration token="{token}"{attributes}><tt:Name>a</tt:Name><tt:UseCount>0</tt:UseCount>'
            f"{content}</tr2:Configuration>"
        )

    def test_the_rendition_becomes_what_was_asked_for(self) -> None:
        self.with_h264()
        self.call(
            "tr2:SetVideoEncoderConfiguration",
            self.change(
                "<tt:Encoding>H264</tt:Encoding>"
                "<tt:Resolution><tt:Width>320</tt:Width><tt:Height>180</tt:Height></tt:Resolution>"
                "<tt:RateControl><tt:FrameRateLimit>10</tt:FrameRateLimit>"
                "<tt:BitrateLimit>300</tt:BitrateLimit></tt:RateControl>"
                "<tt:Quality>80</tt:Quality>",
                attributes=' GovLength="30" Profile="High"',
            ),
        )
        rendition = self.app.cameras["cam1"].pipeline.rendition("sub")
        self.assertEqual((rendition.size, rendition.fps), ((320, 180), 10.0))
        self.assertEqual((rendition.video.bitrate, rendition.video.key_interval, rendition.video.profile),
                         (300_000, 3.0, "high"))  # fmt: skip
        again = self.call(
            "tr2:GetVideoEncoderConfigurations", configuration_token("tr2", "VideoEncoder_cam1_sub")
        )[0]
        self.assertEqual(
            (again.findtext("tt:Resolution/tt:Width", namespaces=NS), again.get("GovLength")), ("320", "30")
        )
        self.assertEqual(again.findtext("tt:RateControl/tt:BitrateLimit", namespaces=NS), "300")

    def test_by_the_first_service_too(self) -> None:
        self.with_h264()
        content = (
            f'<trt:Configuration token="{ENCODER}"><tt:Name>a</tt:Name><tt:UseCount>0</tt:UseCount>'
            "<tt:Encoding>H264</tt:Encoding>"
            "<tt:Resolution><tt:Width>640</tt:Width><tt:Height>360</tt:Height></tt:Resolution>"
            "<tt:Quality>85</tt:Quality>"
            "<tt:RateControl><tt:FrameRateLimit>15</tt:FrameRateLimit>"
            "<tt:EncodingInterval>1</tt:EncodingInterval>"
            "<tt:BitrateLimit>1500</tt:BitrateLimit></tt:RateControl>"
            "<tt:H264><tt:GovLength>15</tt:GovLength><tt:H264Profile>Baseline</tt:H264Profile></tt:H264>"
            f"{MULTICAST}<tt:SessionTimeout>PT60S</tt:SessionTimeout></trt:Configuration>"
            "<trt:ForcePersistence>true</trt:ForcePersistence>"
        )
        self.call("trt:SetVideoEncoderConfiguration", content)
        rendition = self.app.cameras["cam1"].pipeline.rendition("main")
        self.assertEqual(
            (rendition.size, rendition.fps, rendition.video.bitrate), ((640, 360), 15.0, 1_500_000)
        )

    def test_jpeg_has_a_quality(self) -> None:
        self.call(
            "tr2:SetVideoEncoderConfiguration",
            self.change(
                "<tt:Encoding>JPEG</tt:Encoding>"
                "<tt:Resolution><tt:Width>640</tt:Width><tt:Height>360</tt:Height></tt:Resolution>"
                "<tt:Quality>60</tt:Quality>"
            ),
        )
        self.assertEqual(self.value("sub/quality"), 60)

    def test_all_or_nothing(self) -> None:
        before = self.app.cameras["cam1"].pipeline.rendition("sub")
        for encoding, width, height, quality in (
            ("JPEG", 5, 5, 60),
            ("JPEG", 320, 180, 600),
            ("MPEG4", 320, 180, 60),
        ):
            content = (
                f"<tt:Encoding>{encoding}</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width>"
                f"<tt:Height>{height}</tt:Height></tt:Resolution><tt:Quality>{quality}</tt:Quality>"
            )
            self.assertIn(
                "ter:ConfigModify", self.refused("tr2:SetVideoEncoderConfiguration", self.change(content))
            )
        self.assertEqual(self.app.cameras["cam1"].pipeline.rendition("sub"), before)

    def test_who_only_watches_changes_nothing(self) -> None:
        content = self.change(
            "<tt:Encoding>JPEG</tt:Encoding><tt:Resolution><tt:Width>320</tt:Width>"
            "<tt:Height>180</tt:Height></tt:Resolution><tt:Quality>60</tt:Quality>"
        )
        answer = self.send("tr2:SetVideoEncoderConfiguration", content, by="viewer")
        self.assertEqual((answer.status, self.fault(answer)), (400, ("Sender", "ter:NotAuthorized")))

    def test_turning_the_picture(self) -> None:
        def turned(mode: str, degree: int) -> str:
            return (
                f'<trt:Configuration token="{VSC}"><tt:Name>a</tt:Name><tt:UseCount>0</tt:UseCount>'
                "<tt:SourceToken>VideoSource_cam1</tt:SourceToken>"
                '<tt:Bounds x="0" y="0" width="1280" height="720"/><tt:Extension><tt:Rotate>'
                f"<tt:Mode>{mode}</tt:Mode><tt:Degree>{degree}</tt:Degree></tt:Rotate></tt:Extension>"
                "</trt:Configuration><trt:ForcePersistence>true</trt:ForcePersistence>"
            )

        self.call("trt:SetVideoSourceConfiguration", turned("ON", 90))
        self.assertEqual(self.value("rotate"), 90)
        bounds = self.call("trt:GetVideoSourceConfiguration", configuration_token("trt", VSC)).find(
            ".//tt:Bounds", NS
        )
        self.assertEqual((bounds.get("width"), bounds.get("height")), ("720", "1280"))
        self.call("trt:SetVideoSourceConfiguration", turned("OFF", 0))
        self.assertEqual(self.value("rotate"), 0)


class OverlayTests(MediaCase):
    def osd(self, prefix: str, text: str, kind: str = "Plain", token: str = "OSD_cam1") -> str:
        return (
            f'<{prefix}:OSD token="{token}">'
            f"<tt:VideoSourceConfigurationToken>{VSC}</tt:VideoSourceConfigurationToken>"
            "<tt:Type>Text</tt:Type><tt:Position><tt:Type>LowerRight</tt:Type></tt:Position>"
            f"<tt:TextString><tt:Type>{kind}</tt:Type><tt:PlainText>{text}</tt:PlainText>"
            f"</tt:TextString></{prefix}:OSD>"
        )

    def test_a_text_comes_changes_and_goes(self) -> None:
        for prefix in ("trt", "tr2"):
            self.assertEqual(len(self.call(f"{prefix}:GetOSDs")), 0)
            made = self.call(
                {"trt": "trt:CreateOSD", "tr2": "tr2:CreateOSD"}[prefix],
                self.osd(prefix, "Gate &amp; door", token=""),
            )
            self.assertEqual(made[0].text, "OSD_cam1")
            self.assertEqual((self.value("overlay/text"), self.value("overlay/time")), ("Gate & door", False))
            self.assertEqual(self.value("overlay/position"), "bottom-right")
            self.call(
                {"trt": "trt:SetOSD", "tr2": "tr2:SetOSD"}[prefix], self.osd(prefix, "Gate", "DateAndTime")
            )
            self.assertEqual((self.value("overlay/text"), self.value("overlay/time")), ("Gate", True))
            self.assertIn("ter:MaxOSDs", self.refused(f"{prefix}:CreateOSD", self.osd(prefix, "More")))
            one = f"<{prefix}:OSDToken>OSD_cam1</{prefix}:OSDToken>"
            if prefix == "trt":
                self.assertEqual(
                    self.call("trt:GetOSD", one)[0].findtext(".//tt:PlainText", namespaces=NS), "Gate"
                )
            self.assertEqual(len(self.call(f"{prefix}:GetOSDs", configuration_token(prefix, VSC))), 1)
            self.call({"trt": "trt:DeleteOSD", "tr2": "tr2:DeleteOSD"}[prefix], one)
            self.assertEqual((self.value("overlay/text"), self.value("overlay/time")), ("", False))

    def mask(self, *points: tuple[float, float], token: str = "") -> str:
        polygon = "".join(f'<tt:Point x="{x}" y="{y}"/>' for x, y in points)
        return (
            f'<tr2:Mask token="{token}">{configuration_token("tr2", VSC)}<tr2:Polygon>{polygon}</tr2:Polygon>'
            "<tr2:Type>Color</tr2:Type><tr2:Enabled>true</tr2:Enabled></tr2:Mask>"
        )

    def test_masks(self) -> None:
        made = self.call("tr2:CreateMask", self.mask((-1, 1), (0, 1), (0, 0)))
        self.assertEqual(made[0].text, "Mask_cam1_1")
        self.assertEqual(self.value("masks"), [[[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]]])
        self.call("tr2:SetMask", self.mask((-1, -1), (1, -1), (0, 1), token="Mask_cam1_1"))
        points = self.call("tr2:GetMasks").findall(".//tt:Point", NS)
        self.assertEqual(
            [(point.get("x"), point.get("y")) for point in points], [("-1", "-1"), ("1", "-1"), ("0", "1")]
        )
        self.call("tr2:DeleteMask", "<tr2:Token>Mask_cam1_1</tr2:Token>")
        self.assertEqual(self.value("masks"), [])
        self.assertEqual(
            self.refused("tr2:DeleteMask", "<tr2:Token>Mask_cam1_1</tr2:Token>")[-1], "ter:NoConfig"
        )
        self.assertEqual(
            self.refused("tr2:CreateMask", self.mask((5, 1), (0, 1), (0, 0)))[-1], "ter:InvalidPolygon"
        )
