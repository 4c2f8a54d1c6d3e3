"use strict";

/* Statuses, texts and small helpers that the scripts of all pages share. */
(function () {
  const firmware = (window.owFirmware = window.owFirmware || {});
  const CANCEL_LIMIT = 65;

  function translated(text) {
    return window.gettext ? window.gettext(text) : text;
  }

  /* Returns what a json_script of the page holds, null without it. */
  function pageData(id) {
    const element = document.getElementById(id);
    return element ? JSON.parse(element.textContent) : null;
  }

  let labels = null;

  /* Returns a text of the page in the language of the user.
   * fallback is English, values fill what stands like %(this)s. */
  function text(key, fallback, values) {
    labels = labels || pageData("ow-firmware-labels");
    const found = (labels && labels[key]) || translated(fallback);
    return found.replace(/%\((\w+)\)s/g, (whole, name) =>
      values && name in values ? String(values[name]) : whole,
    );
  }

  /* Returns a new element; children may be texts, which are never HTML. */
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) =>
      element.setAttribute(name, value),
    );
    element.append(...children);
    return element;
  }

  const STATUS = {
    IDLE: "idle",
    IN_PROGRESS: "in-progress",
    SUCCESS: "success",
    FAILED: "failed",
    CANCELLED: "cancelled",
    ABORTED: "aborted",
  };

  function displayed() {
    return {
      IN_PROGRESS: text("status.in-progress", "in progress"),
      SUCCESS: text("status.success", "success"),
      FAILED: text("status.failed", "failed"),
      CANCELLED: text("status.cancelled", "cancelled"),
      ABORTED: text("status.aborted", "aborted"),
      IDLE: text("batch.idle", "idle"),
      COMPLETED_SUCCESSFULLY: text("batch.success", "completed successfully"),
      COMPLETED_WITH_FAILURES: text("batch.failed", "completed with some failures"),
      COMPLETED_WITH_CANCELLATIONS: text(
        "batch.cancelled",
        "completed with some cancellations",
      ),
    };
  }

  const CSS_CLASSES = {
    IDLE: "idle",
    IN_PROGRESS: "in-progress",
    SUCCESS: "success",
    COMPLETED_SUCCESSFULLY: "completed-successfully",
    PARTIAL_SUCCESS: "partial-success",
    FAILED: "failed",
    CANCELLED: "cancelled",
    ABORTED: "aborted",
  };

  const VALID = ["in-progress", "success", "failed", "cancelled", "aborted"];

  function operationLabels(display) {
    return {
      "in-progress": display.IN_PROGRESS,
      success: display.SUCCESS,
      failed: display.FAILED,
      cancelled: display.CANCELLED,
      aborted: display.ABORTED,
    };
  }

  function batchLabels(display) {
    return {
      idle: display.IDLE,
      "in-progress": display.IN_PROGRESS,
      success: display.COMPLETED_SUCCESSFULLY,
      failed: display.COMPLETED_WITH_FAILURES,
      cancelled: display.COMPLETED_WITH_CANCELLATIONS,
    };
  }

  const GROUPS = {
    COMPLETED: new Set([
      STATUS.SUCCESS,
      STATUS.FAILED,
      STATUS.CANCELLED,
      STATUS.ABORTED,
    ]),
    IN_PROGRESS: new Set([STATUS.IN_PROGRESS]),
    SUCCESS: new Set([STATUS.SUCCESS]),
    FAILURE: new Set([STATUS.FAILED, STATUS.CANCELLED, STATUS.ABORTED]),
  };

  const HELPERS = {
    isCompleted: (status) => GROUPS.COMPLETED.has(status),
    isInProgress: (status) => GROUPS.IN_PROGRESS.has(status),
    isSuccess: (status) => GROUPS.SUCCESS.has(status),
    isFailure: (status) => GROUPS.FAILURE.has(status),
    isValid: (status) => VALID.includes(status),
  };

  /* Returns a percentage from 0 to 100; without one, the end for what ended. */
  function normalizeProgress(progress, status) {
    const number = Number(progress);
    if (progress === null || progress === undefined || Number.isNaN(number)) {
      return HELPERS.isCompleted(status) ? 100 : 0;
    }
    return Math.min(100, Math.max(0, Math.round(number)));
  }

  function escapeHtml(value) {
    const element = document.createElement("div");
    element.textContent = value === null || value === undefined ? "" : String(value);
    return element.innerHTML.replace(/"/g, "&quot;").replace(/'/g, "&#39;");
  }

  function renderProgressBarHtml(progress, statusClass, showText) {
    const percent = normalizeProgress(progress, statusClass);
    const shown = showText
      ? `<span class="upgrade-progress-text">${percent}%</span>`
      : "";
    return (
      `<div class="upgrade-progress-bar" role="progressbar" aria-valuemin="0" ` +
      `aria-valuemax="100" aria-valuenow="${percent}">` +
      `<div class="upgrade-progress-fill ${escapeHtml(statusClass)}" ` +
      `style="width: ${percent}%"></div></div>${shown}`
    );
  }

  function getWebSocketProtocol() {
    return window.location.protocol === "https:" ? "wss://" : "ws://";
  }

  /* Returns the host of the websockets, null (and says so) when the page has none. */
  function getFirmwareUpgraderApiHost() {
    const known = window.owFirmwareUpgraderApiHost;
    if (known && known.host) {
      return known.host;
    }
    console.error("owFirmwareUpgraderApiHost is not defined, there are no live updates");
    return null;
  }

  const FORMAT = {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "numeric",
    minute: "numeric",
  };

  function getFormattedDateTimeString(value) {
    const moment = new Date(value);
    if (!value || Number.isNaN(moment.getTime())) {
      return "";
    }
    try {
      return moment.toLocaleString(window.djangoLocale || "en-us", FORMAT);
    } catch (error) {
      // a language code of Django that browsers do not know
      return moment.toLocaleString("en-us", FORMAT);
    }
  }

  function isScrolledToBottom(element) {
    return element.scrollHeight - element.scrollTop - element.clientHeight < 2;
  }

  function scrollToBottom(element) {
    element.scrollTop = element.scrollHeight;
  }

  /* Shows what belongs to a status only, such as the button that retries. */
  function showByStatus(place, status) {
    place.querySelectorAll("[data-when-status]").forEach(function (element) {
      element.hidden = !element.dataset.whenStatus.split(" ").includes(status);
    });
  }

  Object.assign(firmware, {
    CANCEL_LIMIT,
    showByStatus,
    pageData,
    text,
    make,
    isFinished: HELPERS.isCompleted,
  });

  // the names that other code uses
  Object.assign(window, {
    FW_UPGRADE_STATUS: STATUS,
    FW_UPGRADE_CSS_CLASSES: CSS_CLASSES,
    VALID_FW_STATUSES: new Set(VALID),
    FW_STATUS_GROUPS: GROUPS,
    FW_STATUS_HELPERS: HELPERS,
    STATUSES_WITH_FULL_PROGRESS: new Set(GROUPS.COMPLETED),
    normalizeProgress,
    renderProgressBarHtml,
    getWebSocketProtocol,
    escapeHtml,
    getFirmwareUpgraderApiHost,
    getFormattedDateTimeString,
    isScrolledToBottom,
    scrollToBottom,
  });

  /* Publishes what depends on texts of the page. */
  function publishTexts() {
    const display = displayed();
    const shown = operationLabels(display);
    const words = Object.values(shown);
    firmware.OPERATION_LABELS = shown;
    firmware.BATCH_LABELS = batchLabels(display);
    window.FW_UPGRADE_DISPLAY_STATUS = display;
    window.VALID_FW_DISPLAY_STATUSES = new Set(words);
    window.ALL_VALID_FW_STATUSES = new Set([...VALID, ...words]);
    window.STATUS_TO_CSS_CLASS = Object.fromEntries(
      VALID.flatMap((status) => [
        [status, status],
        [shown[status], status],
      ]),
    );
  }

  publishTexts();
  // a script in the head runs before the page brings its texts
  document.addEventListener("DOMContentLoaded", publishTexts);
})();
