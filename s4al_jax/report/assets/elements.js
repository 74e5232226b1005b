// Elements of HTML and SVG. Text always goes in as text: nothing here reads markup.

const byId = (id) => document.getElementById(id);

/** An HTML element with attributes; `on...` are listeners, null and false are left out. */
function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for SVG. */
function svgElement(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(target, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) target.addEventListener(name.slice(2), value);
    else if (value === true) target.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) {
      target.setAttribute(name, value);
    }
  }
  target.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return target;
}

/** A table whose first column names its rows; a cell is text, a number as text, or an element. */
function table(caption, head, rows) {
  const isText = head.map((_, i) =>
    rows.some((row) => typeof row[i] === "string" && !/^[\d<]/.test(row[i])),
  );
  const kind = (i) => (isText[i] ? "text" : null);
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        head.map((cell, i) => element("th", { scope: "col", class: kind(i) }, cell)),
      ),
    ),
    element(
      "tbody",
      {},
      rows.map(([first, ...rest]) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, first),
          rest.map((cell, i) => element("td", { class: kind(i + 1) }, cell)),
        ),
      ),
    ),
  );
}

/** A sentence in place of what is missing. */
const note = (text) => element("p", { class: "note" }, text);

/** Secondary words. */
const more = (...words) => element("span", { class: "more" }, ...words);

const legend = (...entries) => element("div", { class: "legend" }, ...entries);

/** A term and its description, for a <dl>. */
function fact(term, ...description) {
  return element("div", {}, element("dt", {}, term), element("dd", {}, ...description));
}

/** One tab stop in `host`; arrow keys move on from there, in rows of `columns`. */
function rove(host, selector, columns = 1) {
  const all = () => [...host.querySelectorAll(selector)];
  const reach = (which) =>
    all().forEach((one) => one.setAttribute("tabindex", one === which ? 0 : -1));
  reach(all()[0]);
  host.addEventListener("focusin", (event) => {
    const one = event.target.closest(selector);
    if (one) reach(one);
  });
  host.addEventListener("keydown", (event) => {
    const stops = all();
    const here = stops.indexOf(event.target.closest(selector));
    const ways = {
      ArrowLeft: here - 1,
      ArrowRight: here + 1,
      ArrowUp: here - columns,
      ArrowDown: here + columns,
      Home: 0,
      End: stops.length - 1,
    };
    if (here < 0 || !(event.key in ways)) return;
    event.preventDefault();
    stops[ways[event.key]]?.focus();
  });
}
