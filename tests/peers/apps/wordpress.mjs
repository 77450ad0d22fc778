// WordPress: its installer, a post, a media upload through the browser uploader, the exporter.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

const NAME = "owner";
const PASSWORD = "correct horse 1 battery";
/** Posts that make the export large: 200 of 512 KiB. */
const POSTS = 200;
const POST_BYTES = 1 << 19;

export default function describe(tools) {
  const { step, shot, settings } = tools;
  const { origin, root } = settings;
  let video;

  step("the installer's page comes up by itself, with its style", async (page) => {
    await page.goto(`${origin}/`);
    await page.waitForURL(/wp-admin\/install\.php/);
    await shot("install");
  });

  step("the installer installs", async (page) => {
    if (await page.locator("#language-continue").count()) await page.click("#language-continue");
    await page.fill("#weblog_title", "门神 & Menshen");
    await page.fill("#user_login", NAME);
    await page.fill("#pass1", PASSWORD);
    await page.fill("#admin_email", "owner@example.org");
    await page.check("#blog_public");
    await page.click("#submit");
    await page.waitForSelector("h1:has-text('Success')");
    await shot("installed");
  });

  step("login", async (page) => {
    await page.goto(`${origin}/wp-login.php`);
    await page.fill("#user_login", NAME);
    await page.fill("#user_pass", PASSWORD);
    await page.click("#wp-submit");
    await page.waitForSelector("#wpadminbar");
    assert.match(page.url(), /\/wp-admin\/$/);
    await shot("dashboard");
  });

  step("pretty links: /year/month/day/name/ reaches the front controller", async (page) => {
    await page.goto(`${origin}/wp-admin/options-permalink.php`);
    // WordPress knows some servers by name and offers links with index.php for all others.
    await page.check("#custom_selection");
    await page.fill("#permalink_structure", "/%year%/%monthnum%/%day%/%postname%/");
    await page.click("#submit");
    await page.waitForSelector("#setting-error-settings_updated");
    await page.goto(`${origin}/`);
    await page.locator("a:has-text('Hello world!')").first().click();
    await page.waitForURL(/\/\d{4}\/\d\d\/\d\d\/hello-world\/$/);
    await page.waitForSelector("text=Welcome to WordPress");
    await shot("post", {});
  });

  step(
    "a page that is not there is WordPress's own 404",
    async (page) => {
      const answer = await page.goto(`${origin}/no/such/page/`);
      assert.equal(answer.status(), 404);
      assert.match(await page.title(), /Page not found/);
    },
    { expects: /^404 for GET .*\/no\/such\/page\// },
  );

  step("the block editor publishes a post through the REST API", async (page) => {
    await page.goto(`${origin}/wp-admin/post-new.php`);
    await page.waitForFunction(() => window.wp?.data?.select("core/editor")?.getCurrentPostId());
    await page.evaluate(() => {
      const { dispatch, select } = window.wp.data;
      dispatch("core/edit-post").toggleFeature?.("welcomeGuide");
      dispatch("core/editor").editPost({
        title: "新的一页",
        content: "<!-- wp:paragraph --><p>千里之行</p><!-- /wp:paragraph -->",
        status: "publish",
      });
      return dispatch("core/editor")
        .savePost()
        .then(() => {
          if (!select("core/editor").didPostSaveRequestSucceed()) throw Error("not saved");
        });
    });
    await shot("editor");
    const link = await page.evaluate(() => window.wp.data.select("core/editor").getPermalink());
    await page.goto(link);
    await page.waitForSelector("text=千里之行");
  });

  step("a media upload through the multi-file uploader", async (page) => {
    video = tools.video("video 200.mp4", settings.bytes);
    await page.goto(`${origin}/wp-admin/media-new.php`);
    await page.waitForSelector("#plupload-upload-ui.drag-drop, #plupload-browse-button");
    await shot("uploader");
    await page.locator("input[type=file][id^=html5_]").setInputFiles(video.file);
    await page.waitForSelector(".media-item .percent, .media-item .edit-attachment");
    // The answer of async-upload.php is what makes the link to the attachment appear.
    await page.waitForSelector(".media-item .edit-attachment", { timeout: 180_000 });
    await shot("uploaded");
    const errors = await page.locator(".media-item .error-div, .media-item.error").count();
    assert.equal(errors, 0, "the uploader shows an error");
  });

  step("the uploaded file has the same bytes on disk", async () => {
    const file = uploaded(root);
    assert.equal(fs.statSync(file).size, settings.bytes);
    assert.equal(tools.sha256(file), video.sha256);
    tools.showDeliveries("swap");
  });

  step("the media library lists it, and its address gives the same bytes", async (page) => {
    await page.goto(`${origin}/wp-admin/upload.php?mode=list`);
    await page.waitForSelector("tr .filename:has-text('video-200.mp4')");
    await shot("library");
    const url = `${origin}/${path.relative(root, uploaded(root))}`;
    const { file } = await tools.downloadUrl(url);
    assert.equal(tools.sha256(file), video.sha256);
    fs.rmSync(file);
    fs.rmSync(video.file);
  });

  step("an upload's folder runs no PHP", async () => {
    const script = path.join(path.dirname(uploaded(root)), "planted.php");
    fs.writeFileSync(script, "<?php echo 'ran';");
    const { status, body } = await tools.ask(path.relative(root, script));
    assert.equal(status, 404);
    assert.doesNotMatch(body.toString(), /^ran|echo/);
    fs.rmSync(script);
  });

  step("the export of all content, over 100 MB, downloads whole", async (page) => {
    tools.sql(
      `INSERT INTO wp_posts (post_author, post_date, post_date_gmt, post_modified,
         post_modified_gmt, post_content, post_title, post_excerpt, post_status, post_name,
         to_ping, pinged, post_content_filtered, post_type)
       SELECT 1, NOW(), UTC_TIMESTAMP(), NOW(), UTC_TIMESTAMP(),
         CONCAT(REPEAT(SHA2(seq, 512), ${POST_BYTES / 128}), ' end-', seq, '.'),
         CONCAT('large ', seq), '', 'publish', CONCAT('large-', seq), '', '', '', 'post'
       FROM seq_1_to_${POSTS};`,
      "wordpress",
    );
    await page.goto(`${origin}/wp-admin/export.php`);
    await shot("export");
    const { file, name } = await tools.download(() => page.click("#submit"));
    assert.match(name, /WordPress\.[\d-]+\.xml$/);
    const bytes = fs.statSync(file).size;
    assert.ok(bytes > POSTS * POST_BYTES, `${bytes} bytes are too few`);
    let [tail, found] = ["", 0];
    tools.pieces(file, (piece) => {
      const text = tail + piece.toString("latin1");
      found += text.match(/ end-\d+\./g)?.length ?? 0;
      // A mark may lie across two pieces; one that was counted must not be counted again.
      const last = text.lastIndexOf(" end-");
      tail = last >= 0 && !/^ end-\d+\./.test(text.slice(last)) ? text.slice(last) : text.slice(-4);
    });
    assert.equal(found, POSTS, "posts in the export");
    assert.match(fs.readFileSync(file).subarray(-16).toString(), /<\/rss>/);
    console.log(`     ${(bytes / 1e6).toFixed(0)} MB`);
    fs.rmSync(file);
  });

  step("logout", async (page) => {
    await page.goto(`${origin}/wp-admin/`);
    await page.hover("#wp-admin-bar-my-account");
    await page.click("#wp-admin-bar-logout a");
    await page.waitForURL(/loggedout=true/);
  });
}

function uploaded(root) {
  const folder = path.join(root, "wp-content/uploads");
  const files = fs.readdirSync(folder, { recursive: true });
  const found = files.filter((name) => name.endsWith("video-200.mp4"));
  assert.equal(found.length, 1, `uploaded files: ${files.join(", ")}`);
  return path.join(folder, found[0]);
}
