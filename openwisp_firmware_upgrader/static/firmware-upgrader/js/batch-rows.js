"use strict";

/* The rows of a mass upgrade: one for each operation on the present page. */
(function () {
  const firmware = (window.owFirmware = window.owFirmware || {});
  const { make } = firmware;
  const NIL = "00000000-0000-0000-0000-000000000000";
  const FILTERS = ["q", "status", "organization"];
  const MODIFIED = 3;

  function body() {
    return document.querySelector("#result_list tbody");
  }

  function find(id) {
    return document.querySelector(
      `#result_list td.status-cell[data-operation-id="${CSS.escape(String(id))}"]`,
    );
  }

  /* Draws the bar beside the words of a status; there is no percentage in rows. */
  function draw(cell, operation) {
    const { status } = operation;
    if (!window.VALID_FW_STATUSES.has(status)) {
      return;
    }
    const before = cell.dataset.operationStatus;
    let container = cell.querySelector(".upgrade-status-container");
    if (!container || before !== status) {
      const made = make("div", { class: "upgrade-status-container" });
      made.append(firmware.statusWidget.bar(status));
      if (container) {
        container.replaceWith(made);
      } else {
        cell.append(made);
      }
      container = made;
    }
    firmware.statusWidget.move(container, firmware.statusWidget.percentOf(operation));
    cell.dataset.operationStatus = status;
    word(cell, status);
  }

  function word(cell, status) {
    let content = cell.querySelector(".status-content");
    if (!content) {
      content = make("div", { class: "status-content" });
      cell.prepend(content);
    }
    const label = firmware.OPERATION_LABELS[status];
    if (content.textContent.trim() !== label) {
      content.textContent = label;
    }
  }

  function drawModified(cell, operation) {
    const shown = window.getFormattedDateTimeString(operation.modified);
    const target = cell.parentElement.children[MODIFIED];
    if (target && shown) {
      const time = target.querySelector(".modified-content") || target;
      time.textContent = shown;
    }
  }

  function drawModel(cell, operation) {
    const place = cell.parentElement.querySelector(".device-model");
    if (place && operation.device_model) {
      place.textContent = operation.device_model;
    }
  }

  function drawLine(cell, operation, moved) {
    const place = cell.querySelector(".operation-last-line");
    if (place && typeof operation.log === "string") {
      place.textContent = operation.log.trim().split("\n").pop();
    } else if (place && moved) {
      // it belongs to the status before, the new one comes with the whole state
      place.textContent = "";
    }
  }

  /* What an operation is doing and waits for; nothing once it has ended. */
  function drawNow(cell, operation) {
    const place = cell.querySelector(".operation-now");
    if (!place) {
      return;
    }
    const phase = place.querySelector(".operation-phase");
    firmware.phaseView.drawIn(phase, operation);
    // a row that was added here does not know its phase before the page has asked
    place.hidden = firmware.isFinished(operation.status) || phase.textContent === "";
    if (Number.isInteger(operation.attempts)) {
      const number = operation.attempts;
      const words = firmware.text("attempts", "attempts: %(number)s", { number });
      place.querySelector(".operation-attempts").textContent = number ? `, ${words}` : "";
    }
  }

  /* Updates the row of an operation; false when the page has none. */
  function update(operation) {
    const cell = find(operation.id);
    if (!cell) {
      return false;
    }
    const moved = cell.dataset.operationStatus !== operation.status;
    draw(cell, operation);
    drawModified(cell, operation);
    drawModel(cell, operation);
    drawLine(cell, operation, moved);
    drawNow(cell, operation);
    if (moved) {
      markFilter(operation.status);
    }
    return true;
  }

  /* A row whose new status the filter leaves out stays, the page says so. */
  function markFilter(status) {
    const wanted = new URLSearchParams(window.location.search).get("status");
    if (wanted && wanted !== status) {
      firmware.batchNotice();
    }
  }

  function isFiltered() {
    const query = new URLSearchParams(window.location.search);
    return FILTERS.some((name) => query.get(name));
  }

  function hasRoom() {
    const table = document.getElementById("result_list");
    const limit = Number(table.dataset.rowsPerPage || 20);
    const isOnlyPage = !document.querySelector(".pagination a");
    return isOnlyPage && body().querySelectorAll("td.status-cell").length < limit;
  }

  function linkTo(url, pk, name, words) {
    const link = make("a", { class: name }, words);
    if (url) {
      link.href = url.replace(NIL, encodeURIComponent(pk));
    }
    return link;
  }

  function secondLine(...content) {
    return make("div", { class: "second-line" }, ...content);
  }

  function deviceCell({ id, device_id, device_name }) {
    const url = window.owDeviceUpgradeOperationUrl;
    const deviceUrl = (firmware.pageData("ow-firmware-batch") || {}).device_url;
    const words = firmware.text("batch.device", "open the device");
    return make(
      "td",
      {},
      linkTo(url, id, "device-link", String(device_name)),
      secondLine(
        make("span", { class: "device-model" }),
        " · ",
        linkTo(deviceUrl, device_id, "device-page-link", words),
      ),
    );
  }

  function statusCell({ id, status }) {
    return make(
      "td",
      {
        class: "status-cell",
        "data-operation-id": id,
        "data-operation-status": status,
      },
      secondLine(
        make(
          "span",
          { class: "operation-now" },
          make("span", { class: "operation-phase" }),
          make("span", { class: "operation-attempts" }),
          ". ",
        ),
        make("span", { class: "operation-last-line" }),
      ),
    );
  }

  function rowOf(operation) {
    const number = body().querySelectorAll("td.status-cell").length;
    return make(
      "tr",
      { class: number % 2 ? "row2" : "row1" },
      deviceCell(operation),
      statusCell(operation),
      make("td", {}, operation.image_name || firmware.text("none", "None")),
      make("td", {}),
    );
  }

  /* Adds a row for an operation that is new, if the present page is its place. */
  function add(operation) {
    const isKnown = operation.device_name && operation.device_id;
    if (!isKnown || !body()) {
      return;
    }
    if (isFiltered() || !hasRoom()) {
      firmware.batchNotice();
      return;
    }
    const placeholder = body().querySelector("td[colspan]");
    if (placeholder) {
      placeholder.parentElement.remove();
    }
    body().append(rowOf(operation));
    update(operation);
  }

  /* Draws what the server has rendered. */
  function drawRendered() {
    document.querySelectorAll("#result_list tbody td.status-cell").forEach((cell) =>
      draw(cell, {
        id: cell.dataset.operationId,
        status: cell.dataset.operationStatus,
        progress: cell.dataset.operationProgress,
      }),
    );
  }

  function anySuccess() {
    return Boolean(
      document.querySelector(
        '#result_list td.status-cell[data-operation-status="success"]',
      ),
    );
  }

  firmware.batchRows = { update, add, drawRendered, anySuccess };

  /* Says that the list no longer is what the server would show. */
  firmware.batchNotice = function () {
    if (document.querySelector(".ow-list-changed") || !body()) {
      return;
    }
    const link = make(
      "a",
      { href: window.location.href },
      firmware.text("batch.reload", "Reload the list"),
    );
    const words = firmware.text("batch.changed", "The list has changed meanwhile.");
    const notice = make("p", { class: "ow-list-changed", role: "status" }, words, " ");
    notice.append(link);
    document.getElementById("result_list").before(notice);
  };
})();
