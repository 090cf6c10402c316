// Calibrations: what each can claim, and what its gates found.

import { alertOf, ask, byId, make, table } from "/web/base.js";

export async function listCalibrations() {
  try {
    const found = (await ask("/v1/calibrations")).data;
    byId("calibration-list").replaceChildren(...(found.length ? found.map(card) : [make("p", {}, "None yet: memprobe calibrate makes one.")]));
  } catch (error) {
    byId("calibration-list").replaceChildren(alertOf(error));
  }
}

function card(one) {
  const title = make("h3", {}, one.id);
  if (one.status !== "completed") return make("article", {}, title, make("p", {}, one.error || one.status));
  const figures = [
    ["known non-members", one.nonmembers.toLocaleString("en")], ["known members", one.members.toLocaleString("en")],
    ["made by", one.owner === "yours" ? "you" : "the operator, for all"],
    ["smallest false-positive rate", `${(100 * one.smallest_alpha).toFixed(2)}%`], ["score", one.score],
    ["texts of", `${one.tokens[0]} to ${one.tokens[1]} tokens`], ["for the models", one.fits.join(", ") || "none that is served"],
  ];
  const gates = Object.entries(one.gates).map(([name, result]) => [name, result, one.findings[name] || ""]);
  return make("article", {}, title, make("p", {}, one.power), table(["figure", "value"], figures, `What ${one.id} is made of`),
    table(["gate", "result", "what decided it"], gates, `Gates of ${one.id}`), ...one.notes.map((note) => make("p", { class: "quiet" }, `Note: ${note}.`)));
}
