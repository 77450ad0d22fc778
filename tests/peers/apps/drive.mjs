// Drives one PHP application behind a running server, as its owner would:
//
//   node drive.mjs SETTINGS.json
//
// `cargo xtask apps` writes the settings. Prints one line per step with its time, then
// `N passed, 0 failed`, and exits 0; or stops at the first failure with what was expected. An
// answer of 400 and above, an error in the browser's console or in a script is a failure unless
// the step says that it is expected. No other host is reached.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomFillSync } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";

const settings = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const { origin, work, shots } = settings;
fs.rmSync(shots, { recursive: true, force: true });
fs.mkdirSync(shots, { recursive: true });

/** Problems seen by the watchers; checked after every step. */
const problems = [];
/** What a step expects of them. */
let expected = null;
/** Addresses whose answer a step looks at itself. */
const asked = new Set();
let shotCount = 0;
let browser;

const steps = [];

/** What the files of the applications get. */
const tools = {
  settings,
  /** The page; a step may use others from `context`. */
  page: null,
  context: null,

  step(name, run, { expects = null } = {}) {
    steps.push({ name, run, expects });
  },

  /** A browser profile of its own, watched like the first one. */
  async open(options = {}) {
    const context = await browser.newContext({
      ignoreHTTPSErrors: true,
      locale: "en-US",
      viewport: { width: 1000, height: 700 },
      ...options,
    });
    context.setDefaultTimeout(30_000);
    await context.route(
      (url) => url.origin !== origin && !["data:", "blob:"].includes(url.protocol),
      // Avatars and the like: answered here, so that nothing leaves this machine.
      (route) => route.fulfill({ status: 204, body: "" }),
    );
    context.on("page", watch);
    return context;
  },

  async shot(name, { full = false, page = tools.page } = {}) {
    shotCount += 1;
    const file = `${String(shotCount).padStart(2, "0")}-${name}.png`;
    await page.screenshot({
      path: path.join(shots, file),
      fullPage: full,
    });
  },

  /** Writes a file of `bytes` random bytes that begins as an MP4 does; gives path and SHA-256. */
  video(name, bytes) {
    const head = Buffer.alloc(40);
    head.writeUInt32BE(24, 0);
    head.write("ftypmp42\0\0\0\0mp42isom", 4, "latin1");
    // The size of a box longer than 32 bits follows its name.
    head.writeUInt32BE(1, 24);
    head.write("mdat", 28, "latin1");
    head.writeBigUInt64BE(BigInt(bytes - 24), 32);
    const file = path.join(work, name);
    const out = fs.openSync(file, "w");
    const hash = createHash("sha256");
    const put = (piece) => {
      fs.writeSync(out, piece);
      hash.update(piece);
    };
    put(head);
    const block = Buffer.alloc(1 << 20);
    for (let left = bytes - head.length; left > 0; left -= block.length) {
      randomFillSync(block);
      put(left < block.length ? block.subarray(0, left) : block);
    }
    fs.closeSync(out);
    return { file, bytes, sha256: hash.digest("hex") };
  },

  /** The SHA-256 of a file, read in pieces. */
  sha256(file) {
    const hash = createHash("sha256");
    tools.pieces(file, (piece) => hash.update(piece));
    return hash.digest("hex");
  },

  /** Calls `use` with one piece of the file after the other. */
  pieces(file, use) {
    const input = fs.openSync(file, "r");
    const block = Buffer.alloc(1 << 20);
    for (;;) {
      const count = fs.readSync(input, block);
      if (count === 0) break;
      use(block.subarray(0, count));
    }
    fs.closeSync(input);
  },

  /** Does what starts a download, waits for its end, and gives the file. */
  async download(start, milliseconds = 240_000) {
    const [download] = await Promise.all([
      tools.page.waitForEvent("download", { timeout: milliseconds }),
      start(),
    ]);
    assert.equal(await download.failure(), null, "the download failed");
    return { file: await download.path(), name: download.suggestedFilename() };
  },

  /** Downloads `url` by a link in the page. */
  async downloadUrl(url) {
    return tools.download(() =>
      tools.page.evaluate((address) => {
        const link = document.createElement("a");
        link.href = address;
        link.download = "";
        document.body.append(link);
        link.click();
        link.remove();
      }, url),
    );
  },

  /** Fetches `target` of the origin from within the page, whatever the answer's status. */
  async ask(target, headers = {}) {
    asked.add(`${origin}/${target}`);
    const { status, body } = await tools.page.evaluate(
      async ([address, fields]) => {
        const answer = await fetch(address, { headers: fields, cache: "no-store" });
        const bytes = new Uint8Array(await answer.arrayBuffer());
        return { status: answer.status, body: Array.from(bytes) };
      },
      [`/${target}`, headers],
    );
    return { status, body: Buffer.from(body) };
  },

  /** Runs SQL as the database's root and gives the rows without heading. */
  sql(text, database = "") {
    const { client, socket } = settings.database;
    const args = ["--no-defaults", `--socket=${socket}`, "--user=root", "--batch"];
    args.push("--skip-column-names", "--raw");
    if (database) args.push(database);
    return execFileSync(client, args, { input: text, maxBuffer: 1 << 26 }).toString();
  },

  /** Feeds a file of SQL to a database, as an operator would who restores a dump. */
  sqlFile(file, database) {
    const { client, socket } = settings.database;
    const input = fs.openSync(file, "r");
    const args = ["--no-defaults", `--socket=${socket}`, "--user=root", database];
    execFileSync(client, args, { stdio: [input, "inherit", "inherit"] });
    fs.closeSync(input);
  },

  /**
   * Prints what the server says about uploads, where it has a command for that, and fails unless it
   * has delivered one by `kind`.
   */
  showDeliveries(kind = null) {
    const [program, ...args] = settings.status;
    if (!program) return;
    const state = JSON.parse(execFileSync(program, args, { cwd: path.dirname(args.at(-1)) }));
    const deliveries = state.deliveries ?? [];
    for (const one of deliveries) {
      const seconds = one.php_seconds.toFixed(3);
      console.log(`     status: ${one.count} by ${one.kind}, PHP busy ${seconds} s in all`);
    }
    for (const log of settings.logs.filter((name) => name.endsWith("access.log"))) {
      const lines = fs.readFileSync(log, "utf8").split("\n");
      const last = lines.filter((line) => /"POST /.test(line) && / in=\d{8,} /.test(line)).at(-1);
      if (last) console.log(`     log: ${last}`);
    }
    if (kind) assert.ok(deliveries.find((one) => one.kind === kind)?.count, `none by ${kind}`);
  },
};

async function main() {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    downloadsPath: work,
    args: FLAGS,
  });
  tools.context = await tools.open();
  tools.page = await tools.context.newPage();
  const { default: describe } = await import(`./${settings.application}.mjs`);
  describe(tools);
  let passed = 0;
  try {
    for (const { name, run, expects } of steps) {
      expected = expects;
      const start = performance.now();
      const seconds = () => ((performance.now() - start) / 1000).toFixed(1);
      try {
        await run(tools.page);
        assert.deepEqual(problems, [], "errors seen by the browser");
      } catch (fault) {
        await tools.shot("failure").catch(() => {});
        console.log(`FAIL ${name} (${seconds()} s, at ${tools.page.url()})`);
        console.log(`${fault.message}\n${problems.join("\n")}`);
        console.log(`${passed} passed, 1 failed`);
        return 1;
      }
      passed += 1;
      console.log(`ok   ${name} (${seconds()} s)`);
    }
  } finally {
    await browser.close();
  }
  console.log(`${passed} passed, 0 failed`);
  return 0;
}

function watch(opened) {
  const report = (text) => {
    if (!expected?.test(text)) problems.push(text);
  };
  opened.on("pageerror", (error) => report(`script error: ${error.message}`));
  opened.on("console", (message) => {
    // What was answered with an error is told by the response below.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text()))
      report(`console: ${message.text()} (${message.location().url})`);
  });
  opened.on("response", (response) => {
    const ours = response.url().startsWith(origin) && !asked.has(response.url());
    if (response.status() >= 400 && ours)
      report(`${response.status()} for ${response.request().method()} ${response.url()}`);
  });
  opened.on("requestfailed", (request) => {
    const why = request.failure()?.errorText;
    // A page that is left, and an answer that becomes a download, end their requests.
    if (why !== "net::ERR_ABORTED") report(`${why} for ${request.method()} ${request.url()}`);
  });
}

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

process.exitCode = await main();
