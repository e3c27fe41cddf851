// From text and rows to elements. Nothing is ever parsed as HTML.

export function element(name, { text, className, title } = {}, ...children) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  if (title) made.title = title;
  made.append(...children);
  return made;
}

export const counted = (count, noun, nouns = `${noun}s`) => `${count} ${count === 1 ? noun : nouns}`;

// The part of Markdown that models write: paragraphs, lists, headings, tables, code, bold.
export function prose(text) {
  const made = document.createDocumentFragment();
  const lines = text.split("\n");
  while (lines.length) {
    const line = lines[0];
    if (/^\s*```/.test(line)) made.append(code(lines));
    else if (/^\s*[-*•] /.test(line)) made.append(list(lines, "ul", /^\s*[-*•] +/));
    else if (/^\s*\d+[.)] /.test(line)) made.append(list(lines, "ol", /^\s*\d+[.)] +/));
    else if (/^\s*\|.*\|\s*$/.test(line)) made.append(markdownTable(lines));
    else {
      lines.shift();
      if (line.trim()) made.append(paragraph(line.trim()));
    }
  }
  return made;
}

function paragraph(line) {
  const heading = line.match(/^#{1,6} +(.*)/);
  if (heading) return element("p", {}, element("strong", { text: heading[1] }));
  const made = element("p", { className: line.startsWith("— ") ? "aside" : "" });
  made.append(...inline(line));
  return made;
}

function inline(line) {
  return line.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part) => {
    if (part.length > 4 && part.startsWith("**")) return element("strong", { text: part.slice(2, -2) });
    if (part.length > 2 && part.startsWith("`")) return element("code", { text: part.slice(1, -1) });
    return part;
  });
}

function list(lines, kind, mark) {
  const made = element(kind);
  if (kind === "ol") made.start = Number.parseInt(lines[0], 10);
  while (lines.length && mark.test(lines[0])) made.append(element("li", {}, ...inline(lines.shift().replace(mark, ""))));
  return made;
}

function code(lines) {
  lines.shift();
  const inside = [];
  while (lines.length && !/^\s*```/.test(lines[0])) inside.push(lines.shift());
  lines.shift();
  return element("pre", { text: inside.join("\n") });
}

function markdownTable(lines) {
  const rows = [];
  while (lines.length && /^\s*\|.*\|\s*$/.test(lines[0])) rows.push(lines.shift().trim().slice(1, -1).split("|"));
  const [head, ...body] = rows.filter((row) => !row.every((cell) => /^\s*:?-+:?\s*$/.test(cell)));
  const made = element("table", {}, element("tr", {}, ...head.map((cell) => element("th", {}, ...inline(cell.trim())))));
  for (const row of body) made.append(element("tr", {}, ...row.map((cell) => element("td", {}, ...inline(cell.trim())))));
  return element("div", { className: "rows" }, made);
}

// Rows of a tool: one table for each run of rows with the same columns.
export function tables(rows) {
  const groups = [];
  for (const row of rows) {
    const columns = Object.keys(row);
    const last = groups.at(-1);
    if (last && last.columns.join() === columns.join()) last.rows.push(row);
    else groups.push({ columns, rows: [row] });
  }
  return groups.map(({ columns, rows: same }) => {
    const head = element("tr", {}, ...columns.map((name) => header(name, same[0][name])));
    const body = same.map((row) => element("tr", {}, ...columns.map((name) => cell(row[name]))));
    return element("div", { className: "rows" }, element("table", {}, head, ...body));
  });
}

function header(name, value) {
  return element("th", { className: typeof value === "number" ? "number" : "", text: name.replaceAll("_", " ") });
}

function cell(value) {
  if (value === null || value === undefined) return element("td", { text: "–" });
  if (typeof value === "number") return element("td", { className: "number", text: short(value), title: String(value) });
  if (typeof value === "object") return element("td", { className: "long", text: JSON.stringify(value) });
  const text = String(value);
  const moment = text.match(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:00(\.0+)?)?(Z|\+00:00)$/);
  if (moment) return element("td", { text: `${moment[1]} ${moment[2]} UTC`, title: text });
  return element("td", { className: text.length > 40 ? "long" : "", text });
}

const short = (value) => (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4))));

// What a bridge read on site: where, when, under which contract, and the call.
function siteEvidence(item) {
  const source = element("span", { className: "source" });
  const when = item.first ? `${item.first} to ${item.last}` : `at ${item.read_at}`;
  source.append(`bridge ${item.bridge} · contract ${item.contract} · ${counted(item.rows, "row")} · ${when}`);
  const made = element("details", {});
  made.append(element("summary", {}, `Read on site ${item.site}`, source), element("pre", { text: item.query }));
  return element("li", {}, made);
}

// One query behind an answer: what it asks, where, how good the table was, and the query itself.
export function evidence(item) {
  if (item.store === "site") return siteEvidence(item);
  const checks = Object.entries(item.checks);
  const failed = checks.filter(([, status]) => status === "failed").map(([name]) => name);
  const warned = checks.filter(([, status]) => status === "warned").map(([name]) => name);
  const comment = item.query.match(/^(-- .*\n)+/)?.[0];
  const purpose = comment ? comment.replaceAll(/^-- /gm, "").trim() : item.table;
  const verdict = failed.length ? `failed: ${failed.join(", ")}`
    : warned.length ? `warned: ${warned.join(", ")}`
    : checks.length ? `${counted(checks.length, "check")} passed` : "no checks";
  const source = element("span", { className: "source" });
  source.append(`${item.table} · version ${item.version} · ${counted(item.rows, "row")} · `, element("b", { text: verdict }));
  const made = element("details", { className: failed.length ? "doubt" : "" });
  made.append(element("summary", {}, purpose, source), element("pre", { text: item.query }));
  return element("li", {}, made);
}
