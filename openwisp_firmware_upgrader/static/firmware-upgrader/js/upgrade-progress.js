"use strict";

/* Live progress on the page of an operation and on the page of a device. */
(function () {
  const firmware = window.owFirmware;
  const POLICY = { maxReconnectAttempts: 5, reconnectInterval: 3000 };
  const RETRY_AFTER = 1000;
  const REASON_LIMIT = 12;

  function idAfter(name) {
    const found = window.location.pathname.match(
      new RegExp(`/${name}/([0-9a-fA-F-]{36})/`),
    );
    return found ? found[1] : null;
  }

  const PAGES = [
    {
      type: "operation",
      anchor: "#upgradeoperation_form",
      id: () => idAfter("upgradeoperation"),
      path: "upgrade-operation",
      scopeOf: (operation) =>
        operation.id === window.upgradePageId
          ? document.getElementById("upgradeoperation_form")
          : null,
    },
    {
      type: "device",
      anchor: "#upgradeoperation_set-group",
      id: () => idAfter("device") || idAfter("[a-z_]+"),
      path: "device",
      scopeOf: (operation) => deviceRow(operation.id),
    },
  ];

  /* Returns the row of an operation: its hidden id stands beside its fields. */
  function deviceRow(id) {
    const inputs = document.querySelectorAll(
      'input[type="hidden"][name^="upgradeoperation_set-"][name$="-id"]',
    );
    const found = [...inputs].find((input) => input.value === id);
    return found ? found.parentElement : null;
  }

  function cell(scope, name) {
    return scope.querySelector(`.field-${name} .readonly`);
  }

  function drawStatus(scope, operation) {
    const place = cell(scope, "status");
    if (!place) {
      return;
    }
    const before = place.querySelector(".upgrade-status-container");
    const wasRunning = before && before.dataset.status === "in-progress";
    firmware.statusWidget.draw(place, operation);
    showParts(scope, operation.status);
    if (wasRunning && firmware.isFinished(operation.status)) {
      firmware.announce(firmware.OPERATION_LABELS[operation.status]);
    }
  }

  /* The newest operation of a device comes first, its status counts for the tab. */
  function isNewest(scope) {
    return scope === document.querySelector("#upgradeoperation_set-group .inline-related");
  }

  function showParts(scope, status) {
    const isWhole = scope.id === "upgradeoperation_form" || isNewest(scope);
    firmware.showByStatus(isWhole ? document : scope, status);
    if (firmware.isFinished(status)) {
      scope
        .querySelectorAll('input[name$="-DELETE"]:disabled')
        .forEach((box) => (box.disabled = false));
    }
  }

  /* Puts why an operation failed above everything: the end of its log says so. */
  function drawReason(scope, operation, lines) {
    const place = document.getElementById("operation-facts");
    if (!place || scope.id !== "upgradeoperation_form") {
      return;
    }
    const { status } = operation;
    const isShown = firmware.isFinished(status) && status !== "success";
    let element = place.querySelector(".operation-reason");
    if (element && !isShown) {
      element.remove();
    } else if (isShown) {
      element = element || firmware.make("p", { role: "status" });
      element.className = `operation-reason operation-reason-${status}`;
      const label = firmware.make("strong", {}, firmware.OPERATION_LABELS[status], ":");
      const end = operation.log.trim().split("\n").slice(-(lines || 1));
      element.replaceChildren(label, " ", end.slice(0, REASON_LIMIT).join("\n"));
      place.prepend(element);
      // events do not tell how many lines belong to it
      if (!lines) {
        askAgain();
      }
    }
  }

  function drawRest(scope, operation, message) {
    const log = cell(scope, "log");
    if (log && typeof operation.log === "string") {
      firmware.logView.equip(log, `upgrade-${operation.id}`);
      if (!firmware.logView.draw(log, operation, message)) {
        askAgain();
      }
      drawReason(scope, operation, message.reason_lines);
    }
    const modified = cell(scope, "modified");
    const shown = window.getFormattedDateTimeString(operation.modified);
    if (modified && shown) {
      modified.textContent = shown;
    }
  }

  function update(message) {
    const { phase, next_run_in } = message;
    const operation = message.operation && { ...message.operation, phase, next_run_in };
    const scope = operation && page.scopeOf(operation);
    if (!scope) {
      return;
    }
    drawStatus(scope, operation);
    drawRest(scope, operation, message);
    firmware.phaseView.draw(scope, operation);
  }

  let asked = null;

  /* A part of a long log is missing: asks for all of it, once in a while. */
  function askAgain() {
    if (asked === null) {
      asked = window.setTimeout(function () {
        asked = null;
        connection.requestState();
      }, RETRY_AFTER);
    }
  }

  /* Draws what the server has rendered; returns whether there was anything. */
  function drawRendered() {
    const known = firmware.pageData("ow-firmware-operations") || [];
    const drawn = known.filter(function (operation) {
      const scope = page.scopeOf(operation);
      if (scope) {
        drawStatus(scope, operation);
        firmware.phaseView.draw(scope, operation);
        const log = cell(scope, "log");
        if (log) {
          firmware.logView.equip(log, `upgrade-${operation.id}`);
          firmware.logView.stamp(log, operation.log_times);
        }
      }
      return Boolean(scope);
    });
    return drawn.length > 0;
  }

  function stateUrl() {
    const element = document.querySelector("[data-state-url]");
    return element ? element.dataset.stateUrl : "";
  }

  let page = null;
  let connection = null;

  function start() {
    page = PAGES.find(({ anchor }) => document.querySelector(anchor));
    const id = page && page.id();
    if (!id) {
      return;
    }
    window.upgradePageType = page.type;
    window.upgradePageId = id;
    if (!drawRendered()) {
      window.setTimeout(drawRendered, RETRY_AFTER);
    }
    const url = stateUrl();
    connection = firmware.connect({
      path: `/ws/firmware-upgrader/${page.path}/${id}/`,
      policy: POLICY,
      request: () => ({
        type: "request_current_state",
        [`${page.type}_id`]: id,
        log_times: true,
      }),
      stateUrl: url ? () => url : null,
      receive: firmware.dispatcher({ operation_update: update }),
    });
    window.upgradeProgressWebSocket = connection.socket;
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
