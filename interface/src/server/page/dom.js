// Small helpers. Texts from tags are only ever set as text: nothing here, or anywhere in the page,
// makes markup out of them.

export const byId = (id) => document.getElementById(id);

/** An element with a class, a text and children. */
export function element(name, { text, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export const setIcon = (button, name) => button.querySelector("use").setAttribute("href", `#i-${name}`);

/** Seconds as m:ss, or h:mm:ss. */
export function clock(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return "–:––";
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Says what failed, unless nobody waits for it any more or the form to sign in says it. */
export function complain(error) {
  if (error.name !== "AbortError" && error.kind !== "not-signed-in") say(error.message);
}

/** Says what went wrong, until something else does or `null` takes it away. */
export function say(words) {
  byId("message").textContent = words ?? "";
  byId("message").hidden = !words;
}
