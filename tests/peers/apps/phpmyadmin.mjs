// phpMyAdmin: login, an import of a large SQL file, an export of a large table.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { largeSql, sameTable } from "./sql.mjs";

/** PHP reads every statement of the file before it answers. */
const LONG = { timeout: 480_000 };

export default function describe(tools) {
  const { step, shot, settings } = tools;
  const { origin, database } = settings;
  let dump;

  step("the login page comes up, and login works", async (page) => {
    tools.sql("CREATE DATABASE pma_in; CREATE DATABASE pma_copy");
    await page.goto(`${origin}/`);
    await shot("login");
    await page.fill("#input_username", database.user);
    await page.fill("#input_password", database.password);
    await page.click("#input_go");
    await page.waitForSelector("#pma_navigation_tree");
    await page.waitForSelector("text=Database server");
    await shot("home");
  });

  step("an import of a large SQL file", async (page) => {
    dump = largeSql(path.join(settings.work, "large.sql"), settings.bytes);
    await page.goto(`${origin}/index.php?route=/database/import&db=pma_in`);
    await page.waitForSelector("#input_import_file");
    await page.setInputFiles("#input_import_file", dump.file);
    await shot("import");
    await page.click("#buttonGo", LONG);
    await page.waitForSelector("text=Import has been successfully finished", LONG);
    await shot("imported");
    fs.rmSync(dump.file);
  });

  step("every row of it arrived", async () => {
    const rows = tools.sql("SELECT COUNT(*), SUM(LENGTH(body)) FROM large", "pma_in");
    assert.equal(rows.trim(), `${dump.rows}\t${dump.bodyBytes}`);
    tools.showDeliveries("swap");
  });

  step("browsing shows rows", async (page) => {
    await page.goto(`${origin}/index.php?route=/sql&db=pma_in&table=large&pos=0`);
    await page.waitForSelector("table.table_results td");
    await shot("rows");
  });

  step("the export of the table, over 100 MB, downloads and restores the same", async (page) => {
    await page.click("#topmenu a:has-text('Export')");
    await page.waitForSelector("#radio_sql_structure_or_data_structure_and_data", {
      state: "attached",
    });
    await shot("export");
    const { file, name } = await tools.download(() => page.click("#buttonGo"));
    assert.equal(name, "large.sql");
    const bytes = fs.statSync(file).size;
    assert.ok(bytes >= dump.bodyBytes, `too few bytes: ${fs.readFileSync(file).subarray(0, 2000)}`);
    tools.sqlFile(file, "pma_copy");
    sameTable(tools, "pma_in.large", "pma_copy.large");
    console.log(`     ${(bytes / 1e6).toFixed(0)} MB`);
    fs.rmSync(file);
  });

  step("logout", async (page) => {
    await page.click("a[title='Log out']");
    await page.waitForSelector("#input_username");
    tools.sql("DROP DATABASE pma_in; DROP DATABASE pma_copy");
  });
}
