// One text: the verdict with its reason, the gates, and a map of its tokens.

import { byId, call, chosen, figure, make, onSubmit, post, table } from "/web/base.js";

const GRADES = {
  A: "a randomised canary, or verbatim extraction with a control",
  B: "a known random split",
  C: "a calibration made afterwards, whose gates passed",
  D: "some gate failed or could not be tested: no proof",
};
// surprise and advantage are told apart by the depth of one colour each; the readout says the figures
const SURPRISE = "213, 94, 0";
const AHEAD = "0, 114, 178";
const LEGENDS = {
  surprise: [["surprise", "unlikely under the target; the paler, the likelier."]],
  ahead: [["ahead", "likelier under the target than under the reference,"], ["behind", "less likely; the paler, the more alike."]],
};

onSubmit(byId("probe-form"), byId("probe-answer"), async () => {
  byId("probe-tokens").replaceChildren();
  const text = byId("input").value;
  const found = await post("/v1/probe", { ...chosen(), input: text, alpha: Number(byId("alpha").value), return_tokens: true });
  const result = found.results[0];
  byId("probe-answer").replaceChildren(...answer(result));
  if (result.tokens) byId("probe-tokens").replaceChildren(...map(text, result.tokens));
});

function answer(result) {
  if (result.error) return [make("p", { class: "alert" }, result.error)];
  const figures = [
    ["p-value", figure(result.p_value, 4)],
    [`score ${result.score?.name || ""}`, figure(result.score?.value)],
    ["perplexity, target", figure(result.perplexity, 1)],
    ["perplexity, reference", figure(result.reference_perplexity, 1)],
    ["evidence", result.evidence ? `${result.evidence}: ${GRADES[result.evidence]}` : ""],
    ...result.ppv.map((one) => [`right, if ${100 * one.prior}% of such texts are members`, `${Math.floor(100 * one.least)}% or more`]),
  ].filter(([, value]) => value);
  const gates = Object.entries(result.gates);
  return [
    make("p", { class: `verdict ${result.verdict}` }, capital(call(result.verdict))),
    make("p", {}, result.reason),
    table(["figure", "value"], figures, "What it rests on"),
    gates.length ? table(["gate", "result"], gates, "Gates") : null,
    ...result.warnings.map((one) => make("p", { class: "quiet" }, `Warning: ${one}.`)),
  ].filter(Boolean);
}

const capital = (word) => word[0].toUpperCase() + word.slice(1);

function map(text, tokens) {
  const compared = tokens.some((one) => one.reference_logprob !== null);
  const kinds = { surprise: "surprise of the target", ahead: "how far the target is ahead of the reference" };
  const kind = make("select", { id: "kind" }, ...Object.entries(kinds)
    .filter(([name]) => compared || name === "surprise").map(([name, said]) => make("option", { value: name }, said)));
  if (compared) kind.value = "ahead";
  const readout = make("p", { class: "readout", "aria-live": "polite" }, "Point at a word, or move with the arrow keys.");
  const { spans, parts } = pieces(text, tokens);
  const box = make("div", { class: "tokens", tabindex: "0", role: "group", "aria-label": "The text by its tokens; arrow keys, Home and End move" }, ...parts);
  const legend = make("p", { class: "quiet legend" });
  const paint = () => {
    legend.replaceChildren(...LEGENDS[kind.value].flatMap(([name, said]) => [make("span", { class: `key ${name}` }), ` ${said} `]));
    tokens.forEach((one, n) => { spans[n].style.backgroundColor = colour(one, kind.value); });
  };
  let here = -1;
  const point = (n) => {
    if (n < 0 || n >= spans.length) return;
    if (here >= 0) spans[here].classList.remove("here");
    here = n;
    spans[n].classList.add("here");
    readout.textContent = said(text, tokens[n]);
  };
  spans.forEach((span, n) => span.addEventListener("pointerenter", () => point(n)));
  box.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return; // the browser's own
    const last = spans.length - 1;
    const to = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    point(Math.max(0, to));
  });
  kind.addEventListener("change", paint);
  paint();
  return [make("h3", {}, "What in the text shows it"), make("p", {}, make("label", { for: "kind" }, "Colour: "), kind), legend, box, readout];
}

function pieces(text, tokens) {
  const characters = Array.from(text); // offsets count characters, not UTF-16 units
  const parts = [];
  const spans = [];
  let last = 0;
  for (const one of tokens) {
    if (one.start > last) parts.push(characters.slice(last, one.start).join(""));
    const span = make("span", {}, characters.slice(Math.max(last, one.start), one.end).join(""));
    parts.push(span);
    spans.push(span);
    last = Math.max(last, one.end);
  }
  parts.push(characters.slice(last).join(""));
  return { spans, parts };
}

function colour(token, kind) {
  const value = kind === "surprise" ? -token.logprob / 10 : (token.reference_difference ?? 0) / 4;
  const strength = Math.min(1, Math.abs(value));
  return `rgba(${value < 0 ? "128, 128, 128" : kind === "surprise" ? SURPRISE : AHEAD}, ${(0.08 + 0.6 * strength).toFixed(2)})`;
}

function said(text, token) {
  const word = Array.from(text).slice(token.start, token.end).join("");
  const parts = [`“${word}”: probability ${figure(Math.exp(token.logprob), 3)} under the target (rank ${token.rank + 1})`];
  if (token.reference_logprob !== null) {
    parts.push(`${figure(Math.exp(token.reference_logprob), 3)} under the reference, ${figure(token.logprob - token.reference_logprob, 2)} nats apart`);
  }
  return `${parts.join(", ")}.`;
}
