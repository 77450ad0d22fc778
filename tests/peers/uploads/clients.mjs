// Uploads one file with each of the clients people use, unchanged, over a line that is cut again
// and again, and compares what is stored with what was sent:
//
//   node clients.mjs MENSHEN PYTHON [NAME…]
//
// It starts the door itself; a URL with `#token=…` in the place of the program is one that runs.
// PYTHON is an interpreter that has `requirements.txt`. Prints `N passed, 0 failed`. No other host
// is reached. `--reference DIR` in the place of a name says that the server is another one (its
// files are then looked for in DIR).

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import * as tus from "tus-js-client";
import { line } from "./line.mjs";
import { prepare } from "./server.mjs";

// The door's certificate is one of its own making.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
process.removeAllListeners("warning");

const run = promisify(execFile);
const [given, python, ...words] = process.argv.slice(2);
if (!given || !python) {
  console.error("usage: node clients.mjs MENSHEN PYTHON [NAME…]");
  process.exit(2);
}
const work = fs.mkdtempSync(path.join(os.tmpdir(), "menshen-uploads-"));
let door = null;
let url = given;
if (!given.startsWith("http")) {
  door = await prepare(given, work);
  await door.start();
  url = `${door.origin}/#token=${door.token}`;
}
const token = /#token=(.+)$/.exec(url)[1];
const origin = new URL(url);
const reference = words[0] === "--reference" ? words[1] : null;
const only = reference ? words.slice(2) : words;
const file = path.join(work, "sent.bin");
const bytes = randomBytes(6_000_000);
fs.writeFileSync(file, bytes);
const sha = createHash("sha256").update(bytes).digest("hex");
const authorization = { Authorization: `Bearer ${token}` };

/** Client → how it uploads `file` to the creation address `url` under `name`; gives its address. */
const clients = {
  "tus-js-client": (url, name) => tusJs(url, name, "tus-v1"),
  "tus-js-client-chunks": (url, name) => tusJs(url, name, "tus-v1", { chunkSize: 1 << 20 }),
  "tus-js-client-parallel": (url, name) => tusJs(url, name, "tus-v1", { parallelUploads: 3 }),
  "tus-js-client-draft-03": (url, name) => tusJs(url, name, "ietf-draft-03"),
  "tus-js-client-draft-05": (url, name) => tusJs(url, name, "ietf-draft-05"),
  tuspy: (url, name) => peer("tuspy", url, name),
  aiotus: (url, name) => peer("aiotus", url, name),
  "curl-tus": curlTus,
  "curl-rufh": curlRufh,
};
/** What the reference server does not speak. */
const OURS = new Set([
  "tus-js-client-parallel",
  "tus-js-client-draft-03",
  "tus-js-client-draft-05",
  "curl-rufh",
]);

function tusJs(url, name, protocol, more = {}) {
  return new Promise((done, fail) => {
    const upload = new tus.Upload(fs.createReadStream(file), {
      endpoint: url,
      protocol,
      headers: authorization,
      metadata: { filename: name },
      retryDelays: [100, 200, 300, 300, 300, 300, 300, 300],
      onError: fail,
      onSuccess: () => done(upload.url),
      ...more,
    });
    upload.start();
  });
}

async function peer(client, url, name) {
  const script = path.join(import.meta.dirname, "peer.py");
  const { stdout } = await run(python, [script, client, url, token, file, name]);
  return stdout.trim();
}

/** One request by curl; gives status and fields of the last answer, status 0 without one. */
async function curl(method, url, fields, body) {
  const args = ["--silent", "--insecure", "--http1.1", "--dump-header", "-", "--output"];
  args.push("/dev/null", "--header", `Authorization: Bearer ${token}`, "--header", "Expect:");
  for (const [name, value] of Object.entries(fields)) args.push("--header", `${name}: ${value}`);
  // Slow enough for the interim answer to be read: a line that is reset loses what was not.
  if (method === "POST" && body) args.push("--limit-rate", "2M");
  if (method === "HEAD") args.push("--head");
  else args.push("--request", method);
  if (body) args.push("--data-binary", `@${body}`);
  const { stdout } = await run("curl", [...args, url]).catch((fault) => fault);
  const heads = stdout.split("\r\n\r\n").filter(Boolean);
  const answer = { status: 0, interim: [] };
  for (const head of heads) {
    const [first, ...lines] = head.split("\r\n");
    const status = Number(first.split(" ")[1]);
    const found = { status };
    for (const text of lines) {
      const [name, ...value] = text.split(":");
      found[name.toLowerCase()] = value.join(":").trim();
    }
    if (status >= 200) Object.assign(answer, found);
    else answer.interim.push(found);
  }
  return answer;
}

/** The file from `offset` on, as a file of its own: curl sends what it is given. */
function rest(offset, end = bytes.length) {
  const name = path.join(work, `rest-${randomBytes(4).toString("hex")}.bin`);
  fs.writeFileSync(name, bytes.subarray(offset, end));
  return name;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Asks until there is an answer of the server: the line may be down. */
async function answered(ask) {
  for (let n = 0; n < 60; n += 1) {
    const answer = await ask();
    if (answer.status > 0) return answer;
    await pause(100);
  }
  throw new Error("no answer for six seconds");
}

async function curlTus(url, name) {
  const version = { "Tus-Resumable": "1.0.0" };
  const made = await answered(() =>
    curl("POST", url, {
      ...version,
      "Upload-Length": bytes.length,
      "Upload-Metadata": `filename ${Buffer.from(name).toString("base64")}`,
    }),
  );
  assert.equal(made.status, 201);
  const address = new URL(made.location, url).href;
  let seen = 0;
  for (let n = 0; n < 20; n += 1) {
    const { status, "upload-offset": text } = await answered(() => curl("HEAD", address, version));
    assert.ok(status === 200 || status === 204, `status ${status} of HEAD`);
    const offset = Number(text);
    assert.ok(offset >= seen, `the offset went back from ${seen} to ${offset}`);
    seen = offset;
    if (offset === bytes.length) return address;
    const type = { "Content-Type": "application/offset+octet-stream", "Upload-Offset": offset };
    const { status: after } = await curl("PATCH", address, { ...version, ...type }, rest(offset));
    if (after === 204) return address;
  }
  throw new Error("twenty appends, and it is not whole");
}

/** By the newest draft: POST with the whole, 104 with the address, then HEAD and PATCH. */
async function curlRufh(url, name) {
  const version = { "Upload-Draft-Interop-Version": "8" };
  const first = await curl(
    "POST",
    url,
    {
      ...version,
      "Upload-Complete": "?1",
      "Content-Type": "application/octet-stream",
      "Content-Disposition": `attachment; filename="${name}"`,
      "Upload-Metadata": `filename ${Buffer.from(name).toString("base64")}`,
    },
    file,
  );
  assert.equal(first.status, 0, "the line was to be cut");
  const { location } = first.interim.find((answer) => answer.status === 104) ?? {};
  assert.ok(location, "no 104 with the address before the cut");
  const address = new URL(new URL(location, url).pathname, url).href;
  let seen = 0;
  for (let n = 0; n < 20; n += 1) {
    const look = await answered(() => curl("HEAD", address, version));
    assert.ok(look.status >= 200 && look.status < 300, `status ${look.status} of HEAD`);
    const offset = Number(look["upload-offset"]);
    assert.ok(offset >= seen, `the offset went back from ${seen} to ${offset}`);
    seen = offset;
    if (look["upload-complete"] === "?1") return address;
    const { status } = await curl(
      "PATCH",
      address,
      {
        ...version,
        "Upload-Offset": offset,
        "Upload-Complete": "?1",
        "Content-Type": "application/partial-upload",
      },
      rest(offset),
    );
    if (status >= 200 && status < 300) return address;
  }
  throw new Error("twenty appends, and it is not whole");
}

/** What the server has. */
async function stored(address, name) {
  if (reference) return fs.readFileSync(path.join(reference, address.split("/").at(-1)));
  const answer = await fetch(new URL(`/${name}`, origin), { headers: authorization });
  assert.equal(answer.status, 200, `status of GET /${name}`);
  return Buffer.from(await answer.arrayBuffer());
}

async function check(client, upload) {
  const name = `${client}.bin`;
  const cuts = [0.25, 0.5, 0.75].map((share) => Math.floor(bytes.length * share));
  const wire = await line(Number(origin.port), cuts);
  const url = `${origin.protocol}//${origin.hostname}:${wire.port}/.menshen/uploads/`;
  const start = performance.now();
  const address = await upload(url, name);
  const got = await stored(address, name);
  wire.close();
  assert.equal(wire.cut, cuts.length, "times the line was cut");
  assert.equal(createHash("sha256").update(got).digest("hex"), sha, "SHA-256 of what is stored");
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const more = ((wire.moved / bytes.length - 1) * 100).toFixed(0);
  console.log(`ok   ${client}: ${wire.cut} cuts, ${more} % sent more, ${seconds} s`);
}

const waiting = Object.entries(clients).filter(
  ([client]) => (only.length === 0 || only.includes(client)) && !(reference && OURS.has(client)),
);
let [passed, failed] = [0, 0];
/** Some at once: most of their time they wait for the next try. */
async function workOff() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const [client, upload] = next;
    try {
      await check(client, upload);
      passed += 1;
    } catch (fault) {
      // Not the fault itself: of some clients' all of Node's sockets hang.
      console.log(`FAIL ${client}: ${fault.message}\n${fault.stderr ?? ""}`);
      failed += 1;
    }
  }
}
await Promise.all([workOff(), workOff(), workOff()]);
await door?.stop();
fs.rmSync(work, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
