// Keyboard shortcuts, and the dialog that lists them.

const KEYS = [
  ["[  ]", "previous cycle, next cycle", { "[": () => stepCycle(-1), "]": () => stepCycle(1) }],
  [
    "1 – 5",
    "image, truth, prediction, uncertainty, scores",
    Object.fromEntries(
      Object.keys(LAYERS).map((layer, i) => [String(i + 1), () => choose({ layer })]),
    ),
  ],
  ["F", "outline queried regions, or not", { f: () => choose({ frames: !state.frames }) }],
  [
    "S",
    "next order",
    {
      s: () => {
        const names = Object.keys(SORTS);
        choose({ sort: names[(names.indexOf(state.sort) + 1) % names.length] });
      },
    },
  ],
  ["R", "reverse the order", { r: () => choose({ reversed: !state.reversed }) }],
  ["/", "search for a name", { "/": () => byId("search").focus() }],
  ["Enter", "on a picture: open it large", {}],
  ["←  →", "in the large view: previous picture, next picture", {}],
  ["← → ↑ ↓", "in a chart, in the matrix: from value to value", {}],
  ["Esc", "close", {}],
  ["?", "this list", { "?": () => byId("help").showModal() }],
];
const ACTIONS = Object.assign({}, ...KEYS.map(([, , actions]) => actions));

/** Whether a key is typed into a text field. */
const isTyped = (target) =>
  target.closest(
    "input:not([type=radio]):not([type=checkbox]):not([type=range]), select, textarea",
  ) !== null;

function handleKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyped(event.target)) return;
  if (byId("large").open && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
    event.preventDefault();
    stepLarge(event.key === "ArrowLeft" ? -1 : 1);
    return;
  }
  if (byId("help").open || (byId("large").open && "/?".includes(event.key))) return;
  const action = ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function prepareKeys() {
  byId("help-keys").replaceChildren(
    ...KEYS.map(([keys, what]) =>
      element("div", {}, element("dt", {}, element("kbd", {}, keys)), element("dd", {}, what)),
    ),
  );
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  byId("help-close").addEventListener("click", () => byId("help").close());
  document.addEventListener("keydown", handleKey);
}
