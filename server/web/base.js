// What every part of the page uses: the service's answers, elements, and work that is waited for.

/** Returns the answer as JSON; throws an Error that says what the service said. Where a key is needed, asks for it. */
export async function ask(path, options = {}) {
  let answer = await fetch(path, options);
  if (answer.status === 401) {
    await keyGiven();
    answer = await fetch(path, options);
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
      const answer = await fetch("/v1/session", { method: "POST", headers: { Authorization: `Bearer ${byId("key-value").value.trim()}` } });
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

export function figure(value, digits = 3) {
  if (value === null || value === undefined) return "";
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return Number(value).toFixed(digits);
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

/** Polls a job until it is over, shows its progress in `place`, and returns it; throws where it failed. */
export async function finished(path, place, label) {
  const bar = make("progress", { "aria-label": label });
  const said = make("span", {}, label);
  const stop = make("button", { type: "button" }, "Stop");
  stop.addEventListener("click", () => post(`${path}/cancel`, {}).catch((error) => place.append(alertOf(error))));
  place.replaceChildren(make("p", {}, said, " ", stop), bar);
  for (;;) {
    const job = await ask(path);
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
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

export const chosen = () => ({ model: byId("model").value, calibration: byId("calibration").value || null });
