// Drives the page of a running web door in Chromium, as a person would:
//
//   node page.mjs https://localhost:8443/#token=… SCREENSHOT_DIR
//
// Works inside one new directory of the door and removes it at the end. Exits 0 and prints
// `N passed, 0 failed`, or stops at the first failure with what was expected. It speaks to no host
// but the given one, and fails if the page does.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const [ownerUrl, shotDir] = process.argv.slice(2);
const token = /#token=(.+)$/.exec(ownerUrl ?? "")?.[1];
if (!token || !shotDir) {
  console.error("usage: node page.mjs https://HOST:PORT/#token=TOKEN SCREENSHOT_DIR");
  process.exit(2);
}
const origin = new URL(ownerUrl).origin;
const room = `peer-${randomBytes(4).toString("hex")}`;
const work = fs.mkdtempSync(path.join(os.tmpdir(), "menshen-page-"));
fs.mkdirSync(shotDir, { recursive: true });

/** Problems seen by the watchers; checked after every step. */
const problems = [];
/** Refusals and network errors that a step provokes on purpose. */
let provoked = null;

const steps = [];
const step = (name, run, { provokes = null } = {}) => steps.push({ name, run, provokes });

const big = path.join(work, "random data.bin");
fs.writeFileSync(big, randomBytes(5_000_000));
const tree = path.join(work, "项目");
fs.mkdirSync(path.join(tree, "深层", "a b"), { recursive: true });
fs.writeFileSync(path.join(tree, "说明 & notes.txt"), "alpha\n");
fs.writeFileSync(path.join(tree, "深层", "a b", "数据 100%#?.csv"), "1,2,3\n");
fs.writeFileSync(path.join(tree, "深层", "empty.txt"), "");

let browser;
let context;
let page;

// ── the steps ───────────────────────────────────────────────────────────────

step(
  "without a token the gate is closed and nothing is listed",
  async () => {
    await page.goto(`${origin}/`);
    await page.waitForSelector("body[data-state=locked] #token");
    assert.equal(await page.locator("#rows a").count(), 0, "rows in a locked page");
    const status = await page.evaluate(() =>
      fetch("/", { headers: { Accept: "application/json" } }).then((r) => r.status),
    );
    assert.equal(status, 401, "status of a listing without a session");
    await shot("locked");
  },
  { provokes: /status of 401/ },
);

step(
  "a wrong token is refused in words",
  async () => {
    await page.fill("#token", "not-the-token");
    await page.click("#login [type=submit]");
    await page.waitForFunction(() => document.getElementById("login-error").textContent !== "");
    assert.equal(await page.getAttribute("body", "data-state"), "locked");
  },
  { provokes: /status of (401|429)/ },
);

step(
  "the owner's address signs in and leaves the address bar and history",
  async () => {
    await page.goto(ownerUrl);
    await page.waitForSelector("body[data-state=open]");
    assert.equal(await page.evaluate(() => location.hash), "", "fragment in the address");
    await page.goBack().catch(() => {});
    await page.waitForTimeout(200);
    assert.ok(!page.url().includes(token), "token in the history");
    await page.goto(`${origin}/`);
    await page.waitForSelector("body[data-state=open][data-access=write]");
    const cookies = await context.cookies(origin);
    assert.ok(
      cookies.length > 0 && cookies.every((c) => c.httpOnly && c.secure && c.sameSite !== "None"),
      "session cookie flags",
    );
    assert.ok(
      !(await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]))).includes(token),
      "token in storage",
    );
  },
  { provokes: /status of 401/ },
);

step("a new folder is made and entered", async () => {
  await page.click("#new-folder");
  await page.fill("#ask-input", "bad/name");
  await page.click("#ask-yes");
  assert.notEqual(await page.textContent("#ask-error"), "", "a slash in a name must be refused");
  await page.fill("#ask-input", room);
  await page.click("#ask-yes");
  await row(room).locator("a").click();
  await page.waitForURL(`${origin}/${room}/`);
  await page.waitForSelector("#empty:not([hidden])");
  await shot("empty");
});

step("a 5 MB file uploads with progress, rate and time left", async () => {
  await slowly(2_000_000, async () => {
    await page.setInputFiles("#files", big);
    await page.waitForFunction(() => {
      const bar = document.querySelector('.up[data-state="sending"] progress');
      const total = document.getElementById("total").value;
      return bar && bar.value > 0.05 && bar.value < 0.95 && total > 0.05 && total < 0.95;
    });
    await page.waitForFunction(() => {
      const words = [document.querySelector(".up-text"), document.getElementById("panel-meta")];
      return words.every((el) => /MB\/s/.test(el?.textContent) && /left/.test(el.textContent));
    });
    await shot("uploading");
    assert.equal(await leavingWarns(), true, "leaving during an upload must warn");
  });
  await uploadsDone();
  assert.equal(await leavingWarns(), false, "leaving after the uploads must not warn");
});

step("a folder with nested and Chinese names uploads", async () => {
  await page.setInputFiles("#folder", tree);
  await uploadsDone();
  await row("项目").waitFor();
  const names = await listed(`/${room}/${encodeURIComponent("项目")}/`);
  assert.deepEqual(names, ["深层/", "说明 & notes.txt"].sort());
  assert.deepEqual(
    await listed(`/${room}/项目/深层/a b/`.split("/").map(encodeURIComponent).join("/")),
    ["数据 100%#?.csv"],
  );
});

step("a dropped file uploads", async () => {
  await page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(["dropped\n"], "dropped.txt", { type: "text/plain" }));
    document.body.dispatchEvent(
      new DragEvent("dragover", { dataTransfer: data, bubbles: true, cancelable: true }),
    );
    document.body.dispatchEvent(
      new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }),
    );
  });
  await uploadsDone();
  await row("dropped.txt").waitFor();
});

step("a hostile name stays text", async () => {
  const name = `<img src=x onerror=document.title='owned'> "'&.txt`;
  await page.setInputFiles("#files", { name, mimeType: "text/plain", buffer: Buffer.from("x") });
  await uploadsDone();
  await page.reload();
  await row(name).waitFor();
  assert.equal(await page.locator("#rows img").count(), 0, "a name became markup");
  assert.notEqual(await page.title(), "owned");
});

step("after a reload the listing shows what was uploaded", async () => {
  await page.reload();
  await row("random data.bin").waitFor();
  assert.match(await row("random data.bin").locator(".size").textContent(), /^5\.00 MB$/);
  assert.notEqual(await row("random data.bin").locator(".date").textContent(), "");
  await shot("listing");
});

step("a download has the same bytes", async () => {
  await same("random data.bin", fs.readFileSync(big));
  await page.goto(`${origin}/${room}/${encodeURIComponent("项目")}/`);
  await same("说明 & notes.txt", Buffer.from("alpha\n"));
  await page.click('#crumbs a:has-text("peer-")');
  await row("random data.bin").waitFor();
});

step("a folder, all of it, or what the filter leaves is downloaded as a zip file", async () => {
  const namesOf = async (click) => {
    const [download] = await Promise.all([page.waitForEvent("download"), click()]);
    assert.equal(await download.failure(), null, "the download failed");
    const script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip());"
      + " print(*z.namelist(), sep='\\n')";
    const read = spawnSync("python3", ["-c", script, await download.path()], { encoding: "utf8" });
    const [broken, ...names] = read.stdout.trim().split("\n");
    assert.equal(broken, "None", read.stderr);
    return { file: download.suggestedFilename(), names };
  };
  const folder = await namesOf(() => row("项目").locator("[data-act=download]").click());
  assert.equal(folder.file, "项目.zip");
  assert.ok(folder.names.includes("说明 & notes.txt"), folder.names.join());
  const all = await namesOf(() => page.click("#zip"));
  assert.ok(all.names.includes("项目/说明 & notes.txt") && all.names.includes("random data.bin"));
  await page.fill("#filter", "random");
  const some = await namesOf(() => page.click("#zip"));
  assert.deepEqual(some.names, ["random data.bin"]);
  // More names than an address takes.
  const many = await page.evaluate(async (dir) => {
    const names = Array.from({ length: 45 }, (_, n) => `many ${n} ${"x".repeat(180)}`);
    for (const name of names) {
      await fetch(dir + encodeURIComponent(name), { method: "PUT", body: name });
    }
    return names;
  }, `/${room}/`);
  await page.reload();
  await row(many[0]).waitFor();
  await page.fill("#filter", "many ");
  const long = await namesOf(() => page.click("#zip"));
  assert.deepEqual(long.names.sort(), [...many].sort());
  await page.evaluate(
    ([dir, names]) =>
      Promise.all(names.map((name) => fetch(dir + encodeURIComponent(name), { method: "DELETE" }))),
    [`/${room}/`, many],
  );
  await page.reload();
  await row("random data.bin").waitFor();
  await page.fill("#filter", "");
});

step("a taken name asks: skip, keep both, replace", async () => {
  const send = (text) =>
    page.setInputFiles("#files", {
      name: "dropped.txt",
      mimeType: "text/plain",
      buffer: Buffer.from(text),
    });
  const answer = async (value) => {
    await page.waitForSelector("#clash[open]");
    await page.click(`#clash button[value=${value}]`);
  };
  await send("skipped");
  await answer("skip");
  await page.waitForFunction(() => document.querySelector('.up[data-state="skipped"]'));
  await same("dropped.txt", Buffer.from("dropped\n"));
  await send("second");
  await answer("both");
  await uploadsDone();
  await same("dropped (2).txt", Buffer.from("second"));
  await send("replaced");
  await answer("replace");
  await uploadsDone();
  await same("dropped.txt", Buffer.from("replaced"));
});

step(
  "pause, resume and cancel do what they say",
  async () => {
    await slowly(1_000_000, async () => {
      const files = ["one.bin", "two.bin"].map((name) => ({
        name,
        mimeType: "",
        buffer: Buffer.alloc(4_000_000, name),
      }));
      await page.setInputFiles("#files", files);
      await page.waitForFunction(
        () => document.querySelectorAll('.up[data-state="sending"]').length === 2,
      );
      await page.click("#all-pause");
      await page.waitForFunction(
        () => document.querySelectorAll('.up[data-state="paused"]').length === 2,
      );
      await upload("two.bin").locator("[data-do=cancel]").click();
      await upload("two.bin").waitFor({ state: "detached" });
    });
    assert.ok(
      !(await listed(`/${room}/`)).some((name) => ["one.bin", "two.bin"].includes(name)),
      "an aborted upload left something visible",
    );
    await upload("one.bin").locator("[data-do=resume]").click();
    await uploadsDone();
    await same("one.bin", Buffer.alloc(4_000_000, "one.bin"));
  },
  { provokes: /ERR_ABORTED/ },
);

step(
  "a lost network is waited out",
  async () => {
    await context.setOffline(true);
    await page.setInputFiles("#files", {
      name: "after the storm.txt",
      mimeType: "",
      buffer: Buffer.from("calm"),
    });
    await page.waitForSelector('.up[data-state="waiting"]');
    await context.setOffline(false);
    await uploadsDone();
    await same("after the storm.txt", Buffer.from("calm"));
  },
  { provokes: /ERR_INTERNET_DISCONNECTED/ },
);

step(
  "a session that ends asks to sign in and keeps the queue",
  async () => {
    await context.clearCookies();
    await page.setInputFiles("#files", {
      name: "kept.txt",
      mimeType: "",
      buffer: Buffer.from("kept"),
    });
    await page.waitForSelector("body[data-state=locked]");
    await page.fill("#token", decodeURIComponent(token));
    await page.keyboard.press("Enter");
    await page.waitForSelector("body[data-state=open]");
    await uploadsDone();
    await same("kept.txt", Buffer.from("kept"));
  },
  { provokes: /status of 401/ },
);

step("the keyboard alone moves, renames and deletes", async () => {
  await page.fill("#filter", "kept");
  await page.keyboard.press("ArrowDown");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.name), "kept.txt");
  await page.keyboard.press("F2");
  await page.keyboard.type("改名");
  await page.keyboard.press("Enter");
  await page.fill("#filter", "");
  await row("改名.txt").waitFor();
  assert.equal(await row("kept.txt").count(), 0, "the old name is still shown");
  await same("改名.txt", Buffer.from("kept"));
  await row("改名.txt").focus();
  await page.keyboard.press("Delete");
  await page.waitForSelector("#ask[open]");
  await page.keyboard.press("Enter");
  await row("改名.txt").waitFor({ state: "detached" });
  assert.ok(!(await listed(`/${room}/`)).includes("改名.txt"), "deleted, yet the door lists it");
});

step(
  "renaming onto a taken name is refused in words",
  async () => {
    await row("one.bin").focus();
    await page.keyboard.press("F2");
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("dropped.txt");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".toast.problem");
    const names = await listed(`/${room}/`);
    assert.ok(names.includes("one.bin") && names.includes("dropped.txt"));
    await same("dropped.txt", Buffer.from("replaced"));
  },
  { provokes: /status of 412/ },
);

step(
  "Chinese by Accept-Language, and at phone width",
  async () => {
    for (const [name, options] of [
      ["zh", { locale: "zh-CN", viewport: { width: 1280, height: 800 } }],
      [
        "phone-zh-dark",
        { locale: "zh-CN", viewport: { width: 375, height: 720 }, colorScheme: "dark" },
      ],
      ["phone", { locale: "en-US", viewport: { width: 320, height: 640 } }],
    ]) {
      const other = await open(options);
      await other.goto(`${origin}/${room}/#token=${token}`);
      await other.waitForSelector('body[data-state=open] tr[data-name="random data.bin"]');
      const zh = options.locale === "zh-CN";
      assert.equal(await other.getAttribute("html", "lang"), zh ? "zh" : "en");
      assert.match(await other.textContent("#pick-files"), zh ? /上传文件/ : /Upload files/);
      const wide = await other.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `the page is ${wide} px wider than the window`);
      await other.waitForTimeout(600);
      await other.screenshot({ path: path.join(shotDir, `${name}.png`) });
      await other.click('[data-lang="en"]');
      assert.match(await other.textContent("#pick-files"), /Upload files/);
      await other.context().close();
    }
  },
  { provokes: /status of 401/ },
);

step("a full folder is deleted with all that is in it", async () => {
  await page.goto(`${origin}/`);
  await row(room).hover();
  await row(room).locator("[data-act=delete]").click();
  await page.waitForSelector("#ask[open]");
  await page.click("#ask-yes");
  await row(room).waitFor({ state: "detached" });
  assert.ok(!(await listed("/")).includes(`${room}/`), "deleted, yet the door lists it");
});

step(
  "signing out closes the gate",
  async () => {
    await page.click("#leave");
    await page.waitForSelector("body[data-state=locked]");
    await page.goto(`${origin}/`);
    await page.waitForSelector("body[data-state=locked]");
    const status = await page.evaluate(() =>
      fetch("/", { headers: { Accept: "application/json" } }).then((r) => r.status),
    );
    assert.equal(status, 401, "status of a listing after signing out");
  },
  { provokes: /status of 401/ },
);

// ── the tools ───────────────────────────────────────────────────────────────

/** A page in a fresh profile, watched for errors, violations and foreign requests. */
async function open(options = {}) {
  const profile = await browser.newContext({
    ignoreHTTPSErrors: true,
    locale: "en-US",
    viewport: { width: 1280, height: 800 },
    ...options,
  });
  profile.setDefaultTimeout(15_000);
  await profile.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      console.error(
        `policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`,
      );
    });
  });
  const opened = await profile.newPage();
  opened.on("console", (message) => {
    if (message.type() !== "error" || provoked?.test(message.text())) return;
    problems.push(`console: ${message.text()} (${message.location().url})`);
  });
  opened.on("pageerror", (error) => problems.push(`script error: ${error.stack}`));
  opened.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== origin)
      problems.push(`request to another host: ${url}`);
  });
  return opened;
}

function row(name) {
  return page.locator(`tr[data-name=${JSON.stringify(name)}]`);
}

function upload(name) {
  return page.locator(".up").filter({ has: page.locator(".up-name", { hasText: name }) });
}

async function shot(name) {
  await page.screenshot({ path: path.join(shotDir, `${name}.png`) });
}

/** Waits until every upload is done, then clears the panel. */
async function uploadsDone() {
  await page.waitForFunction(() => {
    if (document.getElementById("panel").hidden) return false;
    const states = [...document.querySelectorAll(".up")].map((el) => el.dataset.state);
    return (
      states.includes("failed") ||
      (states.includes("done") && states.every((s) => s === "done" || s === "skipped"))
    );
  });
  const failed = await page.locator('.up[data-state="failed"]').allTextContents();
  assert.deepEqual(failed, [], "failed uploads");
  await page.click("#all-clear");
}

/** Whether the page would ask before being left. */
function leavingWarns() {
  return page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
}

/** Runs `act` with uploads held to `bytes` per second, so that progress can be seen. */
async function slowly(bytes, act) {
  const wire = await context.newCDPSession(page);
  await wire.send("Network.enable");
  const limit = (uploadThroughput) =>
    wire.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput,
    });
  await limit(bytes);
  try {
    await act();
  } finally {
    await limit(-1);
    await wire.detach();
  }
}

/** The names the door lists in `dir`, sorted; directories end in a slash. */
async function listed(dir) {
  const entries = await page.evaluate(async (url) => {
    const answer = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" });
    return (await answer.json()).entries;
  }, dir);
  return entries.map((e) => e.name + (e.kind === "directory" ? "/" : "")).sort();
}

/** Downloads `name` by its link and compares the bytes. */
async function same(name, bytes) {
  await row(name).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    row(name).locator("td a").click(),
  ]);
  assert.equal(download.suggestedFilename(), name, "name of the download");
  assert.equal(await download.failure(), null, "the download failed");
  assert.ok(fs.readFileSync(await download.path()).equals(bytes), `${name}: the bytes differ`);
}

async function main() {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: FLAGS,
  });
  page = await open();
  context = page.context();
  let passed = 0;
  try {
    for (const { name, run, provokes } of steps) {
      provoked = provokes;
      try {
        await run();
        // What the step set off may still be on its way to the watchers.
        await page.waitForTimeout(50);
        assert.deepEqual(problems, [], "errors seen by the browser");
      } catch (fault) {
        await shot("failure").catch(() => {});
        console.log(`FAIL ${name}\n${fault.message}\n${problems.join("\n")}`);
        console.log(`${passed} passed, 1 failed`);
        return 1;
      }
      passed += 1;
      console.log(`ok   ${name}`);
    }
  } finally {
    await browser.close();
    fs.rmSync(work, { recursive: true, force: true });
  }
  console.log(`${passed} passed, 0 failed`);
  return 0;
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
