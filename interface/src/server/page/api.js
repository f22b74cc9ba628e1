// The HTTP interface, as the page uses it. Errors come back as words that a person can read.

/** An answer that is no success: the words of the problem document, and its kind. */
export class Problem extends Error {
  constructor(words, kind, status) {
    super(words);
    this.kind = kind;
    this.status = status;
  }

  /** The problem in the body of an answer (RFC 9457), or what can be said without one. */
  static of(status, body) {
    let problem = null;
    try { problem = JSON.parse(body); } catch { /* Not ours: a proxy's page, or nothing. */ }
    const kind = String(problem?.type ?? "").split(":").pop();
    const words = problem?.detail || problem?.title || `The server answered with status ${status}.`;
    return new Problem(String(words), kind, status);
  }
}

let askToSignIn = () => {};

/** Calls this whenever the server wants to know who asks. */
export function whenSignedOut(act) { askToSignIn = act; }

/** The problem of an answer that is no success. */
export function refusal(status, body) {
  const problem = Problem.of(status, body);
  if (problem.kind === "not-signed-in") askToSignIn();
  return problem;
}

/** Gets JSON; `onHead` is given the headers. Throws a Problem, or an AbortError where the signal was given. */
export async function get(path, parameters = {}, signal = undefined, onHead = undefined) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
  const answer = await reach(query.size ? `${path}?${query}` : path, { signal, headers: { accept: "application/json" } });
  if (!answer.ok) throw refusal(answer.status, await answer.text());
  onHead?.(answer.headers);
  return answer.json();
}

/** Sends JSON, about people. A refusal is for whoever is signing in, so nobody is asked to. */
export async function post(path, body) {
  const answer = await reach(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) throw Problem.of(answer.status, await answer.text());
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server cannot be reached.", "unreachable", 0);
  }
}

export const audioUrl = (song) => `/api/v1/songs/${encodeURIComponent(song.id)}/audio`;
export const coverUrl = (song, size) => `/api/v1/songs/${encodeURIComponent(song.id)}/artwork?size=${size}`;

const OUTCOMES = { added: "added", "recording-added": "another recording", "already-there": "already there" };

/** Uploads a file. What is stated is a text, or several. Resolves to "added", "another recording" or "already there"; rejects with a Problem. */
export function upload(file, stated, onProgress) {
  return new Promise((resolve, reject) => {
    const pairs = Object.entries(stated).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));
    const query = new URLSearchParams(pairs.filter(([, value]) => value));
    const request = new XMLHttpRequest();
    request.open("POST", query.size ? `/api/v1/songs?${query}` : "/api/v1/songs");
    request.setRequestHeader("content-type", file.type || "application/octet-stream");
    request.upload.onprogress = (event) => { if (event.lengthComputable) onProgress(event.loaded / event.total); };
    request.onload = () => {
      const added = request.status === 201 ? "added" : "already there";
      if (request.status === 200 || request.status === 201) resolve(OUTCOMES[request.getResponseHeader("kadenza-outcome")] ?? added);
      else reject(refusal(request.status, request.responseText));
    };
    request.onerror = () => reject(new Problem("The connection broke before the server answered.", "unreachable", 0));
    request.send(file);
  });
}
