"use strict";

/* Explains at once which of the chosen upgrade options exclude each other. */
(function () {
  const firmware = (window.owFirmware = window.owFirmware || {});
  function valuesOf(editor) {
    try {
      return editor.getValue() || {};
    } catch (error) {
      // thrown as a text until the editor is ready
      return {};
    }
  }

  function conflicts(values) {
    const excludes = (window.firmwareUpgraderSchema || {})["x-excludes"] || {};
    return Object.entries(excludes).flatMap(([flag, others]) =>
      values[flag] ? others.filter((other) => values[other]).map((one) => [flag, one]) : [],
    );
  }

  function draw(container, pairs) {
    let place = container.parentElement.querySelector(".ow-options-conflict");
    if (!place) {
      place = firmware.make("div", { class: "ow-options-conflict", role: "alert" });
      container.after(place);
    }
    place.hidden = pairs.length === 0;
    place.replaceChildren(
      ...pairs.map(([one, other]) =>
        firmware.make(
          "p",
          {},
          firmware.text(
            "options.conflict",
            'The "-%(one)s" and "-%(other)s" options cannot be used together, untick one of them.',
            { one, other },
          ),
        ),
      ),
    );
  }

  function check(container) {
    const editor = django._jsonEditors && django._jsonEditors[container.id];
    if (editor) {
      draw(container, conflicts(valuesOf(editor)));
    }
  }

  // the editor keeps the event from bubbling, and takes the value after it
  document.addEventListener(
    "change",
    function (event) {
      const container = event.target.closest('[id$="upgrade_options_jsoneditor"]');
      if (container) {
        window.setTimeout(() => check(container), 0);
      }
    },
    true,
  );
})();
