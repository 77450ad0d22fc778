// The drop-box page: sends files one after the other, each with its progress: a small one with PUT,
// a large one in pieces (pieces.js), so that it goes on where it was after a lost network. Without
// it the form does the same in one request. It asks nothing of what is in the box: the server would
// not say. Names of files are placed with `textContent` only.

import { Refused, refusalOf } from "./door.js";
import { isLarge, sendPieces } from "./pieces.js";

const $ = (id) => document.getElementById(id);
const words = document.body.dataset;
const base = location.pathname.replace(/[^/]*$/, "");
const waiting = [];
let sending = false;

/** One file of the list. */
class Item {
  constructor(file) {
    this.file = file;
    this.name = file.name;
    this.size = file.size;
    /** Where large files are made, and then where this one is and how far. */
    this.place = base;
    this.url = null;
    this.offset = 0;
    this.whole = false;
    this.row = document.createElement("li");
    this.state = document.createElement("span");
    this.bar = document.createElement("progress");
    const name = document.createElement("span");
    name.className = "box-name";
    name.textContent = file.name;
    name.title = file.name;
    this.state.className = "box-state";
    this.bar.max = Math.max(file.size, 1);
    this.bar.setAttribute("aria-label", file.name);
    this.row.append(name, this.state, this.bar);
    $("list").append(this.row);
    this.show("waiting", words.waiting);
  }

  show(state, text) {
    this.row.dataset.state = state;
    this.state.textContent = text;
  }

  moved(bytes) {
    this.bar.value = bytes;
    this.show("sending", `${Math.floor((bytes / this.bar.max) * 100)} %`);
  }

  /** `final`: another try would be refused as well. */
  failed(text, final) {
    this.show("failed", text);
    if (final) return;
    const again = document.createElement("button");
    again.type = "button";
    again.textContent = words.again;
    again.onclick = () => {
      again.remove();
      this.show("waiting", words.waiting);
      waiting.push(this);
      next();
    };
    this.row.append(again);
  }
}

function next() {
  if (sending || waiting.length === 0) return;
  sending = true;
  send(waiting.shift()).finally(() => {
    sending = false;
    next();
  });
}

async function send(item) {
  for (let tries = 0; ; ) {
    try {
      await (isLarge(item) && !item.whole ? sendLarge(item) : sendWhole(item));
      item.show("sent", words.sent);
      return;
    } catch (fault) {
      if (!(fault instanceof Refused)) {
        item.failed(`${fault.message}`, false);
        return;
      }
      if (!item.url && !item.whole && NO_PIECES.has(fault.status)) {
        item.whole = true;
        continue;
      }
      // What has begun waits for a network for as long as it takes.
      const lost = fault.status === 0;
      const told = lost ? words.lost : fault.said || `${fault.status}`;
      const patient = lost && item.url;
      if (!PASSING.has(fault.status) || (tries >= TRIES_MAX && !patient)) {
        item.failed(told, !PASSING.has(fault.status) && fault.status !== 507);
        return;
      }
      tries += 1;
      item.show("waiting", told);
      await rest(Math.max(fault.retryAfter, Math.min(2 ** Math.min(tries - 1, 5), WAIT_SECONDS_MAX)));
    }
  }
}

/** A large file goes up in pieces, and goes on after a cut where it was. */
async function sendLarge(item) {
  item.moved(item.url ? item.offset : 0);
  await sendPieces(item, {
    still: () => true,
    moved: (bytes) => {
      if (bytes > item.offset) item.moved(bytes);
    },
    saving: () => {},
  });
}

function sendWhole(item) {
  return new Promise((done, fail) => {
    const xhr = new XMLHttpRequest();
    xhr.open("PUT", base + encodeURIComponent(item.name));
    xhr.setRequestHeader("Accept", "application/json");
    xhr.setRequestHeader("Content-Type", "application/octet-stream");
    item.moved(0);
    xhr.upload.onprogress = (event) => item.moved(event.loaded);
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) done();
      else fail(refusalOf(xhr));
    };
    xhr.onerror = () => fail(new Refused(0));
    xhr.send(item.file);
  });
}

/** Waits, or until the network is back. */
function rest(seconds) {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      done();
    };
    const timer = setTimeout(end, seconds * 1000);
    addEventListener("online", end);
  });
}

function add(files) {
  $("said").textContent = "";
  for (const file of files) waiting.push(new Item(file));
  next();
}

function dropped(event) {
  event.preventDefault();
  document.body.classList.remove("over");
  const files = [];
  for (const entry of event.dataTransfer.items ?? []) {
    if (entry.kind !== "file") continue;
    if (entry.webkitGetAsEntry?.()?.isDirectory) $("said").textContent = words.folder;
    else files.push(entry.getAsFile());
  }
  if (files.length > 0) add(files);
}

if (words.box === "open") {
  $("plain").remove();
  $("pick").hidden = false;
  $("hint").hidden = !matchMedia("(hover: hover)").matches;
  $("files").onchange = (event) => {
    add(event.target.files);
    event.target.value = "";
  };
  $("form").onsubmit = (event) => event.preventDefault();
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("over");
  });
  addEventListener("drop", dropped);
  addEventListener("beforeunload", (event) => {
    if (sending || waiting.length > 0) event.preventDefault();
  });
}

/** Answers of a door without uploads in pieces. */
const NO_PIECES = new Set([404, 405, 415]);
/** Answers that may be better the next time; 0 is no answer. */
const PASSING = new Set([0, 408, 429, 500, 502, 503, 504]);
/** Attempts in a row for what could not be begun. */
const TRIES_MAX = 4;
const WAIT_SECONDS_MAX = 30;
