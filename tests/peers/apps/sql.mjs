// A large table as SQL, and whether two tables are the same.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import fs from "node:fs";

/** Bytes of one row's text. */
const BODY = 60_000;

/** Writes SQL of about `bytes` that makes the table `large`. */
export function largeSql(file, bytes) {
  const out = fs.openSync(file, "w");
  fs.writeSync(out, "CREATE TABLE large (id INT PRIMARY KEY, body MEDIUMTEXT) CHARSET=utf8mb4;\n");
  const rows = Math.ceil(bytes / BODY);
  for (let id = 1; id <= rows; id += 1) {
    // No row is like another, and quotes, backslashes and ends of statements stand in all.
    const text = randomBytes(BODY / 2 - 6).toString("hex");
    fs.writeSync(out, `INSERT INTO large VALUES (${id}, '${text}''\\\\;门神');\n`);
  }
  fs.closeSync(out);
  return { file, rows, bodyBytes: rows * (BODY - 12 + 1 + 1 + 1 + 6) };
}

/** Fails unless both tables hold the same rows. */
export function sameTable(tools, one, other) {
  const sum = (table) => tools.sql(`CHECKSUM TABLE ${table} EXTENDED`).trim().split("\t")[1];
  const first = sum(one);
  assert.match(first, /^\d+$/, `checksum of ${one}`);
  assert.equal(first, sum(other), "the restored table differs");
}
