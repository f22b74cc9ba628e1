// The line that says how the servers are.

import { get } from "./api.js";
import { byId } from "./dom.js";
import { may } from "./session.js";

/** Asked while somebody looks; measuring it costs the servers something. */
const EVERY_MS = 15000;

function duration(seconds) {
  const minutes = Math.ceil(seconds / 60);
  return minutes > 90 ? `${Math.ceil(minutes / 60)} hours` : minutes > 1 ? `${minutes} minutes` : "a minute";
}

function words(status) {
  const songs = status.songs === 1 ? "1 song" : `${status.songs.toLocaleString()} songs`;
  const nodes = status.nodes ?? [];
  const caches = status.cache ?? [];
  const up = nodes.filter((node) => node.health === "up").length;
  const cachesUp = caches.filter((cache) => cache.isUp).length;
  const parts = nodes.length ? [`${up} of ${nodes.length} nodes up`, songs] : [songs];
  const copies = status.replication;
  const left = copies?.missingBytes && copies.bytesPerSecond ? `, about ${duration(copies.missingBytes / copies.bytesPerSecond)} left` : "";
  if (copies) parts.push(copies.incomplete ? `${copies.incomplete} songs being copied${left}` : `every song on ${Math.min(copies.factor, nodes.length)} nodes`);
  const storages = nodes.length ? nodes.map((node) => node.storage) : [status.storage];
  const full = storages.filter((storage) => storage?.isFull).length;
  const away = storages.filter((storage) => storage?.isAway).length;
  const damaged = storages.reduce((sum, storage) => sum + (storage?.damaged ?? 0), 0);
  if (full) parts.push(nodes.length ? `${full} of ${nodes.length} nodes full` : "full");
  if (away) parts.push(nodes.length ? `${away} nodes without their disk` : "the disk is not there");
  if (damaged) parts.push(damaged === 1 ? "1 recording damaged" : `${damaged} recordings damaged`);
  if (caches.length) parts.push(`${cachesUp} of ${caches.length} caches up`);
  return [parts.join(" · "), up === nodes.length && !copies?.incomplete && cachesUp === caches.length && !full && !away && !damaged];
}

/** Asks how the servers are, and says it. */
export async function askHealth() {
  const line = byId("status");
  // The server tells it administrators alone.
  line.hidden = !may("admin");
  if (line.hidden) return;
  try {
    const [text, isGood] = words(await get("/api/v1/status"));
    line.textContent = text;
    line.className = isGood ? "good" : "";
  } catch (error) {
    line.textContent = error.message;
    line.className = "bad";
  }
}

/** Keeps the line true while the page is looked at. */
export function startHealth() {
  askHealth();
  setInterval(() => { if (!document.hidden) askHealth(); }, EVERY_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) askHealth(); });
}
