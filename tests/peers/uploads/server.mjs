// A door in a folder of its own that can be killed and started again.

import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";

/** A port of 127.0.0.1 that was free a moment ago. */
async function freePort() {
  const server = net.createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Prepares `menshen serve` in `folder` with further tables; it does not run yet. */
export async function prepare(menshen, folder, tables = "") {
  const port = await freePort();
  const text = `[web]\nlisten = ["127.0.0.1:${port}"]\n\n[admin]\nlisten = "off"\n${tables}`;
  fs.writeFileSync(path.join(folder, "menshen.toml"), text);
  const log = path.join(folder, "server.log");
  const state = { port, origin: `https://127.0.0.1:${port}`, process: null };

  state.start = async () => {
    const out = fs.openSync(log, "a");
    const args = ["serve", "--config", "menshen.toml"];
    const options = { cwd: folder, stdio: ["ignore", out, out] };
    state.process = spawn(menshen, args, options);
    fs.closeSync(out);
    for (let n = 0; n < 300; n += 1) {
      if (state.process.exitCode !== null) break;
      const token = /#token=([\w-]+)/.exec(fs.readFileSync(log, "utf8"))?.[1];
      if (token && (await answers(port))) {
        state.token = token;
        return;
      }
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`the door does not start:\n${fs.readFileSync(log, "utf8")}`);
  };

  /** Kills the guard and its workers as a power cut would. */
  state.kill = async () => {
    const { pid } = state.process;
    const ended = new Promise((done) => state.process.once("exit", done));
    const list = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    for (const one of [pid, ...list.trim().split(" ").filter(Boolean).map(Number)]) {
      try {
        process.kill(one, "SIGKILL");
      } catch {
        // Gone with its parent.
      }
    }
    await ended;
  };

  state.stop = async () => {
    if (!state.process || state.process.exitCode !== null) return;
    const ended = new Promise((done) => state.process.once("exit", done));
    state.process.kill("SIGTERM");
    const patience = setTimeout(() => state.process.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(patience);
  };

  state.log = () => fs.readFileSync(log, "utf8");
  return state;
}

function answers(port) {
  return new Promise((done) => {
    const socket = net.connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}
