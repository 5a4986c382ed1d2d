"""What Home Assistant does with a camera, by the client that it uses (onvif-zeep-async): adoption, then what
its entities ask for. `python onvif_home_assistant.py HOST PORT USER PASSWORD` prints what it saw as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import sys
from pathlib import Path
from typing import Any

import onvif
from onvif import ONVIFCamera
from onvif.exceptions import ONVIFError
from zeep.exceptions import Fault

WSDL = Path(onvif.__file__).parent / "wsdl"


def camera(host: str, port: str, user: str, password: str) -> ONVIFCamera:
    return ONVIFCamera(host, int(port), user, password, str(WSDL), no_cache=True)


async def look(device: ONVIFCamera) -> dict[str, Any]:
    await device.update_xaddrs()
    management = await device.create_devicemgmt_service()
    clock = await management.GetSystemDateAndTime()
    information = await management.GetDeviceInformation()
    interfaces = await management.GetNetworkInterfaces()
    media = await device.create_media_service()
    capabilities = await media.GetServiceCapabilities()
    profiles = [one for one in await media.GetProfiles() if one.VideoEncoderConfiguration.Encoding == "H264"]
    token = profiles[0].token
    request = media.create_type("GetStreamUri")
    request.ProfileToken = token
    request.StreamSetup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    snapshot = await device.get_snapshot(token, basic_auth=False)
    seen = {
        "clock": clock.UTCDateTime is not None,
        "serial": bool(information.SerialNumber),
        "hardware address": bool(interfaces and interfaces[-1].Info.HwAddress),
        "can snapshot": capabilities.SnapshotUri,
        "profiles": len(profiles),
        "stream": (await media.GetStreamUri(request)).Uri,
        "snapshot": snapshot[:2].hex() if snapshot else None,
    }
    seen["moves"] = await move(device, profiles[0])
    imaging = await device.create_imaging_service()
    source = profiles[0].VideoSourceConfiguration.SourceToken
    seen["imaging"] = (await imaging.GetImagingSettings({"VideoSourceToken": source})).Brightness is not None
    seen["events"] = await events(device)
    return seen


async def move(device: ONVIFCamera, profile: Any) -> list[bool]:
    """Whether each way of moving is offered; each is tried."""
    ptz = await device.create_ptz_service()
    presets = await ptz.GetPresets(profile.token)
    request = ptz.create_type("ContinuousMove")
    request.ProfileToken, request.Velocity = (
        profile.token,
        {"PanTilt": {"x": 0.5, "y": 0}, "Zoom": {"x": 0.5}},
    )
    await ptz.ContinuousMove(request)
    await ptz.Stop({"ProfileToken": profile.token})
    request = ptz.create_type("RelativeMove")
    request.ProfileToken, request.Translation = (
        profile.token,
        {"PanTilt": {"x": 0.1, "y": 0}, "Zoom": {"x": 0.1}},
    )
    request.Speed = {"PanTilt": {"x": 0.5, "y": 0.5}, "Zoom": {"x": 0.5}}
    await ptz.RelativeMove(request)
    request = ptz.create_type("AbsoluteMove")
    request.ProfileToken, request.Position = (
        profile.token,
        {"PanTilt": {"x": 0.1, "y": 0}, "Zoom": {"x": 0.1}},
    )
    await ptz.AbsoluteMove(request)
    configuration = profile.PTZConfiguration
    return [presets == [] or bool(presets), bool(configuration.DefaultContinuousPanTiltVelocitySpace),
            bool(configuration.DefaultRelativePanTiltTranslationSpace),
            bool(configuration.DefaultAbsolutePantTiltPositionSpace)]  # fmt: skip


async def events(device: ONVIFCamera) -> list[str]:
    """The operations of the first messages; its manager renews and ends the subscription."""
    lost: list[bool] = []
    manager = await device.create_pullpoint_manager(datetime.timedelta(minutes=10), lambda: lost.append(True))
    await manager.set_synchronization_point()
    answer = await manager.get_service().PullMessages(
        {"MessageLimit": 100, "Timeout": datetime.timedelta(seconds=60)})  # fmt: skip
    await manager._call_subscription_renew()
    await manager.shutdown()
    return (
        sorted({one.Message._value_1.PropertyOperation for one in answer.NotificationMessage})
        if not lost
        else []
    )


async def main() -> None:
    device = camera(*sys.argv[1:])
    seen = await look(device)
    await device.close()
    wrong = camera(*sys.argv[1:4], "wrong")
    with contextlib.suppress(Fault):
        await wrong.update_xaddrs()
    try:
        await (await wrong.create_devicemgmt_service()).GetDeviceInformation()
        seen["wrong password"] = "taken"
    except (ONVIFError, Fault) as error:
        seen["wrong password"] = " ".join(code.text for code in getattr(error, "subcodes", ()))
    await wrong.close()
    print(json.dumps(seen))


asyncio.run(main())
