// Questions and messages: the `<dialog>`s of the page and the short notes at its edge. It never
// decides anything and never talks to the server; each question resolves to the person's answer.

import { nameFault } from "./door.js";
import { icon, make } from "./listing.js";
import { dateWords, sizeWords, statusWords, t } from "./words.js";

const byId = (id) => document.getElementById(id);

/** Shows a short note; it goes by itself. */
export function note(text, more = "") {
  toast("note", text, more, NOTE_MS);
}

/** Shows a problem; it stays until closed, or long enough to be read. */
export function problem(text, fault = null, words = "") {
  const more = fault
    ? [statusWords(fault.status), fault.said].filter(Boolean).join(" · ")
    : words;
  toast("problem", text, more === text ? "" : more, PROBLEM_MS);
}

/** Asks yes or no. */
export async function confirm(title, text, yes) {
  return (await question({ title, text, yes, grave: true })) !== null;
}

/** Asks for a name; `null` if none was given. */
export function askName(title, label, yes) {
  return question({ title, text: "", yes, label });
}

/** Asks what to do about a name that is taken. */
export async function askClash(upload, existing) {
  const dialog = byId("clash");
  const folder = existing.kind === "directory";
  byId("clash-name").textContent = upload.shown;
  byId("clash-old").textContent = folder
    ? `${t("folder")}\n${dateWords(existing.modified)}`
    : `${sizeWords(existing.size ?? 0)}\n${dateWords(existing.modified)}`;
  byId("clash-new").textContent =
    `${sizeWords(upload.size)}\n${dateWords(upload.file.lastModified)}`;
  byId("clash-replace").hidden = folder;
  byId("clash-all").checked = false;
  const choice = await shown(dialog);
  return { choice: choice || "skip", all: byId("clash-all").checked };
}

/** Offers `actions`, each `{ act, word, icon }`, for a small window; resolves to one or `""`. */
export function askAction(title, actions) {
  byId("sheet-title").textContent = title;
  byId("sheet-acts").replaceChildren(
    ...actions.map(({ act, word, icon: name }) =>
      make(
        "button",
        { value: act, class: act === "delete" ? "sheet-act grave" : "sheet-act" },
        icon(name),
        t(word),
      ),
    ),
  );
  return shown(byId("sheet"));
}

/** The plain name, checked as it will be by the server; a fault is said in words, else `""`. */
export function nameFaultWords(name) {
  const fault = nameFault(name);
  return fault ? t(fault) : "";
}

async function question({ title, text, yes, label = null, grave = false }) {
  const dialog = byId("ask");
  const input = byId("ask-input");
  const form = dialog.querySelector("form");
  byId("ask-title").textContent = title;
  byId("ask-text").textContent = text;
  byId("ask-text").hidden = !text;
  byId("ask-yes").textContent = yes;
  byId("ask-yes").value = "yes";
  byId("ask-yes").classList.toggle("grave", grave);
  byId("ask-field").hidden = label === null;
  byId("ask-label").textContent = label ?? "";
  byId("ask-error").textContent = "";
  input.value = "";
  input.disabled = label === null;
  const check = (event) => {
    if (label === null) return;
    const fault = nameFaultWords(input.value.trim());
    byId("ask-error").textContent = fault;
    if (fault) event.preventDefault();
  };
  const no = () => dialog.close("");
  form.addEventListener("submit", check);
  byId("ask-no").addEventListener("click", no);
  const answer = await shown(dialog, label === null ? byId("ask-yes") : input);
  form.removeEventListener("submit", check);
  byId("ask-no").removeEventListener("click", no);
  if (answer !== "yes") return null;
  return label === null ? "" : input.value.trim();
}

function shown(dialog, focus = null) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    dialog.returnValue = "";
    dialog.addEventListener(
      "close",
      () => {
        if (before?.isConnected) before.focus({ preventScroll: true });
        resolve(dialog.returnValue);
      },
      { once: true },
    );
    dialog.showModal();
    focus?.focus();
  });
}

function toast(kind, text, more, ms) {
  const box = byId("toasts");
  const close = make(
    "button",
    { type: "button", class: "icon", "aria-label": t("close") },
    icon("close"),
  );
  const said = make("div", { class: "toast-text", role: kind === "problem" ? "alert" : "status" });
  const el = make("div", { class: `toast ${kind}` }, said, close);
  const gone = () => el.remove();
  close.addEventListener("click", gone);
  while (box.childElementCount >= TOASTS_MAX) box.firstElementChild.remove();
  box.append(el);
  // Filled after it is in the page: readers of the screen announce changes, not arrivals.
  said.append(make("p", {}, text));
  if (more) said.append(make("p", { class: "toast-more" }, more));
  setTimeout(gone, ms);
}

const TOASTS_MAX = 3;
const NOTE_MS = 4000;
const PROBLEM_MS = 15000;
