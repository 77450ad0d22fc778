// Resumable uploads for the forms of a site, by one line: <script src="/.menshen/upload.js">.
// Large files of multipart/form-data (forms, XMLHttpRequest, fetch) go up first, in pieces, as
// upload resources of the door (tus 1.0, tus.io/protocols/resumable-upload); then the form is sent
// as ever, with the id of an upload in the place of each such file. It never sends to another
// origin, never changes a field, and where anything it needs is missing it changes nothing.
// What is served is `upload.min.js`, made of this by esbuild (docs/decisions/0039).
(() => {
  "use strict";
  const me = document.currentScript;
  const home = "/.menshen/uploads/";
  const store = "menshen.uploads";
  const zh = /^zh/i.test(document.documentElement.lang || navigator.language);
  const say = (en, other) => (zh ? other : en);
  const calls = XMLHttpRequest.prototype;
  const { open, send, abort } = calls;
  const forms = HTMLFormElement.prototype;
  const { fetch } = window;
  const nativeSubmit = forms.submit;
  const media = "application/vnd.menshen.upload";
  const multipart = "multipart/form-data";
  const offset = "Upload-Offset";
  const address = (to) => new URL(to, document.baseURI);
  const field = (xhr, name) => xhr.getResponseHeader(name);
  const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  // The application itself said no; nobody tries again.
  const denied = (fault) => fault.getResponseHeader?.("Menshen-Denied");
  const failed = (xhr) => xhr.status < 200 || xhr.status > 299;
  try {
    new DataTransfer();
  } catch {
    return;
  }

  const number = (form, name, usual) => {
    const of = (el) => el && el.getAttribute("data-menshen-" + name);
    return +(of(form) ?? of(me) ?? usual);
  };

  // What is known of uploads begun in this browser: file and target to id.
  const known = (key, id) => {
    try {
      const all = JSON.parse(localStorage.getItem(store)) || {};
      if (id === undefined) return all[key];
      delete all[key];
      if (id) all[key] = id;
      const some = Object.fromEntries(Object.entries(all).slice(-64));
      localStorage.setItem(store, JSON.stringify(some));
    } catch {}
  };

  // One sending of a form: limits, what has moved, and how it is told and stopped.
  const begin = (on, form, url, moved) => {
    const job = {
      min: number(form, "min", 1 << 20),
      piece: number(form, "piece", 8 << 20),
      to: url.pathname,
      form: url.pathname + (url.search.length < 1500 ? url.search : ""),
      done: 0,
      stop() {
        job.off = true;
        if (job.xhr) abort.call(job.xhr);
        if (job.wake) job.wake();
      },
      tell(file, sent, state, message, status) {
        const total = job.size;
        const detail = { file, state, message, status, sent: job.done + sent, total };
        const how = { detail, bubbles: true, cancelable: true };
        moved(detail, on.dispatchEvent(new CustomEvent("menshen:progress", how)));
      },
      big: (value) => value instanceof File && value.size > 0 && value.size >= job.min,
    };
    return job;
  };

  const ask = (job, method, url, fields, body, moved) =>
    new Promise((ok, no) => {
      const xhr = (job.xhr = new XMLHttpRequest());
      let timer;
      // A connection that died without a word.
      const alive = () => {
        clearTimeout(timer);
        timer = setTimeout(() => abort.call(xhr), 60000);
      };
      open.call(xhr, method, url);
      xhr.setRequestHeader("Tus-Resumable", "1.0.0");
      for (const name in fields) xhr.setRequestHeader(name, fields[name]);
      if (moved)
        xhr.upload.onprogress = (event) => {
          alive();
          moved(event.loaded);
        };
      xhr.onloadend = () => {
        clearTimeout(timer);
        (failed(xhr) ? no : ok)(xhr);
      };
      alive();
      send.call(xhr, body);
    });

  const later = (job, xhr, tries) =>
    new Promise((go) => {
      const wait = Math.min(30, 2 ** tries / 2) * (0.75 + Math.random() / 2);
      job.wake = go;
      setTimeout(go, 1000 * Math.max(wait, field(xhr, "Retry-After") || 0));
      addEventListener("online", go, { once: true });
    });

  // Brings one file up, from where it was left, and gives its id.
  const bring = async (job, file, used, key) => {
    let id = key && known(key);
    if (used.has(id)) id = "";
    let { piece } = job;
    let at = null;
    let tries = 0;
    let renewed = 0;
    for (;;) {
      try {
        if (job.off) throw job;
        if (!id) {
          const made = await ask(job, "POST", home, {
            "Upload-Length": file.size,
            "Upload-Metadata":
              `held,form ${base64(job.form)},filename ${base64(file.name)}` +
              (file.type && ",filetype " + base64(file.type)),
          });
          const where = field(made, "Location");
          // A redirect of the application's was followed.
          if (!where) throw made;
          id = where.split("/").pop();
          at = 0;
          if (key) known(key, id);
        } else if (at === null) {
          at = +field(await ask(job, "HEAD", home + id), offset);
        }
        used.add(id);
        while (at < file.size) {
          if (job.off) throw job;
          const from = at;
          const fields = { [offset]: at, "Content-Type": "application/offset+octet-stream" };
          const part = file.slice(at, at + piece);
          const taken = await ask(job, "PATCH", home + id, fields, part, (sent) =>
            job.tell(file, from + sent, "sending"),
          );
          at = +field(taken, offset);
          tries = 0;
        }
        job.tell(file, at, "sent");
        job.done += at;
        return id;
      } catch (fault) {
        const { status } = fault;
        if (job.off) {
          if (id) ask({}, "DELETE", home + id).catch(() => {});
          if (key) known(key, "");
          throw fault;
        }
        if (denied(fault)) throw fault;
        // Not there: then the form is sent as if this script were not.
        if (!id && [404, 405, 501].includes(status)) throw null;
        if (status === 413 && id && piece > 1 << 18) piece >>= 1;
        else if (id && [403, 404, 410].includes(status) && renewed++ < 3) id = "";
        else if (
          [0, 408, 409, 423, 425, 429].includes(status) ||
          (status >= 500 && ![501, 507].includes(status))
        ) {
          // Throws when the file itself can no longer be read.
          if (!status) await file.slice(0, 1).arrayBuffer();
          job.tell(file, at || 0, "waiting", say("no connection, waiting", "连接中断，等待中"));
          await later(job, fault, tries++);
        } else throw fault;
        at = null;
      }
    }
  };

  // The form with ids in the place of its large files.
  const carry = async (job, data) => {
    const out = new FormData();
    const used = new Set();
    job.size = 0;
    for (const value of data.values()) if (job.big(value)) job.size += value.size;
    for (let [name, value] of data) {
      if (job.big(value)) {
        const shown = value.webkitRelativePath || value.name;
        const key = [job.to, shown, value.size, value.lastModified].join("|");
        const file = value;
        const go = (lock) => bring(job, file, used, lock && key);
        let id;
        try {
          // Two tabs with the same file are two uploads.
          const { locks } = navigator;
          const once = { ifAvailable: true };
          id = await (locks ? locks.request("menshen|" + key, once, go) : go(true));
        } catch (fault) {
          if (fault === null) return data;
          if (job.off) throw fault;
          const said = fault.responseText || fault.message || "";
          const text = said.replace(/<(script|style|title)[^]*?<\/\1>|<[^>]*>/gi, " ");
          const why = [say("not uploaded", "未能上传"), fault.status, text.slice(0, 500)];
          job.tell(file, 0, "failed", why.join(" "), fault.status);
          throw fault;
        }
        value = new File([id], shown, { type: media });
      }
      out.append(name, value);
    }
    return out;
  };

  const make = (name, attributes, ...inside) => {
    const el = document.createElement(name);
    for (const key in attributes) el.setAttribute(key, attributes[key]);
    el.append(...inside);
    return el;
  };

  // The bar of a form.
  const bar = (form, button, stop) => {
    const progress = make("progress", { max: 1, value: 0 });
    const words = make("span", { role: "status" });
    const end = make("button", { type: "button" }, say("Cancel", "取消"));
    const box = make("div", { class: "menshen-upload" }, progress, " ", words, " ", end);
    end.onclick = () => {
      stop();
      box.remove();
    };
    if (button && form.contains(button)) button.after(box);
    else form.append(box);
    return {
      box,
      show({ file, state, message, sent, total }, shown) {
        box.hidden = !shown;
        progress.hidden = state === "failed";
        progress.value = total ? sent / total : 0;
        progress.setAttribute("aria-label", file.name);
        const text = message ? file.name + ": " + message : file.name;
        if (words.textContent !== text) words.textContent = text;
      },
    };
  };

  // Sends what was in the form when it was submitted, by the browser's own navigation.
  const submit = (data, attributes) => {
    const form = make("form", attributes);
    for (const [name, value] of data) {
      const input = make("input", { name, type: typeof value === "string" ? "hidden" : "file" });
      if (input.type === "hidden") input.value = value;
      else if (value.name || value.size) {
        const transfer = new DataTransfer();
        transfer.items.add(value);
        input.files = transfer.files;
      }
      form.append(input);
    }
    document.body.append(form);
    nativeSubmit.call(form);
    setTimeout(() => form.remove());
  };

  const busy = new Map();
  // Whether the form's submission is ours now.
  const take = (form, button) => {
    if (busy.get(form) === true) return true;
    const attribute = (name) =>
      (button && button.getAttribute("form" + name)) ?? form.getAttribute(name) ?? "";
    const url = address(attribute("action") || location);
    const like = (name, value) => attribute(name).toLowerCase() === value;
    if (!like("method", "post") || !like("enctype", multipart)) return false;
    if (url.origin !== location.origin || form.getAttribute("data-menshen") === "off") return false;
    let view;
    const job = begin(form, form, url, (detail, shown) => view.show(detail, shown));
    const chosen = (input) => input.type === "file" && [...input.files].some(job.big);
    if (![...form.elements].some(chosen)) return false;
    const data = new FormData(form, button);
    const attributes = { method: "post", enctype: multipart, action: url, hidden: "" };
    for (const name of ["target", "accept-charset"]) {
      if (attribute(name)) attributes[name] = attribute(name);
    }
    if (busy.has(form)) busy.get(form).remove();
    busy.set(form, true);
    view = bar(form, button, job.stop);
    carry(job, data).then(
      (whole) => {
        busy.delete(form);
        view.box.remove();
        submit(whole, attributes);
      },
      () => busy.set(form, view.box),
    );
    return true;
  };

  addEventListener("submit", (event) => {
    // Behind all of the page's own.
    if (!event.defaultPrevented && take(event.target, event.submitter)) event.preventDefault();
  });
  forms.submit = function () {
    if (!take(this)) nativeSubmit.call(this);
  };

  // A call of a script with a form as its body: the job, if it is ours.
  const lift = (body, to, method, moved) => {
    if (!(body instanceof FormData) || !/^(post|put|patch)$/i.test(method)) return;
    const url = address(to);
    const job = begin(document, null, url, moved);
    if (url.origin === location.origin && [...body.values()].some(job.big)) return job;
  };

  const opened = new WeakMap();
  const halt = (xhr) => opened.get(xhr)?.job?.stop();
  calls.open = function (method, to, wait) {
    halt(this);
    opened.set(this, { method, to, now: arguments.length > 2 && !wait });
    return open.apply(this, arguments);
  };
  calls.abort = function () {
    halt(this);
    return abort.call(this);
  };
  calls.send = function (body) {
    const call = opened.get(this);
    const fire = (on, type, loaded) =>
      on.dispatchEvent(
        new ProgressEvent(type, { lengthComputable: true, loaded, total: job.size }),
      );
    const moved = ({ sent }) => fire(this.upload, "progress", sent);
    const job = call && !call.now && lift(body, call.to, call.method, moved);
    if (!job) return send.call(this, body);
    call.job = job;
    carry(job, body).then(
      (whole) => {
        call.job = null;
        send.call(this, whole);
      },
      () => {
        // Not if it was opened anew meanwhile.
        if (opened.get(this) !== call) return;
        call.job = null;
        fire(this, job.off ? "abort" : "error", 0);
        fire(this, "loadend", 0);
      },
    );
  };

  window.fetch = function (to, init) {
    const { body, signal, method } = init || {};
    const job = !signal?.aborted && lift(body, to?.url || to, method || to?.method, () => {});
    if (!job) return fetch.apply(this, arguments);
    signal?.addEventListener("abort", job.stop);
    return carry(job, body).then(
      (whole) => fetch.call(this, to, { ...init, body: whole }),
      (fault) => {
        if (denied(fault)) {
          const { status, responseText } = fault;
          const headers = { "Content-Type": field(fault, "Content-Type") || "text/plain" };
          return new Response(responseText, { status, headers });
        }
        throw job.off ? signal.reason : new TypeError("Failed to fetch");
      },
    );
  };
})();
