// What the page was made from. Sheets of pictures are parsed when they are first shown.

const page = JSON.parse(byId("contents").textContent);
const run = page.runs[page.shown];
const study = page.studies[run.study];
const cycles = run.cycles;
const lastCycle = cycles.at(-1) ?? null;
const pictures = new Map(page.pictures.map((picture) => [picture.id, picture]));

const readSheets = new Map();

/** A sheet by the id of its block; empty where the page does not carry it. */
function sheet(name) {
  if (!readSheets.has(name)) {
    const block = byId(name);
    readSheets.set(name, block ? JSON.parse(block.textContent) : {});
  }
  return readSheets.get(name);
}

/** A picture's data URI, or null. */
function source(name, id, kind) {
  const entries = sheet(name);
  return Object.hasOwn(entries, id) ? (entries[id][kind] ?? null) : null;
}

const cycleSource = (id, cycle, kind) => source(`cycle-${cycle}`, id, kind);

/** What the network made of a picture at the end of a cycle, or null. */
const resultOf = (picture, cycle) => picture.cycles.find((one) => one.cycle === cycle) ?? null;

/** The result of the last earlier cycle that there is one of, or null. */
function resultBefore(picture, cycle) {
  const earlier = picture.cycles.filter((one) => one.cycle < cycle);
  return earlier.length ? earlier.reduce((a, b) => (a.cycle > b.cycle ? a : b)) : null;
}

/** The scores of all regions of an image that could be queried. */
const scoresOf = (queried) => (queried ? queried.scores.filter(isNumber) : []);

const scoreRanges = new Map();

/** Lowest and highest score among all pictures of a cycle, so that colors can be compared; null without any. */
function scoreRange(cycle) {
  if (!scoreRanges.has(cycle)) {
    let [low, high] = [Infinity, -Infinity];
    for (const picture of page.pictures) {
      for (const score of scoresOf(resultOf(picture, cycle)?.queried)) {
        low = Math.min(low, score);
        high = Math.max(high, score);
      }
    }
    scoreRanges.set(cycle, low <= high ? { low, high } : null);
  }
  return scoreRanges.get(cycle);
}

const className = (index) => page.classes[index]?.name ?? "void";
