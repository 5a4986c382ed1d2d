// What wamp_client.py does, with autobahn-js: node wamp_client.js URL '{"admin": TOKEN, "viewer": TOKEN}'
"use strict";

const autobahn = require("autobahn");
const crypto = require("crypto");

const PICTURES = 3;
const [url, tokens] = [process.argv[2], JSON.parse(process.argv[3])];
const serializers = {
  cbor: { make: autobahn.serializer.CBORSerializer, level: "cameras/other/brightness" },
  msgpack: { make: autobahn.serializer.MsgpackSerializer, level: "cameras/other/contrast" },
  json: { make: autobahn.serializer.JSONSerializer, level: "cameras/other/saturation" },
};

/** The digest of a picture; with JSON it is a text of NUL and Base64. */
function digest(picture) {
  const data = typeof picture === "string" ? Buffer.from(picture.slice(1), "base64") : picture;
  return crypto.createHash("sha256").update(data).digest("hex");
}

/** [URI, details] of the error that a request ends with. */
async function refused(request) {
  try {
    return ["not refused", String(await request)];
  } catch (error) {
    return [error.error, error.kwargs ?? {}];
  }
}

async function watch(session) {
  const digests = [];
  let enough;
  const seen = new Promise((resolve) => { enough = resolve; });
  const call = session.call("camd.stream", ["still"], {}, { receive_progress: true });
  const end = new Promise((resolve) => {
    call.then(() => resolve(false), () => resolve(true), (picture) => {
      digests.push(digest(picture.args[0]));
      if (digests.length === PICTURES) enough();
    });
  });
  await seen;
  // In other modes autobahn-js forgets the call at once, and trips over what is still under way.
  call.cancel({ mode: "kill" });
  const ended = await end;
  await session.call("camd.get");
  return [digests.slice(0, PICTURES), ended];
}

async function admin(session, level) {
  const retained = {};
  const changes = [];
  let changed;
  const told = new Promise((resolve) => { changed = resolve; });
  const event = ([value], { state, rev }, details) => {
    if (details.retained) retained[state] = [value, details.topic];
    else if (state === level) changed(changes.push([value, rev]));
  };
  const before = await session.call("camd.get", [level]);
  const options = { match: "prefix", get_retained: true };
  const subscription = await session.subscribe("camd.state.cameras.other.", event, options);
  const wish = (before.values[level] % 90) + 1;
  const answer = await session.call("camd.set", [{ [level]: wish }]);
  await told;
  const wrong = await refused(session.call("camd.set", [{ [level]: 101 }]));
  const jpeg = await session.call("camd.snapshot", ["still"]);
  const seen = {
    set: [wish, answer.values[level], changes[0][0], changes[0][1] === answer.rev],
    retained,
    wrong,
    snapshot: [jpeg.constructor.name, digest(jpeg)],
    stream: await watch(session),
    register: await refused(session.register("camd.mine", () => 1)),
    publish: await refused(session.publish("camd.state.cameras.other.x", [1], {}, { acknowledge: true })),
    unknown: await refused(session.call("camd.nothing")),
  };
  await subscription.unsubscribe();
  return seen;
}

async function viewer(session, level) {
  return {
    get: Object.keys((await session.call("camd.get", [level, "plugins/*"])).values).sort(),
    set: await refused(session.call("camd.set", [level, 5])),
    subscribe: await refused(session.subscribe("camd.state.plugins.wamp", () => {})),
  };
}

for (const [serializer, { make, level }] of Object.entries(serializers)) {
  for (const [name, ticket] of Object.entries(tokens)) {
    const connection = new autobahn.Connection({
      url,
      realm: "camd",
      serializers: [new make()],
      max_retries: 0,
      authmethods: ["ticket"],
      authid: name,
      onchallenge: () => ticket,
    });
    connection.onopen = async (session, details) => {
      let seen;
      try {
        seen = await (name === "admin" ? admin(session, level) : viewer(session, level));
        seen.who = [details.authid, details.authmethod];
      } catch (error) {
        seen = { failed: String(error.stack ?? error.error ?? error) };
      }
      process.stdout.write(JSON.stringify([serializer, name, seen]) + "\n");
      connection.close();
    };
    connection.onclose = () => true; // no further attempt
    connection.open();
  }
}
