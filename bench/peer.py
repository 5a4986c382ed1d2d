"""The servers that can be measured: what they do, how they are started, why one is missing."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .build import build
from .camera.camera import Camera, h264_camera
from .camera.frames import make_frames

ROOT = Path(__file__).resolve().parent.parent
_PEERS = Path(__file__).resolve().parent / "peers"


@dataclass(frozen=True, slots=True)
class Peer:
    """A server and how to run it.

    command, files (name -> content) and environment may hold {port}, {tls_port}, {rtsp_port}, {directory} (made for each
    start, the files are in it) and {limit} (of WebSocket clients). stream, snapshot, websocket: paths, "" for
    what it does not serve; download: of {file}, which the bench puts into files_folder; rtsp: port and path, track: what the video is called below that; whep: path for WebRTC. template, match, modulo: the message that changes something and how its
    broadcast is recognised, see clients/broadcast.c. settle: seconds from listening to ready.
    camera: for the tables. prepare: commands that run before it, each with its standard input; what the last
    one prints is {token} in the paths. missing: why it cannot run here, "" if it can.
    """

    name: str
    command: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    stream: str = ""
    snapshot: str = ""
    websocket: str = ""
    download: str = ""
    files_folder: str = ""
    rtsp: str = ""
    track: str = "trackID=0"
    whep: str = ""
    tls: bool = False
    template: str = '{"brightness": %d}'
    match: tuple[str, ...] = ('"brightness"',)
    modulo: int = 1_000_000_000
    settle: float = 0.5
    camera: str = ""
    prepare: tuple[tuple[tuple[str, ...], str], ...] = ()
    missing: str = ""


def stream_peers(camera: Camera, camd: str) -> list[Peer]:
    """Servers of pictures, all on the same camera; the floor sends one of its pictures again and again."""
    return [camd_peer("camd", camera, camd), _mjpeg_floor(), _ustreamer(camera)]


def socket_peers(camd: str, node_modules: str) -> list[Peer]:
    """Servers of state by WebSocket. camd's camera is its test picture, whose brightness is set."""
    return [camd_peer("camd", TEST_CAMERA, camd), _websocket_floor(), _node_ws(node_modules), _autobahn()]


def file_peers(camd: str) -> list[Peer]:
    """Servers of files."""
    return [camd_peer("camd", TEST_CAMERA, camd), _nginx()]


def video_peers(camd: str) -> list[Peer]:
    """Servers of H.264 by RTSP. camd passes a film through and its rival encodes, so deliveries are compared: what
    a further player costs."""
    return [camd_peer("camd", h264_camera(), camd), _gst_rtsp()]


def raw_peers(camera: Camera, camd: str) -> list[Peer]:
    """Servers of H.264 by RTSP that get the same raw pictures and encode them with the same settings."""
    return [camd_peer("camd", camera, camd), _gst_rtsp(camera, "yuyv")]


def coded_peers(camera: Camera, camd: str) -> list[Peer]:
    """Servers of H.264 by RTSP that get the same H.264 and pass it on."""
    return [camd_peer("camd", camera, camd), _gst_rtsp(camera, "h264")]


def mixed_peers(camera: Camera, camd: str) -> list[Peer]:
    """camd twice: passing the camera's pictures through, and encoding its test picture itself."""
    return [camd_peer("camd", camera, camd), camd_peer("camd_test", TEST_CAMERA, camd)]


TEST_CAMERA = Camera("test:", "", "camd's test picture")


def camd_peer(name: str, camera: Camera, command: str) -> Peer:
    """camd with one camera, `cam1`. command: how twistd is called, "" for the one beside this Python.

    The limits on clients are raised, those on requests are off, and a silent connection lives for ten
    minutes. Whoever asks shows the token of an administrator.
    """
    twistd = command.split() or [_twistd()]
    settings = f"""\
[cameras.cam1]
source = {json.dumps(camera.source)}
size = "1280x720"
fps = 30
{f"format = {json.dumps(camera.format)}" if camera.format else ""}

[websocket]
max_clients = {{limit}}

[limits]
max_connections = 10000
request_timeout = 600

[auth]
rate_limits = false
"""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    listeners = ("--http", "tcp:{port}:interface=127.0.0.1", "--https", "tcp:{tls_port}:interface=127.0.0.1",
                 "--rtsp", "tcp:{rtsp_port}:interface=127.0.0.1", "--rtsps", "off")
    state = "cameras/cam1/brightness"
    manage = (str(Path(twistd[0]).with_name("python")) if "/" in twistd[0] else sys.executable, "-m", "camd")
    data = ("--data-dir", "{directory}/data")
    account = ("user", "add", "bench", "--role", "administrator", "--password-file", "-", *data)
    return Peer(
        name=name,
        prepare=(((*manage, *account), "Correct-horse-7"), ((*manage, "token", "create", "bench", *data), "")),
        command=(*twistd, "-n", "--pidfile=", "camd", *listeners,
                 "--data-dir", "{directory}/data", "--config", "{directory}/camd.toml"),
        files={"camd.toml": settings},
        environment={"PYTHONPATH": path, **camera.environment},
        stream="/stream?token={token}", snapshot="/snapshot?token={token}", websocket="/api?token={token}", tls=True,
        download="/files/{file}", files_folder="data/files",
        rtsp="{rtsp_port}/cam1/main?token={token}", whep="/cam/cam1/whep",
        template=json.dumps({state: "%d"}).replace('"%d"', "%d"), match=(f'"{state}"', '"value":'), modulo=100,
        settle=1.5, camera=camera.doc,
        missing="" if shutil.which(twistd[0]) else f"no {twistd[0]}: run the bench with camd's own Python",
    )


def _twistd() -> str:
    beside = Path(sys.executable).with_name("twistd")
    return str(beside) if beside.exists() else "twistd"


def _mjpeg_floor() -> Peer:
    picture = str(make_frames()[0])
    command = (str(build("peers/mjpeg_floor.c")), "{port}", "30", picture)
    return Peer("mjpeg_floor", command, stream="/stream", snapshot="/snapshot", camera="one picture, by timer")


def _ustreamer(camera: Camera) -> Peer:
    missing = ""
    if not camera.device:
        missing = "needs a V4L2 device: --device or --preload"
    elif not shutil.which("ustreamer"):
        missing = "not installed: apt install ustreamer"
    command = ("ustreamer", "--device", camera.device, "--resolution", "1280x720", "--desired-fps", "30",
               "--format", "MJPEG", "--encoder", "HW", "--host", "127.0.0.1", "--port", "{port}", "--tcp-nodelay")
    return Peer("ustreamer", command, environment=camera.environment, stream="/stream", snapshot="/snapshot",
                settle=1.5, camera=camera.doc, missing=missing)


_NGINX = """\
daemon off;
master_process off;
pid {directory}/pid;
error_log stderr;
events {}
http {
    access_log off;
    sendfile on;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {
        listen 127.0.0.1:{port};
        root {directory}/files;
    }
}
"""


def _nginx() -> Peer:
    command = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin") or ""
    return Peer("nginx", (command, "-p", "{directory}", "-c", "{directory}/nginx.conf", "-e", "stderr"),
                files={"nginx.conf": _NGINX}, download="/{file}", files_folder="files",
                missing="" if command else "not installed: apt install nginx-light")


def _gst_rtsp(camera: Camera | None = None, gives: str = "") -> Peer:
    """camera: a V4L2 one, gives: "yuyv" or "h264"; None for its test picture."""
    python = "/usr/bin/python3"
    asked = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    there = Path(python).exists() and subprocess.run([python, "-c", asked], capture_output=True, check=False).returncode == 0
    missing = "" if there else "not installed: apt install gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-ugly"
    if camera is not None and not camera.device:
        missing = "needs a V4L2 device: --preload"
    device = (camera.device, gives) if camera is not None else ()
    return Peer("gst_rtsp", (python, str(_PEERS / "gst_rtsp.py"), "{port}", *device), rtsp="{port}/cam", track="stream=0",
                environment=camera.environment if camera is not None else {},
                camera=camera.doc if camera is not None else "its test picture", missing=missing)


def _websocket_floor() -> Peer:
    command = (str(build("peers/websocket_floor.c")), "{port}", "{limit}")
    return Peer("websocket_floor", command, websocket="/")


def _node_ws(node_modules: str) -> Peer:
    place = node_modules or _find_node_modules()
    missing = ""
    if not shutil.which("node"):
        missing = "not installed: apt install nodejs"
    elif not place:
        missing = "node has no ws: npm install --prefix bench ws, or --node-modules DIR"
    command = ("node", str(_PEERS / "node_ws.js"), "{port}", "{limit}")
    return Peer("node_ws", command, environment={"NODE_PATH": place}, websocket="/", missing=missing)


def _find_node_modules() -> str:
    places = [_PEERS.parent / "node_modules", *map(Path, os.environ.get("NODE_PATH", "").split(os.pathsep))]
    if shutil.which("npm"):
        asked = subprocess.run(["npm", "root", "--global"], capture_output=True, text=True, check=False)
        places.append(Path(asked.stdout.strip()))
    return next((str(place) for place in places if (place / "ws").is_dir()), "")


def _autobahn() -> Peer:
    missing = "" if importlib.util.find_spec("autobahn") else f"{sys.executable} has no autobahn"
    command = (sys.executable, str(_PEERS / "autobahn_plain.py"), "{port}", "{limit}")
    return Peer("autobahn", command, websocket="/", missing=missing)
