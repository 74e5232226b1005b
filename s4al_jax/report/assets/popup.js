// The tooltip of whatever has `data-tip` and is under the mouse or in focus.

function preparePopup() {
  const popup = byId("popup");
  const hide = () => {
    popup.hidden = true;
  };
  const show = (event) => {
    const target = event.target.closest?.("[data-tip]");
    if (!target) return hide();
    popup.textContent = target.getAttribute("data-tip");
    // A modal dialog lies above all that is outside of it.
    (target.closest("dialog") ?? document.body).append(popup);
    popup.hidden = false;
    const place = target.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = popup;
    const left = Math.min(
      Math.max(place.left + place.width / 2 - width / 2, 8),
      innerWidth - width - 8,
    );
    const above = place.top - height - 8;
    popup.style.left = `${left}px`;
    popup.style.top = `${above < 8 ? place.bottom + 8 : above}px`;
  };
  document.addEventListener("pointerover", show);
  document.addEventListener("focusin", show);
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { passive: true, capture: true });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
}
