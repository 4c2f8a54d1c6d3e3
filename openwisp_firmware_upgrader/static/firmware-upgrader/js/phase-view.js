"use strict";

/* Says in words what an operation is doing, with the seconds to the next step. */
(function () {
  const firmware = (window.owFirmware = window.owFirmware || {});
  // element -> when the next step is due, in milliseconds of this browser
  const due = new Map();
  let timer = null;

  function words(element) {
    const left = Math.round((due.get(element) - Date.now()) / 1000);
    const phase = element.dataset.phase;
    if (!(left > 0)) {
      return phase;
    }
    return firmware.text("phase.next", "%(phase)s, next step in %(seconds)s s", {
      phase,
      seconds: left,
    });
  }

  function tick() {
    due.forEach(function (_moment, element) {
      element.textContent = words(element);
    });
  }

  /* Where the phase stands: above an operation, or below its status. */
  function place(scope) {
    const facts = document.getElementById("operation-facts");
    if (facts && scope.id === "upgradeoperation_form") {
      return made(facts, "p", "operation-phase");
    }
    const cell = scope.querySelector(".field-status .readonly");
    return cell && made(cell, "span", "upgrade-phase");
  }

  function made(parent, tag, name) {
    let element = parent.querySelector(`.${name}`);
    if (!element) {
      element = firmware.make(tag, { class: name });
      parent.append(element);
    }
    return element;
  }

  /* The words for a phase, nothing for one that pages do not know. */
  function labelOf(phase) {
    return phase ? firmware.text(`phase.${phase}`, "") : "";
  }

  /* Shows the phase of an operation, nothing when the message has none. */
  function draw(scope, operation) {
    const element = place(scope);
    if (element) {
      drawIn(element, operation);
    }
  }

  /* The same in an element of one's own. */
  function drawIn(element, operation) {
    const label = labelOf(operation.phase);
    const isShown = label && !firmware.isFinished(operation.status);
    if (!isShown) {
      element.hidden = firmware.isFinished(operation.status);
      if (element.hidden) {
        due.delete(element);
      }
      return;
    }
    element.hidden = false;
    element.dataset.phase = label;
    const seconds = Number(operation.next_run_in);
    due.set(element, seconds > 0 ? Date.now() + seconds * 1000 : 0);
    element.textContent = words(element);
    timer = timer || window.setInterval(tick, 1000);
  }

  firmware.phaseView = { draw, drawIn };
})();
