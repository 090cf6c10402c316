// Personal data: each value's rank among thousands of the same form; masked unless asked for.

import { byId, chosen, figure, finished, make, onSubmit, post, table } from "/web/base.js";

onSubmit(byId("data-form"), byId("data-state"), async () => {
  byId("data-view").replaceChildren();
  const pattern = byId("pattern").value;
  const begun = await post("/v1/pii", {
    model: chosen().model, input: byId("data-input").value, presidio: byId("presidio").checked,
    patterns: pattern ? { PATTERN: pattern } : {}, values: byId("values").checked,
  });
  const job = await finished(`/v1/pii/${begun.id}`, byId("data-state"), "Ranking values");
  const rows = job.pii.data.map((one) => [
    one.value, one.kind, one.reason || `${figure(one.exposure, 1)} (rank ${one.rank} of ${one.of})`, figure(one.reference_exposure, 1),
    figure(one.log10_p_z, 1), one["samples_50%"] ?? "",
  ]);
  byId("data-view").replaceChildren(
    ...job.pii.summary.map((one) => make("p", {}, one)),
    rows.length ? table(["value", "kind", "exposure, bits", "under the reference", "log10 p_z", "samples for 50%"], rows, "Values, the most exposed first") : "",
    make("p", { class: "quiet" }, job.pii.caution),
  );
});
