// A line between client and server that is cut: plain TCP, so TLS goes through untouched. It never
// changes a byte; after each of the given counts of bytes towards the server all connections are
// reset, and for a moment none is taken.

import net from "node:net";

/** Listens on a free port of 127.0.0.1 and leads to `port` there; `cuts` are counts of bytes. */
export async function line(port, cuts, { downMs = 150 } = {}) {
  const left = [...cuts].sort((a, b) => a - b);
  const open = new Set();
  const state = { moved: 0, cut: 0, open: true, port: 0 };
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    if (!state.open) return client.resetAndDestroy();
    const ahead = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const pair = { end: () => [client, ahead].forEach((s) => s.destroyed || s.resetAndDestroy()) };
    open.add(pair);
    for (const socket of [client, ahead]) {
      socket.setNoDelay(true);
      socket.on("error", pair.end);
      socket.on("close", () => {
        open.delete(pair);
        pair.end();
      });
    }
    ahead.pipe(client);
    client.on("data", (bytes) => {
      // Bytes behind a cut: to let them through would leave out those before them.
      if (pair.cut) return;
      const room = left.length > 0 ? left[0] - state.moved : Infinity;
      const some = bytes.length > room ? bytes.subarray(0, room) : bytes;
      state.moved += some.length;
      if (!ahead.write(some)) {
        client.pause();
        ahead.once("drain", () => client.resume());
      }
      if (bytes.length < room) return;
      left.shift();
      pair.cut = true;
      // What was written above is on its way before the reset.
      setTimeout(state.down, 5, downMs);
    });
    client.on("end", () => ahead.end());
  });
  state.down = (ms) => {
    state.cut += 1;
    state.open = false;
    for (const pair of open) pair.end();
    if (ms !== Infinity) setTimeout(state.up, ms);
  };
  state.up = () => {
    state.open = true;
  };
  state.close = () => {
    server.close();
    for (const pair of open) pair.end();
  };
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  state.port = server.address().port;
  return state;
}
