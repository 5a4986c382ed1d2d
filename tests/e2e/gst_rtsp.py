"""An RTSP camera made of GStreamer; a program of its own, for the distribution's Python has the bindings.

    gst_rtsp.py [--login USERNAME PASSWORD] [--udp] [--tls CERTIFICATE KEY] PORT PIPELINE

Serves the pipeline at /cam on the loopback address: to those with the login (Digest), by UDP only, over TLS.
Prints "ready PORT", and "client" for every connection. A line "WIDTH HEIGHT" on standard input gives the capsfilter
named "size" that size from now on, also while it runs.
"""

from __future__ import annotations

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer


def tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Camera:
    def __init__(self, how: argparse.Namespace):
        self.server = GstRtspServer.RTSPServer()
        self.server.set_address("127.0.0.1")
        self.server.set_service(how.port)
        self.server.connect("client-connected", lambda *_: tell("client"))
        self.caps: Gst.Caps | None = None
        self.media: GstRtspServer.RTSPMedia | None = None
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {how.pipeline} )")
        factory.set_shared(True)
        factory.connect("media-configure", self.configure)
        if how.udp:
            factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
        if how.login or how.tls:
            self.guard(factory, how.login, how.tls)
        self.server.get_mount_points().add_factory("/cam", factory)
        self.server.attach(None)

    def guard(self, factory: GstRtspServer.RTSPMediaFactory, login: list[str], tls: list[str]) -> None:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        if login:
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(*login, token)
        else:
            auth.set_default_token(token)
        if tls:
            auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(*tls))
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
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--login", nargs=2)
    arguments.add_argument("--udp", action="store_true")
    arguments.add_argument("--tls", nargs=2)
    arguments.add_argument("port")
    arguments.add_argument("pipeline")
    camera = Camera(arguments.parse_args())
    GLib.io_add_watch(GLib.IOChannel.unix_new(0), GLib.PRIORITY_DEFAULT,
                      GLib.IOCondition.IN | GLib.IOCondition.HUP, camera.resize)
    tell(f"ready {camera.server.get_bound_port()}")
    GLib.MainLoop().run()
