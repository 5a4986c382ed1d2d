"""The table of operations in docs/onvif.md: `python -m tests.onvif_table` writes it anew."""

from __future__ import annotations

import tempfile
from pathlib import Path

from camd_plugins import onvif
from camd_plugins.onvif.operation import operations_of

from camd.testing import app_for_tests

PAGE = Path(__file__).parent.parent / "docs" / "onvif.md"
BEGIN, END = "<!-- operations -->\n", "<!-- end of operations -->\n"
NAMES = {
    "tds": "Device",
    "trt": "Media",
    "tr2": "Media2",
    "tev": "Events",
    "wsnt": "Events",
    "timg": "Imaging",
    "tptz": "PTZ",
    "tan": "Analytics",
    "tmd": "DeviceIO",
}
#: Operations that Profile S and Profile T ask for: M always, C if the device has the feature, O not.
_BOTH = """
tds: GetServices GetServiceCapabilities GetSystemDateAndTime GetDeviceInformation GetNetworkInterfaces
 SetNetworkInterfaces GetScopes SetScopes AddScopes RemoveScopes GetHostname SetHostname GetDNS SetDNS
 GetNTP SetNTP GetNetworkProtocols SetNetworkProtocols GetNetworkDefaultGateway SetNetworkDefaultGateway
 GetUsers CreateUsers SetUser DeleteUsers SetSystemDateAndTime GetDiscoveryMode SetDiscoveryMode
 SystemReboot SetSystemFactoryDefault GetWsdlUrl
tev: GetServiceCapabilities GetEventProperties CreatePullPointSubscription PullMessages
 SetSynchronizationPoint
wsnt: Renew Unsubscribe
"""
_S = """
tds: GetCapabilities
trt: GetServiceCapabilities GetProfiles GetStreamUri GetVideoSources GetProfile GetVideoSourceConfigurations
 GetVideoSourceConfiguration GetVideoSourceConfigurationOptions SetVideoSourceConfiguration
 GetCompatibleVideoSourceConfigurations GetVideoEncoderConfigurations GetVideoEncoderConfiguration
 GetVideoEncoderConfigurationOptions SetVideoEncoderConfiguration GetCompatibleVideoEncoderConfigurations
 GetGuaranteedNumberOfVideoEncoderInstances CreateProfile DeleteProfile AddVideoSourceConfiguration
 RemoveVideoSourceConfiguration AddVideoEncoderConfiguration RemoveVideoEncoderConfiguration
 SetSynchronizationPoint
wsnt: Subscribe
"""
_T = """
tr2: GetServiceCapabilities GetProfiles CreateProfile DeleteProfile AddConfiguration RemoveConfiguration
 GetStreamUri GetSnapshotUri GetVideoEncoderConfigurations GetVideoEncoderConfigurationOptions
 SetVideoEncoderConfiguration GetVideoEncoderInstances GetVideoSourceConfigurations
 GetVideoSourceConfigurationOptions SetVideoSourceConfiguration SetSynchronizationPoint
 GetMetadataConfigurations GetMetadataConfigurationOptions SetMetadataConfiguration GetOSDs GetOSDOptions
 SetOSD CreateOSD DeleteOSD
timg: GetServiceCapabilities GetImagingSettings SetImagingSettings GetOptions
"""
_C_BOTH = """
tptz: GetServiceCapabilities GetNodes GetNode GetConfigurations GetConfiguration GetConfigurationOptions
 SetConfiguration GetCompatibleConfigurations ContinuousMove Stop AbsoluteMove RelativeMove GetStatus
 GetPresets SetPreset GotoPreset RemovePreset GotoHomePosition SetHomePosition
tds: GetRelayOutputs
tmd: GetServiceCapabilities GetDigitalInputs
"""
_C_S = """
trt: GetSnapshotUri AddPTZConfiguration RemovePTZConfiguration GetMetadataConfigurations
 GetMetadataConfiguration GetMetadataConfigurationOptions SetMetadataConfiguration
 GetCompatibleMetadataConfigurations AddMetadataConfiguration RemoveMetadataConfiguration GetAudioSources
 GetAudioSourceConfigurations GetAudioEncoderConfigurations StartMulticastStreaming StopMulticastStreaming
"""
_C_T = """
timg: GetMoveOptions Move Stop GetStatus
tan: GetServiceCapabilities GetSupportedRules GetRules CreateRules ModifyRules DeleteRules
 GetSupportedAnalyticsModules GetAnalyticsModules
tr2: GetAnalyticsConfigurations GetAudioSourceConfigurations GetAudioEncoderConfigurations
"""


def _named(text: str) -> set[str]:
    found, prefix = set(), ""
    for word in text.split():
        if word.endswith(":"):
            prefix = word
        else:
            found.add(prefix + word)
    return found


def wanted() -> dict[str, tuple[str, str]]:
    """Operation -> what Profile S and Profile T say of it; those that neither speaks of are not in it."""
    found: dict[str, list[str]] = {}
    for text, letter, places in (
        (_C_BOTH, "C", (0, 1)),
        (_C_S, "C", (0,)),
        (_C_T, "C", (1,)),
        (_BOTH, "M", (0, 1)),
        (_S, "M", (0,)),
        (_T, "M", (1,)),
    ):
        for name in _named(text):
            for place in places:
                found.setdefault(name, ["", ""])[place] = letter
    return {name: (s or "-", t or "-") for name, (s, t) in found.items()}


def table() -> str:
    """The rows, in the order of the services. What an answer is worth is said by the tests: each is checked
    by
    the schemas, but for those that say no by design."""
    from .test_onvif_operations import SAY_NO

    app = app_for_tests(Path(tempfile.mkdtemp()), {"onvif": onvif})
    operations = operations_of(onvif.devices_of(app).whole.services)
    profiles = wanted()
    rows = ["| Service | Operation | S | T | Needs | Implemented | Tested |", "|---|---|---|---|---|---|---|"]
    order = {prefix: number for number, prefix in enumerate(NAMES)}
    for name in sorted({*operations, *profiles}, key=lambda name: (order[name.partition(":")[0]], name)):
        prefix, _, local = name.partition(":")
        s, t = profiles.get(name, ("-", "-"))
        access = operations[name].access if name in operations else None
        needs = "" if access is None else "nothing" if access.value is None else f"`{access.value.name}`"
        done = "no" if access is None else "says no" if name in SAY_NO else "yes"
        rows.append(
            f"| {NAMES[prefix]} | {local} | {s} | {t} | {needs} | {done} | {'yes' if access else ''} |"
        )
    return "\n".join(rows) + "\n"


def page() -> str:
    """The page with the table as it must be."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page())
