// What plays: the audio element, its buttons, and the song that comes next.

import { audioUrl, coverUrl, refusal } from "./api.js";
import { byId, clock, complain, say, setIcon } from "./dom.js";
import { cover, mark } from "./songs.js";

/** A seek is carried out when the hand rests for so long, so that dragging asks for few pieces. */
const SEEK_REST_MS = 200;
/** "Previous" begins the song again when it has played for longer than this. */
const BEGIN_AGAIN_S = 4;

const audio = byId("player");
const seek = byId("seek");
let queue = { list: null, index: -1 };
let seekTimer = 0;
let isSeeking = false;

const song = () => queue.list?.songs[queue.index];
const duration = () => Number.isFinite(audio.duration) ? audio.duration : (song()?.durationMs ?? 0) / 1000;

/** Whether a list is being played. */
export const isQueue = (list) => queue.list === list;

/** Plays a song of a list; a second time, it pauses or goes on. */
export function play(list, index) {
  if (list.songs[index].id === song()?.id && audio.src) {
    [queue.list, queue.index] = [list, index];
    toggle();
    return;
  }
  queue = { list, index };
  begin();
}

function begin() {
  const now = song();
  say(null);
  audio.src = audioUrl(now);
  byId("now-title").textContent = now.title;
  byId("now-artist").textContent = [now.artist, now.album].filter(Boolean).join(" · ");
  const tile = cover(now, 96);
  tile.id = "now-cover";
  tile.setAttribute("aria-hidden", "true");
  byId("now-cover").replaceWith(tile);
  document.title = now.artist ? `${now.title} – ${now.artist}` : now.title;
  for (const id of ["play", "next", "previous", "seek"]) byId(id).disabled = false;
  showTime();
  describe(now);
  start();
}

function start() {
  // A refusal to play is told by the error event; an interruption by the next song is none.
  audio.play().catch((error) => {
    if (error.name === "NotAllowedError") say("The browser does not let the page play by itself: press play.");
  });
}

function toggle() {
  if (!song()) return;
  if (audio.paused) start(); else audio.pause();
}

async function next() {
  const list = queue.list;
  if (!list) return;
  if (queue.index + 1 >= list.songs.length && list.next) {
    try { await list.fetchMore(); } catch (error) { complain(error); return; }
  }
  if (queue.list !== list || queue.index + 1 >= list.songs.length) return;
  queue.index += 1;
  begin();
}

function previous() {
  if (audio.currentTime > BEGIN_AGAIN_S || queue.index <= 0) { audio.currentTime = 0; return; }
  queue.index -= 1;
  begin();
}

function showTime() {
  const [at, end] = [isSeeking ? Number(seek.value) : audio.currentTime, duration()];
  const total = clock(end > 0 ? Math.round(end) : NaN);
  seek.max = String(end);
  if (!isSeeking) seek.value = String(at);
  seek.setAttribute("aria-valuetext", `${clock(at)} of ${total}`);
  byId("elapsed").textContent = clock(at);
  byId("duration").textContent = total;
}

function showState() {
  const isPlaying = !audio.paused && !audio.ended;
  setIcon(byId("play"), isPlaying ? "pause" : "play");
  byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  mark(song()?.id ?? null, isPlaying);
  if ("mediaSession" in navigator) navigator.mediaSession.playbackState = isPlaying ? "playing" : "paused";
}

function carryOutSeek() {
  clearTimeout(seekTimer);
  if (!isSeeking) return;
  audio.currentTime = Number(seek.value);
  isSeeking = false;
}

/** Why the song does not play, in words: the server's, if it is the server. */
async function explain() {
  const failed = song();
  if (!failed || !audio.error) return;
  let words = `This browser cannot play “${failed.title}”: its format is ${failed.format ?? "not known to it"}.`;
  try {
    const answer = await fetch(audioUrl(failed), { headers: { range: "bytes=0-0" } });
    if (!answer.ok) {
      const problem = refusal(answer.status, await answer.text());
      if (problem.kind === "not-signed-in") return;
      words = problem.message;
    } else await answer.arrayBuffer();
  } catch { words = "The server cannot be reached."; }
  if (song() === failed) say(words);
}

/** Goes on with a song that broke off, where it broke off. */
export function goOn() {
  if (!audio.error || !song()) return;
  const at = audio.currentTime;
  begin();
  audio.addEventListener("loadedmetadata", () => { audio.currentTime = at; }, { once: true });
}

function describe(now) {
  if (!("mediaSession" in navigator)) return;
  const artwork = now.hasArtwork ? [{ src: coverUrl(now, 512), sizes: "512x512" }] : [];
  navigator.mediaSession.metadata = new MediaMetadata({ title: now.title, artist: now.artist, album: now.album, artwork });
}

function showPosition() {
  if (!navigator.mediaSession?.setPositionState || !Number.isFinite(audio.duration)) return;
  navigator.mediaSession.setPositionState({ duration: audio.duration, position: Math.min(audio.currentTime, audio.duration), playbackRate: audio.playbackRate });
}

function setVolume(volume) {
  audio.volume = volume;
  audio.muted = false;
  // A browser that keeps nothing for the page plays at full volume next time.
  try { localStorage.setItem("volume", String(volume)); } catch { /* That is all. */ }
}

function startVolume() {
  let kept = NaN;
  try { kept = parseFloat(localStorage.getItem("volume")); } catch { /* Full volume, then. */ }
  if (kept >= 0 && kept <= 1) audio.volume = kept;
  byId("volume").addEventListener("input", () => setVolume(Number(byId("volume").value)));
  byId("mute").addEventListener("click", () => { audio.muted = !audio.muted; });
  const show = () => {
    byId("volume").value = String(audio.muted ? 0 : audio.volume);
    setIcon(byId("mute"), audio.muted || audio.volume === 0 ? "muted" : "volume");
    byId("mute").setAttribute("aria-pressed", String(audio.muted));
  };
  audio.addEventListener("volumechange", show);
  show();
}

/** Binds the player bar, the keys and the system's media keys. */
export function startListening() {
  byId("play").addEventListener("click", toggle);
  byId("next").addEventListener("click", next);
  byId("previous").addEventListener("click", previous);
  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, showState);
  for (const event of ["timeupdate", "durationchange", "seeked"]) audio.addEventListener(event, showTime);
  for (const event of ["durationchange", "seeked", "play", "pause"]) audio.addEventListener(event, showPosition);
  for (const event of ["waiting", "stalled"]) audio.addEventListener(event, () => byId("play").classList.toggle("waiting", !audio.paused && audio.readyState < 3));
  for (const event of ["playing", "pause", "canplay", "error"]) audio.addEventListener(event, () => byId("play").classList.remove("waiting"));
  audio.addEventListener("ended", next);
  audio.addEventListener("error", () => { showState(); explain(); });
  seek.addEventListener("input", () => {
    isSeeking = true;
    showTime();
    clearTimeout(seekTimer);
    seekTimer = setTimeout(carryOutSeek, SEEK_REST_MS);
  });
  seek.addEventListener("change", carryOutSeek);
  startVolume();

  const actions = {
    play: start, pause: () => audio.pause(), nexttrack: next, previoustrack: previous,
    seekto: ({ seekTime }) => { audio.currentTime = seekTime; },
    seekbackward: () => { audio.currentTime -= 10; },
    seekforward: () => { audio.currentTime += 10; },
  };
  for (const [action, handler] of Object.entries(actions)) {
    // A browser may know fewer actions.
    try { navigator.mediaSession?.setActionHandler(action, handler); } catch { /* Without this one. */ }
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, button, a, textarea")) return;
    const key = { " ": toggle, n: next, p: previous, m: () => { audio.muted = !audio.muted; }, "/": () => byId("search").focus() }[event.key];
    if (!key) return;
    event.preventDefault();
    key();
  });
}
