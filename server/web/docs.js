// The service's interface, out of its own description: every path with its fields and answers, and what these are made of.

import { alertOf, ask, byId, make, table } from "/web/base.js";

const METHODS = ["get", "put", "post", "delete"];
const named = (ref) => ref.split("/").pop();

async function begin() {
  try {
    const found = await ask("/openapi.json");
    const paths = Object.entries(found.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => item[method]).map((method) => operation(method, path, item[method])));
    const schemas = Object.entries(found.components.schemas).map(schema);
    byId("main").append(make("h2", {}, "Paths"), ...paths, make("h2", {}, "What fields and answers are made of"), ...schemas);
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  } catch (error) {
    byId("main").replaceChildren(alertOf(error));
  }
}

function operation(method, path, one) {
  const title = `${method.toUpperCase()} ${path}`;
  const fields = (one.parameters || []).map((field) => [field.name, field.in, make("span", {}, ...told(field.schema)), field.required ? "needed" : standing(field.schema), field.description || ""]);
  const bodies = Object.entries(one.requestBody?.content || {}).map(([kind, body]) => make("p", {}, `Body, ${kind}: `, ...told(body.schema)));
  const every = Object.entries(one.responses);
  const answers = every.filter(([status]) => status < 300).map(([status, answer]) => make("p", {}, `${status}: `, said(answer)));
  const errors = every.filter(([status]) => status >= 400).map(([status]) => status).sort().join(", ");
  return make("article", { "aria-label": title }, make("h3", {}, make("code", {}, title)), make("p", {}, one.description || one.summary || ""),
    fields.length ? table(["field", "in", "kind", "default", "meaning"], fields, `Fields of ${title}`) : null, ...bodies,
    ...answers, errors ? make("p", { class: "quiet" }, `${errors}: `, ...told({ $ref: "ErrorResponse" })) : null);
}

function said(answer) {
  const [[kind, body] = []] = Object.entries(answer.content || {});
  return kind ? make("span", {}, `${kind} `, ...(body.schema ? told(body.schema) : [])) : answer.description;
}

function schema([name, one]) {
  const needed = new Set(one.required || []);
  const rows = Object.entries(one.properties || {}).map(([field, each]) =>
    [field, make("span", {}, ...told(each)), needed.has(field) ? "needed" : standing(each), each.description || ""]);
  const examples = (one.examples || []).map((each) => make("pre", { tabindex: "0" }, JSON.stringify(each, null, 1)));
  return make("article", { id: name }, make("h3", {}, name), make("p", {}, one.description || ""),
    rows.length ? table(["field", "kind", "default", "meaning"], rows, `Fields of ${name}`) : make("p", {}, ...told(one)), ...examples);
}

const standing = (field) => (field.default === undefined ? "" : JSON.stringify(field.default));

/** Returns in words and links what a value may be. */
function told(one) {
  if (one.$ref) return [make("a", { href: `#${named(one.$ref)}` }, named(one.$ref))];
  const several = one.anyOf || one.oneOf;
  if (several) return several.flatMap((each, n) => [n ? " or " : "", ...told(each)]);
  if (one.enum) return [one.enum.map((each) => JSON.stringify(each)).join(", ")];
  if (one.const !== undefined) return [JSON.stringify(one.const)];
  if (one.type === "array") return ["list of ", ...(one.items ? told(one.items) : [])];
  const bounds = [["minimum", "from"], ["maximum", "to"], ["minItems", "at least"], ["exclusiveMinimum", "above"]]
    .filter(([name]) => one[name] !== undefined).map(([name, word]) => ` ${word} ${one[name]}`);
  return [(one.contentMediaType ? "file" : one.type || "any") + bounds.join(",")];
}

begin();
