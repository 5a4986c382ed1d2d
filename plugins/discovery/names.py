"""Names of WS-Discovery (April 2005, as ONVIF uses it): namespaces, actions, addresses, groups."""

from __future__ import annotations

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSD = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
TDN = "http://www.onvif.org/ver10/network/wsdl"
TDS = "http://www.onvif.org/ver10/device/wsdl"

#: By the prefixes that our messages use.
NAMESPACES = {"s": SOAP, "a": WSA, "d": WSD, "tdn": TDN, "tds": TDS}
#: Of clients that are not exact: SOAP 1.1, and WS-Addressing 1.0.
SOAPS = (SOAP, "http://schemas.xmlsoap.org/soap/envelope/")
ADDRESSINGS = (WSA, "http://www.w3.org/2005/08/addressing")

#: To whoever hears it, and to whoever asked.
EVERYBODY = "urn:schemas-xmlsoap-org:ws:2005:04:discovery"
ANONYMOUS = f"{WSA}/role/anonymous"

#: What ONVIF devices are, as "{namespace}name".
TRANSMITTER = f"{{{TDN}}}NetworkVideoTransmitter"
DEVICE = f"{{{TDS}}}Device"

PORT = 3702
GROUP4, GROUP6 = "239.255.255.250", "ff02::c"
