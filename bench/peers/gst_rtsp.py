"""gst-rtsp-server with H.264 of a camera or of its own test picture, one pipeline for all clients, at /cam.

    gst_rtsp.py PORT [DEVICE yuyv|h264]

x264 is told what camd tells it. DEVICE: a V4L2 camera that gives raw pictures, or H.264 that is passed on.

Runs with the distribution's Python, which has GStreamer's bindings.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

DEVICE = f"v4l2src device={sys.argv[2]}" if len(sys.argv) > 2 else "videotestsrc is-live=true"
FORMAT = "format=YUY2," if len(sys.argv) > 2 else ""
PICTURES = f"{DEVICE} ! video/x-raw,{FORMAT}width=1280,height=720,framerate=30/1 ! videoconvert"
ENCODER = ("x264enc tune=zerolatency speed-preset=ultrafast bitrate=2000 vbv-buf-capacity=1000 key-int-max=60 threads=1 "
           "option-string=scenecut=0 ! video/x-h264,profile=baseline")

VIDEO = f"{PICTURES} ! {ENCODER}"
if sys.argv[3:] == ["h264"]:
    VIDEO = f"{DEVICE} ! video/x-h264,width=1280,height=720,framerate=30/1 ! h264parse"

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(f"( {VIDEO} ! rtph264pay name=pay0 pt=96 config-interval=-1 )")
factory.set_shared(True)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
GLib.MainLoop().run()
