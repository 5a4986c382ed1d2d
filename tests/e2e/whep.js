// A small WHEP player for tests; needs strip.js. `players` has one entry for each that was started.
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
  const read = stripOf(video);
  const look = (now, about) => {
    video.requestVideoFrameCallback(look);
    player.frames += 1;
    player.width = about.width;
    if (player.first === null) player.first = now - begun;
    player.codes.push([read(), about.expectedDisplayTime]);
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

play(arguments[0], arguments[1]).catch((error) => { window.players[arguments[1]].error = String(error); });
