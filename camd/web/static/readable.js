/** Whether others on the network can read what is sent: plain HTTP to another machine. Pure. */
export function isReadable({ protocol, hostname }) {
  const isHere = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  return protocol === "http:" && !isHere;
}
