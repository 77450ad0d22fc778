// MediaWiki: its installer of many pages, a page, an upload, and the file back.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

const NAME = "Owner";
const PASSWORD = "correct horse 1 battery";
/** What every operator who wants large uploads writes into LocalSettings.php. */
const OWN_SETTINGS = `
$wgEnableUploads = true;
$wgFileExtensions[] = 'mp4';
$wgMaxUploadSize = 2147483648;
`;

export default function describe(tools) {
  const { step, shot, settings } = tools;
  const { origin, root, database } = settings;
  let video;

  step("the installer installs and hands out LocalSettings.php", async (page) => {
    await page.goto(`${origin}/`);
    await page.click("a:has-text('set up the wiki')");
    await shot("install");
    const next = async () => {
      await page.click("[name=submit-continue]");
      await page.waitForLoadState();
    };
    await next();
    await page.waitForSelector("text=The environment has been checked");
    await next();
    await page.fill("#mysql_wgDBserver", `${database.host}:${database.port}`);
    await page.fill("#mysql_wgDBname", "mediawiki");
    await page.fill("#mysql__InstallUser", database.user);
    await page.fill("#mysql__InstallPassword", database.password);
    await shot("database");
    await next();
    await page.waitForSelector("text=Database settings");
    await next();
    await page.fill("#config_wgSitename", "Menshen");
    await page.fill("#config__AdminName", NAME);
    await page.fill("#config__AdminPassword", PASSWORD);
    await page.fill("#config__AdminPasswordConfirm", PASSWORD);
    await page.check("#config__SkipOptional_skip, [name=config__SkipOptional][value=skip]");
    await next();
    await next();
    await page.waitForSelector("[name=submit-continue]", { timeout: 120_000 });
    await shot("installed", { full: true });
    const { file, name } = await tools.download(next);
    assert.equal(name, "LocalSettings.php");
    fs.writeFileSync(path.join(root, name), fs.readFileSync(file, "utf8") + OWN_SETTINGS);
    fs.rmSync(file);
  });

  step("login", async (page) => {
    await page.goto(`${origin}/index.php?title=Special:UserLogin`);
    await shot("login");
    await page.fill("#wpName1", NAME);
    await page.fill("#wpPassword1", PASSWORD);
    await page.click("#wpLoginAttempt");
    await page.waitForSelector("#pt-userpage, #pt-userpage-2");
  });

  step("a page is written, with a Chinese name", async (page) => {
    await page.goto(`${origin}/index.php?title=%E9%97%A8%E7%A5%9E&action=edit`);
    await page.fill("#wpTextbox1", "== 门神 ==\n千里之行,始于足下。\n");
    await page.click("#wpSave");
    await page.waitForSelector("h2:has-text('门神')");
    await shot("page");
  });

  step("the REST API answers below rest.php/", async () => {
    const { status, body } = await tools.ask("rest.php/v1/page/%E9%97%A8%E7%A5%9E");
    assert.equal(status, 200);
    assert.match(JSON.parse(body).source, /千里之行/);
  });

  step("the REST API takes a subpage, whose slash is escaped", async (page) => {
    await page.goto(`${origin}/index.php?title=%E9%97%A8%E7%A5%9E/Sub&action=edit`);
    await page.fill("#wpTextbox1", "始于足下");
    await page.click("#wpSave");
    await page.waitForSelector("p:has-text('始于足下')");
    const { status, body } = await tools.ask("rest.php/v1/page/%E9%97%A8%E7%A5%9E%2FSub");
    assert.equal(status, 200);
    assert.match(JSON.parse(body).source, /始于足下/);
  });

  step("code and cache are not for clients", async () => {
    for (const hidden of ["includes/Setup.php", "maintenance/update.php", "cache/"]) {
      const { status } = await tools.ask(hidden);
      assert.ok([403, 404].includes(status), `${hidden}: ${status}`);
    }
  });

  step("an upload through Special:Upload", async (page) => {
    video = tools.video("video 200.mp4", settings.bytes);
    await page.goto(`${origin}/index.php?title=Special:Upload`);
    await page.setInputFiles("#wpUploadFile", video.file);
    await shot("upload");
    await page.click("[name=wpUpload]", { timeout: 180_000 });
    await page.waitForURL(/File:/, { timeout: 180_000 });
    await shot("uploaded");
  });

  step("the uploaded file has the same bytes on disk", async () => {
    const folder = path.join(root, "images");
    const files = fs.readdirSync(folder, { recursive: true });
    const found = files.filter((name) => name.endsWith("Video_200.mp4"));
    assert.equal(found.length, 1, `files: ${files.join(", ")}`);
    assert.equal(tools.sha256(path.join(folder, found[0])), video.sha256);
    tools.showDeliveries("swap");
  });

  step("its page's link downloads the same bytes", async (page) => {
    const link = page.locator(".fullMedia a.internal, a.internal[href*='Video_200.mp4']").first();
    const { file } = await tools.downloadUrl(await link.getAttribute("href"));
    assert.equal(tools.sha256(file), video.sha256);
    fs.rmSync(file);
  });

  step("img_auth.php sends it too, by PHP", async () => {
    const [found] = fs
      .readdirSync(path.join(root, "images"), { recursive: true })
      .filter((name) => name.endsWith("Video_200.mp4"));
    const { file } = await tools.downloadUrl(`${origin}/img_auth.php/${found}`);
    assert.equal(tools.sha256(file), video.sha256);
    fs.rmSync(file);
    fs.rmSync(video.file);
  });

  step("logout", async (page) => {
    await page.goto(`${origin}/index.php?title=Special:UserLogout`);
    await page.click("button:has-text('Submit'), input[type=submit]:visible");
    await page.waitForSelector("text=You are now logged out");
  });
}
