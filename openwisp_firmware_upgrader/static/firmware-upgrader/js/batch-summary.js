"use strict";

/* The totals of a mass upgrade, how long it has taken and will take. */
(function () {
  const firmware = (window.owFirmware = window.owFirmware || {});

  function drawTotal(element, counts) {
    const number = counts[element.dataset.status];
    if (Number.isInteger(number)) {
      element.querySelector(".number").textContent = number;
    }
  }

  function drawFact(name, words) {
    const element = document.querySelector(`.batch-${name}`);
    if (element && typeof words === "string") {
      element.textContent = words;
      element.parentElement.hidden = words === "";
    }
  }

  /* Shows what a message says beyond status and bar. */
  function draw(state) {
    if (state.counts) {
      document
        .querySelectorAll(".batch-total[data-status]")
        .forEach((element) => drawTotal(element, state.counts));
    }
    drawFact("duration", state.duration);
    drawFact("time-left", state.time_left);
  }

  firmware.batchSummary = { draw };
})();
