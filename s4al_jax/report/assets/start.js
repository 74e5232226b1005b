// Draws the page, now that everything is defined.

function prepareCycles() {
  for (const prefix of ["", "large-"]) {
    byId(`${prefix}cycle-back`).addEventListener("click", () => stepCycle(-1));
    byId(`${prefix}cycle-on`).addEventListener("click", () => stepCycle(1));
  }
  follow(["cycle"], () => {
    const name = state.cycle === null ? "no cycle yet" : `Cycle ${state.cycle}`;
    byId("cycle-now").textContent = name;
    byId("large-cycle").textContent = name;
    for (const prefix of ["", "large-"]) {
      byId(`${prefix}cycle-back`).disabled =
        state.cycle === null || state.cycle === cycles[0].number;
      byId(`${prefix}cycle-on`).disabled = state.cycle === null || state.cycle === lastCycle.number;
    }
    for (const one of document.querySelectorAll(".cycle-name")) {
      one.textContent = state.cycle === null ? "" : `after cycle ${state.cycle}`;
    }
  });
}

/** On paper, every table is open. */
function preparePrint() {
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
    for (const one of document.querySelectorAll(".tile")) paint(one);
  });
}

document.documentElement.style.setProperty("--aspect", page.width / page.height);
prepareHeat();
preparePopup();
drawHeadline();
drawClasses();
drawConfusion();
drawTeacher();
drawSteps();
drawPictures();
prepareLarge();
drawFailures();
drawRuns();
prepareKeys();
prepareCycles();
preparePrint();
document.documentElement.dataset.ready = "true";
