"""State broadcast on Autobahn and Twisted as their documentation shows it: one prepared message, sent to all.

usage: autobahn_plain.py PORT [LIMIT]
"""

from __future__ import annotations

import json
import sys

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor


class Broadcast(WebSocketServerProtocol):
    def onOpen(self) -> None:
        self.factory.open.add(self)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        self.factory.open.discard(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        try:
            change = json.loads(payload)
        except ValueError:
            return
        self.factory.state.update(change)
        message = self.factory.prepareMessage(json.dumps(change).encode())
        for one in self.factory.open:
            one.sendPreparedMessage(message)


def main() -> None:
    port = int(sys.argv[1])
    factory = WebSocketServerFactory()
    factory.protocol = Broadcast
    factory.open = set()
    factory.state = {}
    factory.setProtocolOptions(tcpNoDelay=True, maxConnections=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    reactor.listenTCP(port, factory, backlog=1024, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main()
