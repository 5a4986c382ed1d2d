"""A WebRTC viewer that is no browser: python -m tests.e2e.webrtc_client URL [TOKEN]

Posts an offer to URL, prints a JSON line when it has an answer, with every tenth picture and each that is
lighter or darker than the last, with every key frame, and when the connection ends. A line of input makes it
ask for a key frame (PLI); it leaves properly when its input is closed.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from camd.sources.scene import read_timecode

from .client import Client


def say(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def post(url: str, token: str, sdp: str) -> Any:
    client = Client(url)
    connection = client.connect()
    path = "/" + url.split("/", 3)[3]
    who = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request("POST", path, sdp.encode(), {"Content-Type": "application/sdp", **who})
    answer = connection.getresponse()
    return answer.status, answer.headers.get("Location"), answer.read().decode()


async def watch(peer: RTCPeerConnection, track: Any, begun: float) -> None:
    count, told = 0, 0.0
    try:
        while True:
            frame = await track.recv()
            count += 1
            if frame.key_frame:
                say(key=count)
            image = frame.to_ndarray(format="gray")
            light = float(image.mean())
            if count % 10 == 1 or abs(light - told) > 10:
                told = light
                code = read_timecode(image) / 1e6 if image.shape[1] >= 64 else 0.0
                say(
                    pictures=count,
                    seconds=time.monotonic() - begun,
                    width=frame.width,
                    height=frame.height,
                    delay=time.monotonic() - code,
                    light=light,
                )
    except MediaStreamError:
        say(ended=peer.connectionState)


async def main(url: str, token: str = "") -> None:
    begun = time.monotonic()
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("video", direction="recvonly")
    watching: list[Any] = []
    peer.on("track", lambda track: watching.append(asyncio.ensure_future(watch(peer, track, begun))))
    peer.on("connectionstatechange", lambda: say(state=peer.connectionState))
    await peer.setLocalDescription(await peer.createOffer())
    status, session, sdp = await asyncio.to_thread(post, url, token, peer.localDescription.sdp)
    say(status=status, session=session, sdp=sdp)
    if status == 201:
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        source = int(re.search(r"a=ssrc:(\d+)", sdp)[1])
        while await asyncio.to_thread(sys.stdin.readline):
            await peer.getReceivers()[0]._send_rtcp_pli(source)
    await peer.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
