// The session of this tab. Its access token is short-lived and in the tab's hands; the refresh token, which renews it, is
// in a cookie that no script can read.
const EARLY_MS = 30_000;
let held = JSON.parse(sessionStorage.getItem("session"));
let renewing = null;

export function take(told) {
  held = { token: told.token, id: told.session_id, until: Date.now() + told.expires_in * 1000 };
  sessionStorage.setItem("session", JSON.stringify(held));
}

export function drop() {
  held = null;
  sessionStorage.removeItem("session");
}

export async function request(path, body, signal) {
  if (held && Date.now() > held.until - EARLY_MS) await renew();
  const response = await send(path, body, signal);
  if (response.status !== 401 || !held || !(await renew())) return response;
  return send(path, body, signal);
}

// True if this tab holds a session now: its own, renewed, or the one the browser came back with from elsewhere.
export function renew() {
  renewing ??= alone(fresh).finally(() => { renewing = null; });
  return renewing;
}

// A refresh token is good for one use, and who brings it a second time counts as a thief: tabs wait for one another.
// Only a page that came by TLS, or from this machine, has locks.
function alone(work) {
  return navigator.locks ? navigator.locks.request("goldlayer-refresh", work) : work();
}

async function fresh() {
  const response = await send("/api/v1/auth/refresh", held ? { session_id: held.id } : {});
  if (response.status === 200) take(await response.json());
  else if (response.status < 500 && response.status !== 429) drop();
  return response.status === 200;
}

function send(path, body, signal) {
  const headers = { "content-type": "application/json" };
  if (held) headers.authorization = `Bearer ${held.token}`;
  return fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal });
}

export async function end() {
  if (held) await request("/api/v1/auth/sign-out", {});
  drop();
}

export const inside = () => held !== null;
