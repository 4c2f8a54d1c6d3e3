"use strict";

/* Makes the select of an image's type one that can be searched. */
(function () {
  const SELECTS =
    'select[id^="id_firmwareimage_set"][id$="type"]:not([id*="__prefix__"])';

  function enhance() {
    // looked up late: the admin may load jQuery after this file
    const $ = window.django.jQuery;
    $(SELECTS)
      .filter(":not(.select2-hidden-accessible)")
      .each(function () {
        $(this).select2({ dropdownAutoWidth: true });
      });
  }

  document.addEventListener("DOMContentLoaded", enhance);
  // Django tells it when it has added a row
  document.addEventListener("formset:added", enhance);
})();
