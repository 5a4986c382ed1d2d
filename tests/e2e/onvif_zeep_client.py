"""onvif-zeep against camd: `python onvif_zeep_client.py HOST PORT USER PASSWORD` prints what it saw as
JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import onvif
import zeep
from onvif import ONVIFCamera
from onvif.exceptions import ONVIFError

WSDL = Path(onvif.__file__).parents[1] / "wsdl"
#: The item of VideoSource/MotionAlarm; this client does not read the topic itself.
MOTION = "State"


def look(host: str, port: str, user: str, password: str) -> dict[str, Any]:
    camera = ONVIFCamera(host, int(port), user, password, str(WSDL))
    media, ptz, imaging = (
        camera.create_media_service(),
        camera.create_ptz_service(),
        camera.create_imaging_service(),
    )
    profile = media.GetProfiles()[0]
    seen: dict[str, Any] = {
        "model": camera.devicemgmt.GetDeviceInformation().Model,
        "encoding": profile.VideoEncoderConfiguration.Encoding,
        "users": [user.Username for user in camera.devicemgmt.GetUsers()],
        "sources": len(media.GetVideoSources()),
    }
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    seen["stream"] = media.GetStreamUri({"StreamSetup": setup, "ProfileToken": profile.token}).Uri
    sub = media.GetProfiles()[1]
    encoder = media.GetVideoEncoderConfiguration({"ConfigurationToken": sub.VideoEncoderConfiguration.token})
    encoder.Resolution.Width, encoder.Resolution.Height = 160, 90
    media.SetVideoEncoderConfiguration({"Configuration": encoder, "ForcePersistence": True})
    seen["sub"] = media.GetStreamUri({"StreamSetup": setup, "ProfileToken": sub.token}).Uri
    seen["snapshot"] = media.GetSnapshotUri({"ProfileToken": profile.token}).Uri
    seen["moved"] = move(ptz, profile.token)
    source = profile.VideoSourceConfiguration.SourceToken
    imaging.SetImagingSettings({"VideoSourceToken": source, "ImagingSettings": {"Brightness": 60}})
    seen["brightness"] = imaging.GetImagingSettings({"VideoSourceToken": source}).Brightness
    seen["events"] = events(camera)
    return seen


def move(ptz: Any, token: str) -> list[Any]:
    """What the status says before, during and after a move, and after the way back to a preset."""
    seen: list[Any] = [ptz.GetStatus({"ProfileToken": token}).MoveStatus.PanTilt]
    preset = ptz.SetPreset({"ProfileToken": token, "PresetName": "Start"})
    ptz.ContinuousMove(
        {"ProfileToken": token, "Velocity": {"PanTilt": {"x": 0.3, "y": 0.0}, "Zoom": {"x": 0.5}}}
    )
    seen.append(ptz.GetStatus({"ProfileToken": token}).MoveStatus.PanTilt)
    ptz.Stop({"ProfileToken": token, "PanTilt": True, "Zoom": True})
    stopped = ptz.GetStatus({"ProfileToken": token})
    seen.append(stopped.MoveStatus.PanTilt)
    ptz.GotoPreset({"ProfileToken": token, "PresetToken": preset})
    for _ in range(100):
        status = ptz.GetStatus({"ProfileToken": token})
        if status.MoveStatus.PanTilt == "IDLE":
            break
        time.sleep(0.05)
    seen.append(abs(status.Position.PanTilt.x) < 0.001)
    ptz.RemovePreset({"ProfileToken": token, "PresetToken": preset})
    return seen


def events(camera: ONVIFCamera) -> list[list[str]]:
    """Item, operation and value of everything from the start of a subscription until motion changes."""
    service = camera.create_events_service()
    address = service.CreatePullPointSubscription().SubscriptionReference.Address._value_1
    camera.xaddrs["http://www.onvif.org/ver10/events/wsdl/PullPointSubscription"] = address
    pull = camera.create_pullpoint_service()
    found: list[list[str]] = []
    for _ in range(10):
        for message in pull.PullMessages({"Timeout": "PT2S", "MessageLimit": 100}).NotificationMessage:
            content = message.Message._value_1
            item = content.find(".//{*}Data/{*}SimpleItem")
            found.append([item.get("Name"), content.get("PropertyOperation"), item.get("Value")])
        if any(name == MOTION and operation == "Changed" for name, operation, _ in found):
            break
    return found


def main() -> None:
    logging.disable()
    host, port, user, password = sys.argv[1:]
    seen = look(host, port, user, password)
    try:
        ONVIFCamera(host, int(port), user, "wrong", str(WSDL)).create_media_service().GetProfiles()
        seen["wrong password"] = "taken"
    except (ONVIFError, zeep.exceptions.Fault) as error:
        seen["wrong password"] = str(error)
    print(json.dumps(seen))


main()
