// The list of songs: search as you type, page after page.

import { coverUrl, get } from "./api.js";
import { byId, clock, complain, element, icon, say } from "./dom.js";
import { sayOrigin } from "./origin.js";

const PAGE = 50;
/** Typing pauses shorter than this belong to the same word. */
const TYPING_MS = 160;

/** One search and the pages of it that were fetched. It outlives the next search while it plays. */
class List {
  constructor(words) {
    this.words = words;
    this.songs = [];
    this.next = null;
    this.isPartial = false;
    this.missing = new Set();
    this.stopped = new AbortController();
    this.fetching = null;
  }

  get hasMore() { return this.songs.length === 0 || this.next !== null; }

  /** Fetches the next page; resolves to its songs. */
  fetchMore() {
    this.fetching ??= this.#fetch().finally(() => { this.fetching = null; });
    return this.fetching;
  }

  async #fetch() {
    const page = await get("/api/v1/songs", { q: this.words, cursor: this.next, limit: PAGE, sort: this.words ? "" : "newest" }, this.stopped.signal, sayOrigin);
    this.songs.push(...page.items);
    this.next = page.next;
    this.isPartial ||= Boolean(page.partial);
    for (const machine of page.partial?.missing ?? []) this.missing.add(machine);
    return page.items;
  }
}

let shown = new List("");
let playingId = null;
let onPlay = () => {};
let keep = () => false;

/** Starts the list. `play(list, index)` is called for a song; `isKept(list)` tells lists in use. */
export function start(play, isKept) {
  [onPlay, keep] = [play, isKept];
  let timer = 0;
  byId("search").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, TYPING_MS);
  });
  byId("search").addEventListener("search", () => { clearTimeout(timer); search(); });
  byId("more").addEventListener("click", more);
  new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) more(); }, { rootMargin: "600px" }).observe(byId("more"));
  byId("results").addEventListener("keydown", walk);
}

/** Searches anew for what stands in the field. */
export async function search() {
  const words = byId("search").value.trim();
  const list = new List(words);
  // What is still on its way for an earlier word is of no interest, unless it is being played.
  if (!keep(shown)) shown.stopped.abort();
  shown = list;
  try {
    await list.fetchMore();
    if (shown === list) show(list);
  } catch (error) {
    if (shown === list) complain(error);
  }
}

/** Whether there are songs on the page. */
export const isFilled = () => shown.songs.length > 0;

/** Searches anew where that disturbs nobody: new songs were added. */
export function refresh() {
  if (shown.songs.length <= PAGE && window.scrollY < 400) search();
}

/** Marks the rows of the song that plays. */
export function mark(id, isPlaying) {
  playingId = id;
  for (const row of byId("results").children) markRow(row, isPlaying);
}

function markRow(row, isPlaying) {
  const is = row.dataset.songId === playingId;
  row.classList.toggle("playing", is);
  row.querySelector("use").setAttribute("href", is && isPlaying ? "#i-pause" : "#i-play");
  if (is) row.setAttribute("aria-current", "true"); else row.removeAttribute("aria-current");
}

function show(list) {
  say(null);
  byId("results").replaceChildren();
  append(list, 0);
  const none = list.songs.length === 0;
  byId("empty").hidden = !none;
  const [title, text] = list.isPartial
    ? ["No song was found", "The machines that do not answer may know some. Search again when they are up."]
    : list.words
    ? ["No song has these words", "Every word must be in the title, the artist, the album or the year, or be a part of a word there."]
    : ["The library is empty", "Drop audio files or a folder here, or choose Upload. What you add here is found and heard from every machine."];
  document.querySelector(".empty-title").textContent = title;
  document.querySelector(".empty-text").textContent = text;
}

async function more() {
  const list = shown;
  if (!list.next || list.fetching) return;
  const from = list.songs.length;
  try {
    await list.fetchMore();
    if (shown === list) append(list, from);
  } catch (error) {
    complain(error);
  }
}

/** Says that songs may be missing, and whose answers are. */
function sayPartial(list) {
  const names = list.missing.size ? ` (${[...list.missing].join(", ")})` : "";
  byId("partial").textContent = list.isPartial ? `Some machines do not answer: this list may lack songs${names}.` : "";
  byId("partial").hidden = !list.isPartial;
}

function append(list, from) {
  sayPartial(list);
  byId("results").append(...list.songs.slice(from).map((song, at) => row(list, song, from + at)));
  byId("more").hidden = list.next === null;
  const count = `${list.songs.length}${list.next ? " or more" : ""}`;
  byId("found").textContent = list.songs.length === 1 ? "1 song" : `${count} songs`;
}

function row(list, song, index) {
  const play = element("button", { type: "button", className: "play" }, cover(song, 96), element("span", { className: "over" }, icon("play")));
  play.setAttribute("aria-label", `Play ${song.title}${song.artist ? ` by ${song.artist}` : ""}`);
  const words = element("div", { className: "words" },
    element("div", { className: "title", text: song.title, title: song.title, dir: "auto" }),
    element("div", { className: "artist", text: song.artist || "Unknown artist", dir: "auto" }));
  const made = element("li", {}, play, words,
    element("div", { className: "album", text: song.album, title: song.album, dir: "auto" }),
    element("div", { className: "time", text: song.durationMs ? clock(Math.round(song.durationMs / 1000)) : "" }));
  made.dataset.songId = song.id;
  play.addEventListener("click", () => onPlay(list, index));
  made.addEventListener("dblclick", (event) => { if (!play.contains(event.target)) onPlay(list, index); });
  markRow(made, made.dataset.songId === playingId && !byId("player").paused);
  return made;
}

/** A cover, or a tile with the first letter where there is none. */
export function cover(song, size) {
  const tile = element("span", { className: "cover", text: [...(song.album || song.title)][0] ?? "" });
  tile.style.background = `hsl(${hue(song.artist + song.album)} 40% 45%)`;
  if (song.hasArtwork) {
    const picture = element("img", { src: coverUrl(song, size), alt: "", loading: "lazy", decoding: "async" });
    picture.addEventListener("error", () => picture.remove());
    tile.append(picture);
  }
  return tile;
}

/** A colour of its own for each album, the same every time. */
const hue = (text) => [...text].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 3600, 7) / 10;

/** The arrow keys walk from song to song. */
function walk(event) {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const button = step && event.target.closest("li")?.[step]?.querySelector(".play");
  if (!button) return;
  event.preventDefault();
  button.focus();
}
