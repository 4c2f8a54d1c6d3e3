"use strict";

/* Tells beside the lines of a log when they were stored.
 * The times are no text of the log: they are drawn by the stylesheet. */
(function () {
  const firmware = (window.owFirmware = window.owFirmware || {});
  const PAIRS = /[\ud800-\udbff][\udc00-\udfff]/g;
  const CLOCK = {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  };
  const WHOLE = { dateStyle: "full", timeStyle: "long" };
  // log element -> seconds since 1970 by the place of a line
  const known = new WeakMap();

  /* Returns the length of a text as databases count it. */
  function lengthOf(text) {
    return text.length - (text.match(PAIRS) || []).length;
  }

  /* Takes over what the server tells; returns whether it is new. */
  function learn(element, pairs) {
    if (!pairs) {
      return false;
    }
    const before = known.get(element) || new Map();
    const isNew =
      before.size !== pairs.length ||
      pairs.some(([place, seconds]) => before.get(place) !== seconds);
    known.set(element, new Map(pairs));
    return isNew;
  }

  /* Notes when a line came that was heard of live. */
  function note(element, place, timestamp) {
    const seconds = Math.floor(Date.parse(timestamp) / 1000);
    if (!Number.isNaN(seconds)) {
      known.set(element, (known.get(element) || new Map()).set(place, seconds));
    }
  }

  function written(moment, format) {
    try {
      return moment.toLocaleString(window.djangoLocale || "en-us", format);
    } catch (error) {
      // a language code of Django that browsers do not know
      return moment.toLocaleString("en-us", format);
    }
  }

  /* Returns the mark of the line at a place, none when its time is not known. */
  function at(element, place) {
    const seconds = known.has(element) ? known.get(element).get(place) : undefined;
    if (seconds === undefined) {
      return [];
    }
    element.classList.add("ow-has-times");
    const moment = new Date(seconds * 1000);
    const mark = firmware.make("time", {
      class: "ow-log-time",
      datetime: moment.toISOString(),
      title: written(moment, WHOLE),
      "data-time": written(moment, CLOCK),
    });
    return [mark];
  }

  firmware.logTimes = { at, learn, lengthOf, note };
})();
