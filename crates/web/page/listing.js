// The table of a directory: sorting, filtering, keyboard, rename in place. Long listings draw only
// the rows near the window. It never talks to the server: what is to be done goes out through the
// hooks, and every name is placed as text.

import { pathOf } from "./door.js";
import { compareNames, dateWords, exactSize, sizeWords, t } from "./words.js";

/** An icon of the sprite in the page. */
export function icon(name, className = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  if (className) svg.setAttribute("class", className);
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** An element with attributes and children; strings become text, never markup. */
export function make(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  el.append(...children);
  return el;
}

/** The icon for an entry: its kind, and for files what the name's ending suggests. */
export function kindOf(entry) {
  if (entry.kind === "directory") return "folder";
  const ending = entry.name.slice(entry.name.lastIndexOf(".") + 1).toLowerCase();
  return ENDINGS.get(ending) ?? "file";
}

/**
 * The listing. Hooks: `open(entry)`, `act(action, entry, row)`, `rename(entry, name)` resolving to
 * whether it happened, `drawn(view, all)` after each drawing, `up()`.
 */
export class Listing {
  constructor(table, hooks) {
    this.table = table;
    this.body = table.tBodies[0];
    this.hooks = hooks;
    this.dir = "/";
    this.entries = [];
    this.view = [];
    this.text = "";
    this.sort = { key: "name", down: false };
    this.active = 0;
    this.writable = false;
    this.#rows = new Map();
    this.#listen();
  }

  #rows;
  #timer = 0;
  #arrangeMs = 0;
  #rowHeight = 0;
  #renaming = null;

  /** Shows `entries` of `dir`; in the same directory the active row and the scroll stay. */
  show(dir, entries, access) {
    const same = dir === this.dir;
    const kept = same ? this.view[this.active]?.name : null;
    this.dir = dir;
    this.entries = entries;
    this.writable = access === "write";
    if (!same) {
      this.text = "";
      this.active = 0;
      this.#renaming = null;
    }
    if (!this.#renaming) this.#forget();
    this.#arrange(kept);
  }

  /** Adds or updates one entry without asking the server. */
  upsert(entry) {
    const at = this.entries.findIndex((e) => e.name === entry.name);
    if (at >= 0) this.entries[at] = entry;
    else this.entries.push(entry);
    this.#later();
  }

  /** Takes one entry out and moves the focus to its neighbour. */
  drop(name) {
    const focused = this.body.contains(document.activeElement);
    this.entries = this.entries.filter((e) => e.name !== name);
    this.#arrange(null);
    if (focused || document.activeElement === document.body) this.focus(this.active);
  }

  /** Shows only names that contain `text`. */
  filter(text) {
    this.text = text;
    this.active = 0;
    this.#arrange(null);
  }

  /** Sorts by `key`; a second time turns it round. */
  sortBy(key) {
    this.sort = { key, down: this.sort.key === key ? !this.sort.down : key !== "name" };
    this.#arrange(this.view[this.active]?.name);
  }

  /** Draws everything anew, as after a change of language. */
  redraw() {
    this.#forget();
    this.#arrange(this.view[this.active]?.name);
  }

  /** Puts the focus on row `index`, scrolling as far as needed. */
  focus(index) {
    if (this.view.length === 0) return;
    this.active = Math.max(0, Math.min(index, this.view.length - 1));
    const name = this.view[this.active].name;
    if (!this.#rows.has(name)) {
      const top = this.body.getBoundingClientRect().top + scrollY + this.active * this.#rowHeight;
      scrollTo(0, top - innerHeight / 2);
    }
    this.#draw();
    const row = this.#rows.get(name)?.row;
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
  }

  /** Puts the focus on the entry called `name`, if it is shown. */
  focusName(name) {
    const at = this.view.findIndex((e) => e.name === name);
    if (at >= 0) this.focus(at);
  }

  /** Turns the name of `entry` into a field. */
  startRename(entry) {
    const held = this.#rows.get(entry.name);
    if (!this.writable || !held || this.#renaming) return;
    const cell = held.row.cells[0];
    const link = cell.querySelector("a");
    const field = make("input", {
      type: "text",
      class: "rename",
      "aria-label": t("new_name"),
      autocomplete: "off",
      spellcheck: "false",
    });
    field.value = entry.name;
    link.hidden = true;
    cell.append(field);
    this.#renaming = entry.name;
    field.focus();
    const dot = entry.kind === "file" ? entry.name.lastIndexOf(".") : -1;
    field.setSelectionRange(0, dot > 0 ? dot : entry.name.length);
    let over = false;
    const end = async (keep) => {
      if (over) return;
      over = true;
      const name = field.value;
      const focused = document.activeElement === field;
      const changed = keep && name !== entry.name && (await this.hooks.rename(entry, name));
      this.#renaming = null;
      field.remove();
      link.hidden = false;
      if (changed) this.#renamed(entry, name);
      if (focused) this.focusName(changed ? name : entry.name);
    };
    field.addEventListener("blur", () => end(field.isConnected));
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && !event.isComposing) end(true);
      else if (event.key === "Escape") end(false);
    });
  }

  #renamed(entry, name) {
    const next = { ...entry, name };
    this.entries = this.entries.filter((e) => e.name !== entry.name && e.name !== name);
    this.entries.push(next);
    this.#arrange(name);
  }

  #later() {
    if (this.#timer) return;
    // Many small uploads end each second; a long listing is not sorted anew for each of them.
    const wait = Math.max(ARRANGE_MS_MIN, this.#arrangeMs * 10);
    this.#timer = setTimeout(() => {
      const before = performance.now();
      this.#timer = 0;
      this.#arrange(this.view[this.active]?.name);
      this.#arrangeMs = performance.now() - before;
    }, wait);
  }

  #forget() {
    for (const { row } of this.#rows.values()) row.remove();
    this.#rows.clear();
  }

  #arrange(keptName) {
    const wanted = this.text.trim().toLocaleLowerCase();
    const { key, down } = this.sort;
    const turn = down ? -1 : 1;
    const view = wanted
      ? this.entries.filter((e) => e.name.toLocaleLowerCase().includes(wanted))
      : [...this.entries];
    const folders = (e) => (e.kind === "directory" ? 0 : 1);
    view.sort((a, b) => {
      const apart = folders(a) - folders(b);
      if (apart) return apart;
      if (key === "size" && a.size !== b.size) return ((a.size ?? 0) - (b.size ?? 0)) * turn;
      if (key === "modified" && a.modified !== b.modified)
        return (a.modified < b.modified ? -1 : 1) * turn;
      return compareNames(a.name, b.name) * (key === "name" ? turn : 1);
    });
    this.view = view;
    if (keptName != null) {
      const at = view.findIndex((e) => e.name === keptName);
      if (at >= 0) this.active = at;
    }
    this.active = Math.max(0, Math.min(this.active, view.length - 1));
    for (const th of this.table.tHead.rows[0].cells) {
      if (!th.dataset.sort) continue;
      if (th.dataset.sort === key) th.setAttribute("aria-sort", down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    }
    this.table.setAttribute("aria-rowcount", String(view.length + 1));
    this.#draw();
    this.hooks.drawn(view, this.entries);
  }

  /** The rows to draw: all of a short listing, else those near the window. */
  #span() {
    const n = this.view.length;
    if (n <= WHOLE_ROWS_MAX) return [0, n];
    if (!this.#rowHeight) this.#measure();
    const gone = -this.body.getBoundingClientRect().top;
    const first = Math.floor(gone / this.#rowHeight) - MARGIN_ROWS;
    const last = Math.ceil((gone + innerHeight) / this.#rowHeight) + MARGIN_ROWS;
    return [Math.max(0, Math.min(first, n)), Math.max(0, Math.min(last, n))];
  }

  #measure() {
    const row = this.#rowOf(this.view[0], 0).row;
    this.body.append(row);
    this.#rowHeight = row.getBoundingClientRect().height || 44;
  }

  #draw() {
    const [first, last] = this.#span();
    const rows = [];
    const keep = new Set();
    for (let i = first; i < last; i += 1) {
      const entry = this.view[i];
      keep.add(entry.name);
      rows.push(this.#rowOf(entry, i).row);
    }
    const focused = document.activeElement;
    const lost = focused !== document.body && this.body.contains(focused);
    for (const [name, { row }] of this.#rows) {
      if (keep.has(name)) continue;
      row.remove();
      this.#rows.delete(name);
    }
    this.#place(rows, first, this.view.length - last);
    // A row scrolled away takes the focus with it; the table keeps it for the arrow keys.
    if (lost && !this.body.contains(document.activeElement))
      this.table.focus({ preventScroll: true });
  }

  #place(rows, above, below) {
    const wanted = [this.#gap(0, above), ...rows, this.#gap(1, below)];
    let at = this.body.firstChild;
    for (const row of wanted) {
      if (row === at) at = at.nextSibling;
      else this.body.insertBefore(row, at);
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  #gaps = [];

  #gap(which, count) {
    this.#gaps[which] ??= make("tr", { class: "gap", role: "presentation", "aria-hidden": "true" });
    const gap = this.#gaps[which];
    gap.style.height = `${count * this.#rowHeight}px`;
    gap.hidden = count === 0;
    return gap;
  }

  #rowOf(entry, index) {
    let held = this.#rows.get(entry.name);
    if (!held || (held.entry !== entry && this.#renaming !== entry.name)) {
      const old = held?.row;
      held = { entry, row: this.#build(entry) };
      if (old?.contains(document.activeElement)) {
        old.replaceWith(held.row);
        held.row.focus({ preventScroll: true });
      } else {
        old?.remove();
      }
      this.#rows.set(entry.name, held);
    }
    const active = index === this.active;
    held.row.setAttribute("aria-rowindex", String(index + 2));
    held.row.tabIndex = active ? 0 : -1;
    for (const button of held.row.querySelectorAll("button")) button.tabIndex = active ? 0 : -1;
    return held;
  }

  #build(entry) {
    const folder = entry.kind === "directory";
    const kind = kindOf(entry);
    const link = make(
      "a",
      { href: pathOf(this.dir, entry.name, entry.kind), tabindex: "-1", title: entry.name },
      entry.name,
    );
    if (!folder) link.setAttribute("download", "");
    const size = make(
      "td",
      { role: "gridcell", class: "size" },
      folder ? "" : sizeWords(entry.size ?? 0),
    );
    if (!folder) size.title = exactSize(entry.size ?? 0);
    const acts = make("td", { role: "gridcell", class: "acts" });
    for (const action of this.#actionsOf(entry)) {
      acts.append(
        make(
          "button",
          {
            type: "button",
            class: "icon act",
            "data-act": action,
            title: t(WORD_OF[action]),
            "aria-label": `${t(WORD_OF[action])}: ${entry.name}`,
          },
          icon(action),
        ),
      );
    }
    acts.append(
      make(
        "button",
        {
          type: "button",
          class: "icon more",
          "data-act": "more",
          "aria-haspopup": "dialog",
          "aria-label": t("more", { name: entry.name }),
        },
        icon("more"),
      ),
    );
    const row = make(
      "tr",
      { role: "row" },
      make("td", { role: "gridcell", class: "name" }, icon(kind, `kind kind-${kind}`), link),
      size,
      make("td", { role: "gridcell", class: "date" }, dateWords(entry.modified)),
      acts,
    );
    row.dataset.name = entry.name;
    return row;
  }

  #actionsOf(entry) {
    const actions = ["download", "link"];
    return this.writable ? [...actions, "rename", "delete"] : actions;
  }

  #entryAt(target) {
    const name = target.closest?.("tr")?.dataset.name;
    return name === undefined ? null : (this.#rows.get(name)?.entry ?? null);
  }

  #listen() {
    const redraw = () => {
      if (this.view.length > WHOLE_ROWS_MAX) this.#draw();
    };
    addEventListener("scroll", redraw, { passive: true });
    addEventListener("resize", () => {
      const row = this.#rows.values().next().value?.row;
      if (row) this.#rowHeight = row.getBoundingClientRect().height || this.#rowHeight;
      redraw();
    });
    this.table.tHead.addEventListener("click", (event) => {
      const key = event.target.closest("th")?.dataset.sort;
      if (key && event.target.closest("button")) this.sortBy(key);
    });
    this.body.addEventListener("click", (event) => this.#clicked(event));
    this.body.addEventListener("focusin", (event) => {
      const entry = this.#entryAt(event.target);
      const at = entry ? this.view.indexOf(entry) : -1;
      if (at < 0 || at === this.active) return;
      const before = this.view[this.active];
      this.active = at;
      if (before && this.#rows.has(before.name)) this.#rowOf(before, this.view.indexOf(before));
      this.#rowOf(entry, at);
    });
    this.table.addEventListener("keydown", (event) => this.#pressed(event));
  }

  #clicked(event) {
    const entry = this.#entryAt(event.target);
    if (!entry) return;
    const button = event.target.closest("button[data-act]");
    if (button) {
      this.hooks.act(button.dataset.act, entry, button);
      return;
    }
    if (!event.target.closest("a")) return;
    // With a modifier the browser's own meaning (new tab, save link) stands.
    if (
      entry.kind === "directory" &&
      !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)
    ) {
      event.preventDefault();
      this.hooks.open(entry);
    }
  }

  #pressed(event) {
    if (event.target.localName === "input" || event.target.closest("thead")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(innerHeight / (this.#rowHeight || 44)) - 3);
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    const entry = this.view[this.active];
    const onButton = event.target.localName === "button";
    if (event.key in steps)
      this.focus(event.target === this.table ? this.active : this.active + steps[event.key]);
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft")
      this.#sideways(event.key === "ArrowRight");
    else if (event.key === "Backspace") this.hooks.up();
    else if (!entry || (onButton && event.key === "Enter")) return;
    else if (event.key === "Enter") this.hooks.open(entry);
    else if (event.key === "F2") this.startRename(entry);
    else if (event.key === "Delete") this.hooks.act("delete", entry, event.target);
    else return;
    event.preventDefault();
  }

  #sideways(right) {
    const row = this.#rows.get(this.view[this.active]?.name)?.row;
    if (!row) return;
    const stops = [row, ...[...row.querySelectorAll("button")].filter((b) => b.offsetParent)];
    const at = stops.indexOf(document.activeElement);
    stops[Math.max(0, Math.min(at + (right ? 1 : -1), stops.length - 1))].focus();
  }
}

/** Up to this many rows all are drawn, so that the browser's own search finds them. */
const WHOLE_ROWS_MAX = 300;
/** Least time between two sortings while entries arrive one by one. */
const ARRANGE_MS_MIN = 120;
/** Rows drawn beyond the window at either end. */
const MARGIN_ROWS = 12;
const SVG = "http://www.w3.org/2000/svg";
const WORD_OF = { download: "download", link: "copy_link", rename: "rename", delete: "delete" };
const ENDINGS = new Map(
  Object.entries({
    image: "avif bmp gif heic heif ico jpeg jpg png psd svg tif tiff webp",
    video: "avi m4v mkv mov mp4 mpeg mpg webm wmv",
    audio: "aac flac m4a mid mp3 ogg opus wav wma",
    archive: "7z apk bz2 deb gz iso jar lz4 rar rpm tar tgz xz zip zst",
    text: "doc docx epub log md odt pages pdf ppt pptx rst rtf tex txt",
    table: "csv db numbers ods parquet sqlite sql tsv xls xlsx",
    code: "c cc conf cpp css go h hpp htm html ini java js json kt lua mjs php pl py rb rs sh swift toml ts vue xml yaml yml",
  }).flatMap(([kind, endings]) => endings.split(" ").map((ending) => [ending, kind])),
);
