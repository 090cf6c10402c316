// A document's strip, by mouse and keys, and the table of all its passages, in any order.

import { call, drawn, figure, make, table } from "/web/base.js";

const HEIGHT = 100;
const WIDTH = 1000;
const PAGE = 20;
const ORDERS = {
  "gain, the greatest first": (one) => -(one.gain ?? -Infinity),
  "log10 p_z, the greatest first": (one) => -(one.log10_p_z ?? -Infinity),
  "p-value, the smallest first": (one) => one.p_value ?? Infinity,
  "place in the document": (one) => one.number,
};

export const label = (one) => `${one.number}: ${one.place}`;
const said = (one) => `${label(one)}: ${call(one.verdict) || one.error}${one.gain === null ? "" : `, gain ${figure(one.gain, 2)}`}`;

/** Returns the strip; `open` is told which passage is chosen. */
export function strip(passages, length, open) {
  const high = Math.max(1, ...passages.map((one) => Math.abs(one.gain ?? 0)));
  const svg = drawn("svg", { class: "strip", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const middle = HEIGHT * 0.65;
  svg.append(drawn("line", { x1: 0, x2: WIDTH, y1: middle, y2: middle }));
  const bars = passages.map((one) => {
    const gain = one.gain ?? 0;
    const size = Math.max(1, (Math.abs(gain) / high) * HEIGHT * (gain < 0 ? 0.35 : 0.6));
    const [x, width] = [(WIDTH * one.start) / length, (WIDTH * (one.end - one.start)) / length];
    const bar = drawn("rect", { x, width: Math.max(0.5, width), y: gain < 0 ? middle : middle - size, height: size, class: gain < 0 ? "below" : "above" });
    svg.append(bar);
    if ((one.log10_p_z ?? -99) >= -3) svg.append(drawn("circle", { cx: x + 2, cy: 5, r: 4 }));
    return bar;
  });
  const box = make("div", {
    tabindex: "0", role: "slider", "aria-label": "The document from its first word to its last, by passages",
    "aria-valuemin": "1", "aria-valuemax": String(passages.length),
  }, svg);
  let here = 0;
  const mark = (n) => {
    bars[here].classList.remove("here");
    here = n;
    bars[n].classList.add("here");
    box.setAttribute("aria-valuenow", String(n + 1));
    box.setAttribute("aria-valuetext", said(passages[n]));
  };
  passages.forEach((one, n) => {
    const width = Math.max(2, (WIDTH * (one.end - one.start)) / length);
    const target = drawn("rect", { x: (WIDTH * one.start) / length, width, y: 0, height: HEIGHT, "fill-opacity": 0 });
    target.addEventListener("click", () => open(n));
    svg.append(target);
  });
  box.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return; // the browser's own
    const last = passages.length - 1;
    const to = { ArrowRight: here + 1, ArrowUp: here + 1, ArrowLeft: here - 1, ArrowDown: here - 1, PageUp: here + 10, PageDown: here - 10, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    open(Math.min(last, Math.max(0, to)));
  });
  mark(0);
  return { box, mark };
}

/** Returns the table of all passages, a page at a time. */
export function listing(passages, open) {
  const order = make("select", { id: "order" }, ...Object.keys(ORDERS).map((name) => make("option", {}, name)));
  const place = make("div");
  const where = make("span", { "aria-live": "polite" });
  const earlier = make("button", { type: "button" }, "Earlier");
  const later = make("button", { type: "button" }, "Later");
  let first = 0;
  const show = () => {
    const key = ORDERS[order.value];
    const rows = [...passages].sort((one, other) => key(one) - key(other) || one.number - other.number).slice(first, first + PAGE).map((one) => {
      const button = make("button", { type: "button" }, label(one));
      button.addEventListener("click", () => open(one.number - 1, true));
      return [button, call(one.verdict) || one.error, figure(one.p_value, 4), figure(one.q_value, 4), figure(one.gain, 2), figure(one.log10_p_z, 1)];
    });
    place.replaceChildren(table(["passage", "verdict", "p-value", "q-value", "gain, nats per token", "log10 p_z"], rows, "The passages of the document"));
    where.textContent = ` ${first + 1} to ${first + rows.length} of ${passages.length} `;
    earlier.disabled = first === 0;
    later.disabled = first + PAGE >= passages.length;
  };
  const go = (to) => { first = to; show(); };
  order.addEventListener("change", () => go(0));
  earlier.addEventListener("click", () => go(Math.max(0, first - PAGE)));
  later.addEventListener("click", () => go(first + PAGE));
  show();
  return [make("p", {}, make("label", { for: "order" }, "Passages by "), order, " ", earlier, where, later), place];
}
