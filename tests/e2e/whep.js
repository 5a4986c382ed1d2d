// A small WHEP player for tests. `players` has one entry for each that was started.
window.players = window.players || [];

async function play(url, number) {
  const begun = performance.now();
  const peer = new RTCPeerConnection();
  const video = document.createElement("video");
  const player = { peer, video, codes: [], frames: 0, first: null, session: "", error: "", width: 0, cards: 0 };
  window.players[number] = player;
  video.muted = true;
  video.autoplay = true;
  video.playsInline = true;
  document.body.append(video);
  const transceiver = peer.addTransceiver("video", { direction: "recvonly" });
  transceiver.receiver.jitterBufferTarget = 0;
  peer.addEventListener("track", (event) => { video.srcObject = new MediaStream([event.track]); });
  const canvas = new OffscreenCanvas(1280, 16);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const look = (now, about) => {
    video.requestVideoFrameCallback(look);
    player.frames += 1;
    player.width = about.width;
    if (player.first === null) player.first = now - begun;
    context.drawImage(video, 0, 0, 1280, 16, 0, 0, 1280, 16);
    player.codes.push([codeOf(context), about.expectedDisplayTime]);
    if (player.codes.length > 3000) player.codes.shift();
  };
  video.requestVideoFrameCallback(look);
  await peer.setLocalDescription(await peer.createOffer());
  const answer = await fetch(url, {
    method: "POST", body: peer.localDescription.sdp, headers: { "Content-Type": "application/sdp" },
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  player.session = answer.headers.get("Location");
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
}

// The time code of the test camera, microseconds as decimal digits: 64 blocks of 16 pixels, white is one.
function codeOf(context) {
  const pixels = context.getImageData(0, 0, 1024, 16).data;
  let code = 0n;
  for (let bit = 0; bit < 64; bit += 1) {
    let light = 0;
    for (const [x, y] of [[6, 6], [9, 6], [6, 9], [9, 9]]) light += pixels[4 * (y * 1024 + bit * 16 + x) + 1];
    code = (code << 1n) | (light > 4 * 127 ? 1n : 0n);
  }
  return code.toString();
}

play(arguments[0], arguments[1]).catch((error) => { window.players[arguments[1]].error = String(error); });
