// The page as a whole: signing in, moving between directories, and what the buttons do. It never
// keeps the owner token (it is taken from the address, which is cleaned at once) and leaves no
// directory while uploads run: moving is done in place, so the queue lives on.

import * as door from "./door.js";
import { askAction, askClash, askName, confirm, nameFaultWords, note, problem } from "./dialogs.js";
import { Listing, icon, make } from "./listing.js";
import { Panel } from "./panel.js";
import { listUploads } from "./pieces.js";
import { Queue, filesOfDrop, filesOfInput } from "./upload.js";
import { chooseLanguage, fillWords, language, setLanguage, sizeWords, t } from "./words.js";

const byId = (id) => document.getElementById(id);
const { body } = document;

const page = {
  dir: door.dirOfAddress(location.pathname),
  missing: false,
  truncated: false,
  load: null,
};
const queue = new Queue(askClash);
const panel = new Panel(queue);
const listing = new Listing(byId("list"), {
  open,
  act,
  rename,
  drawn,
  up: () => page.dir !== "/" && go(door.parentOf(page.dir)),
});

function start() {
  chooseLanguage();
  sayAll();
  listenLock();
  listenTools();
  listenDrop();
  listenQueue();
  addEventListener("popstate", () => load(door.dirOfAddress(location.pathname)));
  addEventListener("hashchange", takeToken);
  document.documentElement.classList.add("ready");
  if (!takeToken()) {
    if (body.dataset.state === "open") load(page.dir).then(recall);
    else lock();
  }
}

/** Puts every word in place for the language in use. */
function sayAll() {
  fillWords();
  showPath();
  listing.redraw();
  panel.redraw();
  for (const button of document.querySelectorAll("[data-lang]")) {
    button.setAttribute("aria-pressed", String(button.dataset.lang === language()));
  }
}

// ── the gate ────────────────────────────────────────────────────────────────

/** Signs in with the token of an owner's address; says whether there was one. */
function takeToken() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return false;
  // Before anything else: neither the address bar nor the history may keep it.
  history.replaceState(null, "", location.pathname + location.search);
  let token = found[1];
  try {
    token = decodeURIComponent(token);
  } catch {
    // Not percent-encoded after all: taken as it stands.
  }
  signIn(token);
  return true;
}

function lock({ back = false } = {}) {
  body.dataset.state = "locked";
  page.load?.abort();
  byId("lock").classList.remove("opening");
  byId("login-back").hidden = !back;
  const left = queue.uploads.filter((u) => !u.ended).length;
  byId("login-error").textContent = left > 0 && !back ? t("relogin", { n: left }) : "";
  byId("token").value = "";
  byId("token").focus({ preventScroll: true });
}

async function unlock() {
  byId("login-error").textContent = "";
  byId("token").value = "";
  if (body.dataset.state === "locked" && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
    byId("lock").classList.add("opening");
    await new Promise((done) => setTimeout(done, OPENING_MS));
  }
  body.dataset.state = "open";
  queue.release();
  await load(page.dir);
  await recall();
}

/** Shows what was left unfinished, by a reload or a crash. */
async function recall() {
  if (body.dataset.access !== "write" || body.dataset.state !== "open") return;
  try {
    queue.recall(await listUploads());
  } catch {
    // A door without such uploads, or nobody in particular: then nothing was left.
  }
}

async function signIn(token) {
  const button = byId("login").querySelector("[type=submit]");
  button.disabled = true;
  try {
    await door.signIn(token);
  } catch (fault) {
    if (body.dataset.state !== "locked") lock();
    byId("login-error").textContent = loginWords(fault);
    byId("token").select();
    return;
  } finally {
    button.disabled = false;
  }
  await unlock();
}

function loginWords(fault) {
  if (fault.status === 401 || fault.status === 403) return t("token_wrong");
  if (fault.status === 429) return t("token_wait", { n: fault.retryAfter || 30 });
  return fault.status === 0 ? t("offline") : fault.said || t("working");
}

async function signOut() {
  try {
    await door.signOut();
  } catch (fault) {
    if (fault.status !== 401) {
      problem(t("working"), fault);
      return;
    }
  }
  queue.hold();
  listing.show(page.dir, [], "read");
  lock();
}

function listenLock() {
  byId("login").addEventListener("submit", (event) => {
    event.preventDefault();
    signIn(byId("token").value.trim());
  });
  byId("leave").addEventListener("click", signOut);
  byId("enter").addEventListener("click", () => lock({ back: true }));
  byId("login-back").addEventListener("click", () => {
    body.dataset.state = "open";
    load(page.dir);
  });
}

// ── moving about ────────────────────────────────────────────────────────────

function go(dir) {
  if (dir !== page.dir || page.missing) history.pushState(null, "", dir);
  load(dir, { fresh: true });
}

/** Loads and shows `dir`. A later load, or a lock, takes the place of one still under way. */
async function load(dir, { fresh = false, quiet = false } = {}) {
  page.load?.abort();
  const stop = new AbortController();
  page.load = stop;
  const moved = dir !== page.dir;
  const slow = setTimeout(() => {
    byId("loading").hidden = quiet;
  }, SLOW_MS);
  try {
    const { entries, access, truncated } = await door.list(dir, stop.signal);
    if (stop.signal.aborted) return;
    page.dir = dir;
    page.missing = false;
    page.truncated = truncated === true;
    body.dataset.access = access === "write" ? "write" : "read";
    body.dataset.state = "open";
    if (moved) byId("filter").value = "";
    showPath();
    listing.show(dir, entries, access);
    if (moved && fresh) {
      scrollTo(0, 0);
      listing.focus(0);
    }
  } catch (fault) {
    if (fault.name === "AbortError" || stop.signal.aborted) return;
    refused(dir, fault, quiet);
  } finally {
    clearTimeout(slow);
    if (page.load === stop) byId("loading").hidden = true;
  }
}

function refused(dir, fault, quiet) {
  if (fault.status === 401) {
    page.dir = dir;
    queue.hold();
    lock();
  } else if (fault.status === 404) {
    page.dir = dir;
    page.missing = true;
    showPath();
    listing.show(dir, [], "read");
  } else if (!quiet) {
    problem(t("list_failed"), fault);
  }
}

function showPath() {
  const steps = door.stepsOf(page.dir);
  const home = make("a", { href: "/", "aria-label": t("home"), title: t("home") }, icon("home"));
  const links = steps.map(({ name, path }) => make("a", { href: path }, name));
  const all = [home, ...links];
  all.at(-1).setAttribute("aria-current", "page");
  const crumbs = byId("crumbs");
  crumbs.replaceChildren(
    ...all.flatMap((link, i) =>
      i === 0 ? [link] : [make("span", { class: "slash", "aria-hidden": "true" }, "/"), link],
    ),
  );
  crumbs.scrollLeft = crumbs.scrollWidth;
  document.title = `${steps.at(-1)?.name ?? t("home")} · menshen`;
  byId("list").setAttribute("aria-label", t("list_of", { path: door.readable(page.dir) }));
}

/** Called after each drawing of the listing: the words around it. */
function drawn(view, all) {
  const empty = view.length === 0;
  const filtered = listing.text.trim() !== "" && all.length > 0;
  byId("list").hidden = empty;
  byId("empty").hidden = !empty;
  const write = body.dataset.access === "write";
  const act = byId("empty-act");
  act.hidden = !(filtered || page.missing || write);
  if (page.missing) {
    emptyWords("gone", t("gone_text"), "home");
  } else if (filtered) {
    emptyWords(
      "empty_filter",
      t("empty_filter_text", { text: listing.text.trim() }),
      "clear_filter",
    );
  } else {
    emptyWords("empty_folder", t(write ? "empty_write" : "empty_read"), "upload_files");
  }
  zipOf(filtered ? view : null, empty);
  byId("summary").textContent = page.missing ? "" : summaryWords(view, all);
}

/** The link to all of the folder as a zip file, or to what the filter leaves of it. */
function zipOf(chosen, none) {
  const names = chosen?.map((entry) => `&name=${encodeURIComponent(entry.name)}`).join("") ?? "";
  const link = byId("zip");
  const long = names.length > ZIP_NAMES_MAX;
  link.href = long ? "#" : `${page.dir}?zip${names}`;
  // What is too long for an address goes as a form.
  link.onclick = long ? (event) => zipOfMany(event, chosen) : null;
  link.hidden = none;
  link.lastElementChild.textContent = t(chosen ? "zip_shown" : "zip_all");
}

function zipOfMany(event, chosen) {
  event.preventDefault();
  const names = chosen.map(({ name }) => make("input", { type: "hidden", name: "name", value: name }));
  const form = make("form", { method: "post", action: `${page.dir}?zip`, hidden: "" }, ...names);
  body.append(form);
  form.submit();
  form.remove();
}

function emptyWords(title, text, actWord) {
  byId("empty-title").textContent = t(title);
  byId("empty-text").textContent = text;
  byId("empty-act").textContent = t(actWord);
  byId("empty-act").dataset.act = actWord;
}

function summaryWords(view, all) {
  if (view.length !== all.length) return t("sum_view", { n: view.length, all: all.length });
  let folders = 0;
  let size = 0;
  for (const entry of all) {
    if (entry.kind === "directory") folders += 1;
    else size += entry.size ?? 0;
  }
  const words = t("sum", {
    folders: t("sum_folders", { n: folders }),
    files: t("sum_files", { n: all.length - folders }),
    size: sizeWords(size),
  });
  return page.truncated ? `${words} · ${t("sum_some")}` : words;
}

// ── what can be done with an entry ──────────────────────────────────────────

function open(entry) {
  if (entry.kind === "directory") go(door.pathOf(page.dir, entry.name, entry.kind));
  else download(entry);
}

function download(entry) {
  const folder = entry.kind === "directory";
  const path = door.pathOf(page.dir, entry.name, entry.kind);
  const link = make("a", {
    href: folder ? `${path}?zip` : path,
    download: folder ? `${entry.name}.zip` : entry.name,
  });
  body.append(link);
  link.click();
  link.remove();
}

async function act(action, entry) {
  if (action === "more") {
    const actions = [
      { act: "download", word: "download", icon: "download" },
      { act: "link", word: "copy_link", icon: "link" },
    ];
    if (entry.kind === "directory")
      actions.unshift({ act: "open", word: "open", icon: "folder" });
    if (body.dataset.access === "write") {
      actions.push(
        { act: "rename", word: "rename", icon: "rename" },
        { act: "delete", word: "delete", icon: "delete" },
      );
    }
    const chosen = await askAction(entry.name, actions);
    if (chosen) act(chosen, entry);
  } else if (action === "open") open(entry);
  else if (action === "download") download(entry);
  else if (action === "link") copyLink(entry);
  else if (action === "rename") listing.startRename(entry);
  else if (action === "delete" && body.dataset.access === "write") remove(entry);
}

async function copyLink(entry) {
  const link = new URL(door.pathOf(page.dir, entry.name, entry.kind), location.origin).href;
  try {
    await navigator.clipboard.writeText(link);
    note(t("copied"), t("copied_note"));
  } catch {
    problem(t("copy_failed"));
  }
}

async function rename(entry, name) {
  const fault = nameFaultWords(name);
  if (fault) {
    problem(fault);
    return false;
  }
  const { dir } = page;
  try {
    await door.move(door.pathOf(dir, entry.name, entry.kind), door.pathOf(dir, name, entry.kind));
  } catch (refusal) {
    if (refusal.status === 412) problem(t("name_taken", { name }));
    else failed(t("rename_failed", { name: entry.name }), refusal);
    return false;
  }
  note(t("renamed", { name }));
  return page.dir === dir;
}

async function remove(entry) {
  const { dir } = page;
  const path = door.pathOf(dir, entry.name, entry.kind);
  const folder = entry.kind === "directory";
  try {
    const inside = folder ? (await door.list(path)).entries.length : 0;
    const text = t(inside > 0 ? "delete_full" : "delete_file", { name: entry.name, n: inside });
    if (!(await confirm(t("delete_title"), text, t("delete")))) return;
    if (inside > 0) note(t("deleting", { name: entry.name }));
    await (folder ? door.removeTree(path) : door.remove(path));
  } catch (fault) {
    if (fault.status !== 404) {
      failed(t("working"), fault);
      return;
    }
  }
  if (page.dir === dir) listing.drop(entry.name);
  note(t("deleted", { name: entry.name }));
}

/** Says what went wrong, or asks to sign in again if that is what went wrong. */
function failed(text, fault) {
  if (fault.status === 401) {
    queue.hold();
    lock();
  } else problem(text, fault);
  load(page.dir, { quiet: true });
}

// ── tools, drop, queue ──────────────────────────────────────────────────────

function listenTools() {
  byId("pick-files").addEventListener("click", () => byId("files").click());
  byId("pick-folder").addEventListener("click", () => byId("folder").click());
  byId("new-folder").addEventListener("click", newFolder);
  for (const id of ["files", "folder"]) {
    byId(id).addEventListener("change", (event) => {
      queue.add(filesOfInput(event.target), page.dir);
      event.target.value = "";
    });
  }
  queue.addEventListener("choose", ({ detail }) => {
    byId("again").onchange = ({ target }) => {
      const [file] = target.files;
      target.value = "";
      if (file && !queue.again(detail, file)) problem(t("left_other"), null, t("left_other_note"));
    };
    byId("again").click();
  });
  byId("filter").addEventListener("input", (event) => listing.filter(event.target.value));
  byId("filter").addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      listing.focus(0);
    }
  });
  byId("empty-act").addEventListener("click", (event) => {
    const word = event.target.dataset.act;
    if (word === "home") go("/");
    else if (word === "upload_files") byId("files").click();
    else {
      byId("filter").value = "";
      listing.filter("");
      byId("filter").focus();
    }
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("#crumbs a, .brand");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || body.dataset.state !== "open")
      return;
    event.preventDefault();
    go(link.pathname);
  });
  document.addEventListener("keydown", (event) => {
    if (
      event.key !== "/" ||
      event.target.matches("input, dialog *") ||
      body.dataset.state !== "open"
    )
      return;
    event.preventDefault();
    byId("filter").focus();
  });
  for (const button of document.querySelectorAll("[data-lang]")) {
    button.addEventListener("click", () => {
      setLanguage(button.dataset.lang);
      sayAll();
    });
  }
}

async function newFolder() {
  const name = await askName(t("new_folder"), t("name"), t("create"));
  if (name === null) return;
  const { dir } = page;
  try {
    await door.makeDir(door.pathOf(dir, name, "directory"));
  } catch (fault) {
    if (fault.status === 405) problem(t("name_taken", { name }));
    else failed(t("make_failed"), fault);
    return;
  }
  note(t("folder_made", { name }));
  if (page.dir !== dir) return;
  await load(dir, { quiet: true });
  listing.focusName(name);
}

function listenDrop() {
  const overlay = byId("drop");
  const hasFiles = (event) =>
    event.dataTransfer?.types.includes("Files") && body.dataset.state === "open";
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    const write = body.dataset.access === "write";
    event.dataTransfer.dropEffect = write ? "copy" : "none";
    byId("drop-text").textContent = write
      ? t("drop_here", { path: door.readable(page.dir) })
      : t("not_writable");
    overlay.classList.add("on");
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) overlay.classList.remove("on");
  });
  addEventListener("drop", async (event) => {
    overlay.classList.remove("on");
    if (!event.dataTransfer?.types.includes("Files")) return;
    // Never let the browser open a dropped file in place of the page.
    event.preventDefault();
    if (body.dataset.state !== "open") return;
    if (body.dataset.access !== "write") problem(t("not_writable"));
    else await takeDrop(event.dataTransfer, page.dir);
  });
}

async function takeDrop(transfer, dir) {
  const reading = setTimeout(() => note(t("reading")), SLOW_MS);
  const { files, empty, unreadable } = await filesOfDrop(transfer);
  clearTimeout(reading);
  if (unreadable > 0) problem(t("read_failed"));
  if (files.length > 0) queue.add(files, dir);
  try {
    for (const names of empty) await door.makeDirs(dir, names);
  } catch (fault) {
    failed(t("make_failed"), fault);
  }
  if (empty.length > 0 && page.dir === dir) load(dir, { quiet: true });
}

function listenQueue() {
  let touched = false;
  queue.addEventListener("done", ({ detail: { upload, entry } }) => {
    if (upload.dir === page.dir) listing.upsert(entry);
    touched ||= upload.dir.startsWith(page.dir);
  });
  queue.addEventListener("idle", () => {
    // The server's own dates and any folders made on the way.
    if (touched && body.dataset.state === "open") load(page.dir, { quiet: true });
    touched = false;
  });
  queue.addEventListener("locked", () => lock());
  addEventListener("beforeunload", (event) => {
    if (queue.unfinished) event.preventDefault();
  });
}

/** Longest list of names in a link: a request's target is bounded (`limits.target_bytes_max`). */
const ZIP_NAMES_MAX = 6000;
const SLOW_MS = 300;
const OPENING_MS = 420;

start();
