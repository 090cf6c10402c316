// Documents: one is handed in and waited for, or an earlier one opened; its strip, and each passage with what the model
// writes in its place.

import { alertOf, ask, byId, call, chosen, finished, list, make, onSubmit } from "/web/base.js";
import { label, listing, strip } from "/web/strip.js";

onSubmit(byId("document-form"), byId("document-state"), async () => {
  begin();
  const form = new FormData();
  const { model, calibration } = chosen();
  form.append("file", byId("file").files[0]);
  form.append("model", model);
  if (calibration) form.append("calibration", calibration);
  for (const name of ["prefix", "suffix", "generate"]) form.append(name, byId(name).value);
  form.append("alpha", byId("document-alpha").value);
  if (Number(byId("generate").value)) form.append("samples", byId("samples").value);
  const begun = await ask("/v1/documents", { method: "POST", body: form });
  listDocuments();
  await open(begun);
});

export const listDocuments = () => list("/v1/documents", byId("document-list"), "Documents since the service began", (job) =>
  open(job).catch((error) => byId("document-state").replaceChildren(alertOf(error))));

let latest = 0; // what was asked for last: a document that ends later is not shown in its place

function begin() {
  byId("document-view").replaceChildren();
  latest += 1;
  return latest;
}

async function open(begun) {
  const mine = begin();
  const place = make("div");
  byId("document-state").replaceChildren(place);
  byId("document-view").replaceChildren(read(begun));
  const path = `/v1/documents/${begun.id}`;
  try {
    const job = await finished(path, place, `Reading ${begun.name}`);
    const bytes = await (await fetch(`${path}/text`)).arrayBuffer();
    const text = Array.from(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)); // a mark counts as a character
    if (mine === latest) byId("document-view").replaceChildren(read(job), ...view(job.document, text, path));
  } catch (error) {
    if (mine === latest) throw error;
  } finally {
    listDocuments();
  }
}

function read(job) {
  const mended = Object.entries(job.mended).map(([name, count]) => `${count} ${name}`).join(", ");
  const link = make("a", { href: `/v1/documents/${job.id}/text`, download: `${job.name}.txt` }, "What was read of it");
  return make("p", {}, `${job.name}: ${job.characters.toLocaleString("en")} characters in ${job.paragraphs.toLocaleString("en")} paragraphs`,
    mended ? `; put right: ${mended}` : "", ". ", link, ...job.warnings.map((one) => ` Note: ${one}.`));
}

function view(found, text, path) {
  const detail = make("div", { "aria-live": "polite" });
  const open = (n, seen) => {
    mark(n);
    detail.replaceChildren(...passage(found, text, n), letGoOn(found, path, n, () => open(n)));
    if (seen) detail.scrollIntoView({ block: "nearest" });
  };
  const { box, mark } = strip(found.passages, text.length, open);
  return [
    ...found.summary.map((one) => make("p", {}, one)),
    box,
    make("p", { class: "quiet" }, "Bars: how much likelier each passage is under the target than under the reference (grey: less likely). Dots: passages that can be extracted. Choose one with the mouse, with the arrow keys, or from the table."),
    detail,
    ...listing(found.passages, open),
    make("h3", {}, "What this does not prove"),
    make("ul", {}, ...found.cautions.map((one) => make("li", {}, one))),
    make("p", {}, make("a", { href: `${path}/report`, target: "_blank", rel: "noopener" }, "The report, for printing"), ". ",
      make("a", { href: path, download: `${found.name}.json` }, "All figures as JSON")),
  ];
}

/** A button that lets the model write behind the words before this passage; what it wrote is shown with the others. */
function letGoOn(found, path, n, again) {
  const button = make("button", { type: "button", class: "go-on" }, "Let the model go on from the words before it");
  const answer = make("div");
  button.addEventListener("click", async () => {
    button.disabled = true;
    answer.replaceChildren("The model writes ...");
    try {
      const made = await ask(`${path}/passages/${n + 1}/continuation?samples=${Number(byId("samples").value)}`, { method: "POST" });
      found.continuations = found.continuations.filter((one) => one.middle !== made.continuation.middle).concat(made.continuation);
      if (!answer.isConnected) return;
      again();
      document.querySelector("#document-view .go-on").focus(); // the button that was pressed is another now
    } catch (error) {
      answer.replaceChildren(alertOf(error));
      button.disabled = false;
    }
  });
  return make("div", {}, button, answer);
}

function passage(found, text, n) {
  const one = found.passages[n];
  const near = found.continuations.filter((each) => each.middle < one.end && each.end > one.start);
  const slice = (start, end) => text.slice(start, end).join("");
  const beside = (name, words) => make("div", {}, make("strong", {}, `${name}: `), words);
  const shown = [make("h3", {}, `${label(one)}: ${call(one.verdict) || one.error}`), make("div", { class: "beside" }, make("div", {}, slice(one.start, one.end)))];
  if (one.reason) shown.push(make("p", { class: "quiet" }, one.reason));
  for (const each of near) {
    shown.push(make("p", {}, `Behind the words that stand before it, the model writes (edit distance ${Math.round(100 * each.distance)}%, ${each.run} words in a row${each.near ? ": near-verbatim" : ""}):`));
    const drawn = each.sampled && beside(`The nearest of ${each.sampled.count} by chance, ${each.sampled.near} of them near-verbatim`, each.sampled.nearest);
    shown.push(make("div", { class: "beside" }, beside("The document", slice(each.middle, each.end)), beside("The model", each.written || each.why), drawn));
  }
  return shown;
}
