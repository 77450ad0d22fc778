// Renders pictures and pages of handshakes and nights in Chromium, as a person would open them:
//
//   node picture.mjs SCREENSHOT_DIR FILE.svg|FILE.html…
//
// At the width of a desk and of a phone, light and dark: nothing is wider than the window, no two
// texts meet, nothing is loaded or complained about, and the ground is light or dark as asked. Exits
// 0 and prints `N passed, 0 failed`, or stops at the first failure.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [shotDir, ...files] = process.argv.slice(2);
if (!shotDir || files.length === 0) {
  console.error("usage: node picture.mjs SCREENSHOT_DIR FILE.svg|FILE.html...");
  process.exit(2);
}
fs.mkdirSync(shotDir, { recursive: true });

/** What can be seen and measured; runs in the page. */
function measure() {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  const shown = [...document.querySelectorAll("text, p, dt, dd, h1, h2, li, summary, td")].filter(
    (el) => el.checkVisibility() && el.getBoundingClientRect().width > 0,
  );
  const boxes = shown.map((el) => ({ el, box: el.getBoundingClientRect() }));
  const met = [];
  for (const [at, one] of boxes.entries()) {
    for (const other of boxes.slice(at + 1)) {
      if (one.el.contains(other.el) || other.el.contains(one.el)) continue;
      const wide =
        Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
      const high =
        Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
      // The boxes of lines hold some air above and below the letters.
      const air = Math.min(one.box.height, other.box.height) * 0.25;
      if (wide > 0.5 && high > air) met.push([one.el.textContent, other.el.textContent]);
    }
  }
  const root = document.scrollingElement ?? document.documentElement;
  const ground = document.querySelector("svg.root") ?? document.body;
  const small = boxes.filter(({ el }) => el.tagName === "text").map(({ box }) => box.height);
  return {
    texts: boxes.length,
    met,
    tall: root.scrollHeight,
    over: root.scrollWidth - innerWidth,
    outside: boxes.filter(({ box }) => box.left < 0 || box.right > innerWidth + 0.5).length,
    smallest: Math.min(...small),
    ground: getComputedStyle(ground).backgroundColor,
    sheet: getComputedStyle(document.querySelector("rect.ground")).fill,
  };
}

async function look(browser, file, width, colorScheme) {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const problems = [];
  page.on("console", (message) => problems.push(message.text()));
  page.on("request", (request) => {
    if (request.url() !== pathToFileURL(file).href) problems.push(`loads ${request.url()}`);
  });
  await page.goto(pathToFileURL(file).href);
  const seen = await page.evaluate(measure);
  const name = `${path.basename(file)}-${width}-${colorScheme}`;
  // Chromium takes no picture of a whole SVG document; the window is made as tall instead.
  await page.setViewportSize({ width, height: Math.min(seen.tall, 8000) });
  await page.screenshot({ path: path.join(shotDir, `${name}.png`) });
  assert.ok(seen.texts > 20, `${name}: only ${seen.texts} texts`);
  assert.deepEqual(seen.met, [], `${name}: texts meet`);
  assert.ok(seen.over <= 0, `${name}: ${seen.over} px wider than the window`);
  assert.equal(seen.outside, 0, `${name}: texts outside the window`);
  // A size in relative units may fall short by a rounding.
  assert.ok(seen.smallest > 11.99, `${name}: a text of ${seen.smallest} px`);
  const dark = colorScheme === "dark";
  assert.equal(seen.sheet, dark ? "rgb(20, 24, 29)" : "rgb(255, 255, 255)", `${name}: sheet`);
  if (dark) assert.equal(seen.ground, "rgb(20, 24, 29)", `${name}: ground`);
  assert.deepEqual(problems, [], `${name}: the browser complains`);
  await page.close();
  console.log(`ok   ${name}: ${seen.texts} texts`);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"],
});
let passed = 0;
try {
  for (const file of files) {
    for (const width of [1280, 390]) {
      for (const colorScheme of ["light", "dark"]) {
        await look(browser, path.resolve(file), width, colorScheme);
        passed += 1;
      }
    }
  }
  console.log(`${passed} passed, 0 failed`);
} catch (fault) {
  console.log(`FAIL ${fault.message}\n${passed} passed, 1 failed`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
