/** Requests to the server other than those over the WebSocket. Addresses are relative to the page. */

/** What the server refused, or what did not get through to it (`broken`). */
export class RestError extends Error {
  constructor(message, { status = 0, code = "", key = null, retryAfter = 0 } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.key = key; // the member of the request that is meant
    this.retryAfter = retryAfter; // seconds
  }

  get broken() {
    return this.status === 0;
  }
}

/** A Promise of the answer's JSON (null without one), rejected with RestError. */
export async function ask(method, path, body) {
  const text = await send(method, path, body, (response) => response.text());
  return text ? JSON.parse(text) : null;
}

/** A Promise of a file, {name, blob}, rejected with RestError. */
export function take(method, path, body) {
  return send(method, path, body, async (response) => ({
    name: /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition"))?.[1] ?? "",
    blob: await response.blob(),
  }));
}

/** read(response): a Promise of what a good answer holds. */
async function send(method, path, body, read) {
  let response;
  let refusal;
  try {
    response = await fetch(path, {
      method,
      cache: "no-store",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (response.ok) return await read(response);
    refusal = await response.text();
  } catch {
    throw new RestError("The server does not answer.");
  }
  throw errorOf(response, refusal);
}

function errorOf(response, text) {
  const { code, message, details } = contentOf(text);
  return new RestError(wording(message, details?.key) || `The server refused (${response.status}).`, {
    status: response.status,
    code,
    key: details?.key ?? null,
    retryAfter: Number(response.headers.get("Retry-After")) || details?.retry_after || 0,
  });
}

function contentOf(text) {
  try {
    return JSON.parse(text).error ?? {};
  } catch {
    return {}; // a proxy answered in its own words
  }
}

/** "password: the password lacks a digit" stands beside the password already. */
function wording(message = "", key = null) {
  const text = key && message.startsWith(`${key}: `) ? message.slice(key.length + 2) : message;
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return sentence.replace(/([^.?!])$/, "$1.");
}
