"""Every operation of the device, asked once as its document writes it; its schema allows the answer."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from camd_plugins.onvif.names import NAMESPACES, SOAP12
from camd_plugins.onvif.operation import operations_of
from lxml import etree

from .onvif_case import PATHS, OnvifCase, envelope
from .onvif_schema import operations

MAIN, VS, VSC, ENCODER = (
    "Profile_cam1_main",
    "VideoSource_cam1",
    "VideoSourceConfig_cam1",
    "VideoEncoder_cam1_main",
)


def profile(prefix: str, token: str = MAIN) -> str:
    return f"<{prefix}:ProfileToken>{token}</{prefix}:ProfileToken>"


def configuration(prefix: str, token: str) -> str:
    return f"<{prefix}:ConfigurationToken>{token}</{prefix}:ConfigurationToken>"


MULTICAST = (
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address>"
    "<tt:Port>0</tt:Port><tt:TTL>1</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
)
SETUP = (
    "<trt:StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport>"
    "<tt:Protocol>RTSP</tt:Protocol></tt:Transport>"
    "</trt:StreamSetup>"
)
#: What stands in the request, for operations that answer at once on two cameras of which nothing is known.
REQUESTS = {
    "tds:GetServices": "<tds:IncludeCapability>true</tds:IncludeCapability>",
    "tds:GetCapabilities": "<tds:Category>All</tds:Category>",
    "tds:SetDiscoveryMode": "<tds:DiscoveryMode>NonDiscoverable</tds:DiscoveryMode>",
    "tds:SetScopes": "<tds:Scopes>onvif://www.onvif.org/name/Door</tds:Scopes>",
    "tds:AddScopes": "<tds:ScopeItem>onvif://www.onvif.org/location/Hall</tds:ScopeItem>",
    "tds:RemoveScopes": "<tds:ScopeItem>onvif://www.onvif.org/location/unknown</tds:ScopeItem>",
    "tds:SetHostnameFromDHCP": "<tds:FromDHCP>false</tds:FromDHCP>",
    "tds:SetSystemDateAndTime": (
        "<tds:DateTimeType>NTP</tds:DateTimeType><tds:DaylightSavings>false</tds:DaylightSavings>"
    ),
    "tds:CreateUsers": (
        "<tds:User><tt:Username>nvr</tt:Username><tt:Password>Recorder-77</tt:Password>"
        "<tt:UserLevel>Operator</tt:UserLevel></tds:User>"
    ),
    "tds:SetUser": (
        "<tds:User><tt:Username>viewer</tt:Username><tt:UserLevel>Operator</tt:UserLevel></tds:User>"
    ),
    "tds:DeleteUsers": "<tds:Username>nobody</tds:Username>",
    "trt:GetProfile": profile("trt"),
    "trt:CreateProfile": "<trt:Name>Mine</trt:Name><trt:Token>mine</trt:Token>",
    "trt:GetStreamUri": SETUP + profile("trt"),
    "trt:GetSnapshotUri": profile("trt"),
    "trt:SetSynchronizationPoint": profile("trt"),
    "trt:GetVideoSourceConfiguration": configuration("trt", VSC),
    "trt:GetCompatibleVideoSourceConfigurations": profile("trt"),
    "trt:GetVideoSourceConfigurationOptions": configuration("trt", VSC) + profile("trt"),
    "trt:GetCompatibleVideoEncoderConfigurations": profile("trt"),
    "trt:GetVideoEncoderConfiguration": configuration("trt", ENCODER),
    "trt:GetVideoEncoderConfigurationOptions": configuration("trt", ENCODER),
    "trt:GetGuaranteedNumberOfVideoEncoderInstances": configuration("trt", VSC),
    "trt:GetVideoAnalyticsConfiguration": configuration("trt", "Analytics_cam1"),
    "trt:GetCompatibleVideoAnalyticsConfigurations": profile("trt"),
    "trt:GetMetadataConfiguration": configuration("trt", "Metadata_cam1"),
    "trt:GetCompatibleMetadataConfigurations": profile("trt"),
    **{
        f"trt:GetCompatibleAudio{kind}Configurations": profile("trt")
        for kind in ("Source", "Encoder", "Output", "Decoder")
    },
    **{
        f"trt:Add{kind}Configuration": profile("trt") + configuration("trt", token)
        for kind, token in (
            ("VideoSource", VSC),
            ("VideoEncoder", ENCODER),
            ("PTZ", "PTZ_cam1"),
            ("VideoAnalytics", "Analytics_cam1"),
            ("Metadata", "Metadata_cam1"),
        )
    },
    "trt:SetVideoSourceConfiguration": (
        f'<trt:Configuration token="{VSC}"><tt:Name>a</tt:Name><tt:UseCount>0</tt:UseCount>'
        f'<tt:SourceToken>{VS}</tt:SourceToken><tt:Bounds x="0" y="0" width="1280" height="720"/>'
        "</trt:Configuration>"
        "<trt:ForcePersistence>true</trt:ForcePersistence>"
    ),
    "trt:SetVideoEncoderConfiguration": (
        f'<trt:Configuration token="{ENCODER}"><tt:Name>a</tt:Name><tt:UseCount>0</tt:UseCount>'
        "<tt:Encoding>JPEG</tt:Encoding><tt:Resolution><tt:Width>1280</tt:Width>"
        "<tt:Height>720</tt:Height></tt:Resolution>"
        f"<tt:Quality>70</tt:Quality>{MULTICAST}<tt:SessionTimeout>PT60S</tt:SessionTimeout>"
        "</trt:Configuration>"
        "<trt:ForcePersistence>true</trt:ForcePersistence>"
    ),
    "trt:SetMetadataConfiguration": (
        '<trt:Configuration token="Metadata_cam1"><tt:Name>a</tt:Name><tt:UseCount>0</tt:UseCount>'
        f"{MULTICAST}<tt:SessionTimeout>PT60S</tt:SessionTimeout></trt:Configuration>"
        "<trt:ForcePersistence>true</trt:ForcePersistence>"
    ),
    "trt:SetVideoAnalyticsConfiguration": (
        '<trt:Configuration token="Analytics_cam1"><tt:Name>a</tt:Name><tt:UseCount>0</tt:UseCount>'
        "<tt:AnalyticsEngineConfiguration/><tt:RuleEngineConfiguration/></trt:Configuration>"
        "<trt:ForcePersistence>true</trt:ForcePersistence>"
    ),
    "trt:GetOSDOptions": configuration("trt", VSC),
    "tr2:GetProfiles": "<tr2:Type>All</tr2:Type>",
    "tr2:CreateProfile": (
        "<tr2:Name>Mine</tr2:Name><tr2:Configuration><tr2:Type>VideoEncoder</tr2:Type></tr2:Configuration>"
    ),
    "tr2:AddConfiguration": profile("tr2")
    + "<tr2:Configuration><tr2:Type>VideoSource</tr2:Type></tr2:Configuration>",
    "tr2:GetStreamUri": "<tr2:Protocol>RtspUnicast</tr2:Protocol>" + profile("tr2"),
    "tr2:GetSnapshotUri": profile("tr2"),
    "tr2:SetSynchronizationPoint": profile("tr2"),
    "tr2:GetVideoEncoderInstances": configuration("tr2", VSC),
    "tr2:GetVideoEncoderConfigurationOptions": configuration("tr2", ENCODER) + profile("tr2"),
    "tr2:SetVideoSourceConfiguration": (
        f'<tr2:Configuration token="{VSC}"><tt:Name>a</tt:Name><tt:UseCount>0</tt:UseCount>'
        f'<tt:SourceToken>{VS}</tt:SourceToken><tt:Bounds x="0" y="0" width="1280" height="720"/>'
        "</tr2:Configuration>"
    ),
    "tr2:SetVideoEncoderConfiguration": (
        f'<tr2:Configuration token="{ENCODER}"><tt:Name>a</tt:Name><tt:UseCount>0</tt:UseCount>'
        "<tt:Encoding>JPEG</tt:Encoding><tt:Resolution><tt:Width>1280</tt:Width>"
        "<tt:Height>720</tt:Height></tt:Resolution>"
        "<tt:RateControl><tt:FrameRateLimit>10</tt:FrameRateLimit>"
        "<tt:BitrateLimit>1000</tt:BitrateLimit></tt:RateControl>"
        "<tt:Quality>70</tt:Quality></tr2:Configuration>"
    ),
    "tr2:SetMetadataConfiguration": (
        '<tr2:Configuration token="Metadata_cam1"><tt:Name>a</tt:Name><tt:UseCount>0</tt:UseCount>'
        f"{MULTICAST}<tt:SessionTimeout>PT60S</tt:SessionTimeout></tr2:Configuration>"
    ),
    "tr2:GetOSDOptions": configuration("tr2", VSC),
    "tr2:GetMaskOptions": configuration("tr2", VSC),
    **{
        f"timg:{name}": f"<timg:VideoSourceToken>{VS}</timg:VideoSourceToken>"
        for name in ("GetImagingSettings", "GetOptions", "GetMoveOptions", "Stop", "GetStatus")
    },
    "timg:SetImagingSettings": (
        f"<timg:VideoSourceToken>{VS}</timg:VideoSourceToken>"
        "<timg:ImagingSettings><tt:Brightness>60</tt:Brightness></timg:ImagingSettings>"
    ),
    "tptz:GetNode": "<tptz:NodeToken>PTZNode_cam1</tptz:NodeToken>",
    "tptz:GetConfiguration": "<tptz:PTZConfigurationToken>PTZ_cam1</tptz:PTZConfigurationToken>",
    "tptz:GetConfigurationOptions": configuration("tptz", "PTZ_cam1"),
    "tptz:GetCompatibleConfigurations": profile("tptz"),
    "tptz:SetConfiguration": (
        '<tptz:PTZConfiguration token="PTZ_cam1"><tt:Name>a</tt:Name><tt:UseCount>0</tt:UseCount>'
        "<tt:NodeToken>PTZNode_cam1</tt:NodeToken></tptz:PTZConfiguration>"
        "<tptz:ForcePersistence>true</tptz:ForcePersistence>"
    ),
    **{
        f"tptz:{name}": profile("tptz")
        for name in ("GetStatus", "GetPresets", "Stop", "GotoHomePosition", "SetHomePosition")
    },
    "tptz:SetPreset": profile("tptz") + "<tptz:PresetName>Gate</tptz:PresetName>",
    "tptz:AbsoluteMove": profile("tptz")
    + '<tptz:Position><tt:PanTilt x="0.5" y="0"/><tt:Zoom x="0.5"/></tptz:Position>',
    "tptz:RelativeMove": profile("tptz") + '<tptz:Translation><tt:PanTilt x="0.1" y="0"/></tptz:Translation>',
    "tptz:ContinuousMove": (
        profile("tptz")
        + '<tptz:Velocity><tt:PanTilt x="0.5" y="0"/></tptz:Velocity><tptz:Timeout>PT1S</tptz:Timeout>'
    ),
    **{
        f"tan:{name}": configuration("tan", "Analytics_cam1")
        for name in (
            "GetSupportedRules",
            "GetRules",
            "GetRuleOptions",
            "GetSupportedAnalyticsModules",
            "GetAnalyticsModules",
            "GetAnalyticsModuleOptions",
        )
    },
    "tmd:GetVideoSourceConfiguration": f"<tmd:VideoSourceToken>{VS}</tmd:VideoSourceToken>",
    "tmd:GetVideoSourceConfigurationOptions": f"<tmd:VideoSourceToken>{VS}</tmd:VideoSourceToken>",
    "wsnt:Subscribe": (
        "<wsnt:ConsumerReference><wsa:Address>http://192.0.2.7:9/events</wsa:Address>"
        "</wsnt:ConsumerReference>"
    ),
}
#: Those that need something to have happened before; their own tests are in the files named.
ELSEWHERE = {
    "test_onvif_media": {
        "trt:DeleteProfile",
        "trt:RemoveVideoSourceConfiguration",
        "trt:RemoveVideoEncoderConfiguration",
        "trt:RemovePTZConfiguration",
        "trt:RemoveVideoAnalyticsConfiguration",
        "trt:RemoveMetadataConfiguration",
        "trt:GetOSD",
        "trt:SetOSD",
        "trt:CreateOSD",
        "trt:DeleteOSD",
        "tr2:DeleteProfile",
        "tr2:RemoveConfiguration",
        "tr2:SetOSD",
        "tr2:CreateOSD",
        "tr2:DeleteOSD",
        "tr2:CreateMask",
        "tr2:SetMask",
        "tr2:DeleteMask",
    },
    "test_onvif_ptz": {
        "tptz:RemovePreset",
        "tptz:GotoPreset",
        "timg:Move",
        "tan:ModifyRules",
        "tan:ModifyAnalyticsModules",
    },
    "test_onvif_events": {
        "tev:PullMessages",
        "tev:SetSynchronizationPoint",
        "wsnt:Renew",
        "wsnt:Unsubscribe",
    },
}
#: Those that say no, whoever asks: the reason is the answer.
SAY_NO = {
    "tds:SetHostname": "<tds:Name>door</tds:Name>",
    "tds:SetDNS": "<tds:FromDHCP>true</tds:FromDHCP>",
    "tds:SetNTP": "<tds:FromDHCP>true</tds:FromDHCP>",
    "tds:SetNetworkInterfaces": "<tds:InterfaceToken>eth0</tds:InterfaceToken><tds:NetworkInterface/>",
    "tds:SetNetworkProtocols": (
        "<tds:NetworkProtocols><tt:Name>HTTP</tt:Name><tt:Enabled>true</tt:Enabled>"
        "<tt:Port>80</tt:Port></tds:NetworkProtocols>"
    ),
    "tds:SetNetworkDefaultGateway": "<tds:IPv4Address>192.0.2.1</tds:IPv4Address>",
    "tds:SystemReboot": "",
    "tds:SetSystemFactoryDefault": "<tds:FactoryDefault>Soft</tds:FactoryDefault>",
    "trt:StartMulticastStreaming": profile("trt"),
    "trt:StopMulticastStreaming": profile("trt"),
    "tan:CreateRules": configuration("tan", "Analytics_cam1")
    + '<tan:Rule Name="a" Type="tt:CellMotionDetector"><tt:Parameters/></tan:Rule>',
    "tan:DeleteRules": configuration("tan", "Analytics_cam1") + "<tan:RuleName>a</tan:RuleName>",
    "tan:CreateAnalyticsModules": (
        configuration("tan", "Analytics_cam1")
        + '<tan:AnalyticsModule Name="a" Type="tt:CellMotionEngine"><tt:Parameters/></tan:AnalyticsModule>'
    ),
    "tan:DeleteAnalyticsModules": configuration("tan", "Analytics_cam1")
    + "<tan:AnalyticsModuleName>a</tan:AnalyticsModuleName>",
}


class OperationTests(OnvifCase):
    def test_each_answers_as_its_schema_says(self) -> None:
        table = operations_of(self.context.services)
        self.app.listeners.urls[:] = ["rtsp://localhost:8554/"]
        wrong = {}
        for name in sorted(set(table).difference(*ELSEWHERE.values())):
            self.app.cameras["cam1"].ptz.stop()
            try:
                if name in SAY_NO:
                    self.refused(name, SAY_NO[name])
                else:
                    self.call(name, REQUESTS.get(name, ""))
            except AssertionError as error:
                wrong[name] = str(error)
        self.assertEqual(wrong, {})

    def test_the_lists_here_name_what_there_is(self) -> None:
        table = operations_of(self.context.services)
        self.assertLessEqual({*REQUESTS, *SAY_NO}.union(*ELSEWHERE.values()), set(table))

    def test_what_is_asked_elsewhere_is(self) -> None:
        for module, names in ELSEWHERE.items():
            text = (Path(__file__).parent / f"{module}.py").read_text()
            self.assertEqual([name for name in names if f'"{name}"' not in text], [], module)

    def test_each_is_one_of_the_documents(self) -> None:
        table = operations_of(self.context.services)
        known = operations()
        wsnt = {"Subscribe", "Renew", "Unsubscribe"}
        for name, operation in table.items():
            names = wsnt if operation.prefix == "wsnt" else known[NAMESPACES[operation.prefix]]
            self.assertIn(operation.name, names, name)


class PageTests(OnvifCase):
    def test_the_table_of_the_page_is_this_one(self) -> None:
        """`python -m tests.onvif_table` writes it anew."""
        from . import onvif_table

        self.assertEqual(onvif_table.PAGE.read_text(), onvif_table.page())

    def test_all_that_the_profiles_ask_for_is_there(self) -> None:
        from . import onvif_table

        table = operations_of(self.context.services)
        self.assertEqual(set(onvif_table.wanted()) - set(table), set())

    def test_every_state_is_on_the_page(self) -> None:
        from . import onvif_table

        page = onvif_table.PAGE.read_text()
        names = [observable.name for observable in self.app.state.select("onvif/*")]
        self.assertEqual([name for name in names if f"`{name}`" not in page], [])


class DamagedTests(OnvifCase):
    """Requests that are almost right: an element gone, a value that is none. The answer is a fault or an
    answer, never an internal error, which the test would hear of."""

    def test_no_damage_is_a_surprise(self) -> None:
        count = 0
        for name, content in {**REQUESTS, **SAY_NO}.items():
            request = etree.fromstring(envelope(f"<{name}>{content}</{name}>"))
            for damaged in self.damaged(request):
                answer = self.post(etree.tostring(damaged), PATHS[name.partition(":")[0]], by="admin")
                self.assertIn(answer.status, (200, 400, 500), answer.body)
                self.assertNotIn(b"internal error", answer.body)
                count += 1
        self.assertGreater(count, 500)

    def damaged(self, request: Any) -> Iterator[Any]:
        """Copies of a request, each with one thing wrong."""
        number = len(list(request.iter()))
        for index in range(3, number):  # behind Envelope, Header and Body
            gone, worthless = copy.deepcopy(request), copy.deepcopy(request)
            element = list(gone.iter())[index]
            if element.getparent().tag != f"{{{SOAP12}}}Body":
                element.getparent().remove(element)
                yield gone
            element = list(worthless.iter())[index]
            element.text = "\u00e9 -1e999 {}"
            for key in element.attrib:
                element.set(key, "NaN")
            yield worthless
