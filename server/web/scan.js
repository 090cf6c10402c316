// A file of many texts: live progress by server-sent events, then counts, the highest scores, and the results to keep.

import { alertOf, ask, byId, call, chosen, figure, isOver, make, onSubmit, post, table } from "/web/base.js";

onSubmit(byId("scan-form"), byId("scan-state"), async () => {
  byId("scan-view").replaceChildren();
  const form = new FormData();
  form.append("purpose", "batch");
  form.append("file", byId("rows").files[0]);
  const file = await ask("/v1/files", { method: "POST", body: form });
  const { model, calibration } = chosen();
  const metadata = { model, text_column: byId("column").value || "text" };
  if (calibration) metadata.calibration = calibration;
  const batch = await post("/v1/batches", { endpoint: "/v1/probe", completion_window: "24h", input_file_id: file.id, metadata });
  follow(batch.id);
});

function follow(id) {
  const bar = make("progress", { "aria-label": "Rows scanned" });
  const said = make("p", {}, "Reading the rows ...");
  const stop = make("button", { type: "button" }, "Stop");
  stop.addEventListener("click", () => post(`/v1/batches/${id}/cancel`, {}).catch((error) => said.replaceChildren(alertOf(error))));
  byId("scan-state").replaceChildren(said, bar, make("p", {}, stop));
  const events = new EventSource(`/v1/batches/${id}/events`);
  const tell = (event) => {
    const batch = JSON.parse(event.data);
    const { done, total, rows_per_second: speed, seconds_left: left } = batch.progress;
    if (total) Object.assign(bar, { max: total, value: done });
    said.textContent = `${batch.status}: ${done.toLocaleString("en")} of ${total === null ? "..." : total.toLocaleString("en")} rows`
      + `${speed ? `, ${Math.round(speed)} a second` : ""}${left ? `, ${Math.ceil(left)} s left` : ""}`;
  };
  events.addEventListener("progress", tell);
  events.addEventListener("error", () => {
    said.textContent = "The service does not answer; it is asked again.";
    if (events.readyState === EventSource.CLOSED) setTimeout(() => follow(id), 3000); // else the browser asks again itself
  });
  events.addEventListener("done", async (event) => {
    tell(event);
    events.close();
    byId("scan-state").replaceChildren(said);
    await show(JSON.parse(event.data));
    listScans();
  });
}

async function show(batch) {
  const place = byId("scan-view");
  try {
    const found = await ask(`/v1/batches/${batch.id}/summary`);
    const counts = Object.entries({ ...found.verdicts, ...found.errors }).map(([name, count]) => [call(name), count.toLocaleString("en")]);
    const top = found.top.map((one) => [one.item_id || one.id || `row ${one.row}`, call(one.verdict), figure(one.p_value, 4), figure(one.q_value, 4), figure(one.score)]);
    const links = [["output_file_id", "results.jsonl"], ["error_file_id", "errors.jsonl"]].filter(([name]) => batch[name])
      .map(([name, file]) => make("li", {}, make("a", { href: `/v1/files/${batch[name]}/content`, download: file }, file)));
    place.replaceChildren(
      table(["answer", "texts"], counts, "Answers"), make("p", {}, found.decision.said),
      table(["text", "verdict", "p-value", "q-value", "score"], top, "The highest scores"), make("ul", {}, ...links),
    );
  } catch (error) {
    place.replaceChildren(alertOf(error));
  }
}

export async function listScans() {
  try {
    const found = (await ask("/v1/batches?limit=20")).data;
    const rows = found.map((one) => {
      const button = make("button", { type: "button" }, one.id);
      button.addEventListener("click", () => (isOver(one) ? show(one) : follow(one.id)));
      return [button, one.status, one.model, `${one.request_counts.completed} of ${one.request_counts.total}`];
    });
    byId("scan-list").replaceChildren(rows.length ? table(["scan", "state", "model", "done"], rows, "Scans, the newest first") : make("p", {}, "None yet."));
  } catch (error) {
    byId("scan-list").replaceChildren(alertOf(error));
  }
}
