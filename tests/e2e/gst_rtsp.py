"""An RTSP camera made of GStreamer; a program of its own, for the distribution's Python has the bindings.

    gst_rtsp.py PORT PIPELINE [USERNAME PASSWORD]

Serves the pipeline at /cam, with Digest authentication if there is a login, on the loopback address. Prints
"ready PORT", and "client" for every connection. A line "WIDTH HEIGHT" on standard input gives the capsfilter
named "size" that size from now on, also while it runs.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer


def tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Camera:
    def __init__(self, port: str, pipeline: str, login: list[str]):
        self.server = GstRtspServer.RTSPServer()
        self.server.set_address("127.0.0.1")
        self.server.set_service(port)
        self.server.connect("client-connected", lambda *_: tell("client"))
        self.caps: Gst.Caps | None = None
        self.media: GstRtspServer.RTSPMedia | None = None
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {pipeline} )")
        factory.set_shared(True)
        factory.connect("media-configure", self.configure)
        if login:
            self.ask_for(*login, factory)
        self.server.get_mount_points().add_factory("/cam", factory)
        self.server.attach(None)

    def ask_for(self, username: str, password: str, factory: GstRtspServer.RTSPMediaFactory) -> None:
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth = GstRtspServer.RTSPAuth()
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(username, password, token)
        self.server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)

    def configure(self, _factory: object, media: GstRtspServer.RTSPMedia) -> None:
        self.media = media
        if self.caps is not None:
            media.get_element().get_by_name("size").set_property("caps", self.caps)

    def resize(self, channel: GLib.IOChannel, condition: GLib.IOCondition) -> bool:
        line = sys.stdin.readline()
        if not line:
            return False
        width, height = line.split()
        text = f"video/x-raw,width={width},height={height},format=I420,framerate=30/1"
        self.caps = Gst.Caps.from_string(text)
        if self.media is not None:
            self.configure(None, self.media)
        return True


if __name__ == "__main__":
    Gst.init(None)
    camera = Camera(sys.argv[1], sys.argv[2], sys.argv[3:])
    GLib.io_add_watch(GLib.IOChannel.unix_new(0), GLib.PRIORITY_DEFAULT,
                      GLib.IOCondition.IN | GLib.IOCondition.HUP, camera.resize)
    tell(f"ready {camera.server.get_bound_port()}")
    GLib.MainLoop().run()
