// What the reader has chosen. Parts of the page name the choices that they follow.

const state = {
  cycle: lastCycle?.number ?? null,
  layer: "prediction",
  strength: 0.8,
  frames: true,
  sort: "miou",
  reversed: false,
  split: "",
  class: "",
  search: "",
};

const followers = [];

/** Call `draw` now and whenever one of the named choices changes. */
function follow(names, draw) {
  followers.push({ names, draw });
  draw();
}

function choose(changes) {
  const changed = Object.keys(changes).filter((name) => state[name] !== changes[name]);
  Object.assign(state, changes);
  for (const { names, draw } of followers) {
    if (names.some((name) => changed.includes(name))) draw();
  }
}

/** One cycle on or back, as far as there are any. */
function stepCycle(by) {
  const next = cycles[cycles.findIndex((cycle) => cycle.number === state.cycle) + by];
  if (next) choose({ cycle: next.number });
}

const currentCycle = () => cycles.find((cycle) => cycle.number === state.cycle) ?? null;
