"use strict";

const $ = (id) => document.getElementById(id);
let token = sessionStorage.getItem("token");
let session = null;

async function request(path, body) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  return fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
}

async function problem(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `The service answered ${response.status}.`;
  }
}

async function show() {
  const response = token ? await request("/api/v1/me") : null;
  const inside = Boolean(response && response.ok);
  if (!inside) leave();
  $("sign-in").hidden = inside;
  $("talk").hidden = $("who").hidden = $("leave").hidden = !inside;
  if (inside) {
    const me = await response.json();
    $("who").textContent = `${me.name} · ${me.tenant_name}`;
    $("question").focus();
  }
}

function leave() {
  token = session = null;
  sessionStorage.removeItem("token");
  $("turns").replaceChildren();
}

$("leave").addEventListener("click", () => { leave(); show(); });

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const warning = form.querySelector(".problem");
  warning.hidden = true;
  const response = await request("/api/v1/auth/sign-in", Object.fromEntries(new FormData(form)));
  if (!response.ok) {
    warning.textContent = await problem(response);
    warning.hidden = false;
    return;
  }
  token = (await response.json()).token;
  sessionStorage.setItem("token", token);
  form.reset();
  show();
});

$("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    $("ask").requestSubmit();
  }
});

$("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const question = $("question").value.trim();
  const button = event.target.querySelector("button");
  if (!question || button.disabled) return;
  button.disabled = true;
  $("question").value = "";
  const turn = $("turn").content.firstElementChild.cloneNode(true);
  turn.querySelector(".asked").textContent = question;
  turn.querySelector(".answer").classList.add("working");
  $("turns").append(turn);
  turn.scrollIntoView({ block: "start" });
  try {
    await answer(turn, question);
  } catch (error) {
    say(turn, `The connection broke: ${error.message}`);
  }
  turn.querySelector(".answer").classList.remove("working");
  button.disabled = false;
  $("question").focus();
});

async function answer(turn, question) {
  const body = session ? { message: question, session_id: session } : { message: question };
  const response = await request("/api/v1/chat", body);
  if (!response.ok) {
    say(turn, await problem(response));
    if (response.status === 401) show();
    return;
  }
  for await (const { event, data } of events(response.body)) {
    if (event === "text") turn.querySelector(".answer").append(data.text);
    else if (event === "tool_call_start") turn.querySelector(".answer").replaceChildren();
    else if (event === "tool_result") call(turn, data);
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

function say(turn, text) {
  const line = document.createElement("p");
  line.className = "problem";
  line.textContent = text;
  turn.querySelector(".answer").append(line);
}

function fold(title, content) {
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  const pre = document.createElement("pre");
  summary.textContent = title;
  pre.textContent = content;
  details.append(summary, pre);
  return details;
}

function call(turn, data) {
  const told = Object.entries(data.arguments).map(([name, value]) => `${name} ${value}`).join(", ");
  const outcome = data.exit === "ok" ? `${data.rows} rows` : data.exit;
  const content = data.result ? JSON.stringify(data.result.rows, null, 1) : data.message;
  const details = fold(`${data.name}${told ? ` · ${told}` : ""} · ${outcome}`, content);
  if (data.exit !== "ok") details.classList.add("refused");
  turn.querySelector(".calls").append(details);
}

function finish(turn, data) {
  const verdict = turn.querySelector(".verdict");
  verdict.hidden = false;
  verdict.textContent = data.verified
    ? `${data.checked} figures, each found in a tool result · ${data.provider}, ${data.model}`
    : `Not found in any tool result: ${data.unmatched.join(", ")} · ${data.provider}, ${data.model}`;
  verdict.classList.toggle("doubt", !data.verified);
  const evidence = turn.querySelector(".evidence");
  evidence.hidden = data.evidence.length === 0;
  evidence.querySelector("summary").textContent = `Evidence: ${data.evidence.length} queries`;
  for (const item of data.evidence) {
    const checks = Object.values(item.checks);
    const passed = checks.filter((status) => status === "passed").length;
    const line = document.createElement("li");
    line.append(fold(`${item.table} at version ${item.version}, ${item.rows} rows, ${passed} of ${checks.length} checks passed`, item.query));
    evidence.querySelector("ul").append(line);
  }
}

show();
