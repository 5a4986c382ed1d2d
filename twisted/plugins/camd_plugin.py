"""Tells twistd that there is a camd: `twistd camd`. Imports nothing of camd until it is asked for."""

from twisted.application.service import ServiceMaker

camd = ServiceMaker("camd", "camd.tap", "A camera server: pictures, streams and state on the network.", "camd")
