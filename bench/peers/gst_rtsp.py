"""gst-rtsp-server with a live test picture in H.264, one pipeline for all clients, at /cam.

    gst_rtsp.py PORT

Runs with the distribution's Python, which has GStreamer's bindings.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

PICTURES = "videotestsrc is-live=true ! video/x-raw,width=1280,height=720,framerate=30/1"
ENCODER = "x264enc tune=zerolatency speed-preset=ultrafast bitrate=2000 key-int-max=60"

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(f"( {PICTURES} ! {ENCODER} ! rtph264pay name=pay0 pt=96 config-interval=-1 )")
factory.set_shared(True)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
GLib.MainLoop().run()
