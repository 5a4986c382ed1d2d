"""Searches as Home Assistant does, with the library that it uses; prints what it found as JSON."""

import json

from wsdiscovery import QName, Scope
from wsdiscovery.discovery import ThreadedWSDiscovery

discovery = ThreadedWSDiscovery()
discovery.start()
found = discovery.searchServices(
    types=[QName("http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter")],
    scopes=[Scope("onvif://www.onvif.org/Profile/Streaming")],
    timeout=2,
)
print(
    json.dumps(
        [{"xaddrs": one.getXAddrs(), "scopes": [str(scope) for scope in one.getScopes()]} for one in found]
    )
)
discovery.stop()
