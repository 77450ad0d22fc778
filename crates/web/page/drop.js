// The drop-box page: sends files one after the other with PUT, each with its progress. Without it
// the form does the same in one request. It asks nothing of what is in the box: the server would
// not say. Names of files are placed with `textContent` only.

const $ = (id) => document.getElementById(id);
const words = document.body.dataset;
const base = location.pathname.replace(/[^/]*$/, "");
const waiting = [];
let sending = false;

/** One file of the list. */
class Item {
  constructor(file) {
    this.file = file;
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

function send(item) {
  return new Promise((done) => {
    const xhr = new XMLHttpRequest();
    xhr.open("PUT", base + encodeURIComponent(item.file.name));
    xhr.setRequestHeader("Accept", "application/json");
    xhr.setRequestHeader("Content-Type", "application/octet-stream");
    item.moved(0);
    xhr.upload.onprogress = (event) => item.moved(event.loaded);
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) item.show("sent", words.sent);
      else item.failed(said(xhr), ![408, 429, 500, 502, 503, 504, 507].includes(xhr.status));
      done();
    };
    xhr.onerror = () => {
      item.failed(words.lost, false);
      done();
    };
    xhr.send(item.file);
  });
}

/** What the server says of a refusal. */
function said(xhr) {
  try {
    const { error = "", hint = "" } = JSON.parse(xhr.responseText);
    return [error, hint].filter(Boolean).join(" · ") || `${xhr.status}`;
  } catch {
    return `${xhr.status}`;
  }
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
