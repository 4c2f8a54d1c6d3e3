"use strict";

/* Live progress on the page of a mass upgrade. */
(function () {
  const firmware = window.owFirmware;
  const POLICY = {
    maxReconnectAttempts: 10,
    reconnectInterval: 3000,
    maxReconnectInterval: 30000,
    reconnectDecay: 2,
  };
  const STATE_EVERY = 5000;
  // what changes together is asked for once
  const STATE_AFTER = 500;

  // class of the bar and whether it has a text, by status of the batch
  const BARS = {
    idle: () => ["idle", true],
    "in-progress": () => ["in-progress", true],
    success: () => ["completed-successfully", true],
    cancelled: () => ["cancelled", false],
    failed: () => [
      firmware.batchRows.anySuccess() || countOf("success") > 0
        ? "partial-success"
        : "failed",
      false,
    ],
  };

  function countOf(status) {
    const element = document.querySelector(`[data-count="${status}"]`);
    return element ? Number(element.dataset.value || 0) : 0;
  }

  function statusCell() {
    return document.querySelector(".field-status .readonly");
  }

  function place() {
    const cell = statusCell();
    let element = cell && cell.querySelector(".batch-main-progress");
    if (cell && !element) {
      element = firmware.make("div", { class: "batch-main-progress" });
      cell.append(element);
    }
    return element;
  }

  function percentOf({ status, completed, total, progress }) {
    if (firmware.batchSummary.hasEnded(status)) {
      return 100;
    }
    if (typeof progress === "number") {
      return window.normalizeProgress(progress, status);
    }
    return total ? Math.round((completed / total) * 100) : 0;
  }

  function drawBar(state) {
    const element = place();
    if (!element || !BARS[state.status]) {
      return;
    }
    const [className, hasText] = BARS[state.status]();
    if (element.dataset.look !== className) {
      element.dataset.look = className;
      element.replaceChildren(firmware.statusWidget.bar(className));
      if (hasText) {
        element.append(firmware.make("span", { class: "upgrade-progress-text" }));
      }
    }
    firmware.statusWidget.move(element, percentOf(state));
  }

  /* The words of the status are the text before the bar. */
  function drawWords(state) {
    const cell = statusCell();
    const label = firmware.BATCH_LABELS[state.status];
    if (!cell || !label) {
      return;
    }
    let text = [...cell.childNodes].find((node) => node.nodeType === Node.TEXT_NODE);
    if (!text) {
      text = document.createTextNode("");
      cell.prepend(text);
    }
    if (text.nodeValue.trim() !== label) {
      text.nodeValue = label;
      firmware.announce(label);
    }
  }

  function drawCompleted({ completed, total }) {
    const cell = document.querySelector(".field-completed .readonly");
    if (cell && Number.isInteger(completed) && Number.isInteger(total)) {
      cell.textContent = firmware.text("completed", "%(completed)s out of %(total)s", {
        completed,
        total,
      });
    }
  }

  function drawBatch(state) {
    const form = document.getElementById("batchupgradeoperation_form");
    if (form && state.status) {
      form.dataset.batchStatus = state.status;
    }
    drawWords(state);
    drawBar(state);
    drawCompleted(state);
    firmware.batchSummary.draw(state);
    firmware.showByStatus(document, state.status);
  }

  function progressed(message) {
    const operation = { ...message, id: message.operation_id };
    if (!firmware.batchRows.update(operation)) {
      firmware.batchRows.add(operation);
    }
    askSoon();
  }

  let asked = null;
  let lastAsked = 0;

  /* Asks for the whole state soon, but not again within some seconds. */
  function askSoon() {
    if (asked !== null) {
      return;
    }
    const wait = lastAsked + STATE_EVERY - Date.now();
    asked = window.setTimeout(
      function () {
        asked = null;
        lastAsked = Date.now();
        connection.requestState();
      },
      Math.max(STATE_AFTER, wait),
    );
  }

  const HANDLERS = {
    batch_state: function (message) {
      const { phases = {}, rows = {} } = message;
      (message.operations || []).forEach(function (operation) {
        const { id } = operation;
        firmware.batchRows.update({ ...operation, phase: phases[id], ...rows[id] });
      });
      drawBatch(message.batch_status);
    },
    batch_status: function (message) {
      drawBatch(message);
      askSoon();
    },
    operation_progress: progressed,
    operation_update: ({ operation }) => operation && firmware.batchRows.update(operation),
  };

  function listedIds() {
    const cells = document.querySelectorAll("#result_list td.status-cell");
    return [...cells].map((cell) => cell.dataset.operationId);
  }

  function stateUrl() {
    const element = document.querySelector("[data-state-url]");
    return element ? element.dataset.stateUrl : "";
  }

  let connection = null;

  function start() {
    const found = window.location.pathname.match(
      /\/batchupgradeoperation\/([0-9a-fA-F-]{36})\//,
    );
    if (!found) {
      return;
    }
    const id = found[1];
    window.batchUpgradeId = id;
    firmware.batchRows.drawRendered();
    drawBatch(firmware.pageData("ow-firmware-batch") || {});
    connection = firmware.connect({
      path: `/ws/firmware-upgrader/batch-upgrade-operation/${id}/`,
      policy: POLICY,
      request: () => ({
        type: "request_current_state",
        batch_id: id,
        operations: listedIds(),
      }),
      stateUrl: stateUrl()
        ? () => `${stateUrl()}?${listedIds().map((pk) => `id=${pk}`).join("&")}`
        : null,
      receive: firmware.dispatcher(HANDLERS),
    });
    window.batchUpgradeProgressWebSocket = connection.socket;
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
