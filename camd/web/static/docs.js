/**
 * The readable form of openapi.json: one entry for each operation, built when it is opened. Texts of the
 * server are set as text, never as HTML.
 */
const METHODS = ["get", "put", "post", "patch", "delete"];
const DEPTH = 3;
const WHO = { public: "everybody", reader: "signed in", authenticated: "signed in" };
const find = (id) => document.getElementById(id);
const source = new URL("api/openapi.json", import.meta.url);
let api = null;

/** A new element with properties and children. */
function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function copyOf(id) {
  const root = find(id).content.firstElementChild.cloneNode(true);
  const parts = {};
  for (const part of root.querySelectorAll("[data-part]")) parts[part.dataset.part] = part;
  return { root, parts };
}

/** Text with `code` in it, as nodes. */
function prose(text) {
  return text.split("`").map((piece, number) => (number % 2 ? make("code", {}, piece) : piece));
}

/** What a "$ref" points to (RFC 6901), with the name of the component it is. */
function resolve(schema) {
  let name = "";
  for (let hops = 0; schema?.$ref && hops < 8; hops += 1) {
    const steps = schema.$ref.slice(2).split("/")
      .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    if (steps.length === 3) name = steps[2];
    schema = steps.reduce((node, step) => node?.[step], api);
  }
  return { schema: schema ?? {}, name };
}

/** A schema in a few words: "integer 0 to 100", "list of string", "User". */
function typeOf(reference) {
  const { schema, name } = resolve(reference);
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  const kinds = [schema.type ?? "anything"].flat();
  const words = kinds.map((kind) => {
    if (kind === "array") return `list of ${typeOf(schema.items ?? {})}`;
    return name && (kind === "object" || schema.enum) ? name : kind;
  });
  let text = words.join(" or ");
  if (schema.enum && !name) text = schema.enum.map((value) => JSON.stringify(value)).join(", ");
  const { minimum: low, maximum: high } = schema;
  if (low !== undefined && high !== undefined) text += ` ${low} to ${high}`;
  else if (low !== undefined) text += ` from ${low}`;
  else if (high !== undefined) text += ` up to ${high}`;
  if (schema.multipleOf) text += `, steps of ${schema.multipleOf}`;
  if (schema["x-unit"]) text += `, in ${schema["x-unit"]}`;
  if (schema.default !== undefined) text += `, default ${JSON.stringify(schema.default)}`;
  return text;
}

/** Rows of a table: the members of an object, with theirs below them. */
function rows(reference, required, depth = 0) {
  const { schema } = resolve(reference);
  if (schema.type === "array") return rows(schema.items ?? {}, required, depth);
  const found = [];
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const optional = required && !schema.required?.includes(name) ? " optional" : "";
    const row = make("tr", {},
      make("td", {}, make("code", {}, name), make("span", { className: "soft" }, optional)),
      make("td", { className: "type" }, typeOf(member)),
      make("td", {}, ...prose(member.description ?? resolve(member).schema.description ?? "")));
    row.dataset.depth = depth;
    found.push(row, ...(depth < DEPTH ? rows(member, required, depth + 1) : []));
  }
  return found;
}

function section(title, ...children) {
  return [make("h3", {}, title), ...children];
}

function table(found) {
  return make("table", {}, make("tbody", {}, ...found));
}

function members(schema, required) {
  const found = rows(schema, required);
  return found.length ? table(found) : make("p", { className: "type" }, typeOf(schema));
}

function parametersOf(operation) {
  return table(operation.parameters.map((parameter) => make("tr", {},
    make("td", {}, make("code", {}, parameter.name), make("span", { className: "soft" }, ` ${parameter.in}`)),
    make("td", { className: "type" }, typeOf(parameter.schema)),
    make("td", {}, ...prose(parameter.description ?? "")))));
}

function answersOf(operation) {
  return table(Object.entries(operation.responses).map(([status, reference]) => {
    const { schema: answer } = resolve(reference);
    const kinds = Object.keys(answer.content ?? {}).filter((kind) => kind !== "application/json").join(", ");
    const text = kinds ? `${answer.description} (\`${kinds}\`)` : answer.description;
    const cells = [make("td", {}, make("code", {}, status)), make("td", { colSpan: 2 }, ...prose(text))];
    return make("tr", {}, ...cells);
  }));
}

/** A value that fits, for the example. */
function example(reference, depth = 0) {
  const { schema } = resolve(reference);
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return example(schema.anyOf[0], depth);
  switch ([schema.type].flat()[0]) {
    case "boolean": return true;
    case "integer": case "number": return schema.minimum ?? 0;
    case "string": return "text";
    case "array": return depth < DEPTH && schema.items ? [example(schema.items, depth + 1)] : [];
    case "object": {
      const names = schema.required ?? Object.keys(schema.properties ?? {}).slice(0, 1);
      return Object.fromEntries(names.map((name) => [name, example(schema.properties[name], depth + 1)]));
    }
    default: return null;
  }
}

function curl(method, path, operation) {
  const base = new URL(".", import.meta.url).href.replace(/\/$/, "");
  const flag = method === "get" ? "" : ` -X ${method.toUpperCase()}`;
  const lines = [`curl${flag} "${base}${path}"`];
  if (operation.security?.length !== 0) lines.push('-H "Authorization: Bearer $TOKEN"');
  const body = operation.requestBody?.content["application/json"]?.schema;
  if (body) {
    const value = JSON.stringify(example(body)).replaceAll("'", "'\\''");
    lines.push("-H 'Content-Type: application/json'", `-d '${value}'`);
  }
  const text = lines.join(" \\\n  ");
  const button = make("button", { className: "copy", type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed"; // browsers give the clipboard to secure pages only
    }
  });
  return make("div", { className: "example" }, make("pre", {}, text), button);
}

function details(method, path, operation) {
  const nodes = [];
  if (operation.description) nodes.push(make("p", {}, ...prose(operation.description)));
  if (operation.parameters?.length) nodes.push(...section("Parameters", parametersOf(operation)));
  const body = operation.requestBody?.content["application/json"]?.schema;
  if (body) nodes.push(...section("Body", members(body, true)));
  const [, success] = Object.entries(operation.responses).find(([status]) => status.startsWith("2")) ?? [];
  const answer = success && resolve(success).schema.content?.["application/json"]?.schema;
  if (answer) nodes.push(...section("Answer", members(answer, false)));
  nodes.push(...section("Statuses", answersOf(operation)), curl(method, path, operation));
  return nodes;
}

function entry(method, path, operation) {
  const { root, parts } = copyOf("operation-template");
  root.id = `${method}-${path}`;
  root.dataset.text = `${method} ${path} ${operation.summary} ${operation.description ?? ""}`.toLowerCase();
  parts.method.textContent = method.toUpperCase();
  parts.method.dataset.method = method;
  parts.path.textContent = path;
  parts.summary.append(...prose(operation.summary));
  parts.permission.textContent = WHO[operation["x-permission"]] ?? operation["x-permission"] ?? "";
  root.addEventListener("toggle", () => {
    if (root.open && !parts.body.hasChildNodes()) parts.body.append(...details(method, path, operation));
  });
  return root;
}

function groups() {
  const found = new Map(api.tags.map(({ name }) => [name, []]));
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS) {
      if (item[method]) found.get(item[method].tags[0]).push(entry(method, path, item[method]));
    }
  }
  return [...found].filter(([, entries]) => entries.length);
}

function show() {
  find("version").textContent = api.info.version;
  find("about").append(...api.info.description.split("\n\n").map((text) => make("p", {}, ...prose(text))));
  for (const [name, entries] of groups()) {
    const { root, parts } = copyOf("group-template");
    root.id = name;
    parts.name.textContent = name;
    parts.operations.append(...entries);
    find("operations").append(root);
    find("groups").append(make("a", { href: `#${name}` }, name));
  }
}

/** Show only what has every word of the search. */
function filter(text) {
  const words = text.toLowerCase().split(/\s+/);
  for (const group of document.querySelectorAll(".group")) {
    const entries = [...group.querySelectorAll(".operation")];
    for (const entry of entries) entry.hidden = !words.every((word) => entry.dataset.text.includes(word));
    group.hidden = entries.every((operation) => operation.hidden);
  }
}

function openTarget() {
  const target = find(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
  target?.scrollIntoView();
}

function complain(...nodes) {
  find("notice").dataset.tone = "bad";
  find("notice").replaceChildren(...nodes);
}

async function start() {
  let answer;
  try {
    answer = await fetch(source, { headers: { Accept: "application/json" } });
    if (answer.ok) api = await answer.json();
  } catch {
    complain("camd does not answer. Load this page again in a moment.");
    return;
  }
  if (!api) {
    const page = make("a", { href: new URL(".", import.meta.url).href }, "sign in");
    if (answer.status === 401) complain("Please ", page, " first; then load this page again.");
    else complain(`camd answered with ${answer.status}.`);
    return;
  }
  show();
  find("notice").hidden = true;
  find("search").disabled = false;
  find("search").addEventListener("input", () => filter(find("search").value));
  addEventListener("hashchange", openTarget);
  openTarget();
}

start();
