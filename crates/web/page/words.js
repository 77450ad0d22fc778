// The words of the page in every language it speaks, in one table, and the formats that go with
// them. It never touches the listing or the network, and never produces markup: what it returns is
// placed with `textContent` only, since file names are hostile.

const WORDS = {
  actions: ["Actions", "操作"],
  back: ["Back", "返回"],
  cancel: ["Cancel", "取消"],
  cancel_all: ["Cancel all uploads", "取消全部上传"],
  cancel_one: ["Cancel {name}", "取消 {name}"],
  clash_all: ["Do this for all remaining conflicts", "对其余所有冲突执行相同操作"],
  clash_new: ["You are uploading", "正在上传"],
  clash_there: ["Already there", "已存在"],
  clash_title: ["This name is already taken", "同名项目已存在"],
  clear_filter: ["Clear the filter", "清除筛选"],
  choose_one: ["Choose {name} again to continue", "重新选择 {name} 以继续"],
  close: ["Close", "关闭"],
  copied: ["Link copied", "链接已复制"],
  copied_note: ["It opens for people who are signed in here.", "已登录的用户可以打开此链接。"],
  copy_failed: ["The browser did not allow copying", "浏览器不允许复制"],
  copy_link: ["Copy link", "复制链接"],
  create: ["Create", "创建"],
  delete: ["Delete", "删除"],
  delete_file: [
    "“{name}” will be deleted. This cannot be undone.",
    "将删除“{name}”，此操作无法撤销。",
  ],
  delete_full: [
    "The folder “{name}” is not empty. Everything in it ({n} entries at the top level) will be deleted. This cannot be undone.",
    "文件夹“{name}”不为空，其中的全部内容（顶层 {n} 项）都会被删除，此操作无法撤销。",
  ],
  delete_full_one: [
    "The folder “{name}” is not empty. Everything in it (1 entry at the top level) will be deleted. This cannot be undone.",
    "文件夹“{name}”不为空，其中的全部内容（顶层 1 项）都会被删除，此操作无法撤销。",
  ],
  delete_title: ["Delete?", "确认删除？"],
  deleted: ["Deleted “{name}”", "已删除“{name}”"],
  deleting: ["Deleting “{name}” …", "正在删除“{name}”…"],
  download: ["Download", "下载"],
  drop_here: ["Drop to upload to {path}", "松开即可上传到 {path}"],
  empty_filter: ["Nothing matches", "没有匹配项"],
  empty_filter_text: ["No name here contains “{text}”.", "此处没有名称包含“{text}”。"],
  empty_folder: ["This folder is empty", "此文件夹为空"],
  empty_read: ["Nothing has been put here yet.", "这里还没有任何内容。"],
  empty_write: [
    "Drop files or folders anywhere on this page.",
    "将文件或文件夹拖放到页面任意位置即可上传。",
  ],
  filter: ["Filter by name", "按名称筛选"],
  folder: ["Folder", "文件夹"],
  folder_made: ["Created “{name}”", "已创建“{name}”"],
  gone: ["This folder does not exist", "此文件夹不存在"],
  gone_text: ["It may have been moved or deleted.", "它可能已被移动或删除。"],
  home: ["Home", "首页"],
  keep_both: ["Keep both", "保留两者"],
  language: ["Language", "语言"],
  left_other: [
    "That is not the file this upload began with",
    "所选文件与此上传最初的文件不同",
  ],
  left_other_note: [
    "Its name, size or date is another one. Cancel the upload to send this file anew.",
    "名称、大小或日期不同。若要重新上传此文件，请先取消该上传。",
  ],
  list_failed: ["The folder could not be loaded", "无法加载文件夹"],
  list_of: ["Contents of {path}", "{path} 的内容"],
  loading: ["Loading …", "正在加载…"],
  lock_text: [
    "Enter the owner token that menshen printed when it started.",
    "请输入 menshen 启动时显示的所有者令牌。",
  ],
  lock_title: ["The gate is closed", "门已关闭"],
  make_failed: ["The folder could not be created", "无法创建文件夹"],
  messages: ["Messages", "消息"],
  modified: ["Modified", "修改时间"],
  more: ["More actions for {name}", "{name} 的更多操作"],
  name: ["Name", "名称"],
  name_bad: [
    "A name cannot contain / or \\ or control characters.",
    "名称不能包含 /、\\ 或控制字符。",
  ],
  name_dots: ["“.” and “..” are not names.", "“.”和“..”不能作为名称。"],
  name_empty: ["Please enter a name.", "请输入名称。"],
  name_long: ["The name is longer than 255 bytes.", "名称超过 255 字节。"],
  name_taken: ["“{name}” already exists here.", "此处已有“{name}”。"],
  new_folder: ["New folder", "新建文件夹"],
  new_name: ["New name", "新名称"],
  not_writable: ["You may read here, but not upload", "此处只能读取，不能上传"],
  offline: ["No connection to the server", "无法连接到服务器"],
  open: ["Open", "打开"],
  pause_all: ["Pause all", "全部暂停"],
  pause_one: ["Pause {name}", "暂停 {name}"],
  read_failed: ["Some dropped items could not be read", "部分拖放的项目无法读取"],
  reading: ["Reading folders …", "正在读取文件夹…"],
  relogin: ["Sign in again to continue {n} uploads.", "请重新登录以继续 {n} 个上传。"],
  relogin_one: ["Sign in again to continue 1 upload.", "请重新登录以继续 1 个上传。"],
  rename: ["Rename", "重命名"],
  rename_failed: ["“{name}” could not be renamed", "无法重命名“{name}”"],
  renamed: ["Renamed to “{name}”", "已重命名为“{name}”"],
  replace: ["Replace", "替换"],
  resume_all: ["Resume all", "全部继续"],
  resume_one: ["Resume {name}", "继续 {name}"],
  retry: ["Try again", "重试"],
  retry_failed: ["Retry failed uploads", "重试失败的上传"],
  retry_one: ["Retry {name}", "重试 {name}"],
  s_asking: ["Waiting for your answer", "等待您的选择"],
  s_checking: ["Starting …", "正在开始…"],
  s_done: ["Done · {size}", "完成 · {size}"],
  s_held: ["Waiting for sign-in", "等待登录"],
  s_left: [
    "{sent} of {size} are safe · choose the file again to continue",
    "已保存 {sent} / {size} · 请重新选择该文件以继续",
  ],
  s_paused: ["Paused · {sent} of {size}", "已暂停 · {sent} / {size}"],
  s_queued: ["Waiting · {size}", "等待中 · {size}"],
  s_saving: ["Saving to disk …", "正在写入磁盘…"],
  s_skipped: ["Skipped", "已跳过"],
  s_waiting: [
    "Waiting for the connection · next try in {n} s",
    "等待网络连接 · {n} 秒后重试",
  ],
  sign_in: ["Sign in", "登录"],
  sign_out: ["Sign out", "退出"],
  size: ["Size", "大小"],
  skip: ["Skip", "跳过"],
  sum: ["{folders}, {files} · {size}", "{folders}，{files} · {size}"],
  sum_files: ["{n} files", "{n} 个文件"],
  sum_files_one: ["1 file", "1 个文件"],
  sum_folders: ["{n} folders", "{n} 个文件夹"],
  sum_folders_one: ["1 folder", "1 个文件夹"],
  sum_some: ["Not all entries are shown", "未显示全部条目"],
  sum_view: ["{n} of {all} shown", "显示 {n} / {all}"],
  token: ["Owner token", "所有者令牌"],
  token_wrong: ["That token is not right.", "令牌不正确。"],
  token_wait: ["Too many attempts. Try again in {n} seconds.", "尝试次数过多，请在 {n} 秒后重试。"],
  total_progress: ["Total progress", "总进度"],
  up_live: [
    "Uploading: {done} of {all} files done, {percent}%",
    "正在上传：已完成 {done}/{all} 个文件，{percent}%",
  ],
  up_live_done: [
    "Uploads finished: {done} done, {failed} failed",
    "上传结束：完成 {done} 个，失败 {failed} 个",
  ],
  up_meta: ["{sent} of {size}", "{sent} / {size}"],
  up_more: ["and {n} more", "另有 {n} 项"],
  up_rate: ["{rate}/s", "{rate}/秒"],
  up_left: ["{time} left", "剩余 {time}"],
  up_t_busy: ["Uploading {done} of {all}", "正在上传 {done}/{all}"],
  up_t_done: ["{n} uploads done", "{n} 个上传已完成"],
  up_t_done_one: ["1 upload done", "1 个上传已完成"],
  up_t_failed: ["{n} uploads failed", "{n} 个上传失败"],
  up_t_failed_one: ["1 upload failed", "1 个上传失败"],
  up_t_held: ["Uploads wait for sign-in", "上传等待登录"],
  up_t_left: ["{n} unfinished uploads", "{n} 个未完成的上传"],
  up_t_left_one: ["1 unfinished upload", "1 个未完成的上传"],
  up_t_paused: ["Uploads paused", "上传已暂停"],
  upload_files: ["Upload files", "上传文件"],
  upload_folder: ["Upload folder", "上传文件夹"],
  uploads: ["Uploads", "上传"],
  working: ["The server could not do that", "服务器无法完成该操作"],
  zip_all: ["All as zip", "全部打包下载"],
  zip_shown: ["These as zip", "打包下载所列项目"],

  e_0: ["No connection to the server", "无法连接到服务器"],
  e_400: ["The server does not accept this name or request", "服务器不接受此名称或请求"],
  e_401: ["You are signed out", "您已退出登录"],
  e_403: ["This is not allowed here", "此处不允许该操作"],
  e_404: ["It is no longer there", "它已不存在"],
  e_405: ["This already exists or cannot be changed", "它已存在或无法更改"],
  e_409: ["Something else is in the way here", "与现有内容冲突"],
  e_412: ["The name is already taken", "名称已被占用"],
  e_413: ["The file is larger than the server allows", "文件超过服务器允许的大小"],
  e_414: ["The path is too long", "路径过长"],
  e_429: ["Too many requests; try again later", "请求过多，请稍后再试"],
  e_500: ["The server had a problem", "服务器出现问题"],
  e_507: ["The server's disk is full", "服务器磁盘已满"],
  e_read: ["The file can no longer be read on your device", "您设备上的文件已无法读取"],
};

const LANGUAGES = ["en", "zh"];
const SAVED = "menshen.lang";

let column = 0;
let formats = null;

/** The language in use: `en` or `zh`. */
export function language() {
  return LANGUAGES[column];
}

/** Takes the reader's earlier choice, else the server's, found in `<html lang>`. */
export function chooseLanguage() {
  let wanted = document.documentElement.lang;
  try {
    wanted = localStorage.getItem(SAVED) || wanted;
  } catch {
    // Storage may be refused; the server's choice then stands.
  }
  apply(wanted);
}

/** Switches to `lang` and remembers it in this browser. */
export function setLanguage(lang) {
  try {
    localStorage.setItem(SAVED, lang);
  } catch {
    // Not remembered, still switched.
  }
  apply(lang);
}

/** The words for `key`, with `{name}` replaced from `values`; `n: 1` takes the singular. */
export function t(key, values = {}) {
  const row = (values.n === 1 && WORDS[`${key}_one`]) || WORDS[key];
  if (!row) throw new Error(`no words for ${key}`);
  return row[column].replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === "number"
      ? formats.count.format(values[name])
      : String(values[name] ?? ""),
  );
}

/** What a refusal with HTTP status `status` means (0: no answer), in the reader's words. */
export function statusWords(status) {
  const key = `e_${status}`;
  if (WORDS[key]) return t(key);
  return status >= 500 ? t("e_500") : t("working");
}

/** Bytes for people: three digits, decimal units. */
export function sizeWords(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  let unit = -1;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** The exact count of bytes, for a tooltip. */
export function exactSize(bytes) {
  return `${formats.count.format(bytes)} B`;
}

/** A moment (ISO text or `Date`) in the reader's form and time zone; empty if there is none. */
export function dateWords(moment) {
  const date = new Date(moment);
  return Number.isNaN(date.getTime()) ? "" : formats.date.format(date);
}

/** A span of seconds, coarse enough not to flicker. */
export function spanWords(seconds) {
  const [h, m, s] = column === 0 ? ["h", "min", "s"] : ["小时", "分", "秒"];
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} ${s}`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} ${m}`;
  if (seconds < 100 * 3600)
    return `${Math.floor(seconds / 3600)} ${h} ${Math.floor((seconds % 3600) / 60)} ${m}`;
  return `> 99 ${h}`;
}

/** Compares two names as a person would: `file 9` before `file 10`. */
export function compareNames(a, b) {
  return formats.names.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** Fills every element of the page that names its words by attribute. */
export function fillWords(root = document) {
  for (const el of root.querySelectorAll("[data-t]")) el.textContent = t(el.dataset.t);
  for (const el of root.querySelectorAll("[data-t-placeholder]"))
    el.placeholder = t(el.dataset.tPlaceholder);
  for (const el of root.querySelectorAll("[data-t-label]")) {
    el.setAttribute("aria-label", t(el.dataset.tLabel));
    if (el.localName === "button") el.title = t(el.dataset.tLabel);
  }
}

function apply(lang) {
  column = String(lang).toLowerCase().startsWith("zh") ? 1 : 0;
  const locale =
    column === 1 ? "zh-CN" : navigator.language.startsWith("en") ? navigator.language : "en";
  document.documentElement.lang = LANGUAGES[column];
  formats = {
    count: new Intl.NumberFormat(locale),
    date: new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }),
    names: new Intl.Collator(locale, { numeric: true, sensitivity: "base" }),
  };
}

const UNITS = ["kB", "MB", "GB", "TB", "PB"];
