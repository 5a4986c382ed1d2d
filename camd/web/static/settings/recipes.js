/**
 * What recorders ask for when a camera is added by hand, in words. Pure.
 *
 * place: {host, port, user, camera, name, rtspPort}; the password is never part of it, for recipes are copied around.
 */
export const PASSWORD = "DEVICE_PASSWORD";

/** "rtsp://user:DEVICE_PASSWORD@host:8554/cam1/main" */
export function rtspOf({ host, user, camera, rtspPort }, rendition, login = true) {
  const by = login ? `${encodeURIComponent(user)}:${PASSWORD}@` : "";
  return `rtsp://${by}${host}:${rtspPort}/${camera}/${rendition}`;
}

/** [{title, steps, text}]: text is to be copied, "" if there is none. */
export function recipesFor(place) {
  const { host, port, user, camera } = place;
  const main = rtspOf(place, "main");
  const sub = rtspOf(place, "sub");
  return [
    {
      title: "Home Assistant",
      steps: ["Settings, Devices & services, Add integration, ONVIF.",
        `camd may be found by itself; else enter host ${host} and port ${port}.`,
        `User ${user}, with the device password. All cameras appear, with motion and PTZ.`],
      text: "",
    },
    {
      title: "Frigate",
      steps: ["Into config.yml; detection takes the small rendition, recording the large one."],
      text: [
        "cameras:", `  ${camera}:`, "    ffmpeg:", "      inputs:", `        - path: ${main}`, "          roles: [record]",
        `        - path: ${sub}`, "          roles: [detect]", "    onvif:", `      host: ${host}`, `      port: ${port}`,
        `      user: ${user}`, `      password: ${PASSWORD}`,
      ].join("\n"),
    },
    {
      title: "UniFi Protect",
      steps: ["Settings, System: allow third-party cameras. Then Devices, Advanced adoption.",
        `Address ${host}:${port}, user ${user}, with the device password.`,
        "It takes one camera of a device: give each a port of its own with the setting “Ports” of ONVIF."],
      text: "",
    },
    {
      title: "Synology Surveillance Station",
      steps: ["IP Camera, Add, brand ONVIF, model “All functions”.",
        `Address ${host}, port ${port}, user ${user}, with the device password.`],
      text: "",
    },
    {
      title: "Blue Iris",
      steps: ["Add camera, Network IP, make “Generic/ONVIF”.",
        `Address http://${host}:${port}, user ${user}, with the device password; then Find/inspect.`,
        "By RTSP alone, these are the addresses:"],
      text: `${main}\n${sub}`,
    },
  ];
}
