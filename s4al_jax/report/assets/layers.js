// One picture in one layer: the image, and what is drawn over it.

const LAYERS = {
  image: "Image",
  truth: "Truth",
  prediction: "Prediction",
  uncertainty: "Uncertainty",
  scores: "Scores",
};
const HATCHED = "url(#hatch)";
const FRAME_LAYERS = ["image", "prediction", "uncertainty", "scores"];

/** A region of a grid over 1000 x 1000, which is stretched over the image; `inset` keeps lines inside. */
function regionBox(region, attributes, inset = 0) {
  const [top, left, bottom, right] = page.boxes[region].map((share) => 1000 * share);
  return svgElement("rect", {
    x: left + inset,
    y: top + inset,
    width: right - left - 2 * inset,
    height: bottom - top - 2 * inset,
    ...attributes,
  });
}

const cover = (name, ...children) =>
  svgElement(
    "svg",
    { class: name, viewBox: "0 0 1000 1000", preserveAspectRatio: "none", "aria-hidden": "true" },
    ...children,
  );

/** The outlines of the queried regions. */
function frames({ chosen, outlines }) {
  const lines = (name) =>
    page.boxes.length
      ? chosen.map((region) => regionBox(region, { class: name }, 8))
      : outlines.map((path) => svgElement("path", { class: name, d: path }));
  return cover("frames", lines("frame-under"), lines("frame"));
}

/** The scores of all regions: boxes of a grid, or a picture over hatching. */
function scoreMap(picture, { scores }, cycle) {
  if (!page.boxes.length) {
    const hatching = svgElement("rect", { width: 1000, height: 1000, fill: HATCHED });
    return element(
      "span",
      { class: "score-map" },
      cover("score-regions", hatching),
      img(cycleSource(picture.id, cycle, "scores"), "labels heat"),
    );
  }
  const { low, high } = scoreRange(cycle);
  const color = (score) => viridis(high > low ? (score - low) / (high - low) : 0.5);
  return cover(
    "score-regions",
    scores.map((score, region) =>
      regionBox(region, { fill: isNumber(score) ? color(score) : HATCHED }),
    ),
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

/** What is drawn over the image in a layer, or a sentence that says why there is nothing. */
function layerOver(picture, cycle, layer) {
  const at = resultOf(picture, cycle);
  if (layer === "image") return { over: null };
  if (layer === "truth") {
    const truth = source("images", picture.id, "truth");
    return truth ? { over: img(truth, "labels") } : { lacks: "no truth is known" };
  }
  if (layer === "scores") {
    if (!at?.queried)
      return {
        lacks:
          picture.split === "pool"
            ? "not scored after this cycle"
            : `${picture.split} images are never queried`,
      };
    return { over: scoreMap(picture, at.queried, cycle) };
  }
  const there = cycleSource(picture.id, cycle, layer);
  if (!there) return { lacks: `no ${layer} of cycle ${cycle} was kept` };
  return { over: img(there, layer === "prediction" ? "labels" : "heat") };
}

/** What a view shows, in words. */
function layerText(picture, cycle, layer) {
  const at = resultOf(picture, cycle);
  if (layer === "truth" || (layer === "image" && !at?.queried))
    return `${LAYERS[layer]} of ${picture.name}`;
  const more = {
    prediction: `mIoU ${percent(at?.miou)}`,
    uncertainty: `mean ${percent(at?.uncertainty)}`,
  }[layer];
  const queried = at?.queried ? `${plural(at.queried.chosen.length, "region")} queried` : null;
  return [`${LAYERS[layer]} of ${picture.name}, cycle ${cycle}`, more, queried]
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
      : layerText(picture, cycle, layer),
  });
  if (base) box.append(img(base, "base"));
  if (over) {
    over.style.opacity = strength;
    box.append(over);
  }
  const queried = resultOf(picture, cycle)?.queried;
  if (framed && queried?.chosen.length && FRAME_LAYERS.includes(layer)) box.append(frames(queried));
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
    return [...classKey(), element("span", { class: "entry" }, "no color: void or unlabeled")];
  if (layer === "uncertainty") return [heatKey("certain", "every class as likely")];
  if (layer === "scores") {
    const range = scoreRange(cycle);
    if (!range) return [`No image was scored after cycle ${cycle}.`];
    return [
      heatKey(short(range.low), `${short(range.high)}, queried first`),
      element("span", {}, "hatched: labeled before · outlined: queried"),
    ];
  }
  return ["Outlined: queried after this cycle."];
}
