// Where the list came from, and how long it took: the headers Cache-Status (RFC 9211) and Server-Timing.

import { byId } from "./dom.js";

/** A cache and what it did: `"node"; hit`, or a token in place of the string. */
const MEMBER = /(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+))((?:\s*;\s*[^\s",;]+)*)/g;

/** The name of the cache that had the answer; null if none had it. */
function hit(header) {
  for (const [, quoted, token, parameters] of (header ?? "").matchAll(MEMBER)) {
    if (/;\s*hit(?![\w-])/.test(parameters)) return quoted?.replace(/\\(.)/g, "$1") ?? token;
  }
  return null;
}

/** How long the server took, in milliseconds; null where it does not tell. */
function took(header) {
  const total = /(?:^|,)\s*total\s*;\s*dur=([0-9.]+)/.exec(header ?? "");
  return total ? Number(total[1]) : null;
}

/** Says where an answer with these headers came from. */
export function sayOrigin(headers) {
  const node = hit(headers.get("cache-status"));
  const ms = took(headers.get("server-timing"));
  const parts = [node === null ? "from the library" : `from cache ${node}`];
  if (ms !== null) parts.push(`${ms.toLocaleString(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 })} ms`);
  byId("origin").textContent = parts.join(", ");
}
