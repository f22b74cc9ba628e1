// Who is signed in, and the form to sign in with. The token is in a cookie that no script can read.

import { get, post, whenSignedOut } from "./api.js";
import { byId, say } from "./dom.js";

const ROLES = ["listen", "upload", "admin"];
/** The answer of the server; null until there is one. */
let me = null;
let onSignedIn = () => {};

/** Whether the page may offer what needs a role. As long as nobody knows, the server decides. */
export const may = (role) => !me || me.open || ROLES.indexOf(me.user?.role) >= ROLES.indexOf(role);

/** Asks who is signed in, and shows the form where somebody must. Resolves to whether there are songs to ask for. `signedIn` is called after each sign-in. */
export async function startSession(signedIn) {
  onSignedIn = signedIn;
  whenSignedOut(ask);
  byId("sign-in").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  byId("sign-out").addEventListener("click", signOut);
  try {
    me = await get("/api/v1/me");
  } catch (error) {
    say(error.message);
  }
  show();
  return !me || me.open || Boolean(me.user);
}

/** Brings the form. What is on the page stays, and what plays goes on as far as it has come. */
async function ask() {
  if (!byId("sign-in").hidden) return;
  let said = null;
  try { said = await get("/api/v1/me"); } catch { /* The form is what helps in any case. */ }
  // Whoever it names may have been believed for a moment longer than he was let in.
  me = { open: false, needsFirstAdmin: said?.needsFirstAdmin ?? false, user: null };
  show();
}

function show() {
  const needed = me !== null && !me.open && !me.user;
  const form = byId("sign-in");
  const appears = needed && form.hidden;
  form.hidden = !needed;
  byId("account").hidden = !me?.user;
  byId("account-name").textContent = me?.user?.name ?? "";
  for (const part of document.querySelectorAll(".upload, #upload-files")) part.hidden = needed || !may("upload");
  byId("search").hidden = needed;
  if (!needed) return;
  const first = me.needsFirstAdmin;
  byId("sign-in-code").hidden = !first;
  form.elements.code.required = first;
  form.elements.password.autocomplete = first ? "new-password" : "current-password";
  byId("sign-in-title").textContent = first ? "Make the first administrator" : "Sign in";
  byId("sign-in-text").textContent = first ? "The server printed a code when it began. It is also in the file first-admin-code in the directory of its data." : "";
  byId("sign-in-text").hidden = !first;
  form.querySelector(".send").textContent = first ? "Make administrator" : "Sign in";
  if (appears) {
    say(null);
    tell(null);
    window.scrollTo(0, 0);
    (form.elements.name.value && !first ? form.elements.password : form.elements[first ? "code" : "name"]).focus();
  }
}

/** Says in the form what went wrong; `null` takes it away. */
function tell(words) {
  byId("sign-in-problem").textContent = words ?? "";
  byId("sign-in-problem").hidden = !words;
}

const sentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}${/[.!?]$/.test(words) ? "" : "."}`;

async function submit() {
  const form = byId("sign-in");
  const [code, name, password] = ["code", "name", "password"].map((field) => form.elements[field]);
  const button = form.querySelector(".send");
  button.disabled = true;
  tell(null);
  let wrong = password;
  try {
    if (me.needsFirstAdmin) {
      wrong = code;
      await post("/api/v1/first-admin", { code: code.value.trim(), name: name.value, password: password.value });
      wrong = password;
      me = { ...me, needsFirstAdmin: false };
    }
    await post("/api/v1/sign-in", { name: name.value, password: password.value, label: "web player" });
    me = await get("/api/v1/me");
    if (!me.open && !me.user) throw new Error("This browser does not keep the sign-in, as the way to the server is not encrypted. Open the page at an address that begins with https, or on the machine of the server.");
  } catch (error) {
    if (wrong === password) password.value = "";
    // Somebody else may have been the first.
    else try { me = await get("/api/v1/me"); } catch { /* The first error says more. */ }
    show();
    tell(wrong === code && error.kind === "not-signed-in" ? "This is not the code, or it has been used." : sentence(error.message));
    wrong.focus();
    return;
  } finally {
    button.disabled = false;
  }
  for (const field of [code, password]) field.value = "";
  show();
  byId("search").focus();
  onSignedIn();
}

async function signOut() {
  try {
    await post("/api/v1/sign-out", {});
  } catch (error) {
    if (error.kind !== "not-signed-in") { say(error.message); return; }
  }
  // With nothing left of what was on the page.
  location.reload();
}
