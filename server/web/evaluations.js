// Evaluations: labelled texts in, figures of every score and the report with its plots out.

import { alertOf, ask, byId, chosen, figure, finished, make, onSubmit, post, table } from "/web/base.js";

const lines = (id) => byId(id).value.split("\n").map((one) => one.trim()).filter(Boolean);

onSubmit(byId("evaluation-form"), byId("evaluation-state"), async () => {
  const begun = await post("/v1/evaluations", { ...chosen(), members: lines("members"), nonmembers: lines("nonmembers") });
  await finished(`/v1/evaluations/${begun.id}`, byId("evaluation-state"), "Measuring");
  await listEvaluations();
});

export async function listEvaluations() {
  try {
    const found = (await ask("/v1/evaluations")).data.reverse();
    const whole = await Promise.all(found.filter((one) => one.status === "completed").map((one) => ask(`/v1/evaluations/${one.id}`)));
    byId("evaluation-list").replaceChildren(...(whole.length ? whole.map(card) : [make("p", {}, "None yet.")]));
  } catch (error) {
    byId("evaluation-list").replaceChildren(alertOf(error));
  }
}

function card(job) {
  const scores = Object.entries(job.evaluation.scores).filter(([, one]) => one.auc.value !== null)
    .sort(([, a], [, b]) => b.auc.value - a.auc.value)
    .map(([name, one]) => [name, `${figure(one.auc.value)} [${figure(one.auc.low)}, ${figure(one.auc.high)}]`, ...one.tpr.map((rate) => (rate.value === null ? "too few texts" : figure(rate.value)))]);
  const report = make("a", { href: `/v1/evaluations/${job.id}/report`, target: "_blank", rel: "noopener" }, "The report, for printing");
  const title = `${job.model}, ${new Date(1000 * job.created).toLocaleString("en")}`;
  return make("article", {}, make("h3", {}, title),
    job.evaluation.caution ? make("p", { class: "alert" }, job.evaluation.caution) : null,
    ...job.evaluation.summary.map((one) => make("p", {}, one)),
    scores.length ? table(["score", "AUC", "TPR at FPR 1%", "TPR at FPR .1%"], scores, `Figures of every score: ${title}`) : null,
    ...job.pictures.map((one) => pictured(job, one)), make("p", {}, report));
}

/** Its description is beneath for everybody, so the image itself says no more than what it is. */
const pictured = (job, one) => make("figure", {},
  make("img", { src: `/v1/evaluations/${job.id}/pictures/${one.name}`, alt: one.title, loading: "lazy" }), make("figcaption", {}, one.description));
