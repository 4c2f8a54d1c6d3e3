"use strict";

/* The totals and rates of a mass upgrade, how long it has taken and will take. */
(function () {
  const firmware = (window.owFirmware = window.owFirmware || {});
  const FINISHED = ["success", "failed", "cancelled"];
  // field with a rate, by status of the operations it counts
  const RATES = {
    success: "success_rate",
    failed: "failed_rate",
    aborted: "aborted_rate",
    cancelled: "cancelled_rate",
  };
  // when the mass upgrade began, in milliseconds of this page's clock
  let began = null;

  /* Whether a mass upgrade with this status is over. */
  function hasEnded(status) {
    return FINISHED.includes(status);
  }

  function drawTotal(element, counts) {
    const number = counts[element.dataset.status];
    if (Number.isInteger(number)) {
      element.querySelector(".number").textContent = number;
    }
  }

  /* The percentage as the server writes it: "10.0%", "33.33%". */
  function percent(number, total) {
    const value = Math.round((10000 * number) / total) / 100;
    return `${Number.isInteger(value) ? value.toFixed(1) : value}%`;
  }

  function drawRate(field, number, total) {
    const cell = document.querySelector(`.field-${field} .readonly`);
    // what has ended stays so: no rate goes back to none
    if (cell && number > 0 && total > 0) {
      cell.textContent = percent(number, total);
    }
  }

  function drawFact(name, words) {
    const element = document.querySelector(`.batch-${name}`);
    if (element) {
      element.textContent = words;
      element.parentElement.hidden = words === "";
    }
  }

  function inWords(milliseconds) {
    const all = Math.max(0, Math.round(milliseconds / 1000));
    const [seconds, minutes] = [all % 60, Math.floor(all / 60) % 60];
    const two = (number) => String(number).padStart(2, "0");
    return `${Math.floor(all / 3600)}:${two(minutes)}:${two(seconds)}`;
  }

  function timeLeft(state, elapsed) {
    const { completed, total } = state;
    if (hasEnded(state.status) || !completed) {
      return "";
    }
    return inWords((elapsed / completed) * (total - completed));
  }

  /* The clock stands still from the first message on that tells the end. */
  function drawTimes(state) {
    if (began === null || !state.status) {
      return;
    }
    const elapsed = performance.now() - began;
    drawFact("duration", inWords(elapsed));
    drawFact("time-left", timeLeft(state, elapsed));
    if (hasEnded(state.status)) {
      began = null;
    }
  }

  /* Shows what a message says beyond status and bar. */
  function draw(state) {
    if (typeof state.elapsed === "number") {
      began = performance.now() - 1000 * state.elapsed;
    }
    if (state.counts) {
      document
        .querySelectorAll(".batch-total[data-status]")
        .forEach((element) => drawTotal(element, state.counts));
      Object.entries(RATES).forEach(([status, field]) =>
        drawRate(field, state.counts[status], state.total),
      );
    }
    drawTimes(state);
  }

  firmware.batchSummary = { draw, hasEnded };
})();
