// A document: its strip from the first word to the last, and each passage with what the model writes in its place.

import { ask, byId, chosen, drawn, figure, finished, make, onSubmit, table } from "/web/base.js";

const HEIGHT = 100;
const WIDTH = 1000;

onSubmit(byId("document-form"), byId("document-state"), async () => {
  byId("document-view").replaceChildren();
  const form = new FormData();
  const { model, calibration } = chosen();
  form.append("file", byId("file").files[0]);
  form.append("model", model);
  if (calibration) form.append("calibration", calibration);
  for (const name of ["prefix", "suffix", "generate"]) form.append(name, byId(name).value);
  const begun = await ask("/v1/documents", { method: "POST", body: form });
  byId("document-view").replaceChildren(read(begun));
  const path = `/v1/documents/${begun.id}`;
  const job = await finished(path, byId("document-state"), `Reading ${begun.name}`);
  const text = Array.from(await (await fetch(`${path}/text`)).text());
  byId("document-view").replaceChildren(read(job), ...view(job.document, text, path));
});

function read(job) {
  const mended = Object.entries(job.mended).map(([name, count]) => `${count} ${name}`).join(", ");
  const link = make("a", { href: `/v1/documents/${job.id}/text`, download: `${job.name}.txt` }, "What was read of it");
  return make("p", {}, `${job.name}: ${job.characters.toLocaleString("en")} characters in ${job.paragraphs.toLocaleString("en")} paragraphs`,
    mended ? `; put right: ${mended}` : "", ". ", link, ...job.warnings.map((one) => ` Note: ${one}.`));
}

function view(found, text, path) {
  const detail = make("div", { "aria-live": "polite" });
  const open = (n) => detail.replaceChildren(...passage(found, text, n));
  const report = make("a", { href: `${path}/report`, target: "_blank", rel: "noopener" }, "The report, for printing");
  const order = [...found.passages.keys()].sort((a, b) => (found.passages[b].gain ?? 0) - (found.passages[a].gain ?? 0));
  const rows = order.slice(0, 20).map((n) => {
    const one = found.passages[n];
    const button = make("button", { type: "button" }, one.place);
    button.addEventListener("click", () => { open(n); detail.scrollIntoView({ block: "nearest" }); });
    return [button, one.verdict || one.error, figure(one.p_value, 4), figure(one.gain, 2), figure(one.log10_p_z, 1)];
  });
  return [
    ...found.summary.map((one) => make("p", {}, one)),
    strip(found, text.length, open),
    make("p", { class: "quiet" }, "Bars: how much likelier each passage is under the target than under the reference (grey: less likely). Dots: passages that can be extracted. Choose one with the mouse, or from the table."),
    detail,
    table(["passage", "verdict", "p-value", "gain, nats per token", "log10 p_z"], rows, "The passages with the greatest gain"),
    make("h3", {}, "What this does not prove"),
    make("ul", {}, ...found.cautions.map((one) => make("li", {}, one))),
    make("p", {}, report),
  ];
}

function strip(found, length, open) {
  const high = Math.max(1, ...found.passages.map((one) => Math.abs(one.gain ?? 0)));
  const svg = drawn("svg", { class: "strip", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": "The document from its first word to its last; the table below says the same" });
  const middle = HEIGHT * 0.65;
  svg.append(drawn("line", { x1: 0, x2: WIDTH, y1: middle, y2: middle }));
  found.passages.forEach((one, n) => {
    const gain = one.gain ?? 0;
    const size = Math.max(1, (Math.abs(gain) / high) * HEIGHT * (gain < 0 ? 0.35 : 0.6));
    const x = (WIDTH * one.start) / length;
    const bar = drawn("rect", { x, width: Math.max(0.5, (WIDTH * (one.end - one.start)) / length), y: gain < 0 ? middle : middle - size, height: size, class: gain < 0 ? "below" : "above" });
    svg.append(bar);
    if ((one.log10_p_z ?? -99) >= -3) svg.append(drawn("circle", { cx: x + 2, cy: 5, r: 4 }));
    const target = drawn("rect", { x, width: Math.max(2, (WIDTH * (one.end - one.start)) / length), y: 0, height: HEIGHT, "fill-opacity": 0 });
    target.addEventListener("click", () => {
      svg.querySelectorAll(".here").forEach((other) => other.classList.remove("here"));
      bar.classList.add("here");
      open(n);
    });
    svg.append(target);
  });
  return svg;
}

function passage(found, text, n) {
  const one = found.passages[n];
  const near = found.continuations.filter((each) => each.middle < one.end && each.end > one.start);
  const slice = (start, end) => text.slice(start, end).join("");
  const shown = [make("h3", {}, `${one.place}: ${one.verdict || one.error || ""}`), make("div", { class: "beside" }, make("div", {}, slice(one.start, one.end)))];
  for (const each of near) {
    shown.push(make("p", {}, `Behind the words that stand before it, the model writes (edit distance ${Math.round(100 * each.distance)}%, ${each.run} words in a row${each.near ? ": near-verbatim" : ""}):`));
    shown.push(make("div", { class: "beside" }, make("div", {}, make("strong", {}, "The document: "), slice(each.middle, each.end)), make("div", {}, make("strong", {}, "The model: "), each.written || each.why)));
  }
  return shown;
}
