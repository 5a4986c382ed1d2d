// The npm clients `onvif` (UniFi Protect, Shinobi and Scrypted build on it) and `node-onvif` against camd:
// node onvif_client.js HOST PORT USER PASSWORD prints what they saw as JSON.
'use strict';

const { Cam } = require('onvif');
const { OnvifDevice } = require('node-onvif');

const [host, port, username, password] = process.argv.slice(2);
const MOVE = { x: 0.3, y: 0, zoom: 0 };

function asked(object, method, ...rest) {
  return new Promise((resolve, reject) => {
    object[method](...rest, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

async function connect(secret) {
  return new Promise((resolve, reject) => {
    const camera = new Cam({ hostname: host, port: Number(port), username, password: secret, timeout: 10000 },
      (error) => (error ? reject(error) : resolve(camera)));
  });
}

async function byOnvif() {
  const camera = await connect(password);
  const information = await asked(camera, 'getDeviceInformation');
  const stream = await asked(camera, 'getStreamUri', { protocol: 'RTSP' });
  const snapshot = await asked(camera, 'getSnapshotUri');
  const presets = await asked(camera, 'getPresets');
  await asked(camera, 'continuousMove', MOVE);
  await asked(camera, 'stop', { panTilt: true, zoom: true });
  const status = await asked(camera, 'getStatus');
  await asked(camera, 'setImagingSettings', { brightness: 55 });
  const imaging = await asked(camera, 'getImagingSettings');
  const events = new Promise((resolve) => camera.once('event', (message) => resolve(message)));
  const message = await events;
  camera.removeAllListeners('event');
  const users = await asked(camera, 'getUsers');
  let refused = 'taken';
  try {
    const wrong = await connect('wrong');
    await asked(wrong, 'getDeviceInformation');
  } catch (error) {
    refused = String(error.message || error);
  }
  return {
    model: information.model, profiles: camera.profiles.length, stream: stream.uri, snapshot: snapshot.uri,
    presets: Object.keys(presets).length, moving: status.moveStatus.panTilt, brightness: imaging.brightness,
    event: message.topic._, users: users.map((user) => user.username), 'wrong password': refused,
  };
}

async function byNodeOnvif() {
  const device = new OnvifDevice({ xaddr: `http://${host}:${port}/onvif/device_service`, user: username, pass: password });
  const information = await device.init();
  const picture = await device.fetchSnapshot();
  await device.ptzMove({ speed: { x: 0.2, y: 0, z: 0 }, timeout: 1 });
  await device.ptzStop();
  let refused = 'taken';
  try {
    const wrong = new OnvifDevice({ xaddr: `http://${host}:${port}/onvif/device_service`, user: username, pass: 'wrong' });
    await wrong.init();
  } catch (error) {
    refused = String(error.message || error);
  }
  return {
    model: information.Model, profiles: device.getProfileList().length, stream: device.getUdpStreamUrl(),
    snapshot: picture.body.subarray(0, 2).toString('hex'), 'wrong password': refused,
  };
}

(async () => {
  const seen = { onvif: await byOnvif(), 'node-onvif': await byNodeOnvif() };
  console.log(JSON.stringify(seen));
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
