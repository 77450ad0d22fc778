// Makes `upload.min.js`, which the door serves, of `upload.js`:
//
//   node minify.mjs           writes it
//   node minify.mjs --check   fails when it is another one

import fs from "node:fs";
import path from "node:path";
import { transform } from "esbuild";

const folder = path.join(import.meta.dirname, "../../../crates/web/forms");
const source = fs.readFileSync(path.join(folder, "upload.js"), "utf8");
const { code } = await transform(source, { minify: true, target: "es2021" });
const file = path.join(folder, "upload.min.js");
if (process.argv[2] !== "--check") fs.writeFileSync(file, code);
else if (fs.readFileSync(file, "utf8") !== code) {
  console.error("upload.min.js is not made of upload.js; run `node minify.mjs`");
  process.exit(1);
}
console.log(`upload.min.js: ${Buffer.byteLength(code)} bytes`);
