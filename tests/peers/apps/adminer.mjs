// Adminer: login, an import of a large SQL file, an export of a large table.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { largeSql, sameTable } from "./sql.mjs";

/** PHP reads every statement of the file before it answers. */
const LONG = { timeout: 480_000 };
/** What is exported is so many times what was imported. */
const COPIES = 6;

export default function describe(tools) {
  const { step, shot, settings } = tools;
  const { origin, database } = settings;
  const server = `${database.host}:${database.port}`;
  const at = (query) =>
    `${origin}/?server=${encodeURIComponent(server)}&username=${database.user}&${query}`;
  let dump;

  step("login", async (page) => {
    tools.sql("CREATE DATABASE adm_in; CREATE DATABASE adm_copy");
    await page.goto(`${origin}/`);
    await shot("login");
    await page.fill("[name='auth[server]']", server);
    await page.fill("[name='auth[username]']", database.user);
    await page.fill("[name='auth[password]']", database.password);
    await page.click("input[value=Login]");
    await page.waitForSelector("#logout");
    await shot("home");
  });

  step("an import of a large SQL file", async (page) => {
    // Adminer copies the rest of the text after every statement: ten times the size takes a
    // hundred times as long, behind any server.
    const bytes = Math.min(settings.bytes, 20_000_000);
    dump = largeSql(path.join(settings.work, "large.sql"), bytes);
    await page.goto(at("db=adm_in&import="));
    await page.setInputFiles("[name='sql_file[]']", dump.file);
    await page.check("[name=only_errors]");
    await shot("import");
    await page.click("input[type=submit][value=Execute]", LONG);
    await page.waitForSelector(".message, .error", LONG);
    await shot("imported");
    assert.equal(await page.locator(".error").count(), 0, "Adminer shows an error");
    fs.rmSync(dump.file);
  });

  step("every row of it arrived", async () => {
    const rows = tools.sql("SELECT COUNT(*), SUM(LENGTH(body)) FROM large", "adm_in");
    assert.equal(rows.trim(), `${dump.rows}\t${dump.bodyBytes}`);
    tools.showDeliveries("swap");
    for (let copy = 1; copy < COPIES; copy += 1)
      tools.sql(
        `INSERT INTO large SELECT id + ${copy * 1_000_000}, body FROM large WHERE id < 1000000`,
        "adm_in",
      );
  });

  step("the export of the table, over 100 MB, downloads and restores the same", async (page) => {
    await page.goto(at("db=adm_in&dump=large"));
    await page.check("[name=output][value=file]");
    await page.check("[name=format][value=sql]");
    await shot("export");
    const { file } = await tools.download(() => page.click("input[type=submit][value=Export]"));
    const bytes = fs.statSync(file).size;
    assert.ok(bytes >= COPIES * dump.bodyBytes, `too few bytes: ${fs.readFileSync(file).subarray(0, 2000)}`);
    tools.sqlFile(file, "adm_copy");
    sameTable(tools, "adm_in.large", "adm_copy.large");
    console.log(`     ${(bytes / 1e6).toFixed(0)} MB`);
    fs.rmSync(file);
  });

  step("logout", async (page) => {
    await page.click("#logout");
    await page.waitForSelector("[name='auth[username]']");
    tools.sql("DROP DATABASE adm_in; DROP DATABASE adm_copy");
  });
}
