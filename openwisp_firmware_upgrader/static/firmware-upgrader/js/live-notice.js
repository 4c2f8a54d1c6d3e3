"use strict";

/* Tells that live updates stopped, and announces changes to screen readers. */
(function () {
  const firmware = (window.owFirmware = window.owFirmware || {});

  const TEXTS = {
    lost: ["notice.lost", "Live updates are interrupted, reconnecting…"],
    polling: [
      "notice.polling",
      "No live connection: the page is updated every 10 seconds.",
    ],
    unreachable: [
      "notice.unreachable",
      "The server cannot be reached, the page may be out of date. Trying again…",
    ],
    gone: [
      "notice.gone",
      "The page is not updated any more. Reload it, and log in again if asked to.",
    ],
  };

  function region(id, className) {
    let element = document.getElementById(id);
    if (!element) {
      element = document.createElement("div");
      element.id = id;
      element.className = className;
      element.setAttribute("role", "status");
      element.setAttribute("aria-live", "polite");
      const place = document.getElementById("content") || document.body;
      place.prepend(element);
    }
    return element;
  }

  function show(kind) {
    const element = region("ow-live-notice", "ow-live-notice");
    const [key, fallback] = TEXTS[kind];
    const words = firmware.text(key, fallback);
    element.dataset.kind = kind;
    element.classList.remove("ow-hide");
    if (element.textContent !== words) {
      element.textContent = words;
    }
  }

  function hide() {
    const element = document.getElementById("ow-live-notice");
    if (element) {
      element.classList.add("ow-hide");
      element.textContent = "";
    }
  }

  firmware.notice = { show, hide };

  /* Says something to screen readers only. */
  firmware.announce = function (words) {
    region("ow-live-announcer", "ow-visually-hidden").textContent = words;
  };
})();
