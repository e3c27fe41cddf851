import { counted, element, evidence, prose, tables } from "./render.js";
import * as link from "./link.js";
import { drop, end, inside, renew, request, take } from "./session.js";

const $ = (id) => document.getElementById(id);
let session = null;
let talking = null;

async function problem(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `The service answered ${response.status}.`;
  }
}

async function show() {
  const response = inside() || (await renew()) ? await request("/api/v1/me") : null;
  const welcome = Boolean(response?.ok);
  if (!welcome) leave();
  const linked = link.linked();
  $("link").hidden = !linked;
  $("sign-in").hidden = welcome || Boolean(linked);
  $("talk").hidden = !welcome || Boolean(linked);
  $("who").hidden = $("leave").hidden = !welcome;
  if (linked) await link.open(linked);
  if (!welcome) return;
  const me = await response.json();
  $("who").textContent = `${me.name} · ${me.tenant_name}`;
  if (linked) return;
  await offer();
  ready();
}

function leave() {
  talking?.abort();
  session = null;
  drop();
  $("turns").replaceChildren();
  $("welcome").hidden = false;
}

// On a touch screen focus would open the keyboard over the answer.
function ready() {
  if (!matchMedia("(pointer: coarse)").matches) $("question").focus({ preventScroll: true });
}

// Examples of the tools one may use, the first of each that stands alone: it points at nothing said or meant before.
const POINTING = /\b(this|that|these|those|it|they|them|same|last|the (?!mean)|\d|(January|February|March|April|May|June|July|August|September|October|November|December)\b)/;

async function offer() {
  const response = await request("/api/v1/tools");
  const tools = response.ok ? await response.json() : [];
  const found = tools.map((tool) => tool.examples.find((example) => !POINTING.test(example))).filter(Boolean);
  $("examples").replaceChildren(...found.map((example) => {
    const button = element("button", { text: example });
    button.addEventListener("click", () => ask(example));
    return element("li", {}, button);
  }));
}

$("leave").addEventListener("click", async () => {
  await end();
  await show();
});

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const warning = form.querySelector(".problem");
  warning.hidden = true;
  try {
    const response = await request("/api/v1/auth/sign-in", Object.fromEntries(new FormData(form)));
    if (!response.ok) throw new Error(await problem(response));
    take(await response.json());
    form.reset();
    form.querySelector(".good").hidden = true;
    await show();
  } catch (error) {
    warning.textContent = error.message;
    warning.hidden = false;
  }
});

async function follow(joining) {
  const linked = link.linked();
  const to = { tenant: $("link").dataset.tenant, email: $("link").elements.username.value };
  try {
    if (!(await link.use(linked, joining))) return;
    if (linked.use === "reset") await signInAgain(to);
    await show();
  } catch (error) {
    link.warn(error.message);
  }
}

// All sessions of the person have ended by a reset, also this browser's.
async function signInAgain({ tenant, email }) {
  drop();
  const form = $("sign-in");
  form.elements.tenant.value = tenant;
  form.elements.email.value = email;
  form.querySelector(".good").textContent = "The password is set. Sign in with it.";
  form.querySelector(".good").hidden = false;
}

$("link").addEventListener("submit", (event) => {
  event.preventDefault();
  follow(false);
});
$("link").querySelector("[data-part=join]").addEventListener("click", () => follow(true));
$("link").querySelector("[data-part=back]").addEventListener("click", () => {
  link.leave();
  show();
});
addEventListener("hashchange", () => link.linked() && show());

// The domain of an address says where its people sign in beside a password.
$("sign-in").elements.email.addEventListener("change", async ({ target }) => {
  const response = target.validity.valid && await request("/api/v1/auth/ways", { email: target.value }).catch(() => null);
  const ways = response?.ok ? await response.json() : [];
  $("ways").replaceChildren(...ways.map(({ label, start }) => {
    const link = element("a", { text: label });
    link.href = start;
    return link;
  }));
});

$("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("ask").requestSubmit();
  }
});

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("question").value.trim();
  if (!question || talking) return;
  $("question").value = "";
  ask(question);
});

async function ask(question) {
  if (talking) return;
  talking = new AbortController();
  const button = $("ask").querySelector("button");
  button.disabled = true;
  $("welcome").hidden = true;
  const turn = $("turn").content.firstElementChild.cloneNode(true);
  turn.querySelector(".asked").textContent = question;
  turn.querySelector(".answer").classList.add("working");
  $("turns").append(turn);
  turn.scrollIntoView({ block: "start" });
  try {
    await answer(turn, question, talking.signal);
  } catch (error) {
    say(turn, `The connection broke: ${error.message}`);
  }
  turn.querySelector(".answer").classList.remove("working");
  talking = null;
  button.disabled = false;
  ready();
}

async function answer(turn, question, signal) {
  const body = session ? { message: question, session_id: session } : { message: question };
  const response = await request("/api/v1/chat", body, signal);
  if (!response.ok) {
    say(turn, await problem(response));
    if (response.status === 401) await show();
    return;
  }
  let text = "";
  for await (const { event, data } of events(response.body)) {
    if (event === "text") write(turn, (text += data.text));
    else if (event === "tool_call_start") write(turn, (text = ""));
    else if (event === "tool_call_end") called(turn, data);
    else if (event === "tool_result") returned(turn, data);
    else if (event === "answer") finish(turn, data);
    else if (event === "error") say(turn, data.message);
    else if (event === "done") session = data.session_id;
  }
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    let end;
    while ((end = buffer.indexOf("\n\n")) >= 0) {
      const lines = buffer.slice(0, end).split("\n");
      buffer = buffer.slice(end + 2);
      const event = lines.find((line) => line.startsWith("event: "))?.slice(7);
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
      if (event) yield { event, data: JSON.parse(data) };
    }
  }
}

function write(turn, text) {
  turn.querySelector(".answer").replaceChildren(prose(text));
}

function say(turn, text) {
  turn.querySelector(".answer").append(element("p", { className: "problem", text }));
}

function called(turn, data) {
  const told = Object.entries(data.arguments).map(([name, value]) => `${name.replaceAll("_", " ")} ${[value].flat().join(", ")}`);
  const summary = element("summary", {}, element("b", { text: data.name }), told.length ? ` ${told.join(" · ")}` : "");
  const details = element("details", {}, summary);
  details.dataset.call = data.id;
  turn.querySelector(".calls").append(details);
}

function returned(turn, data) {
  const details = [...turn.querySelectorAll("[data-call]")].findLast((one) => one.dataset.call === data.id);
  if (!details) return;
  const fine = data.exit === "ok";
  details.querySelector("summary").append(` → ${fine ? counted(data.rows, "row") : data.exit}`);
  details.classList.toggle("refused", !fine);
  if (data.result) details.append(...tables(data.result.rows));
  else details.append(element("p", { className: "problem", text: data.message }));
}

function finish(turn, data) {
  const verdict = turn.querySelector(".verdict");
  const found = data.checked ? `✓ ${counted(data.checked, "figure")}, each found in what the tools returned` : "No figures to look for";
  const said = data.verified ? found : `✗ Not found in what the tools returned: ${data.unmatched.join(", ")}`;
  verdict.replaceChildren(element("b", { text: said }), ` · answered by ${data.model}`);
  verdict.classList.toggle("doubt", !data.verified);
  verdict.hidden = false;
  const details = turn.querySelector(".evidence");
  details.hidden = data.evidence.length === 0;
  details.querySelector("summary").textContent = `Evidence: ${counted(data.evidence.length, "query", "queries")}`;
  details.querySelector("ul").replaceChildren(...data.evidence.map(evidence));
}

show();
