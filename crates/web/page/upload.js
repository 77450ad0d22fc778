// The upload queue: which file is sent when, at most three at once, with conflicts asked about,
// lost connections waited out, and rates measured. A small file is one PUT, a large one goes up in
// pieces (pieces.js) and goes on where it was after a cut, a pause or a reload. It never touches the document (panel.js shows
// it) and never sends over an existing file unless the person said "replace".

import { Refused, list, nameOf, parentOf, pathOf, refusalOf } from "./door.js";
import { dropUpload, isLarge, sendPieces } from "./pieces.js";

/** States in which a file is on its way and holds one of the places. */
const BUSY = new Set(["checking", "sending", "saving"]);
/** States that end a file's way. */
const ENDED = new Set(["done", "failed", "skipped", "cancelled", "left"]);

/** One file on its way to `dir` under `name`. */
export class Upload {
  constructor(file, dir, name, shown, batch) {
    this.file = file;
    this.dir = dir;
    this.name = name;
    this.wanted = name;
    this.shown = shown;
    this.size = file.size;
    this.batch = batch;
    this.state = "queued";
    this.sent = 0;
    this.attempts = 0;
    /** The person said that what is there may be replaced. */
    this.replace = false;
    /** The name was chosen to be free; no need to look again. */
    this.settled = false;
    this.raced = 0;
    this.run = null;
    this.fault = null;
    this.retryAt = 0;
    this.xhr = null;
    this.timer = 0;
    this.meter = new Meter();
    /** The upload resource, of a large file, and how much of it the server has. */
    this.url = null;
    this.offset = 0;
  }

  get busy() {
    return BUSY.has(this.state);
  }

  /** Whether `file` is the one this was begun with, as far as name, size and date tell. */
  isOf(file) {
    const dated = this.modified === undefined || this.modified === file.lastModified;
    return file.name === this.wanted && file.size === this.size && dated;
  }

  get ended() {
    return ENDED.has(this.state);
  }

  get path() {
    return pathOf(this.dir, this.name);
  }
}

/** A rate in bytes per second, smoothed over about four seconds. */
export class Meter {
  constructor() {
    this.rate = 0;
    this.moved = 0;
    this.#at = performance.now();
  }

  #at;
  #seen = 0;

  add(bytes) {
    if (bytes > 0) this.moved += bytes;
  }

  /** Takes a sample; call it a few times a second. */
  sample(now = performance.now()) {
    const span = (now - this.#at) / 1000;
    if (span < 0.2) return;
    const rate = (this.moved - this.#seen) / span;
    const share = 1 - Math.exp(-span / SMOOTH_SECONDS);
    this.rate = this.rate === 0 ? rate : this.rate + share * (rate - this.rate);
    this.#at = now;
    this.#seen = this.moved;
  }

  reset() {
    this.rate = 0;
    this.#at = performance.now();
    this.#seen = this.moved;
  }
}

/**
 * The queue. Events: `change` (anything to show), `done` (detail: the upload), `idle` (nothing left
 * to do), `locked` (the session ended; the queue waits for `release`).
 * `ask(upload, existing)` resolves to `{ choice: "replace" | "both" | "skip", all: boolean }`.
 */
export class Queue extends EventTarget {
  constructor(ask) {
    super();
    this.uploads = [];
    this.held = false;
    /** Whether large files go up in pieces; no more when the door says that it has no such. */
    this.resumable = true;
    this.meter = new Meter();
    this.#ask = ask;
    addEventListener("online", () => this.#hurry());
  }

  #ask;
  #asking = Promise.resolve();
  /** Directory → promise of a map name → entry: what is known to be there. */
  #known = new Map();

  get unfinished() {
    return this.uploads.some((u) => !u.ended);
  }

  /** Adds `files`, each `{ file, names }` with the names below `dir`; one batch shares "for all". */
  add(files, dir) {
    const batch = { rule: null, base: dir };
    for (const { file, names } of files) {
      let target = dir;
      for (const name of names.slice(0, -1)) target = pathOf(target, name, "directory");
      const left = this.uploads.find(
        (u) => u.state === "left" && u.dir === target && u.wanted === names.at(-1) && u.isOf(file),
      );
      if (left) this.again(left, file);
      else this.uploads.push(new Upload(file, target, names.at(-1), names.join("/"), batch));
    }
    this.#pump();
  }

  /** Takes note of what the server says is unfinished: it goes on when its file is chosen again. */
  recall(found) {
    for (const { url, folder, filename, length, offset, modified } of found) {
      if (this.uploads.some((u) => u.url === url)) continue;
      const dir = stepwise(folder);
      const file = { size: length, lastModified: modified };
      const upload = new Upload(file, dir, filename, filename, { rule: null, base: dir });
      Object.assign(upload, { file: null, modified, url, offset, sent: offset, state: "left" });
      this.uploads.push(upload);
    }
    this.#changed();
  }

  /** Goes on with what was left, if `file` is it; says whether it is. */
  again(upload, file) {
    if (upload.state !== "left" || !upload.isOf(file)) return false;
    upload.file = file;
    upload.state = "queued";
    this.#pump();
    return true;
  }

  /** Asks for the file of what was left. */
  choose(upload) {
    this.dispatchEvent(new CustomEvent("choose", { detail: upload }));
  }

  /** Counts and bytes for the whole queue; skipped and cancelled files are left out. */
  totals() {
    const sum = { all: 0, done: 0, failed: 0, paused: 0, busy: 0, waiting: 0, size: 0, sent: 0 };
    sum.left = 0;
    for (const u of this.uploads) {
      if (u.state === "cancelled" || u.state === "skipped") continue;
      if (u.state === "left") {
        sum.left += 1;
        continue;
      }
      sum.all += 1;
      if (u.state === "failed") {
        sum.failed += 1;
        continue;
      }
      sum.size += u.size;
      sum.sent += u.state === "done" ? u.size : u.sent;
      if (u.state === "done") sum.done += 1;
      else if (u.state === "paused") sum.paused += 1;
      else if (u.busy) sum.busy += 1;
      else sum.waiting += 1;
    }
    return sum;
  }

  pause(upload) {
    if (upload.ended || upload.state === "paused") return;
    this.#stop(upload, "paused");
    this.#pump();
  }

  resume(upload) {
    if (upload.state !== "paused") return;
    upload.state = "queued";
    this.#pump();
  }

  cancel(upload) {
    if (upload.state === "done") return;
    this.#drop(upload);
    this.uploads = this.uploads.filter((u) => u !== upload);
    this.#pump();
  }

  retry(upload) {
    if (upload.state !== "failed") return;
    upload.attempts = 0;
    upload.fault = null;
    upload.state = "queued";
    this.#known.delete(upload.dir);
    this.#pump();
  }

  pauseAll() {
    for (const u of this.uploads) if (!u.ended && u.state !== "paused") this.#stop(u, "paused");
    this.#pump();
  }

  resumeAll() {
    for (const u of this.uploads) if (u.state === "paused") u.state = "queued";
    this.#pump();
  }

  cancelAll() {
    for (const u of this.uploads) if (!u.ended) this.#drop(u);
    this.uploads = this.uploads.filter((u) => u.state !== "cancelled");
    this.#pump();
  }

  retryFailed() {
    for (const u of [...this.uploads]) this.retry(u);
  }

  /** Forgets what has ended. */
  clear() {
    this.uploads = this.uploads.filter((u) => !u.ended);
    this.#changed();
  }

  /** Stops all traffic and keeps every file, until `release`. */
  hold() {
    if (this.held) return;
    this.held = true;
    for (const u of this.uploads) {
      if (u.busy || u.state === "waiting") this.#stop(u, "queued");
    }
    this.#known.clear();
    this.#changed();
  }

  /** Goes on after `hold`. */
  release() {
    this.held = false;
    this.#pump();
  }

  #pump() {
    if (!this.held) {
      let places = PLACES - this.uploads.filter((u) => u.busy).length;
      for (const u of this.uploads) {
        if (places <= 0) break;
        if (u.state !== "queued") continue;
        places -= 1;
        this.#start(u);
      }
    }
    this.#changed();
    if (!this.unfinished) {
      this.#known.clear();
      this.meter.reset();
      this.dispatchEvent(new Event("idle"));
    }
  }

  async #start(upload) {
    upload.state = "checking";
    upload.run = Symbol("run");
    const run = upload.run;
    try {
      const go = await this.#settleName(upload, run);
      if (upload.run === run && go) this.#send(upload);
    } catch (fault) {
      if (upload.run === run) this.#refused(upload, fault);
    }
  }

  /** Decides under which name, and whether at all, before any byte of the body goes out. */
  async #settleName(upload, run) {
    // What has begun has its name, and the conditions it was begun under.
    if (upload.replace || upload.settled || upload.url) return true;
    const there = await this.#entriesOf(upload.dir, upload.batch.base);
    if (upload.run !== run) return false;
    const existing = there.get(upload.name);
    if (!existing) return true;
    let choice = upload.batch.rule;
    if (!choice || (choice === "replace" && existing.kind === "directory")) {
      upload.state = "asking";
      this.#pump();
      choice = await this.#askOne(upload, existing, run);
    }
    if (upload.run !== run) return false;
    return this.#obey(upload, choice, there);
  }

  /** One question at a time; an answer "for all" spares the rest of its batch the question. */
  #askOne(upload, existing, run) {
    const turn = this.#asking.then(async () => {
      if (upload.run !== run) return null;
      const rule = upload.batch.rule;
      if (rule && !(rule === "replace" && existing.kind === "directory")) return rule;
      const { choice, all } = await this.#ask(upload, existing);
      if (all && choice !== null) upload.batch.rule = choice;
      return choice;
    });
    this.#asking = turn.catch(() => {});
    return turn;
  }

  #obey(upload, choice, there) {
    if (choice === "skip" || choice === null) {
      this.#stop(upload, "skipped");
      this.#pump();
      return false;
    }
    if (choice === "replace") upload.replace = true;
    if (choice === "both") {
      upload.name = freeName(upload.wanted, there);
      upload.settled = true;
      there.set(upload.name, { name: upload.name, kind: "file" });
    }
    if (upload.state === "asking") {
      // The place was given up while the question stood; wait for one again.
      if (this.held || this.uploads.filter((u) => u.busy).length >= PLACES) {
        upload.state = "queued";
        this.#pump();
        return false;
      }
    }
    return true;
  }

  #entriesOf(dir, base) {
    let found = this.#known.get(dir);
    if (!found) {
      found = this.#look(dir, base);
      this.#known.set(dir, found);
      // A refusal is for the asker, and asked again.
      found.catch(() => this.#known.delete(dir));
    }
    return found;
  }

  async #look(dir, base) {
    // A folder that its parent does not know needs no question: the upload makes it.
    if (dir !== base) {
      const above = await this.#entriesOf(parentOf(dir), base);
      if (above.get(nameOf(dir))?.kind !== "directory") return new Map();
    }
    try {
      const { entries } = await list(dir);
      return new Map(entries.map((e) => [e.name, e]));
    } catch (fault) {
      if (fault.status === 404) return new Map();
      throw fault;
    }
  }

  #send(upload) {
    if (this.resumable && isLarge(upload)) this.#sendLarge(upload);
    else this.#sendWhole(upload);
    this.#changed();
  }

  async #sendLarge(upload) {
    const { run } = upload;
    upload.state = "sending";
    upload.meter.reset();
    try {
      const answer = await sendPieces(upload, {
        still: () => upload.run === run,
        moved: (sent) => this.#moved(upload, sent),
        saving: () => {
          upload.state = "saving";
          this.#changed();
        },
      });
      if (answer) this.#arrived(upload, answer);
      // Given up while the server made it.
      else if (upload.state === "cancelled") this.#drop(upload);
    } catch (fault) {
      if (upload.run !== run) return;
      upload.state = "sending";
      if (fault.status === 404 && !upload.url) {
        // The door has no such uploads.
        this.resumable = false;
        this.#send(upload);
      } else {
        this.#refused(upload, fault);
      }
    }
  }

  #moved(upload, sent) {
    upload.meter.add(sent - upload.sent);
    this.meter.add(sent - upload.sent);
    upload.sent = Math.min(sent, upload.size);
  }

  #sendWhole(upload) {
    const xhr = new XMLHttpRequest();
    upload.xhr = xhr;
    upload.state = "sending";
    upload.sent = 0;
    upload.meter.reset();
    xhr.open("PUT", upload.path);
    xhr.setRequestHeader("Accept", "application/json");
    if (!upload.replace) xhr.setRequestHeader("If-None-Match", "*");
    if (!upload.file.type) xhr.setRequestHeader("Content-Type", "application/octet-stream");
    xhr.upload.onprogress = (event) => this.#moved(upload, event.loaded);
    xhr.upload.onload = () => {
      upload.sent = upload.size;
      upload.state = "saving";
      this.#changed();
    };
    xhr.onload = () => {
      upload.xhr = null;
      if (xhr.status >= 200 && xhr.status < 300) this.#arrived(upload, xhr);
      else this.#refused(upload, refusalOf(xhr));
    };
    xhr.onerror = () => {
      upload.xhr = null;
      this.#refused(upload, new Refused(0));
    };
    xhr.send(upload.file);
  }

  #arrived(upload, xhr) {
    upload.state = "done";
    upload.url = null;
    upload.sent = upload.size;
    upload.etag = xhr.getResponseHeader("ETag");
    const entry = {
      name: upload.name,
      kind: "file",
      size: upload.size,
      modified: new Date().toISOString(),
    };
    this.#known.get(upload.dir)?.then(
      (there) => there.set(upload.name, entry),
      () => {},
    );
    this.dispatchEvent(new CustomEvent("done", { detail: { upload, entry } }));
    upload.file = null;
    this.#pump();
  }

  async #refused(upload, fault) {
    if (upload.ended || upload.state === "paused") return;
    const run = upload.run;
    if (fault.status === 401) {
      this.#stop(upload, "queued");
      this.hold();
      this.dispatchEvent(new Event("locked"));
      return;
    }
    if (fault.status === 412 && !upload.replace) {
      // Somebody was quicker, or our own earlier attempt did arrive: look again and ask.
      this.#known.clear();
      upload.raced += 1;
      upload.settled = false;
      // It was begun under a condition that does not hold any more.
      this.#forget(upload);
      if (upload.raced <= RACES_MAX) {
        this.#stop(upload, "queued");
        this.#pump();
        return;
      }
    }
    if (fault.status === 0 && !(await canRead(upload.file))) {
      if (upload.run !== run) return;
      fault = new Refused("read");
    }
    if (upload.run !== run) return;
    // What is safe on the server can wait for a network for as long as it takes.
    const patient = upload.url !== null && fault.status === 0;
    if (PASSING.has(fault.status) && (patient || upload.attempts < ATTEMPTS_MAX))
      this.#later(upload, fault);
    else this.#fail(upload, fault);
  }

  #fail(upload, fault) {
    this.#stop(upload, "failed");
    upload.fault = fault;
    this.#pump();
  }

  #later(upload, fault) {
    this.#stop(upload, "waiting");
    upload.attempts += 1;
    const backoff = Math.min(2 ** Math.min(upload.attempts - 1, 9), BACKOFF_SECONDS_MAX);
    // Spread, so that files that fell together do not knock together.
    const wait = Math.max(fault.retryAfter, backoff * (0.75 + Math.random() / 2));
    upload.retryAt = Date.now() + wait * 1000;
    upload.timer = setTimeout(() => this.#wake(upload), wait * 1000);
    this.#pump();
  }

  #wake(upload) {
    if (upload.state !== "waiting") return;
    clearTimeout(upload.timer);
    upload.state = "queued";
    this.#known.delete(upload.dir);
    this.#pump();
  }

  #hurry() {
    for (const u of this.uploads) this.#wake(u);
  }

  #stop(upload, state) {
    upload.run = null;
    clearTimeout(upload.timer);
    const xhr = upload.xhr;
    upload.xhr = null;
    if (xhr) {
      xhr.onload = xhr.onerror = xhr.onabort = xhr.upload.onload = xhr.upload.onprogress = null;
      xhr.abort();
    }
    upload.state = state;
    upload.sent = upload.url ? upload.offset : 0;
    upload.meter.reset();
  }

  #drop(upload) {
    this.#stop(upload, "cancelled");
    this.#forget(upload);
  }

  #forget(upload) {
    if (upload.url) dropUpload(upload.url);
    upload.url = null;
    upload.offset = 0;
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** The path of a folder that is given in plain text. */
function stepwise(folder) {
  const names = folder.split("/").filter(Boolean);
  return names.reduce((dir, name) => pathOf(dir, name, "directory"), "/");
}

/** `name` with the first number in parentheses that makes it free: `a (2).txt`. */
export function freeName(name, there) {
  const dot = name.lastIndexOf(".");
  const [stem, tail] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  for (let n = 2; ; n += 1) {
    const next = `${stem} (${n})${tail}`;
    if (!there.has(next)) return next;
  }
}

/**
 * The files of a drop, each `{ file, names }`, and the names of folders without any file.
 * Must be called inside the event: the browser forgets the items afterwards.
 */
export function filesOfDrop(transfer) {
  const roots = [];
  const files = [];
  for (const item of transfer.items ?? []) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry?.();
    const file = entry?.isDirectory ? null : item.getAsFile();
    if (file) files.push({ file, names: [file.name] });
    else if (entry) roots.push(entry);
  }
  return walk(roots, files);
}

/** The files of a picker, with their folders if it picked one. */
export function filesOfInput(input) {
  return [...input.files].map((file) => ({
    file,
    names: file.webkitRelativePath ? file.webkitRelativePath.split("/") : [file.name],
  }));
}

async function walk(roots, files) {
  const empty = [];
  let unreadable = 0;
  const waiting = roots.map((entry) => ({ entry, names: [entry.name] }));
  while (waiting.length > 0) {
    const { entry, names } = waiting.pop();
    try {
      if (entry.isDirectory) {
        const below = await childrenOf(entry);
        if (below.length === 0) empty.push(names);
        for (const child of below) waiting.push({ entry: child, names: [...names, child.name] });
      } else {
        files.push({ file: await new Promise((ok, no) => entry.file(ok, no)), names });
      }
    } catch {
      unreadable += 1;
    }
  }
  return { files, empty, unreadable };
}

async function childrenOf(directory) {
  const reader = directory.createReader();
  const all = [];
  for (;;) {
    // A reader hands out at most about a hundred at a time and ends with an empty answer.
    const some = await new Promise((ok, no) => reader.readEntries(ok, no));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

async function canRead(file) {
  if (!file) return true;
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** Uploads sent at once. */
const PLACES = 3;
/** Attempts after a lost connection before a file counts as failed. */
const ATTEMPTS_MAX = 8;
const BACKOFF_SECONDS_MAX = 30;
/** Times a name may be taken between the look and the upload. */
const RACES_MAX = 5;
const SMOOTH_SECONDS = 4;
/** Answers that may be better the next time; 0 is no answer. */
const PASSING = new Set([0, 408, 425, 429, 502, 503, 504]);
