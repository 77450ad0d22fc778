// The requests the page makes of the web door, and the rules of its paths. Paths here are always
// percent-encoded and absolute (`/a%20b/`), names always plain text; nothing else may build a URL.
// It never keeps the owner token: the session cookie is set by the server and unseen by scripts.

/** An answer other than success. `status` 0 means that no answer came. */
export class Refused extends Error {
  constructor(status, body = {}, retryAfter = 0) {
    super(`status ${status}`);
    this.status = status;
    this.error = typeof body.error === "string" ? body.error : "";
    this.detail = typeof body.detail === "string" ? body.detail : "";
    this.hint = typeof body.hint === "string" ? body.hint : "";
    this.retryAfter = retryAfter;
  }

  /** What the server itself said, in one line; empty if nothing. */
  get said() {
    return [this.error, this.detail, this.hint].filter(Boolean).join(" · ");
  }
}

/** The path of `name` in `dir`; directories end in a slash. */
export function pathOf(dir, name, kind = "file") {
  return dir + encodeName(name) + (kind === "directory" ? "/" : "");
}

/** The plain name of `dir` in the directory above it. */
export function nameOf(dir) {
  return decodeName(dir.split("/").at(-2));
}

/** The directory above `dir`; the root is above itself. */
export function parentOf(dir) {
  return dir.replace(/[^/]*\/$/, "") || "/";
}

/** The names along `dir` with the path of each, root left out. */
export function stepsOf(dir) {
  const steps = [];
  let path = "/";
  for (const part of dir.split("/").filter(Boolean)) {
    path += `${part}/`;
    steps.push({ name: decodeName(part), path });
  }
  return steps;
}

/** `path` as a person reads it. */
export function readable(path) {
  return path.split("/").map(decodeName).join("/");
}

/** The directory of a page's own address: `/a/b` belongs to `/a/`. */
export function dirOfAddress(pathname) {
  return pathname.replace(/[^/]*$/, "") || "/";
}

/** Why `name` cannot be a file name (a key of the words), or `""`. */
export function nameFault(name) {
  if (name === "") return "name_empty";
  if (name === "." || name === "..") return "name_dots";
  if (/[/\\\u0000-\u001f\u007f]/.test(name)) return "name_bad";
  if (new TextEncoder().encode(name).length > NAME_BYTES_MAX) return "name_long";
  return "";
}

/** Opens a session with the owner token. */
export async function signIn(token) {
  // The token travels in a header, which takes no line break and nothing beyond Latin-1.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Refused(401);
  await ask("POST", "/.menshen/session", { Authorization: `Bearer ${token}` });
}

/** Ends the session. */
export async function signOut() {
  await ask("DELETE", "/.menshen/session");
}

/** The listing of `dir`. */
export async function list(dir, signal) {
  const answer = await ask("GET", dir, {}, signal);
  try {
    const listing = await answer.json();
    if (Array.isArray(listing.entries)) return listing;
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
  }
  throw new Refused(0);
}

/** Removes a file or an empty directory. */
export async function remove(path) {
  await ask("DELETE", path);
}

/** Removes a directory and all in it, depth first. Stops at the first refusal. */
export async function removeTree(dir) {
  for (;;) {
    const { entries, truncated } = await list(dir);
    let removed = 0;
    for (const entry of entries) {
      const path = pathOf(dir, entry.name, entry.kind);
      try {
        await (entry.kind === "directory" ? removeTree(path) : remove(path));
        removed += 1;
      } catch (fault) {
        // Somebody else may have removed it meanwhile: that is what was wanted.
        if (fault.status !== 404) throw fault;
      }
    }
    if (!truncated || removed === 0) break;
  }
  await remove(dir);
}

/** Moves `from` to `to`, refused with 412 if something is there. */
export async function move(from, to) {
  await ask("MOVE", from, { Destination: to, Overwrite: "F" });
}

/** Makes the directory `dir`, refused with 405 if it exists. */
export async function makeDir(dir) {
  await ask("MKCOL", dir);
}

/** Makes every directory along `dir` below `base`; those that exist are left alone. */
export async function makeDirs(base, names) {
  let dir = base;
  for (const name of names) {
    dir = pathOf(dir, name, "directory");
    try {
      await makeDir(dir);
    } catch (fault) {
      if (fault.status !== 405) throw fault;
    }
  }
}

/** The refusal that an `XMLHttpRequest` ended in. */
export function refusalOf(xhr) {
  let body = {};
  try {
    body = JSON.parse(xhr.responseText);
  } catch {
    // Not the door's own words; the status says enough.
  }
  return new Refused(xhr.status, body ?? {}, seconds(xhr.getResponseHeader("Retry-After")));
}

/** Whether `dir` says the same when it is read and written anew: not with bytes beyond UTF-8. */
export function encodable(dir) {
  return dir.split("/").every((part) => encodeName(decodeName(part)) === part);
}

/** One request; resolves to its answer, or throws `Refused`. */
export async function ask(method, path, headers = {}, signal = undefined) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      signal,
      headers: { Accept: "application/json", ...headers },
      credentials: "same-origin",
      // A listing has the address of its page: one kept by the browser could be shown in its place.
      cache: "no-store",
      redirect: "error",
    });
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Refused(0);
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, body ?? {}, seconds(answer.headers.get("Retry-After")));
}

function encodeName(name) {
  // A lone surrogate has no UTF-8 form and would throw; it becomes U+FFFD.
  return encodeURIComponent(name.replace(LONE_SURROGATE, "\ufffd"));
}

function decodeName(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function seconds(text) {
  const value = Number.parseInt(text ?? "", 10);
  return Number.isFinite(value) && value > 0 ? value : 0;
}

const NAME_BYTES_MAX = 255;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
