// Personal data: each value's rank among thousands of the same form; masked unless asked for.

import { alertOf, byId, chosen, figure, finished, list, make, onSubmit, post, table } from "/web/base.js";

onSubmit(byId("data-form"), byId("data-state"), async () => {
  byId("data-view").replaceChildren();
  const pattern = byId("pattern").value;
  const begun = await post("/v1/pii", {
    model: chosen().model, input: byId("data-input").value, presidio: byId("presidio").checked,
    patterns: pattern ? { PATTERN: pattern } : {}, values: byId("values").checked,
  });
  listData();
  await open(begun);
});

export const listData = () => list("/v1/pii", byId("data-list"), "Searches since the service began", (job) =>
  open(job).catch((error) => byId("data-state").replaceChildren(alertOf(error))));

async function open(begun) {
  byId("data-view").replaceChildren();
  const path = `/v1/pii/${begun.id}`;
  try {
    const job = await finished(path, byId("data-state"), "Ranking values");
    byId("data-view").replaceChildren(...view(job.pii, path));
  } finally {
    listData();
  }
}

function view(found, path) {
  const rows = found.data.map((one) => [
    one.value, one.kind, one.reason || `${figure(one.exposure, 1)} (rank ${one.rank} of ${one.of})`, figure(one.reference_exposure, 1),
    figure(one.log10_p_z, 1), number(one["samples_50%"]),
  ]);
  return [
    ...found.summary.map((one) => make("p", {}, one)),
    rows.length ? table(["value", "kind", "exposure, bits", "under the reference", "log10 p_z", "samples for 50%"], rows, "Values, the most exposed first") : "",
    make("p", { class: "quiet" }, found.caution),
    make("p", {}, make("a", { href: `${path}/report`, target: "_blank", rel: "noopener" }, "The report, for printing"), ". ",
      make("a", { href: `${path}/csv`, download: "pii.csv" }, "As CSV"), ", ", make("a", { href: path, download: "pii.json" }, "as JSON")),
  ];
}

const number = (count) => (count === null || count === undefined ? "" : count < 1e9 ? count.toLocaleString("en") : count.toExponential(1));
