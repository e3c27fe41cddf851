// What an invitation or a reset link opens: a form that sets the password. The token stands behind # in the address,
// which a browser sends to nobody, until it has been used.
import { inside, request, take } from "./session.js";

const USES = { invitation: "/api/v1/auth/invitations", reset: "/api/v1/auth/password-reset" };
const form = document.getElementById("link");
const part = (name) => form.querySelector(`[data-part=${name}]`);

export function linked() {
  const [use, token] = location.hash.slice(1).split("=");
  return use in USES && token ? { use, token } : null;
}

export async function open({ use, token }) {
  form.reset();
  warn("");
  form.dataset.use = use;
  const response = await request(`${USES[use]}/look`, { token });
  const told = await response.json().catch(() => ({}));
  form.classList.toggle("worthless", !response.ok);
  part("title").textContent = response.ok ? title(use, told) : "This link does not work";
  part("who").textContent = response.ok ? told.email : "";
  form.elements.username.value = told.email ?? "";
  form.dataset.tenant = told.tenant ?? "";
  form.elements.name.value = told.name ?? "";
  form.elements.name.disabled = use !== "invitation";
  part("same").hidden = !(response.ok && use === "invitation" && (await isMe(told.email)));
  part("send").textContent = use === "invitation" ? "Join" : "Set password";
  part("back").textContent = inside() ? "Not now" : "Back to sign-in";
  part("join").textContent = `Join as ${told.email}`;
  if (!response.ok) warn(told.detail ?? `The service answered ${response.status}.`);
}

const title = (use, told) => (use === "invitation" ? `Join ${told.tenant_name}` : `New password for ${told.tenant_name}`);

async function isMe(email) {
  const response = inside() ? await request("/api/v1/me") : null;
  return response?.ok ? (await response.json()).email.toLowerCase() === email.toLowerCase() : false;
}

export function warn(text) {
  const warning = form.querySelector(".problem");
  warning.textContent = text;
  warning.hidden = !text;
}

// Gives true once the link is used up: by an invitation one is signed in then, by a reset not yet.
export async function use({ use, token }, joining) {
  const { name, password } = form.elements;
  const accepting = use === "invitation";
  const path = accepting ? `${USES.invitation}/${joining ? "join" : "accept"}` : USES.reset;
  const body = joining ? { token } : { token, password: password.value, ...(accepting && { name: name.value }) };
  warn("");
  const response = await request(path, body);
  if (!response.ok) {
    warn((await response.json().catch(() => ({}))).detail ?? `The service answered ${response.status}.`);
    return false;
  }
  if (accepting) take(await response.json());
  form.reset();
  leave();
  return true;
}

export function leave() {
  history.replaceState(null, "", location.pathname);
}
