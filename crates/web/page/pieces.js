// One large file on its way as an upload resource of the door: made once, filled piece by piece,
// looked at after every cut (draft-ietf-httpbis-resumable-upload, interop version 8). It never
// touches the document, never decides about names, and never begins anew while the resource lives.

import { Refused, ask, encodable, readable, refusalOf } from "./door.js";

/** Whether `upload` goes up in pieces: large enough that a cut would hurt. */
export function isLarge(upload) {
  return upload.size >= LARGE_BYTES && (Boolean(upload.place) || encodable(upload.dir));
}

/**
 * Brings `upload.file` up from where the server has it and resolves to the last answer, or to
 * `null` when `still()` says no. `upload.url` and `upload.offset` tell how far it is, also
 * afterwards. Throws `Refused`; status 404 without `upload.url` means that the door has no such
 * uploads. With `upload.place` it is made there, at a drop-box, and not in `upload.dir`.
 */
export async function sendPieces(upload, { still, moved, saving }) {
  for (let renewed = 0; ; ) {
    try {
      await settle(upload);
      while (still()) {
        const end = Math.min(upload.offset + PIECE_BYTES, upload.size);
        const last = end === upload.size;
        const answer = await patch(upload, end, last, moved, saving);
        if (last) return answer;
        upload.offset = offsetOf(answer.getResponseHeader("Upload-Offset"), end);
        upload.attempts = 0;
      }
      return null;
    } catch (fault) {
      if (!still()) return null;
      // Strangers are asked for a token where nothing is.
      const unknown = fault.status === 401 && Boolean(upload.place);
      const gone = upload.url && (fault.status === 404 || fault.status === 410 || unknown);
      if ((!gone && fault.status !== 409) || renewed >= RENEWED_MAX) throw fault;
      renewed += 1;
      if (gone) upload.url = null;
    }
  }
}

/** The unfinished uploads the server knows of for whoever is signed in. */
export async function listUploads() {
  const answer = await ask("GET", PLACE);
  const { uploads } = await answer.json();
  return Array.isArray(uploads) ? uploads.filter((u) => u.folder && u.filename && u.length) : [];
}

/** Gives an upload up; what came of it is removed. Whether that worked is of no interest. */
export function dropUpload(url) {
  ask("DELETE", url, VERSION).catch(() => {});
}

async function settle(upload) {
  if (upload.url) {
    const answer = await ask("HEAD", upload.url, VERSION);
    upload.offset = offsetOf(answer.headers.get("Upload-Offset"), 0);
    return;
  }
  const query = `filename=${encodeURIComponent(upload.name)}`;
  const made = upload.place
    ? `${upload.place}?${query}`
    : `${PLACE}?folder=${encodeURIComponent(readable(upload.dir))}&${query}`;
  const answer = await ask("POST", made, {
    ...VERSION,
    "Upload-Complete": "?0",
    "Upload-Length": String(upload.size),
    // By this a file that is chosen again is known for the same.
    "Upload-Metadata": `modified ${btoa(String(upload.file.lastModified))}`,
    ...(upload.replace || upload.place ? {} : { "If-None-Match": "*" }),
  });
  upload.url = new URL(answer.headers.get("Location"), location.href).pathname;
  upload.offset = 0;
}

function patch(upload, end, last, moved, saving) {
  return new Promise((done, fail) => {
    const xhr = new XMLHttpRequest();
    const start = upload.offset;
    let watch = 0;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => xhr.abort(), STALLED_MS);
    };
    upload.xhr = xhr;
    xhr.open("PATCH", upload.url);
    xhr.setRequestHeader("Accept", "application/json");
    xhr.setRequestHeader("Content-Type", "application/partial-upload");
    xhr.setRequestHeader("Upload-Offset", String(start));
    xhr.setRequestHeader("Upload-Complete", last ? "?1" : "?0");
    for (const [name, value] of Object.entries(VERSION)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => {
      alive();
      moved(Math.min(start + event.loaded, end));
    };
    xhr.upload.onload = () => {
      if (last) saving();
    };
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) done(xhr);
      else fail(refusalOf(xhr));
    };
    xhr.onerror = xhr.onabort = () => fail(new Refused(0));
    xhr.onloadend = () => {
      clearTimeout(watch);
      if (upload.xhr === xhr) upload.xhr = null;
    };
    alive();
    xhr.send(upload.file.slice(start, end));
  });
}

function offsetOf(text, otherwise) {
  const value = Number.parseInt(text ?? "", 10);
  return Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
}

const PLACE = "/.menshen/uploads/";
const VERSION = { "Upload-Draft-Interop-Version": "8" };
/** From this size on a file goes up in pieces, bytes. */
const LARGE_BYTES = 4 << 20;
/** Below the limits that proxies set to a request's content, bytes. */
const PIECE_BYTES = 8 << 20;
const RENEWED_MAX = 3;
/** A connection that moves nothing for so long is given up. */
const STALLED_MS = 60_000;
