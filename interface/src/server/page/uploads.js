// Uploads: a few at once, each with its progress and what became of it.

import { upload } from "./api.js";
import { byId, element } from "./dom.js";
import { askHealth } from "./health.js";
import { may } from "./session.js";
import { refresh } from "./songs.js";

const AT_ONCE = 3;
/** How many files a dropped folder may bring. */
const FOLDER_FILES_MAX = 10000;
// Formats that a server does not take are among them, so that each such file is refused by name.
const AUDIO = /\.(aac|ac3|aifc|aiff?|alac|amr|ape|au|caf|dff|dsf|dts|eac3|flac|m4a|m4b|mka|mp[1234c]|mpga|oga|ogg|opus|ra|shn|snd|spx|tak|tta|wave?|weba|wma|wv)$/i;

/** A text beside one file with a whole album, which tells where each song begins; larger ones are something else. */
const SHEET = /\.cue$/i;
const SHEET_BYTES_MAX = 262144;

const waiting = [];
let underWay = 0;
let newTimer = 0;
const sum = { added: 0, "another recording": 0, "already there": 0, refused: 0, failed: 0 };

/** Binds the picker and the drop target. */
export function startUploads() {
  byId("upload-files").addEventListener("change", (event) => {
    add([...event.target.files]);
    event.target.value = "";
  });
  byId("uploads-clear").addEventListener("click", clear);
  let depth = 0;
  const isFiles = (event) => may("upload") && event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (isFiles(event)) { depth += 1; byId("drop").hidden = false; } });
  addEventListener("dragleave", (event) => { if (isFiles(event) && --depth <= 0) { depth = 0; byId("drop").hidden = true; } });
  addEventListener("dragover", (event) => { if (isFiles(event)) event.preventDefault(); });
  addEventListener("drop", async (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    depth = 0;
    byId("drop").hidden = true;
    // Entries must be taken before the first await; afterwards the list is empty.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...event.dataTransfer.files];
    add(entries.some((entry) => entry.isDirectory) ? await inside(entries) : files);
  });
}

/** The files of dropped folders: all that are named one by one, and what sounds like audio in folders. */
async function inside(entries) {
  const files = [];
  const sheets = [];
  const stack = entries.map((entry) => [entry, true]).reverse();
  while (stack.length && files.length < FOLDER_FILES_MAX) {
    const [entry, named] = stack.pop();
    if (entry.isFile) {
      if (named || (!entry.name.startsWith(".") && (AUDIO.test(entry.name) || SHEET.test(entry.name)))) {
        const file = await new Promise((done, fail) => entry.file(done, fail));
        file.hint = entry.fullPath.replace(/^\/+/, "");
        (SHEET.test(entry.name) ? sheets : files).push(file);
      }
      continue;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (!some.length) break;
      stack.push(...some.map((entry) => [entry, false]));
    }
  }
  for (const sheet of sheets) await tellSheet(sheet, files);
  return files;
}

/** Tells of a cue sheet that stands beside a whole album in one file: files are never split. */
async function tellSheet(sheet, files) {
  const lines = (await sheet.slice(0, SHEET_BYTES_MAX).text()).split(/\r?\n/).map((line) => line.trim());
  const named = lines.filter((line) => /^\ufeff?FILE\s/i.test(line));
  const songs = lines.filter((line) => /^TRACK\s/i.test(line)).length;
  if (named.length !== 1 || songs < 2) return;
  const stem = (name) => name.replace(/\.[^.]*$/, "");
  const name = named[0].replace(/^\ufeff?FILE\s+/i, "");
  const stems = [stem(sheet.name), stem(/^"([^"]*)"/.exec(name)?.[1] ?? name.replace(/\s+\S+$/, ""))];
  const folder = (file) => file.hint.slice(0, file.hint.lastIndexOf("/") + 1);
  const audio = files.find((file) => folder(file) === folder(sheet) && stems.includes(stem(file.name)));
  if (!audio) return;
  const words = `${audio.name} holds ${songs} songs in one file and is taken as one song: to have them each, split it along this sheet, for instance with shnsplit, and upload the parts`;
  const row = element("li", {}, element("div", { className: "file" },
    element("span", { className: "name", text: sheet.name, title: sheet.name, dir: "auto" }), element("span", { className: "state", text: words })));
  row.dataset.outcome = "cue sheet";
  byId("uploads-list").append(row);
}

function add(files) {
  for (const file of files) {
    const row = element("li", {}, element("div", { className: "file" },
      element("span", { className: "name", text: file.name, title: file.name, dir: "auto" }), element("span", { className: "state", text: "waiting" })));
    byId("uploads-list").append(row);
    waiting.push({ file, row, stated: { path: file.hint || file.webkitRelativePath || file.name } });
  }
  pump();
}

function pump() {
  while (underWay < AT_ONCE && waiting.length) {
    underWay += 1;
    send(waiting.shift()).finally(() => { underWay -= 1; pump(); });
  }
  showSum();
}

async function send(item) {
  const { file, row } = item;
  const state = row.querySelector(".state");
  const progress = element("progress", { max: 1, value: 0 });
  progress.setAttribute("aria-label", `Uploading ${file.name}`);
  row.append(progress);
  try {
    const outcome = await upload(file, item.stated, (share) => {
      progress.value = share;
      state.textContent = share < 1 ? `${Math.round(share * 100)} %` : "storing…";
    });
    settle(row, outcome, outcome);
    if (outcome !== "already there") showNew();
  } catch (problem) {
    const isOut = problem.kind === "not-signed-in";
    const outcome = problem.status >= 400 && problem.status < 500 && !isOut ? "refused" : "failed";
    const words = problem.kind === "no-title" ? "the file does not say its title: what is it?" : isOut ? "sign in, then try again" : problem.message;
    settle(row, outcome, `${outcome}: ${words}`);
    if (problem.kind === "no-title") ask(item);
    else if (outcome === "failed") row.append(again(item));
  } finally {
    progress.remove();
  }
}

/** Shows new songs and their number, once for many that come together. */
function showNew() {
  clearTimeout(newTimer);
  newTimer = setTimeout(() => { refresh(); askHealth(); }, 150);
}

function settle(row, outcome, words) {
  sum[outcome] += 1;
  row.className = outcome.replaceAll(" ", "-");
  row.dataset.outcome = outcome;
  row.querySelector(".state").textContent = words;
  showSum();
}

/** Puts a file into the queue once more; what was said of it before no longer counts. */
function repeat(item, ...gone) {
  sum[item.row.dataset.outcome] -= 1;
  delete item.row.dataset.outcome;
  item.row.className = "";
  item.row.querySelector(".state").textContent = "waiting";
  for (const part of gone) part.remove();
  waiting.push(item);
  pump();
}

function again(item) {
  const button = element("button", { type: "button", className: "quiet retry", text: "Try again" });
  button.addEventListener("click", () => repeat(item, button));
  return button;
}

/** Asks for what the file does not say. */
function ask(item) {
  const guess = item.file.name.replace(/\.[^.]*$/, "").replace(/[_\s]+/g, " ").trim();
  const field = (name, value) => element("label", { text: name[0].toUpperCase() + name.slice(1) }, element("input", { name, value, maxLength: 1000, autocomplete: "off" }));
  const title = field("title", guess);
  title.querySelector("input").required = true;
  const further = element("button", { type: "button", className: "quiet further", text: "Another artist" });
  const artists = element("div", {}, field("artist", ""), further);
  further.addEventListener("click", () => {
    further.before(field("artist", ""));
    further.previousSibling.querySelector("input").focus();
  });
  const form = element("form", { className: "stated" }, title, artists, field("album", ""), element("button", { className: "send", text: "Send again" }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const said = new FormData(form);
    item.stated = { ...item.stated, title: said.get("title"), artist: said.getAll("artist"), album: said.get("album") };
    repeat(item, form);
  });
  item.row.append(form);
}

function showSum() {
  const open = waiting.length + underWay;
  const parts = Object.entries(sum).filter(([, count]) => count).map(([outcome, count]) => `${count} ${outcome}`);
  if (open) parts.unshift(`${open} to go`);
  byId("uploads-sum").textContent = parts.length ? `Uploads: ${parts.join(", ")}` : "Uploads";
  byId("uploads").hidden = byId("uploads-list").children.length === 0;
}

function clear() {
  for (const row of [...byId("uploads-list").children]) {
    if (!row.dataset.outcome) continue;
    if (row.dataset.outcome in sum) sum[row.dataset.outcome] -= 1;
    row.remove();
  }
  showSum();
}
