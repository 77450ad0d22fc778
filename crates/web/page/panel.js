// The panel of uploads: what the queue holds, with progress, rate and time left, and its buttons.
// It never sends anything itself and never keeps more than a bounded number of rows.

import { icon, make } from "./listing.js";
import { sizeWords, spanWords, statusWords, t } from "./words.js";

const byId = (id) => document.getElementById(id);

/** Shows `queue` and drives it by its buttons. */
export class Panel {
  constructor(queue) {
    this.queue = queue;
    this.#listen();
  }

  #rows = new Map();
  #timer = 0;
  #saidAt = 0;
  #wasBusy = false;

  /** Draws everything anew, as after a change of language. */
  redraw() {
    byId("panel-body").replaceChildren();
    this.#rows.clear();
    this.#draw();
  }

  #listen() {
    const { queue } = this;
    queue.addEventListener("change", () => this.#soon());
    byId("all-pause").addEventListener("click", () => queue.pauseAll());
    byId("all-resume").addEventListener("click", () => queue.resumeAll());
    byId("all-cancel").addEventListener("click", () => queue.cancelAll());
    byId("all-retry").addEventListener("click", () => queue.retryFailed());
    byId("all-clear").addEventListener("click", () => queue.clear());
    byId("panel-fold").addEventListener("click", () =>
      this.#fold(!byId("panel").classList.contains("folded")),
    );
    byId("panel-body").addEventListener("click", (event) => {
      const button = event.target.closest("button[data-do]");
      const upload =
        button && this.queue.uploads.find((u) => this.#rows.get(u)?.row.contains(button));
      if (upload) queue[button.dataset.do](upload);
    });
    this.#fold(matchMedia("(max-width: 640px)").matches);
  }

  #fold(folded) {
    byId("panel").classList.toggle("folded", folded);
    byId("panel-fold").setAttribute("aria-expanded", String(!folded));
    // What stands still is not drawn again by itself.
    this.#draw();
  }

  /** Draws at once, then four times a second for as long as something moves. */
  #soon() {
    if (this.#timer) return;
    this.#timer = setTimeout(() => this.#tick(), 0);
  }

  #tick() {
    const { queue } = this;
    const now = performance.now();
    const busy = queue.uploads.filter((u) => u.busy);
    if (busy.length > 0) queue.meter.sample(now);
    for (const u of busy) if (u.state === "sending") u.meter.sample(now);
    this.#draw();
    const moving = queue.uploads.some((u) => u.busy || u.state === "waiting");
    this.#timer = moving ? setTimeout(() => this.#tick(), TICK_MS) : 0;
  }

  #draw() {
    const { queue } = this;
    const panel = byId("panel");
    panel.hidden = queue.uploads.length === 0;
    document.body.classList.toggle("has-panel", !panel.hidden);
    if (panel.hidden) {
      this.#rows.clear();
      byId("panel-body").replaceChildren();
      return;
    }
    const sum = queue.totals();
    const open = sum.busy + sum.waiting + sum.paused > 0;
    byId("total").parentElement.hidden = sum.all === 0;
    byId("panel-title").textContent = this.#title(sum);
    this.#total(sum);
    byId("all-pause").hidden = sum.busy + sum.waiting === 0;
    byId("all-resume").hidden = sum.paused === 0;
    byId("all-retry").hidden = sum.failed === 0;
    byId("all-cancel").hidden = !open;
    byId("all-clear").hidden = open;
    this.#announce(sum, open);
    if (!panel.classList.contains("folded")) this.#list();
  }

  #title(sum) {
    if (this.queue.held) return t("up_t_held");
    if (sum.busy + sum.waiting > 0)
      return t("up_t_busy", { done: Math.min(sum.done + 1, sum.all), all: sum.all });
    if (sum.paused > 0) return t("up_t_paused");
    if (sum.all === 0) return t("up_t_left", { n: sum.left });
    return sum.failed > 0 ? t("up_t_failed", { n: sum.failed }) : t("up_t_done", { n: sum.done });
  }

  #total(sum) {
    const total = byId("total");
    total.value = shareOf(sum.sent, sum.size, sum.done === sum.all);
    const parts = [t("up_meta", { sent: sizeWords(sum.sent), size: sizeWords(sum.size) })];
    const { rate } = this.queue.meter;
    if (sum.busy > 0 && rate > 0) {
      parts.push(t("up_rate", { rate: sizeWords(Math.round(rate)) }));
      parts.push(t("up_left", { time: spanWords((sum.size - sum.sent) / rate) }));
    }
    byId("panel-meta").replaceChildren(
      make("span", { class: "percent" }, `${Math.floor(total.value * 100)}%`),
      make("span", {}, parts.join(" · ")),
    );
  }

  /** Tells those who listen instead of looking: seldom, and once at the end. */
  #announce(sum, open) {
    const now = Date.now();
    const live = byId("live");
    if (open && sum.busy > 0 && now - this.#saidAt > ANNOUNCE_MS) {
      this.#saidAt = now;
      const percent = Math.floor(shareOf(sum.sent, sum.size, false) * 100);
      live.textContent = t("up_live", { done: sum.done, all: sum.all, percent });
    }
    if (!open && this.#wasBusy)
      live.textContent = t("up_live_done", { done: sum.done, failed: sum.failed });
    this.#wasBusy = open;
  }

  /** What moves first, then what went wrong, what waits, and what is done. */
  #list() {
    const order = {
      sending: 0,
      saving: 0,
      checking: 0,
      asking: 1,
      waiting: 1,
      failed: 1,
      left: 2,
      paused: 2,
      queued: 3,
      done: 4,
      skipped: 5,
    };
    const buckets = [[], [], [], [], [], []];
    for (const u of this.queue.uploads) buckets[order[u.state] ?? 5].push(u);
    // The newest of what is done is the most telling.
    buckets[4].reverse();
    const all = buckets.flat();
    const shown = all.slice(0, ROWS_MAX);
    const keep = new Set(shown);
    for (const [u, { row }] of this.#rows) {
      if (keep.has(u)) continue;
      row.remove();
      this.#rows.delete(u);
    }
    const body = byId("panel-body");
    let at = body.firstChild;
    for (const u of shown) {
      const held = this.#rows.get(u) ?? this.#build(u);
      this.#fill(u, held);
      if (held.row === at) at = at.nextSibling;
      else body.insertBefore(held.row, at);
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
    if (all.length > shown.length) {
      body.append(
        make("li", { class: "up-more muted" }, t("up_more", { n: all.length - shown.length })),
      );
    }
  }

  #build(upload) {
    const button = (act, name) =>
      make("button", { type: "button", class: "icon", "data-do": act }, icon(name));
    const held = {
      state: "",
      name: make("span", { class: "up-name" }, ""),
      text: make("span", { class: "up-text muted" }),
      bar: make("progress", { max: "1", value: "0", "aria-label": upload.shown }),
      pause: button("pause", "pause"),
      resume: button("resume", "play"),
      retry: button("retry", "retry"),
      cancel: button("cancel", "close"),
      choose: button("choose", "upload"),
    };
    held.row = make(
      "li",
      { class: "up" },
      make("div", { class: "up-main" }, held.name, held.bar, held.text),
      make("div", { class: "up-acts" }, held.choose, held.retry, held.pause, held.resume, held.cancel),
    );
    this.#rows.set(upload, held);
    return held;
  }

  #fill(upload, held) {
    const { state } = upload;
    const shown =
      upload.name === upload.wanted
        ? upload.shown
        : upload.shown.replace(/[^/]*$/, () => upload.name);
    put(held.name, shown);
    held.name.title = shown;
    put(held.text, this.#status(upload));
    held.bar.value = state === "done" ? 1 : shareOf(upload.sent, upload.size, false);
    if (held.state === state) return;
    held.state = state;
    held.row.dataset.state = state;
    held.bar.hidden = state === "skipped" || state === "failed";
    const buttons = {
      pause: !upload.ended && state !== "paused",
      resume: state === "paused",
      retry: state === "failed",
      cancel: state !== "done" && state !== "skipped",
      choose: state === "left",
    };
    for (const [act, on] of Object.entries(buttons)) {
      const words = t(`${act}_one`, { name: upload.shown });
      held[act].setAttribute("aria-label", words);
      held[act].title = words;
      held[act].hidden = !on;
    }
  }

  #status(upload) {
    const size = sizeWords(upload.size);
    switch (upload.state) {
      case "sending": {
        const parts = [t("up_meta", { sent: sizeWords(upload.sent), size })];
        const { rate } = upload.meter;
        if (rate > 0) {
          parts.push(t("up_rate", { rate: sizeWords(Math.round(rate)) }));
          parts.push(t("up_left", { time: spanWords((upload.size - upload.sent) / rate) }));
        }
        return parts.join(" · ");
      }
      case "left":
        return t("s_left", { sent: sizeWords(upload.offset), size });
      case "waiting":
        return t("s_waiting", { n: Math.max(1, Math.ceil((upload.retryAt - Date.now()) / 1000)) });
      case "failed":
        return [statusWords(upload.fault.status), upload.fault.said].filter(Boolean).join(" · ");
      case "queued":
        return this.queue.held ? t("s_held") : t("s_queued", { size });
      default:
        return t(`s_${upload.state}`, { size, sent: sizeWords(upload.sent) });
    }
  }
}

function put(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

function shareOf(part, whole, finished) {
  if (whole > 0) return Math.min(1, part / whole);
  return finished ? 1 : 0;
}

const TICK_MS = 250;
const ANNOUNCE_MS = 10_000;
const ROWS_MAX = 80;
