// What every part of the page uses: the service's answers, elements, and work that is waited for.

/** Nobody answers at the service's address. */
export class Away extends Error {}

const reached = (path, options) => fetch(path, options).catch(() => {
  throw new Away("The service does not answer. Is it running, and is there a network? Try again.");
});

/** Returns the answer as JSON; throws an Error that says what the service said. Where a key is needed, asks for it. */
export async function ask(path, options = {}) {
  let answer = await reached(path, options);
  if (answer.status === 401) {
    await keyGiven();
    answer = await reached(path, options);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error?.message || `The service answers ${answer.status}.`);
  return body;
}

export const post = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

let entering = null;

/** Asks for a key until the service takes one; all who need it wait for the same. */
function keyGiven() {
  entering ??= new Promise((resolve) => {
    const dialog = byId("key");
    byId("key-form").onsubmit = async (event) => {
      event.preventDefault();
      const answer = await reached("/v1/session", { method: "POST", headers: { Authorization: `Bearer ${byId("key-value").value.trim()}` } });
      byId("key-value").value = "";
      byId("key-answer").replaceChildren(...(answer.ok ? [] : [alertOf(new Error("The service does not know this key."))]));
      if (!answer.ok) return;
      dialog.close();
      entering = null;
      resolve();
    };
    dialog.oncancel = (event) => event.preventDefault();
    dialog.showModal();
  });
  return entering;
}

export const byId = (id) => document.getElementById(id);

/** Returns an element; children are elements or text, never markup. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const drawn = (tag, attributes = {}) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

export function table(heads, rows, caption) {
  const head = make("thead", {}, make("tr", {}, ...heads.map((one) => make("th", { scope: "col" }, one))));
  const body = make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell, n) =>
    n ? make("td", {}, cell) : make("th", { scope: "row" }, cell)))));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    make("table", {}, make("caption", { class: "quiet" }, caption), head, body));
}

export const alertOf = (error) => make("p", { class: "alert", role: "alert" }, error.message);

const CALLS = { member: "member", not_member: "not a member", inconclusive: "inconclusive", out_of_distribution: "not comparable" };

/** Returns a verdict in words. */
export const call = (verdict) => CALLS[verdict] || verdict || "";

export function figure(value, digits = 3) {
  if (value === null || value === undefined) return "";
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return Number(value).toFixed(digits).replace(/^-(0\.?0*)$/, "$1");
}

/** Runs a form's work; its button waits, errors are shown in `place`. */
export function onSubmit(form, place, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    place.replaceChildren();
    try {
      await work();
    } catch (error) {
      place.replaceChildren(alertOf(error));
    } finally {
      button.disabled = false;
    }
  });
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Polls a job until it is over, shows its progress in `place`, and returns it; throws where it failed. */
export async function finished(path, place, label) {
  const bar = make("progress", { "aria-label": label });
  const said = make("span", {}, label);
  const stop = make("button", { type: "button" }, "Stop");
  stop.addEventListener("click", () => post(`${path}/cancel`, {}).catch((error) => place.append(alertOf(error))));
  place.replaceChildren(make("p", {}, said, " ", stop), bar);
  for (;;) {
    const job = await ask(path).catch((error) => {
      if (!(error instanceof Away)) throw error;
      said.textContent = `${label}: the service does not answer; it is asked again.`;
    });
    if (!job) {
      await pause(2000);
      continue;
    }
    const { done, total } = job.progress;
    if (total) {
      bar.max = total;
      bar.value = done;
      said.textContent = `${label}: ${Math.floor((100 * done) / total)}%`;
    }
    if (job.status === "completed") {
      place.replaceChildren();
      return job;
    }
    if (job.status === "failed" || job.status === "cancelled") throw new Error(job.error || "It was stopped.");
    await pause(500);
  }
}

export const isOver = (job) => ["completed", "failed", "cancelled"].includes(job.status);

/** Shows the jobs of a path in `place`, the newest first, each with a button that opens it. */
export async function list(path, place, caption, open) {
  try {
    const jobs = (await ask(path)).data.reverse();
    const rows = jobs.map((job) => {
      const button = make("button", { type: "button" }, `${job.name ? `${job.name}, ` : ""}${new Date(1000 * job.created).toLocaleTimeString("en")}`);
      button.addEventListener("click", () => open(job));
      return [button, job.status, job.model, job.error || ""];
    });
    place.replaceChildren(rows.length ? table(["begun", "state", "model", "error"], rows, `${caption}, the newest first`) : make("p", {}, "None yet."));
  } catch (error) {
    place.replaceChildren(alertOf(error));
  }
}

export const chosen = () => ({ model: byId("model").value, calibration: byId("calibration").value || null });
