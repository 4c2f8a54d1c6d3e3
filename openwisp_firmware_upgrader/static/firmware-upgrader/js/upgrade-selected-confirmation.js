"use strict";

/* The page that asks before a mass upgrade: shows the editor of the options. */
(function ($) {
  function hideOptions(textarea) {
    const row = textarea && textarea.closest(".form-row, .field-upgrade_options");
    if (row) {
      row.style.display = "none";
    }
  }

  $(function () {
    // the editor takes its icons from here, as on the page of a device
    window.staticUrl =
      window.staticUrl || document.getElementById("content-main").dataset.staticUrl;
    const textarea = document.querySelector('textarea[name="upgrade_options"]');
    if (textarea && window.firmwareUpgraderSchema) {
      django._loadJsonSchemaUi(textarea, false, window.firmwareUpgraderSchema, true);
    } else {
      hideOptions(textarea);
    }
    $("#ow-loading").hide();
  });
})(django.jQuery);
