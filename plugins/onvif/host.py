"""The machine's networks (tds): told as they are. Changing them is the business of the machine, not of camd;
the capability NetworkConfigNotSupported says so."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from .access import Access
from .faults import Fault, not_supported
from .network import Interface
from .operation import Answer, Call, Service, operation
from .xml import Xml, tag

_USUAL = {"HTTP": 80, "HTTPS": 443, "RTSP": 554}


class Host(Service):
    """Host name, interfaces, protocols, DNS, NTP, gateway."""

    prefix = "tds"

    @operation("GetHostname", Access.PRE_AUTH)
    def hostname(self, call: Call) -> Answer:
        return tag(
            "tds:HostnameInformation",
            tag("tt:FromDHCP", False),
            tag("tt:Name", self.context.network.hostname()),
        )

    @operation("GetDNS", Access.READ_SYSTEM)
    def dns(self, call: Call) -> Answer:
        network = self.context.network
        return tag(
            "tds:DNSInformation",
            tag("tt:FromDHCP", False),
            [tag("tt:SearchDomain", domain) for domain in network.search_domains()],
            [tag("tt:DNSManual", tag("tt:Type", kind), tag(f"tt:{kind}Address", address))
             for address in network.dns() if (kind := _kind(address)) != "DNS"],
        )  # fmt: skip

    @operation("GetNTP", Access.READ_SYSTEM)
    def ntp(self, call: Call) -> Answer:
        return tag(
            "tds:NTPInformation",
            tag("tt:FromDHCP", False),
            [tag("tt:NTPManual", _host(name)) for name in self.context.network.ntp()],
        )

    @operation("GetNetworkDefaultGateway", Access.READ_SYSTEM)
    def gateway(self, call: Call) -> Answer:
        address = self.context.network.gateway()
        return tag("tds:NetworkGateway", tag("tt:IPv4Address", address) if address else None)

    @operation("GetNetworkInterfaces", Access.READ_SYSTEM)
    def interfaces(self, call: Call) -> Answer:
        return [_interface(interface) for interface in self.context.interfaces()]

    @operation("GetNetworkProtocols", Access.READ_SYSTEM)
    def protocols(self, call: Call) -> Answer:
        ports: dict[str, list[int]] = {}
        for url in (call.base, *self.context.app.listeners.urls):
            parts = urlsplit(url)
            port = parts.port or _USUAL.get(parts.scheme.upper(), 0)
            known = ports.setdefault(parts.scheme.upper(), [])
            if port not in known:
                known.append(port)
        return [
            tag("tds:NetworkProtocols", tag("tt:Name", name), tag("tt:Enabled", name in ports),
                [tag("tt:Port", port) for port in ports.get(name, (_USUAL[name],))])
            for name in ("HTTP", "HTTPS", "RTSP")
        ]  # fmt: skip

    @operation("SetHostname", Access.WRITE_NETWORK)
    @operation("SetDNS", Access.WRITE_NETWORK)
    @operation("SetNTP", Access.WRITE_NETWORK)
    @operation("SetNetworkInterfaces", Access.WRITE_NETWORK)
    @operation("SetNetworkProtocols", Access.WRITE_NETWORK)
    @operation("SetNetworkDefaultGateway", Access.WRITE_NETWORK)
    def refuse(self, call: Call) -> Answer:
        raise not_supported("the network is set up on the machine itself")

    @operation("SetHostnameFromDHCP", Access.WRITE_NETWORK)
    def hostname_from_dhcp(self, call: Call) -> Answer:
        if call.flag("tds:FromDHCP"):
            raise Fault("the host name is set on the machine itself", "ter:ActionNotSupported", sender=False)
        return tag("tds:RebootNeeded", False)


def _interface(interface: Interface) -> Xml:
    return tag(
        "tds:NetworkInterfaces",
        tag("tt:Enabled", True),
        tag(
            "tt:Info",
            tag("tt:Name", interface.name),
            tag("tt:HwAddress", interface.hardware or "00:00:00:00:00:00"),
            tag("tt:MTU", interface.mtu),
        ),
        tag(
            "tt:IPv4",
            tag("tt:Enabled", True),
            tag("tt:Config", _addresses("Manual", interface.ipv4), tag("tt:DHCP", False)),
        )
        if interface.ipv4
        else None,
        tag("tt:IPv6", tag("tt:Enabled", True), tag("tt:Config", tag("tt:DHCP", "Off"), _ipv6(interface)))
        if interface.ipv6
        else None,
        token=interface.name,
    )


def _ipv6(interface: Interface) -> Answer:
    local = [one for one in interface.ipv6 if ipaddress.ip_address(one[0]).is_link_local]
    others = [one for one in interface.ipv6 if one not in local]
    return [*_addresses("Manual", others), *_addresses("LinkLocal", local)]


def _addresses(name: str, addresses: Iterable[tuple[str, int]]) -> list[Xml]:
    return [tag(f"tt:{name}", tag("tt:Address", address), tag("tt:PrefixLength", prefix))
            for address, prefix in addresses]  # fmt: skip


def _kind(name: str) -> str:
    """IPv4, IPv6 or DNS."""
    try:
        return f"IPv{ipaddress.ip_address(name).version}"
    except ValueError:
        return "DNS"


def _host(name: str) -> Answer:
    kind = _kind(name)
    return tag("tt:Type", kind), tag("tt:DNSname" if kind == "DNS" else f"tt:{kind}Address", name)
