// Uploads in Chromium that nothing ends: by the page of the door, by Uppy and by the forms of a
// site, with the network cut and the server killed half-way:
//
//   node browser.mjs MENSHEN SCREENSHOT_DIR
//
// It starts the door itself. Prints `N passed, 0 failed`, or stops at the first failure. No other
// host is reached.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { line } from "./line.mjs";
import { prepare } from "./server.mjs";

const [menshen, shots, ...only] = process.argv.slice(2);
if (!menshen || !shots) {
  console.error("usage: node browser.mjs MENSHEN SCREENSHOT_DIR");
  process.exit(2);
}
// The door's certificate is one of its own making.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
process.removeAllListeners("warning");
const work = fs.mkdtempSync(path.join(os.tmpdir(), "menshen-browser-"));
fs.mkdirSync(shots, { recursive: true });
const site = path.join(work, "public");
fs.mkdirSync(site);
for (const folder of [work, site]) fs.chmodSync(folder, 0o755);
// The file service has all hosts but this one.
const SITE = `[[site]]
hosts = ["localhost"]
root = "public"
php = "managed"
[[site.rule]]
path = "/asked/"
script = "/up.php"
authorize = "/may.php"
`;
const door = await prepare(menshen, work, SITE);
await door.start();
const wire = await line(door.port, []);
const origin = `https://127.0.0.1:${wire.port}`;
const authorization = { Authorization: `Bearer ${door.token}` };

const file = path.join(work, "big file 大.bin");
const bytes = randomBytes(20_000_000);
fs.writeFileSync(file, bytes);
const sha = (data) => createHash("sha256").update(data).digest("hex");

let browser;
let page;
let context;
const problems = [];
const steps = [];
const step = (name, run) => steps.push({ name, run });

// ── the page of the door ────────────────────────────────────────────────────

step("the page: a cut network is waited out, and the upload goes on", async () => {
  await signIn(page);
  const before = wire.moved;
  await slowly(12_000_000, async () => {
    await page.setInputFiles("#files", file);
    await sent(0.2);
    wire.down(Infinity);
    await page.waitForSelector('.up[data-state="waiting"]');
    await shot("page-waiting");
    assert.equal(await page.locator('.up[data-state="failed"]').count(), 0);
    wire.up();
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await sent(0.6);
    wire.down(300);
  });
  await allDone();
  await same("big file 大.bin");
  // Each cut costs at most one piece of what was on its way.
  assert.ok(wire.moved - before < 1.8 * bytes.length, `${wire.moved - before} bytes were sent`);
});

step("the page: the server is killed and comes back, and the upload goes on", async () => {
  await remove("big file 大.bin");
  await slowly(12_000_000, async () => {
    await page.setInputFiles("#files", file);
    await sent(0.5);
    await door.kill();
    await page.waitForSelector('.up[data-state="waiting"]');
    await door.start();
  });
  await allDone();
  await same("big file 大.bin");
});

step("the page: after a reload it says what is unfinished, and goes on", async () => {
  await remove("big file 大.bin");
  await slowly(4_000_000, async () => {
    await page.setInputFiles("#files", file);
    await sent(0.5);
  });
  await page.reload();
  const left = page.locator('.up[data-state="left"]');
  await left.waitFor();
  assert.match(await left.textContent(), /of 20\.0 MB are safe · choose the file again/);
  const warns = () =>
    page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
  assert.equal(await warns(), false, "nothing is lost by leaving");
  await shot("page-left");
  for (const [name, options] of Object.entries(LOOKS)) {
    const other = await open(options);
    await signIn(other);
    await other.locator("#panel").waitFor();
    if (await other.locator("#panel.folded").count()) await other.click("#panel-fold");
    await other.locator('.up[data-state="left"]').waitFor();
    const wide = await other.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `the page is ${wide} px wider than the window`);
    await other.waitForTimeout(600);
    await other.screenshot({ path: path.join(shots, `page-left-${name}.png`) });
    await other.context().close();
  }
  const choose = async (chosen) => {
    const [picker] = await Promise.all([
      page.waitForEvent("filechooser"),
      left.locator("[data-do=choose]").click(),
    ]);
    await picker.setFiles(chosen);
  };
  const other = path.join(work, "other", "big file 大.bin");
  fs.mkdirSync(path.dirname(other), { recursive: true });
  fs.writeFileSync(other, randomBytes(20_000_000));
  await choose(other);
  await page.waitForSelector(".toast.problem");
  await shot("page-other-file");
  assert.equal(await left.count(), 1, "another file went on with it");
  const before = wire.moved;
  await choose(file);
  await allDone();
  await same("big file 大.bin");
  assert.ok(wire.moved - before < 0.8 * bytes.length, `${wire.moved - before} bytes were sent`);
});

step("the page: what was left unfinished can be given up", async () => {
  await remove("big file 大.bin");
  await slowly(4_000_000, async () => {
    await page.setInputFiles("#files", file);
    await sent(0.3);
  });
  await page.reload();
  await page.locator('.up[data-state="left"] [data-do=cancel]').click();
  await page.waitForSelector("#panel", { state: "hidden" });
  await poll(async () => {
    const answer = await fetch(`${door.origin}/.menshen/uploads/`, { headers: authorization });
    return (await answer.json()).uploads.length === 0;
  });
});

step("the page: the session ends half-way, and after signing in again the upload goes on", async () => {
  await remove("big file 大.bin");
  const offsets = [];
  const watch = (request) => {
    if (request.method() === "PATCH") offsets.push(Number(request.headers()["upload-offset"]));
  };
  page.on("request", watch);
  const tab = await context.newPage();
  await tab.goto(`${origin}/`);
  // As another tab of the same person does.
  const signOut = async () => {
    const status = await tab.evaluate(() =>
      fetch("/.menshen/session", { method: "DELETE" }).then((answer) => answer.status),
    );
    assert.equal(status, 204, "status of signing out");
    await page.waitForSelector("body[data-state=locked] #token");
  };
  const signBackIn = async () => {
    await page.fill("#token", door.token);
    await page.keyboard.press("Enter");
    await page.waitForSelector("body[data-state=open]");
  };
  const before = wire.moved;
  await slowly(4_000_000, async () => {
    await page.setInputFiles("#files", file);
    await sent(0.5);
    await signOut();
    await shot("page-signed-out");
    const asked = await page.textContent("#login-error");
    assert.match(asked, /1/, "it says that an upload waits");
    // What the door has is what the page goes on from.
    const listed = await fetch(`${door.origin}/.menshen/uploads/`, { headers: authorization });
    const [{ offset }] = (await listed.json()).uploads;
    assert.ok(offset >= 8 << 20 && offset < bytes.length, `${offset} bytes are safe`);
    offsets.length = 0;
    await signBackIn();
    await sent(0.7);
    assert.equal(offsets[0], offset, "goes on from the durable offset");
  });
  await allDone();
  await same("big file 大.bin");
  assert.ok(wire.moved - before < 1.8 * bytes.length, `${wire.moved - before} bytes were sent`);

  // The page goes as well: it signs in, the file is chosen again, and only the rest is sent.
  await remove("big file 大.bin");
  await slowly(4_000_000, async () => {
    await page.setInputFiles("#files", file);
    await sent(0.5);
    await signOut();
  });
  await page.reload();
  await page.waitForSelector("body[data-state=locked] #token");
  await signBackIn();
  const left = page.locator('.up[data-state="left"]');
  await left.waitFor();
  offsets.length = 0;
  const [picker] = await Promise.all([
    page.waitForEvent("filechooser"),
    left.locator("[data-do=choose]").click(),
  ]);
  await picker.setFiles(file);
  await allDone();
  assert.ok(offsets[0] >= 8 << 20, `went on from ${offsets[0]}`);
  await same("big file 大.bin");
  page.off("request", watch);
  await tab.close();
  await remove("big file 大.bin");
});

// ── a drop-box ──────────────────────────────────────────────────────────────

step("a drop-box: a stranger's large file goes on after a lost network, and counts once", async () => {
  const link = (...args) => {
    const made = spawnSync(menshen, ["link", ...args], { cwd: work, encoding: "utf8" });
    assert.equal(made.status, 0, made.stderr);
    return made.stdout.trim();
  };
  const url = link("/inbox", "--method", "drop", "--count", "2");
  const stranger = await open();
  await stranger.goto(origin + new URL(url).pathname);
  const before = wire.moved;
  const row = stranger.locator("#list li").first();
  const share = (least) =>
    stranger.waitForFunction(
      (n) => {
        const bar = document.querySelector("#list progress");
        return bar && bar.value / bar.max > n;
      },
      least,
    );
  await slowly(
    12_000_000,
    async () => {
      await stranger.setInputFiles("#files", file);
      await share(0.5);
      await stranger.screenshot({ path: path.join(shots, "drop-sending.png") });
      wire.down(Infinity);
      await stranger.waitForSelector('#list li[data-state="waiting"]');
      await stranger.screenshot({ path: path.join(shots, "drop-waiting.png") });
      wire.up();
      await stranger.evaluate(() => dispatchEvent(new Event("online")));
      await share(0.7);
      await door.kill();
      await door.start();
    },
    stranger,
  );
  await poll(async () => (await row.getAttribute("data-state")) === "sent", 30_000);
  await same("inbox/big file 大.bin");
  assert.ok(wire.moved - before < 1.9 * bytes.length, `${wire.moved - before} bytes were sent`);
  const small = { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("small") };
  await stranger.setInputFiles("#files", small);
  await stranger.waitForFunction(
    () => document.querySelectorAll('#list li[data-state="sent"]').length === 2,
  );
  // Two uses, two files: a third is refused in words.
  await stranger.setInputFiles("#files", { ...small, name: "third.txt" });
  const failed = stranger.locator('#list li[data-state="failed"]');
  await failed.waitFor();
  assert.match(await failed.textContent(), /used as often as it may be/);
  await stranger.context().close();
});

// ── Uppy ────────────────────────────────────────────────────────────────────

step("Uppy: network cut, server killed, and the file is whole", async () => {
  const built = await build({
    stdin: { contents: UPPY, resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: "iife",
    logLevel: "error",
  });
  await lay("/uppy.js", "text/javascript", built.outputFiles[0].text);
  const body = '<!doctype html><input type="file" id="in"><script src="/uppy.js"></script>';
  await lay("/uppy.html", "text/html", body);
  await page.goto(`${origin}/uppy.html`);
  await slowly(12_000_000, async () => {
    await page.setInputFiles("#in", file);
    await poll(() => page.evaluate(() => window.sent > 0.2));
    wire.down(500);
    await poll(() => page.evaluate(() => window.sent > 0.5));
    await door.kill();
    await page.waitForTimeout(300);
    await door.start();
  });
  await poll(() => page.evaluate(() => window.done ?? window.failed), 30_000);
  assert.equal(await page.evaluate(() => window.failed ?? ""), "");
  await same("by uppy.bin");
});

// ── forms ───────────────────────────────────────────────────────────────────

step("a form: large files go ahead, the rest is as ever", async () => {
  await remove("big file 大.bin");
  await lay("/form.html", "text/html", FORM);
  await page.goto(`${origin}/form.html`);
  await page.evaluate(() => {
    window.states = new Set();
    addEventListener("menshen:progress", ({ detail }) => window.states.add(detail.state));
  });
  const small = path.join(work, "small.txt");
  fs.writeFileSync(small, "small");
  let posted = null;
  page.on("request", (request) => {
    if (request.isNavigationRequest() && request.method() === "POST") posted = request;
  });
  await slowly(12_000_000, async () => {
    await page.setInputFiles("#in", [file, small]);
    await page.click("#send");
    await page.waitForFunction(() => document.querySelector(".menshen-upload progress")?.value > 0.4);
    await shot("form-sending");
    wire.down(1000);
    await page.waitForFunction(() => window.states.has("waiting"));
    await shot("form-waiting");
  });
  await page.waitForURL(`${origin}/`);
  assert.ok(posted, "the browser itself sends the form");
  await same("big file 大.bin");
  const got = await fetch(`${door.origin}/small.txt`, { headers: authorization });
  assert.equal(await got.text(), "small");
  await page.goBack();
  const chosen = await page.evaluate(() => [...document.getElementById("in").files].map((f) => f.size));
  assert.ok(chosen.length === 0 || chosen[0] === 20_000_000, "the form itself is untouched");
});

step("a form of a PHP application: killed half-way, and nothing is different", async () => {
  fs.writeFileSync(path.join(site, "form.html"), FORM.replace('action="/"', 'action="/up.php?a=1"'));
  fs.writeFileSync(path.join(site, "up.php"), UP_PHP);
  const from = `https://localhost:${wire.port}`;
  await page.goto(`${from}/form.html`);
  await page.evaluate(() => {
    document.cookie = "app=abc";
  });
  const before = wire.moved;
  await slowly(12_000_000, async () => {
    await page.setInputFiles("#in", file);
    await page.click("#send");
    const share = (least) => document.querySelector(".menshen-upload progress")?.value > least;
    await page.waitForFunction(share, 0.5);
    await door.kill();
    await door.start();
    // The page goes too, and the person sends the form once more.
    await page.waitForFunction(share, 0.6);
  });
  await page.reload();
  await page.setInputFiles("#in", file);
  await page.click("#send");
  await page.waitForURL(`${from}/up.php?a=1`);
  assert.deepEqual(JSON.parse(await page.textContent("body")), {
    token: "csrf",
    button: "yes",
    cookie: "abc",
    name: ["big file 大.bin"],
    type: ["application/octet-stream"],
    size: [bytes.length],
    error: [0],
    uploaded: true,
    sha: sha(bytes),
  });
  assert.ok(wire.moved - before < 1.8 * bytes.length, `${wire.moved - before} bytes were sent`);
});

step("XMLHttpRequest and the Fetch API: forms of scripts go the same way", async () => {
  await page.goto(`${origin}/form.html`);
  const told = await page.evaluate(async () => {
    const form = (name) => {
      const data = new FormData();
      data.append("f", new File([new Uint8Array(3_000_000).fill(7)], name, { type: "image/png" }));
      return data;
    };
    const shares = [];
    const xhr = new XMLHttpRequest();
    xhr.upload.onprogress = ({ loaded, total }) => shares.push(loaded / total);
    xhr.open("POST", "/");
    xhr.setRequestHeader("Accept", "application/json");
    xhr.send(form("xhr.bin"));
    await new Promise((done) => (xhr.onloadend = done));
    const headers = { Accept: "application/json" };
    const fetched = await fetch("/", { method: "POST", headers, body: form("fetch.bin") });
    const stop = new AbortController();
    const stopped = fetch("/", { method: "POST", body: form("no.bin"), signal: stop.signal });
    setTimeout(() => stop.abort(), 5);
    const name = await stopped.then(() => "whole", (fault) => fault.name);
    return [xhr.status, shares.at(-1), fetched.status, name];
  });
  assert.deepEqual(told, [201, 1, 201, "AbortError"]);
  for (const name of ["xhr.bin", "fetch.bin"]) {
    const got = await fetch(`${door.origin}/${name}`, { headers: authorization });
    const data = Buffer.from(await got.arrayBuffer());
    assert.equal(sha(data), sha(Buffer.alloc(3_000_000, 7)), name);
  }
});

step("an application that is asked first: its refusal is shown, and nothing is sent", async () => {
  const form = (say) => FORM.replace('action="/"', `action="/asked/?say=${say}"`);
  fs.writeFileSync(path.join(site, "no.html"), form("no"));
  fs.writeFileSync(path.join(site, "yes.html"), form("yes"));
  fs.writeFileSync(path.join(site, "up.php"), UP_PHP);
  fs.writeFileSync(path.join(site, "may.php"), MAY_PHP);
  fs.writeFileSync(path.join(work, "asked"), "");
  fs.chmodSync(path.join(work, "asked"), 0o666);
  const from = `https://localhost:${wire.port}`;
  await page.goto(`${from}/no.html`);
  await page.evaluate(() => {
    addEventListener("menshen:progress", ({ detail }) => (window.last = detail.status));
  });
  let tries = 0;
  page.on("request", (request) => {
    if (request.url().endsWith("/.menshen/uploads/")) tries++;
  });
  const before = wire.moved;
  await page.setInputFiles("#in", file);
  await page.click("#send");
  const words = page.locator(".menshen-upload [role=status]");
  await page.waitForFunction(() => window.last === 403);
  await shot("form-refused");
  const text = (await words.textContent()).replace(/\s+/g, " ");
  assert.match(text, /big file 大\.bin: not uploaded 403 Not in this album \. Ask Ada & Bob\./);
  const told = await page.evaluate(async () => {
    const body = () => {
      const data = new FormData();
      data.append("files[]", new File([new Uint8Array(3_000_000)], "no.bin"));
      return data;
    };
    const fetched = await fetch("/asked/?say=no", { method: "POST", body: body() });
    const xhr = new XMLHttpRequest();
    xhr.open("POST", "/asked/?say=no");
    const ended = new Promise((done) => (xhr.onerror = () => done("error")));
    xhr.send(body());
    return [fetched.status, (await fetched.text()).includes("<b>album</b>"), await ended];
  });
  assert.deepEqual(told, [403, true, "error"]);
  assert.equal(tries, 3, "nobody tries again");
  assert.ok(wire.moved - before < 500_000, `${wire.moved - before} bytes were sent`);

  await page.goto(`${from}/yes.html`);
  await page.evaluate(() => {
    document.cookie = "app=abc";
  });
  await page.setInputFiles("#in", file);
  await page.click("#send");
  await page.waitForURL(`${from}/asked/?say=yes`);
  assert.equal(JSON.parse(await page.textContent("body")).sha, sha(bytes));
  const lines = fs.readFileSync(path.join(work, "asked"), "utf8").trim().split("\n");
  const about = JSON.parse(lines.at(-2));
  assert.deepEqual(about, ["/asked/?say=yes", "big file 大.bin", `${bytes.length}`]);
});

// ── the tools ───────────────────────────────────────────────────────────────

async function open(options = {}) {
  const profile = await browser.newContext({
    ignoreHTTPSErrors: true,
    locale: "en-US",
    viewport: { width: 1280, height: 800 },
    ...options,
  });
  profile.setDefaultTimeout(20_000);
  const opened = await profile.newPage();
  opened.on("pageerror", (error) => problems.push(`script error: ${error.stack}`));
  opened.on("console", (message) => {
    if (/policy/i.test(message.text())) problems.push(message.text());
  });
  return opened;
}

async function signIn(where) {
  await where.goto(`${origin}/#token=${door.token}`);
  await where.waitForSelector("body[data-state=open][data-access=write]");
}

async function shot(name) {
  await page.screenshot({ path: path.join(shots, `${name}.png`) });
}

/** Waits until this share of the only upload is gone. */
function sent(share) {
  return page.waitForFunction(
    (least) => document.querySelector('.up[data-state="sending"] progress')?.value > least,
    share,
  );
}

async function allDone() {
  await page.waitForFunction(() => {
    const states = [...document.querySelectorAll(".up")].map((el) => el.dataset.state);
    return states.includes("failed") || (states.length > 0 && states.every((s) => s === "done"));
  });
  assert.deepEqual(await page.locator('.up[data-state="failed"]').allTextContents(), []);
  await page.click("#all-clear");
}

async function same(name) {
  const url = `${door.origin}/${name.split("/").map(encodeURIComponent).join("/")}`;
  const answer = await fetch(url, { headers: authorization });
  assert.equal(answer.status, 200, `status of ${name}`);
  assert.equal(sha(Buffer.from(await answer.arrayBuffer())), sha(bytes), `SHA-256 of ${name}`);
}

async function remove(name) {
  const url = `${door.origin}/${encodeURIComponent(name)}`;
  await fetch(url, { method: "DELETE", headers: authorization });
}

/** Has the browser find a page of a site at `path`, with a policy as strict as sites have them. */
async function lay(at, type, body) {
  const headers = { "Content-Security-Policy": "default-src 'self'", "Content-Type": type };
  await context.route(origin + at, (route) => route.fulfill({ status: 200, headers, body }));
}

async function poll(is, milliseconds = 15_000) {
  const end = Date.now() + milliseconds;
  while (!(await is())) {
    if (Date.now() > end) throw new Error(`never: ${is}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Runs `act` with uploads held to `limit` bytes per second. */
async function slowly(limit, act, on = page) {
  const session = await on.context().newCDPSession(on);
  await session.send("Network.enable");
  const set = (uploadThroughput) =>
    session.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput,
    });
  await set(limit);
  try {
    await act();
  } finally {
    await set(-1).catch(() => {});
    await session.detach().catch(() => {});
  }
}

const LOOKS = {
  "zh-dark": { locale: "zh-CN", colorScheme: "dark" },
  "phone": { viewport: { width: 375, height: 720 } },
  "phone-zh-dark": {
    locale: "zh-CN",
    viewport: { width: 375, height: 720 },
    colorScheme: "dark",
  },
};

/** As its manual says; the delays are shorter, for the test's sake. */
const UPPY = `
  import Uppy from "@uppy/core";
  import Tus from "@uppy/tus";
  const uppy = new Uppy({ autoProceed: true });
  uppy.use(Tus, {
    endpoint: "/.menshen/uploads/",
    chunkSize: 4 << 20,
    retryDelays: [200, 400, 800, 1000, 1000, 1000, 1000],
    allowedMetaFields: ["filename"],
  });
  uppy.on("upload-progress", (file, progress) => {
    window.sent = progress.bytesUploaded / progress.bytesTotal;
  });
  uppy.on("complete", ({ successful }) => {
    if (successful.length === 1) window.done = true;
  });
  uppy.on("upload-error", (file, error) => {
    window.failed = String(error);
  });
  document.getElementById("in").addEventListener("change", ({ target }) => {
    const [data] = target.files;
    uppy.addFile({ name: data.name, data, meta: { filename: "by uppy.bin" } });
  });
`;

const FORM = `<!doctype html><html lang="en"><meta charset="utf-8">
  <script src="/.menshen/upload.js" data-menshen-piece="4194304"></script>
  <form action="/" method="post" enctype="multipart/form-data">
    <input type="hidden" name="_token" value="csrf">
    <input type="file" id="in" name="files[]" multiple>
    <button id="send" name="go" value="yes">Send</button>
  </form>`;

const MAY_PHP = `<?php
  $told = static fn ($name) => $_SERVER["MENSHEN_UPLOAD_" . $name] ?? null;
  $about = [$_SERVER["REQUEST_URI"], $told("NAME"), $told("LENGTH")];
  file_put_contents(__DIR__ . "/../asked", json_encode($about, 320) . "\\n", FILE_APPEND);
  if ($_GET["say"] === "no") {
    http_response_code(403);
    echo "<!doctype html><title>No</title><style>p { color: red }</style>
      <p>Not in this <b>album</b>. Ask Ada & Bob.</p><script>alert(1)</script>";
  }`;

const UP_PHP = `<?php
  header("Content-Type: application/json");
  $files = $_FILES["files"];
  echo json_encode([
    "token" => $_POST["_token"], "button" => $_POST["go"], "cookie" => $_COOKIE["app"],
    "name" => $files["name"], "type" => $files["type"], "size" => $files["size"],
    "error" => $files["error"], "uploaded" => is_uploaded_file($files["tmp_name"][0]),
    "sha" => hash_file("sha256", $files["tmp_name"][0]),
  ], JSON_UNESCAPED_UNICODE);
`;

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

async function main() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: FLAGS });
  page = await open();
  context = page.context();
  let passed = 0;
  for (const { name, run } of steps) {
    if (only.length > 0 && !only.some((word) => name.includes(word)) && passed > 0) continue;
    const start = performance.now();
    try {
      await run();
      assert.deepEqual(problems, [], "errors seen by the browser");
    } catch (fault) {
      await shot("failure").catch(() => {});
      console.log(`FAIL ${name}\n${fault.message}\n${problems.join("\n")}\n${door.log()}`);
      console.log(`${passed} passed, 1 failed`);
      return 1;
    }
    passed += 1;
    console.log(`ok   ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  }
  console.log(`${passed} passed, 0 failed`);
  return 0;
}

let code = 1;
try {
  code = await main();
} finally {
  await browser?.close();
  wire.close();
  await door.stop();
  fs.rmSync(work, { recursive: true, force: true });
}
process.exit(code);
