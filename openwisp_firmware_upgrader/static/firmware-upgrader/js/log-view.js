"use strict";

/* Shows the log of an operation: stays at its end, can be copied and saved. */
(function () {
  const firmware = (window.owFirmware = window.owFirmware || {});
  const { make, logTimes } = firmware;
  const COPIED_FOR = 2000;
  // the log of an element, as it was received
  const logs = new WeakMap();

  /* Returns the nodes of lines, each with its time where that is known.
   * place is the number of characters of the log before the first line. */
  function parts(element, lines, place) {
    return lines.split("\n").flatMap(function (line, index) {
      const nodes = [...logTimes.at(element, place), line];
      place += logTimes.lengthOf(line) + 1;
      return index ? [document.createElement("br"), ...nodes] : nodes;
    });
  }

  /* Returns the whole log, null when what is known and the tail leave a gap. */
  function joined(known, operation) {
    const length = operation.log_length;
    if (!length) {
      return operation.log;
    }
    const start = length - operation.log.length;
    return start <= known.length ? known.slice(0, start) + operation.log : null;
  }

  /* Shows the log of an operation; returns false when a part of it is missing.
   * told is the message: when lines were stored, or when it was sent. */
  function draw(element, operation, told) {
    const known = logs.get(element) || "";
    const whole = joined(known, operation);
    const log = whole === null ? operation.log : whole;
    const hasTimes = logTimes.learn(element, told.log_times);
    if (logs.get(element) === log && !hasTimes) {
      return whole !== null;
    }
    if (!hasTimes && known && log.startsWith(`${known}\n`)) {
      grow(element, known, log.slice(known.length + 1), told.timestamp);
    } else {
      const length = operation.log_length || 0;
      const start = whole === null ? length - logTimes.lengthOf(log) : 0;
      element.replaceChildren(...parts(element, log, start));
    }
    logs.set(element, log);
    stayAtEnd(element);
    return whole !== null;
  }

  function grow(element, known, lines, timestamp) {
    const place = logTimes.lengthOf(known) + 1;
    logTimes.note(element, place, timestamp);
    element.append(document.createElement("br"), ...parts(element, lines, place));
  }

  /* Returns the log that the server has rendered. */
  function rendered(element) {
    const nodes = [...element.childNodes];
    return nodes
      .map((node) => (node.nodeName === "BR" ? "\n" : node.textContent))
      .join("");
  }

  /* Adds their times to the lines that the server has rendered. */
  function stamp(element, pairs) {
    if (pairs && pairs.length && !logs.has(element)) {
      draw(element, { log: rendered(element) }, { log_times: pairs });
    }
  }

  function stayAtEnd(element) {
    if (element.dataset.leftEnd !== "yes") {
      window.scrollToBottom(element);
    }
  }

  /* Notes whether somebody scrolled away; a log in a tab that opens goes to its end. */
  function follow(element) {
    element.addEventListener("scroll", function () {
      const left = element.clientHeight && !window.isScrolledToBottom(element);
      element.dataset.leftEnd = left ? "yes" : "no";
    });
    new ResizeObserver(() => stayAtEnd(element)).observe(element);
  }

  function logOf(element) {
    const log = logs.get(element);
    return log === undefined ? rendered(element) : log;
  }

  async function copy(element, button) {
    await navigator.clipboard.writeText(logOf(element));
    const caption = button.textContent;
    button.textContent = firmware.text("log.copied", "Copied");
    window.setTimeout(() => (button.textContent = caption), COPIED_FOR);
  }

  function save(element, name) {
    const url = URL.createObjectURL(new Blob([logOf(element)], { type: "text/plain" }));
    const link = make("a", { href: url, download: `${name}.log` });
    link.click();
    URL.revokeObjectURL(url);
  }

  function button(caption, action) {
    const made = make("button", { type: "button", class: "button" }, caption);
    made.addEventListener("click", () => action(made));
    return made;
  }

  /* Makes a log scroll by keyboard and puts its buttons beside it. */
  function equip(element, name) {
    if (element.dataset.equipped) {
      return;
    }
    element.dataset.equipped = "yes";
    element.tabIndex = 0;
    element.setAttribute("role", "region");
    element.setAttribute("aria-label", firmware.text("log", "Log of the upgrade"));
    const tools = make("div", { class: "ow-log-tools" });
    if (navigator.clipboard) {
      const caption = firmware.text("log.copy", "Copy log");
      tools.append(button(caption, (made) => copy(element, made)));
    }
    const caption = firmware.text("log.download", "Download log");
    tools.append(button(caption, () => save(element, name)));
    (element.closest(".flex-container") || element).after(tools);
    follow(element);
  }

  firmware.logView = { draw, equip, stamp };
})();
