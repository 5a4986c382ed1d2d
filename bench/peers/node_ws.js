// State broadcast on node and `ws`: parse, remember, send the change to everyone.
// usage: NODE_PATH=<node_modules with ws> node node_ws.js PORT [LIMIT]
'use strict';
const http = require('http');
const { WebSocketServer, WebSocket } = require('ws');

const [port, limit] = process.argv.slice(2).map(Number);
const state = {};
const server = http.createServer();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });

server.on('upgrade', (request, socket, head) => {
  if (limit && sockets.clients.size >= limit) {
    socket.end('HTTP/1.1 503 Server busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client));
});

sockets.on('connection', (client) => {
  client.on('error', () => client.terminate());
  client.on('message', (text) => {
    let change;
    try {
      change = JSON.parse(text);
    } catch {
      return;
    }
    Object.assign(state, change);
    const out = JSON.stringify(change);
    for (const one of sockets.clients) {
      if (one.readyState === WebSocket.OPEN) one.send(out);
    }
  });
});

server.listen(port, '127.0.0.1');
