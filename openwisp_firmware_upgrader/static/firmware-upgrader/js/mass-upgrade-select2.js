"use strict";

/* Makes selects searchable; those with too many rows load them as one types. */
(function ($) {
  function translated(text) {
    return window.gettext ? window.gettext(text) : text;
  }

  function noResults() {
    const firmware = window.owFirmware;
    const words = "No results found";
    return firmware && firmware.text ? firmware.text("select.none", words) : translated(words);
  }

  function remote(url) {
    return {
      url,
      dataType: "json",
      delay: 250,
      data: (query) => ({ term: query.term || "", page: query.page || 1 }),
      processResults: (found) => ({
        results: found.results,
        pagination: found.pagination || { more: false },
      }),
    };
  }

  /* Gives what select2 shows in place of a select the name of its label. */
  function name(select) {
    const label = document.querySelector(`label[for="${select.id}"]`);
    const shown = document.getElementById(`select2-${select.id}-container`);
    if (label && shown) {
      shown.setAttribute("aria-label", label.textContent.trim());
    }
  }

  function enhance(select) {
    const { placeholder, allowClear, dropdownCssClass, ajaxUrl } = select.dataset;
    const options = {
      placeholder: placeholder || "",
      allowClear: allowClear === "true",
      width: "resolve",
      minimumResultsForSearch: 0,
      language: { noResults },
    };
    if (dropdownCssClass) {
      options.dropdownCssClass = dropdownCssClass;
    }
    if (ajaxUrl) {
      options.ajax = remote(ajaxUrl);
    }
    $(select).select2(options);
    name(select);
  }

  $(function () {
    $(".select2-input").each(function () {
      enhance(this);
    });
  });
})(django.jQuery);
