"use strict";

/* Draws the status of an operation: words, bar and cancel button. */
(function () {
  const firmware = (window.owFirmware = window.owFirmware || {});
  const { make } = firmware;

  function bar(className) {
    return make(
      "div",
      {
        class: "upgrade-progress-bar",
        role: "progressbar",
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        "aria-label": firmware.text("progress", "Progress of the upgrade"),
      },
      make("div", { class: `upgrade-progress-fill ${className}` }),
    );
  }

  /* Moves a bar; what ended is 100 % wide. */
  function move(container, percent) {
    container
      .querySelector(".upgrade-progress-bar")
      .setAttribute("aria-valuenow", percent);
    container.querySelector(".upgrade-progress-fill").style.width = `${percent}%`;
    const text = container.querySelector(".upgrade-progress-text");
    if (text) {
      text.textContent = `${percent}%`;
    }
  }

  function percentOf(operation) {
    const { status, progress } = operation;
    return firmware.isFinished(status) ? 100 : window.normalizeProgress(progress, status);
  }

  function cancelButton(operation) {
    const button = make(
      "button",
      {
        type: "button",
        class: "button upgrade-cancel-btn",
        "data-operation-id": operation.id,
      },
      firmware.text("cancel", "Cancel"),
    );
    button.addEventListener("click", function (event) {
      event.preventDefault();
      event.stopPropagation();
      if (!button.disabled) {
        firmware.cancelDialog.open(button);
      }
    });
    return button;
  }

  function updateButton(button, percent) {
    const isAllowed =
      percent < firmware.CANCEL_LIMIT && Boolean(window.owUpgradeOperationCancelUrl);
    button.disabled = !isAllowed;
    button.classList.toggle("disabled", !isAllowed);
    button.title = isAllowed
      ? firmware.text("cancel.title", "Stop this upgrade before the device is flashed")
      : refusal(percent);
  }

  function refusal(percent) {
    if (percent < firmware.CANCEL_LIMIT) {
      return firmware.text("cancel.off", "Upgrades cannot be stopped from here");
    }
    return firmware.text(
      "cancel.late",
      "Too late to stop: the device is being flashed, which must not be interrupted",
    );
  }

  function build(operation) {
    const { status } = operation;
    const container = make("div", {
      class: "upgrade-status-container",
      "data-status": status,
      "data-operation-id": operation.id,
    });
    container.append(
      make(
        "span",
        { class: `upgrade-status-${status}` },
        firmware.OPERATION_LABELS[status],
      ),
      bar(status),
    );
    if (["in-progress", "success"].includes(status)) {
      container.append(make("span", { class: "upgrade-progress-text" }));
    }
    if (status === "in-progress") {
      container.append(cancelButton(operation));
    }
    return container;
  }

  /* Draws an operation into a cell; redraws only what differs. */
  function draw(cell, operation) {
    if (!window.VALID_FW_STATUSES.has(operation.status)) {
      return;
    }
    let container = cell.querySelector(".upgrade-status-container");
    if (!container || container.dataset.status !== operation.status) {
      const made = build(operation);
      if (container) {
        container.replaceWith(made);
      } else {
        cell.replaceChildren(made);
      }
      container = made;
    }
    const percent = percentOf(operation);
    move(container, percent);
    const button = container.querySelector(".upgrade-cancel-btn");
    if (button) {
      updateButton(button, percent);
    }
  }

  firmware.statusWidget = { draw, bar, move, percentOf };
})();
