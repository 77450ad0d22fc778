// DokuWiki: its installer, a page, a media upload, and the file back: sent by PHP and offloaded.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

const NAME = "owner";
const PASSWORD = "correct horse 1 battery";

export default function describe(tools) {
  const { step, shot, settings } = tools;
  const { origin, root } = settings;
  let video;

  const install = async (page) => {
    await page.goto(`${origin}/install.php`);
    await shot("install");
    await page.fill("[name='d[title]']", "门神 wiki");
    await page.check("[name='d[acl]']");
    await page.fill("[name='d[superuser]']", NAME);
    await page.fill("[name='d[fullname]']", "The Owner");
    await page.fill("[name='d[email]']", "owner@example.org");
    await page.fill("[name='d[password]']", PASSWORD);
    await page.fill("[name='d[confirm]']", PASSWORD);
    await page.click("[name=submit]");
    await page.waitForSelector("text=finished successfully");
    await shot("installed");
  };
  // A picture that shows when data can be fetched by clients, and a logo that Debian keeps there.
  step("the installer installs", install, {
    expects: /^404 for GET .*(dont-panic|dokuwiki-128)/,
  });

  step("login", async (page) => {
    await page.goto(`${origin}/`);
    await page.waitForURL(/doku\.php/);
    await page.click(".action.login a");
    await page.fill("[name=u]", NAME);
    await page.fill("[name=p]", PASSWORD);
    await page.click("#dw__login [type=submit]");
    await page.waitForSelector(".action.logout a");
    await shot("login");
  });

  step("a page is written, with a Chinese name", async (page) => {
    await page.goto(`${origin}/doku.php?id=%E9%97%A8%E7%A5%9E&do=edit`);
    await page.fill("#wiki__text", "====== 门神 ======\n\n千里之行,始于足下。\n");
    await page.click("#edbtn__save");
    await page.waitForSelector("h1:has-text('门神')");
    await shot("page");
  });

  step("code, configuration and data are not for clients", async () => {
    for (const hidden of ["conf/local.php", "inc/init.php", "data/pages/", "bin/wantedpages.php"]) {
      const { status } = await tools.ask(hidden);
      assert.ok([403, 404].includes(status), `${hidden}: ${status}`);
    }
  });

  step("an upload through the media manager's script, as a raw body", async (page) => {
    video = tools.video("video 200.mp4", settings.bytes);
    await page.goto(`${origin}/doku.php?id=start&do=media`);
    await page.click("a:has-text('Upload')");
    await page.locator(".qq-uploader input[type=file]").setInputFiles(video.file);
    await page.waitForSelector(".qq-upload-list li");
    await shot("chosen");
    await page.click("#mediamanager__upload_button");
    await page.waitForSelector("li.qq-upload-success, li.qq-upload-fail", { timeout: 120_000 });
    await shot("uploaded");
    const text = await page.locator(".qq-upload-list li").innerText();
    assert.equal(await page.locator("li.qq-upload-success").count(), 1, text);
    onDisk("video_200.mp4");
  });

  step("an upload through the plain form, without scripts, as a file of a form", async () => {
    // The same person, in a browser that runs no scripts.
    const state = await tools.context.storageState();
    const other = await tools.open({ javaScriptEnabled: false, storageState: state });
    const page = await other.newPage();
    await page.goto(`${origin}/lib/exe/mediamanager.php?ns=`);
    await page.setInputFiles("#upload__file", video.file);
    await page.fill("#upload__name", "form_200.mp4");
    await Promise.all([
      page.waitForResponse((answer) => answer.request().method() === "POST", { timeout: 120_000 }),
      page.click("#dw__upload button[type=submit]", { timeout: 120_000 }),
    ]);
    await page.waitForSelector("text=Upload successful");
    await shot("form", { page });
    await other.close();
    onDisk("form_200.mp4", "swap");
  });

  function onDisk(name, delivery = null) {
    const file = path.join(root, "data/media", name);
    assert.equal(fs.statSync(file).size, settings.bytes);
    assert.equal(tools.sha256(file), video.sha256, `${name} differs`);
    tools.showDeliveries(delivery);
  }

  step("the file, sent by PHP itself, downloads with the same bytes", async (page) => {
    await page.goto(`${origin}/doku.php?id=start`);
    const { file } = await tools.downloadUrl(`${origin}/lib/exe/fetch.php?media=video_200.mp4`);
    assert.equal(tools.sha256(file), video.sha256);
    fs.rmSync(file);
  });

  for (const [name, number] of [
    ["X-Accel-Redirect", 3],
    ["X-Sendfile", 2],
  ]) {
    if (name === "X-Sendfile" && settings.server === "nginx") continue;
    step(`the file, named by ${name}, downloads with the same bytes`, async (page) => {
      const local = path.join(root, "conf/local.protected.php");
      const before = fs.readFileSync(local, "utf8");
      // The file is the same one, so that its owner stays.
      fs.writeFileSync(local, `${before}$conf['xsendfile'] = ${number};\n`);
      // The compiled script may be kept for two seconds.
      await page.waitForTimeout(2_500);
      const target = "lib/exe/fetch.php?media=video_200.mp4";
      const { file } = await tools.downloadUrl(`${origin}/${target}`);
      assert.equal(tools.sha256(file), video.sha256);
      fs.rmSync(file);
      const part = await tools.ask(target, { Range: "bytes=1000-1999" });
      assert.equal(part.status, 206);
      const bytes = Buffer.alloc(1000);
      const source = fs.openSync(video.file, "r");
      fs.readSync(source, bytes, 0, 1000, 1000);
      fs.closeSync(source);
      assert.ok(bytes.equals(part.body), "the bytes of the range differ");
      fs.writeFileSync(local, before);
    });
  }

  step("the media manager shows it", async (page) => {
    await page.goto(`${origin}/doku.php?id=start&do=media`);
    await page.waitForSelector("text=video_200.mp4");
    await shot("manager");
    fs.rmSync(video.file);
  });

  step("logout", async (page) => {
    await page.goto(`${origin}/doku.php?id=start`);
    await page.click(".action.logout a");
    await page.waitForSelector(".action.login a");
  });
}
