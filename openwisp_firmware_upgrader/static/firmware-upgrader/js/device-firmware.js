"use strict";

/* The firmware tab of a device: shows the options once an image is chosen. */
(function ($) {
  const IMAGE = "#id_devicefirmware-0-image";
  const OPTIONS = "id_devicefirmware-0-upgrade_options";

  function wrappers() {
    return $("#devicefirmware-group .jsoneditor-wrapper");
  }

  function isFilled(textarea) {
    return !["", "null"].includes(textarea.value.trim());
  }

  function show() {
    const textarea = document.getElementById(OPTIONS);
    if (!textarea) {
      return;
    }
    if (!document.getElementById(`${OPTIONS}_jsoneditor`)) {
      django._loadJsonSchemaUi(textarea, false, window.firmwareUpgraderSchema, true);
    }
    wrappers().show();
  }

  function startOptions() {
    const textarea = document.getElementById(OPTIONS);
    if (textarea && isFilled(textarea)) {
      show();
    } else {
      wrappers().hide();
    }
  }

  function chosen(select) {
    if (select.value) {
      show();
    } else {
      wrappers().hide();
    }
  }

  $(function () {
    const hasSchema = Boolean(window.firmwareUpgraderSchema);
    if (hasSchema) {
      startOptions();
    }
    $("#devicefirmware-group").on("change", IMAGE, function () {
      if (hasSchema) {
        chosen(this);
      }
      $(document).trigger("ow:image-chosen", [this]);
    });
  });
})(django.jQuery);
