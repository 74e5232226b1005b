// The pictures as tiles; a tile is painted when it is scrolled into view.

const PAGE_OF_TILES = 24;

const painter = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) paint(target);
  },
  { rootMargin: "300px" },
);

/** Put the picture into an empty tile, or again after the choices have changed. */
function paint(tile) {
  painter.unobserve(tile);
  tile.querySelector(".view").replaceWith(view(pictures.get(tile.dataset.id), tile.choices));
}

function tileWords(picture, { cycle, sort }) {
  const at = resultOf(picture, cycle);
  if (!at) return `${picture.split} · not shown in cycle ${cycle}`;
  const parts = [picture.split, `mIoU ${percent(at.miou)}`];
  if (sort === "uncertainty") parts.push(`uncertainty ${percent(at.uncertainty)}`);
  if (sort === "score")
    parts.push(at.queried ? `score ${short(SORTS.score.of(picture, at))}` : "not scored");
  if (picture.split === "pool") parts.push(`${labelShare(at.labeled_share)} labeled`);
  return parts.join(" · ");
}

/** A button with a picture; `show` opens it large. */
function tile(picture, choices, show) {
  const button = element(
    "button",
    {
      type: "button",
      class: "tile",
      "data-id": picture.id,
      onclick: () => show(picture),
    },
    element("span", { class: "view" }),
    element("span", { class: "tile-name" }, picture.name),
    more(tileWords(picture, choices)),
  );
  button.choices = choices;
  painter.observe(button);
  return element("li", {}, button);
}

let matching = [];
let shownTiles = PAGE_OF_TILES;

function drawGallery() {
  matching = matchingPictures(state);
  byId("gallery").replaceChildren();
  addTiles(0);
}

function addTiles(from) {
  const choices = { ...state };
  byId("gallery").append(
    ...matching.slice(from, shownTiles).map((picture) => tile(picture, choices, showLarge)),
  );
  const left = matching.length - shownTiles;
  byId("more").hidden = left <= 0;
  byId("more").textContent =
    `Show ${Math.min(left, PAGE_OF_TILES)} more of ${count(matching.length)}`;
  byId("count").textContent = matching.length
    ? `${plural(matching.length, "picture")} of ${count(page.pictures.length)}`
    : "No picture passes these filters.";
}

const showLarge = (picture) => openLarge(picture, matching, revealTile);

const tileOf = (list, id) => byId(list).querySelector(`[data-id="${CSS.escape(id)}"]`);

/** Focus a picture's tile; more tiles are added until it is there. */
function revealTile(id) {
  const [from, place] = [shownTiles, matching.findIndex((picture) => picture.id === id)];
  if (place >= from) {
    shownTiles = PAGE_OF_TILES * Math.ceil((place + 1) / PAGE_OF_TILES);
    addTiles(from);
  }
  tileOf("gallery", id)?.focus();
}

function showMore() {
  const from = shownTiles;
  shownTiles += PAGE_OF_TILES;
  addTiles(from);
  byId("gallery").children[from]?.firstChild.focus();
}

/** Show the same tiles in another layer. */
function repaint() {
  for (const one of byId("gallery").querySelectorAll(".tile")) {
    one.choices = { ...state };
    painter.unobserve(one);
    painter.observe(one);
  }
  byId("layer-key").replaceChildren(...layerKey(state.layer, state.cycle));
}

const options = (pairs) => pairs.map(([value, name]) => element("option", { value }, name));

/** Keep a control and a choice equal, whichever changes. */
function bind(id, name, event = "change") {
  byId(id).addEventListener(event, () => choose({ [name]: byId(id).value }));
  follow([name], () => {
    if (byId(id).value !== state[name]) byId(id).value = state[name];
  });
}

function layerChoice() {
  return Object.entries(LAYERS).map(([layer, name], i) =>
    element(
      "label",
      {},
      element("input", {
        type: "radio",
        name: "layer",
        value: layer,
        onchange: () => choose({ layer }),
      }),
      element("span", { title: `${name}  ${i + 1}` }, name),
    ),
  );
}

function layerTools() {
  return [
    element(
      "label",
      { class: "check" },
      "Over the image",
      element("input", {
        type: "range",
        id: "strength",
        min: 0,
        max: 1,
        step: 0.05,
        value: state.strength,
        oninput: (event) => choose({ strength: Number(event.target.value) }),
      }),
    ),
    element(
      "label",
      { class: "check" },
      element("input", {
        type: "checkbox",
        id: "frames",
        onchange: (event) => choose({ frames: event.target.checked }),
      }),
      "Outline queried regions",
    ),
  ];
}

function clearFilters() {
  choose({ split: "", class: "", search: "" });
}

function drawPictures() {
  byId("layers").append(...layerChoice());
  byId("layers").after(element("div", { class: "fields" }, layerTools()));
  const splits = [...new Set(page.pictures.map((picture) => picture.split))];
  byId("sort").append(...options(Object.entries(SORTS).map(([sort, { name }]) => [sort, name])));
  byId("split").append(...options([["", "all"], ...splits.map((split) => [split, split])]));
  byId("class").append(
    ...options([["", "all"], ...page.classes.map((one, i) => [String(i), one.name])]),
  );
  bind("sort", "sort");
  bind("split", "split");
  bind("class", "class");
  bind("search", "search", "input");
  byId("reverse").addEventListener("click", () => choose({ reversed: !state.reversed }));
  follow(["reversed"], () => byId("reverse").setAttribute("aria-pressed", state.reversed));
  byId("clear").addEventListener("click", clearFilters);
  byId("more").addEventListener("click", showMore);
  follow(["layer"], () => {
    document.querySelector(`#layers [value="${state.layer}"]`).checked = true;
  });
  follow(["frames"], () => {
    byId("frames").checked = state.frames;
  });
  follow(["cycle", "sort", "reversed", "split", "class", "search"], () => {
    shownTiles = PAGE_OF_TILES;
    drawGallery();
  });
  follow(["cycle", "layer", "strength", "frames"], repaint);
}
