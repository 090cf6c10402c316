// The page: one part is shown at a time, by the address's fragment; models and calibrations are those of the service.

import { alertOf, ask, byId, make } from "/web/base.js";
import { listCalibrations } from "/web/calibrations.js";
import { listData } from "/web/data.js";
import { listDocuments } from "/web/document.js";
import { listEvaluations } from "/web/evaluations.js";
import { listScans } from "/web/scan.js";
import "/web/text.js";

const PARTS = { text: null, document: listDocuments, data: listData, scan: listScans, calibrations: listCalibrations, evaluations: listEvaluations };
let models = [];
let calibrations = [];

function show() {
  const asked = location.hash.slice(1);
  const name = Object.hasOwn(PARTS, asked) ? asked : "text";
  for (const part of Object.keys(PARTS)) {
    byId(part).hidden = part !== name;
    const link = document.querySelector(`nav a[href="#${part}"]`);
    if (part === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (PARTS[name]) PARTS[name]();
}

function choose() {
  const model = models.find((one) => one.id === byId("model").value) || models[0];
  const own = calibrations.filter((one) => one.fits?.includes(model.id));
  const options = [make("option", { value: "" }, model.calibration ? `the model's own (${model.calibration})` : "none")];
  options.push(...own.map((one) => make("option", { value: one.id }, one.id)));
  byId("calibration").replaceChildren(...options);
  const warned = model.warnings.length ? ` ${model.warnings.join(" ")}` : "";
  byId("about").textContent = `Target ${model.target}, reference ${model.reference || "none"}, context ${model.context} tokens, ${model.dtype}.${warned}`;
}

async function begin() {
  try {
    models = (await ask("/v1/models")).data;
    calibrations = (await ask("/v1/calibrations")).data;
    byId("model").replaceChildren(...models.map((one) => make("option", { value: one.id }, one.id)));
    choose();
  } catch (error) {
    byId("about").replaceChildren(alertOf(error));
  }
  byId("model").addEventListener("change", choose);
  window.addEventListener("hashchange", () => {
    show();
    byId("main").focus();
  });
  show();
}

begin();
