// One picture in one layer: the image, and what is laid over it.

const LAYERS = {
  image: "Image",
  truth: "Truth",
  prediction: "Prediction",
  uncertainty: "Uncertainty",
  scores: "Scores",
};
const FRAME_LAYERS = ["image", "prediction", "uncertainty", "scores"];

/** Rectangles in a picture of 1000 x 1000, which is stretched over it; `inset` keeps lines inside. */
function overCells(cells, attributes, inset = 0) {
  return cells.map(([row, col]) => {
    const [top, left, bottom, right] = page.boxes[row * page.cols + col].map(
      (share) => 1000 * share,
    );
    return drawn("rect", {
      x: left + inset,
      y: top + inset,
      width: right - left - 2 * inset,
      height: bottom - top - 2 * inset,
      ...attributes(row, col),
    });
  });
}

const cover = (name, ...children) =>
  drawn(
    "svg",
    { class: name, viewBox: "0 0 1000 1000", preserveAspectRatio: "none", "aria-hidden": "true" },
    ...children,
  );

function frames(asked) {
  const lines = (name) => overCells(asked.chosen, () => ({ class: name }), 8);
  return cover("frames", lines("frame-under"), lines("frame"));
}

function scoreCells(asked, cycle) {
  const range = scoreRange(cycle);
  const cells = asked.scores.flatMap((line, row) => line.map((_, col) => [row, col]));
  return cover(
    "score-cells",
    overCells(cells, (row, col) => {
      const score = asked.scores[row][col];
      if (!isNumber(score)) return { fill: "url(#hatch)" };
      return {
        fill: viridis(
          range.high > range.low ? (score - range.low) / (range.high - range.low) : 0.5,
        ),
      };
    }),
  );
}

function img(source, name) {
  return element("img", {
    src: source,
    alt: "",
    class: name,
    decoding: "async",
    draggable: "false",
  });
}

/** What lies over the image in a layer, or a sentence that says why there is nothing. */
function layerOver(picture, cycle, layer) {
  const at = seen(picture, cycle);
  if (layer === "image") return { over: null };
  if (layer === "truth") {
    const truth = source("images", picture.id, "truth");
    return truth ? { over: img(truth, "labels") } : { lacks: "no truth is known" };
  }
  if (layer === "scores") {
    if (!at?.asked)
      return {
        lacks:
          picture.split === "pool"
            ? "not asked after this cycle"
            : `${picture.split} images are never asked about`,
      };
    return { over: scoreCells(at.asked, cycle) };
  }
  const there = cycleSource(picture.id, cycle, layer);
  if (!there) return { lacks: `no ${layer} of cycle ${cycle} was kept` };
  return { over: img(there, layer === "prediction" ? "labels" : "heat") };
}

/** In words, what a view shows. */
function layerSaid(picture, cycle, layer) {
  const at = seen(picture, cycle);
  if (layer === "truth" || (layer === "image" && !at?.asked))
    return `${LAYERS[layer]} of ${picture.name}`;
  const more = {
    prediction: `mIoU ${percent(at?.miou)}`,
    uncertainty: `mean ${percent(at?.uncertainty)}`,
  }[layer];
  const asked = at?.asked ? `${plural(at.asked.chosen.length, "cell")} chosen` : null;
  return [`${LAYERS[layer]} of ${picture.name}, cycle ${cycle}`, more, asked]
    .filter(Boolean)
    .join(", ");
}

/** A picture in a layer, `strength` of it over the image. */
function view(picture, { cycle, layer, strength, frames: framed }) {
  const base = source("images", picture.id, "image");
  const { over = null, lacks = null } = layerOver(picture, cycle, layer);
  const box = element("span", {
    class: "view",
    role: "img",
    "aria-label": lacks
      ? `${LAYERS[layer]} of ${picture.name}: ${lacks}`
      : layerSaid(picture, cycle, layer),
  });
  if (base) box.append(img(base, "base"));
  if (over) {
    over.style.opacity = strength;
    box.append(over);
  }
  const asked = seen(picture, cycle)?.asked;
  if (framed && asked?.chosen.length && FRAME_LAYERS.includes(layer)) box.append(frames(asked));
  if (lacks || !base)
    box.append(element("span", { class: "lacks" }, lacks ?? "the image was not kept"));
  return box;
}

/** Classes by their colors. */
const classKey = () =>
  page.classes.map((one, i) => element("span", { class: "entry" }, classLabel(i)));

/** What the colors of a layer mean. */
function layerKey(layer, cycle) {
  if (layer === "truth" || layer === "prediction")
    return [...classKey(), element("span", { class: "entry" }, "no color: void or not known")];
  if (layer === "uncertainty") return [heatKey("certain", "every class as likely")];
  if (layer === "scores") {
    const range = scoreRange(cycle);
    if (!range) return [`No image was scored after cycle ${cycle}.`];
    return [
      heatKey(short(range.low), `${short(range.high)}, asked first`),
      element("span", {}, "hatched: nothing left to ask · framed: chosen"),
    ];
  }
  return ["Framed: chosen after this cycle."];
}
