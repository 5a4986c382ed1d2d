"""The Device service (tds): what this device is, what time it has, where its services are."""

from __future__ import annotations

import platform
import time
from datetime import UTC, datetime
from typing import Any

from .access import Access
from .faults import Fault, invalid, not_supported
from .operation import Answer, Call, Service, operation
from .xml import Xml, tag, utc

MANUFACTURER = "camd"
#: What of GetCapabilities each category brings.
_CATEGORIES = ("Analytics", "Device", "Events", "Imaging", "Media", "PTZ")


class Device(Service):
    """Information, time, capabilities and services."""

    prefix = "tds"
    path = "device_service"

    def capabilities(self) -> Xml:
        from .accounts import LONGEST_NAME, LONGEST_PASSWORD

        return tag(
            "tds:Capabilities",
            tag(
                "tds:Network",
                IPFilter=False,
                ZeroConfiguration=False,
                IPVersion6=True,
                DynDNS=False,
                Dot11Configuration=False,
                Dot1XConfigurations=0,
                HostnameFromDHCP=False,
                NTP=0,
                DHCPv6=False,
            ),
            tag(
                "tds:Security",
                {"TLS1.0": False, "TLS1.1": False, "TLS1.2": True, "X.509Token": False},
                OnboardKeyGeneration=False,
                AccessPolicyConfig=False,
                DefaultAccessPolicy=False,
                Dot1X=False,
                RemoteUserHandling=False,
                SAMLToken=False,
                KerberosToken=False,
                UsernameToken=True,
                HttpDigest=True,
                RELToken=False,
                MaxUsers=1000,
                MaxUserNameLength=LONGEST_NAME,
                MaxPasswordLength=LONGEST_PASSWORD,
            ),
            tag(
                "tds:System",
                DiscoveryResolve=True,
                DiscoveryBye=True,
                RemoteDiscovery=False,
                SystemBackup=False,
                SystemLogging=False,
                HttpFirmwareUpgrade=False,
                HttpSystemBackup=False,
                HttpSystemLogging=False,
                HttpSupportInformation=False,
                StorageConfiguration=False,
                NetworkConfigNotSupported=True,
            ),
        )

    # -- what it is

    @operation("GetDeviceInformation", Access.READ_SYSTEM)
    def information(self, call: Call) -> Answer:
        context = self.context
        return (
            tag("tds:Manufacturer", MANUFACTURER),
            tag("tds:Model", context.model),
            tag("tds:FirmwareVersion", context.state("system/version") or "unknown"),
            tag("tds:SerialNumber", context.serial),
            tag("tds:HardwareId", platform.machine() or "unknown"),
        )

    @operation("GetEndpointReference", Access.PRE_AUTH)
    def endpoint_reference(self, call: Call) -> Answer:
        return tag("tds:GUID", f"urn:uuid:{self.context.uuid}")

    @operation("GetWsdlUrl", Access.PRE_AUTH)
    def wsdl_url(self, call: Call) -> Answer:
        return tag("tds:WsdlUrl", "https://www.onvif.org/profiles/specifications/")

    # -- services

    @operation("GetServices", Access.PRE_AUTH)
    def services(self, call: Call) -> Answer:
        wanted = call.flag("tds:IncludeCapability")
        for service in self.context.services:
            if not service.path:
                continue
            yield tag(
                "tds:Service",
                tag("tds:Namespace", service.namespace),
                tag("tds:XAddr", self.context.address(call, service)),
                tag("tds:Capabilities", service.capabilities()) if wanted else None,
                tag("tds:Version", tag("tt:Major", service.version[0]), tag("tt:Minor", service.version[1])),
            )

    @operation("GetCapabilities", Access.PRE_AUTH)
    def old_capabilities(self, call: Call) -> Answer:
        """The list of before GetServices, which many recorders still ask for."""
        wanted = call.texts("tds:Category") or ["All"]
        if unknown := set(wanted) - {"All", *_CATEGORIES}:
            reason = f"there is no category {min(unknown)[:20]}"
            raise Fault(reason, "ter:ActionNotSupported", "ter:NoSuchService", sender=False)
        everything = "All" in wanted
        at = {
            service.prefix: self.context.address(call, service)
            for service in self.context.services
            if service.path
        }
        parts = {
            "Analytics": lambda: (tag("tt:XAddr", at["tan"]), tag("tt:RuleSupport", True),
                                  tag("tt:AnalyticsModuleSupport", True)),
            "Device": lambda: _device(at["tds"], self.context),
            "Events": lambda: (tag("tt:XAddr", at["tev"]), tag("tt:WSSubscriptionPolicySupport", True),
                               tag("tt:WSPullPointSupport", True),
                               tag("tt:WSPausableSubscriptionManagerInterfaceSupport", False)),
            "Imaging": lambda: tag("tt:XAddr", at["timg"]),
            "Media": lambda: _media(at["trt"]),
            "PTZ": lambda: tag("tt:XAddr", at["tptz"]),
        }  # fmt: skip
        return tag(
            "tds:Capabilities",
            [tag(f"tt:{name}", part()) for name, part in parts.items() if everything or name in wanted],
            tag("tt:Extension", _device_io(at["tmd"], self.context)) if everything else None,
        )

    # -- time

    @operation("GetSystemDateAndTime", Access.PRE_AUTH)
    def time(self, call: Call) -> Answer:
        clock = self.context.clock
        now = clock.now()
        local = time.localtime(now)
        return tag(
            "tds:SystemDateAndTime",
            tag("tt:DateTimeType", "NTP" if clock.is_synchronised() else "Manual"),
            tag("tt:DaylightSavings", local.tm_isdst > 0),
            tag("tt:TimeZone", tag("tt:TZ", clock.zone())),
            tag("tt:UTCDateTime", _moment(time.gmtime(now))),
            tag("tt:LocalDateTime", _moment(local)),
        )

    @operation("SetSystemDateAndTime", Access.WRITE_SYSTEM)
    def set_time(self, call: Call) -> Answer:
        clock = self.context.clock
        kind = call.needed("tds:DateTimeType")
        if kind not in ("Manual", "NTP"):
            raise invalid("DateTimeType is Manual or NTP")
        if kind == "NTP":
            if not clock.is_synchronised():
                raise invalid("nothing synchronises the clock of this machine", "ter:NtpServerUndefined")
            return None
        seconds = _read_moment(call)
        if clock.is_synchronised():
            raise not_supported("the clock of this machine is synchronised and not to be set by hand")
        try:
            clock.set(seconds)
        except OSError:
            raise not_supported("camd may not set the clock of this machine") from None
        self.context.app.audit.record(
            "call", call.by.name, call.address, call="onvif.SetSystemDateAndTime", moment=utc(seconds)
        )
        return None

    # -- ends

    @operation("SystemReboot", Access.REBOOT)
    def reboot(self, call: Call) -> Answer:
        restart = getattr(self.context.app, "restart", None)
        if restart is None:
            raise not_supported("this machine is restarted by whoever runs it")
        self.context.app.reactor.callLater(1, restart)
        return tag("tds:Message", "Restarting in a second")

    @operation("SetSystemFactoryDefault", Access.UNRECOVERABLE)
    def factory_default(self, call: Call) -> Answer:
        raise not_supported("camd is reset on its machine, by removing its data directory")


def _device(address: str, context: Any) -> Answer:
    return (
        tag("tt:XAddr", address),
        tag(
            "tt:Network",
            tag("tt:IPFilter", False),
            tag("tt:ZeroConfiguration", False),
            tag("tt:IPVersion6", True),
            tag("tt:DynDNS", False),
        ),
        tag(
            "tt:System",
            tag("tt:DiscoveryResolve", True),
            tag("tt:DiscoveryBye", True),
            tag("tt:RemoteDiscovery", False),
            tag("tt:SystemBackup", False),
            tag("tt:SystemLogging", False),
            tag("tt:FirmwareUpgrade", False),
            tag(
                "tt:SupportedVersions", tag("tt:Major", Device.version[0]), tag("tt:Minor", Device.version[1])
            ),
        ),
        tag("tt:IO", tag("tt:InputConnectors", len(context.inputs())), tag("tt:RelayOutputs", 0)),
        tag(
            "tt:Security",
            tag("tt:TLS1.1", False),
            tag("tt:TLS1.2", True),
            tag("tt:OnboardKeyGeneration", False),
            tag("tt:AccessPolicyConfig", False),
            tag("tt:X.509Token", False),
            tag("tt:SAMLToken", False),
            tag("tt:KerberosToken", False),
            tag("tt:RELToken", False),
        ),
    )


def _media(address: str) -> Answer:
    from .profiles import MOST_PROFILES

    return (
        tag("tt:XAddr", address),
        tag("tt:StreamingCapabilities", tag("tt:RTPMulticast", False), tag("tt:RTP_TCP", True),
            tag("tt:RTP_RTSP_TCP", True)),
        tag("tt:Extension", tag("tt:ProfileCapabilities", tag("tt:MaximumNumberOfProfiles", MOST_PROFILES))),
    )  # fmt: skip


def _device_io(address: str, context: Any) -> Xml:
    return tag(
        "tt:DeviceIO",
        tag("tt:XAddr", address),
        tag("tt:VideoSources", len(context.directory.known())),
        tag("tt:VideoOutputs", 0),
        tag("tt:AudioSources", 0),
        tag("tt:AudioOutputs", 0),
        tag("tt:RelayOutputs", 0),
    )


def _moment(at: time.struct_time) -> Answer:
    return (
        tag("tt:Time", tag("tt:Hour", at.tm_hour), tag("tt:Minute", at.tm_min), tag("tt:Second", at.tm_sec)),
        tag("tt:Date", tag("tt:Year", at.tm_year), tag("tt:Month", at.tm_mon), tag("tt:Day", at.tm_mday)),
    )


def _read_moment(call: Call) -> float:
    names = (
        "Date/tt:Year",
        "Date/tt:Month",
        "Date/tt:Day",
        "Time/tt:Hour",
        "Time/tt:Minute",
        "Time/tt:Second",
    )
    values = [call.number(f"tds:UTCDateTime/tt:{name}") for name in names]
    try:
        return datetime(*[int(value) for value in values], tzinfo=UTC).timestamp()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise invalid("there is no such time", "ter:InvalidDateTime") from None
