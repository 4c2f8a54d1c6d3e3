"use strict";

/* The devices a mass upgrade would find: follow the filters, the search, the pages. */
(function ($) {
  const FIELDS = ["group", "location"];
  const PAUSE = 300;
  let place = null;
  let newest = 0;
  let timer = null;

  function query(page) {
    const search = new URLSearchParams({ page });
    FIELDS.forEach(function (name) {
      const field = document.getElementById(`id_${name}`);
      if (field && field.value) {
        search.set(name, field.value);
      }
    });
    search.set("q", document.getElementById("mass-upgrade-q").value.trim());
    return search;
  }

  /* Adds the button that the server leaves out while the two would do the same. */
  function addRelatedButton() {
    const name = "upgrade_related";
    if (document.querySelector(`input[name="${name}"]`)) {
      return;
    }
    const value = window.owFirmware.text(
      "candidates.related",
      "Upgrade only devices with known firmware",
    );
    const data = { "data-needs": "related firmwareless" };
    const attributes = { type: "submit", class: "special", name, value, ...data };
    const button = window.owFirmware.make("input", attributes);
    document.querySelector('input[name="upgrade_all"]').after(button);
  }

  /* A button that would find nothing cannot be pressed. */
  function drawButtons(counts) {
    if (counts.related && counts.firmwareless) {
      addRelatedButton();
    }
    document.querySelectorAll("[data-needs]").forEach(function (button) {
      const needed = button.dataset.needs.split(" ");
      button.disabled = needed.some((name) => !counts[name]);
    });
  }

  function failed() {
    const words = window.owFirmware.text(
      "candidates.failed",
      "The devices could not be loaded, what is shown may be out of date. Reload the page.",
    );
    const notice = window.owFirmware.make("p", { class: "errornote" }, words);
    place.querySelector(".mass-upgrade-results").replaceChildren(notice);
  }

  async function load(page) {
    newest += 1;
    const mine = newest;
    place.setAttribute("aria-busy", "true");
    let found = null;
    try {
      const response = await fetch(`${place.dataset.url}?${query(page)}`, {
        credentials: "same-origin",
        headers: { Accept: "application/json" },
      });
      found = response.ok ? await response.json() : null;
    } catch (error) {
      console.warn("The devices could not be loaded:", error);
    }
    // somebody may have chosen something else meanwhile
    if (mine === newest) {
      place.removeAttribute("aria-busy");
      draw(found);
    }
  }

  function draw(found) {
    if (!found) {
      failed();
      return;
    }
    // made by our own template, which escapes
    place.querySelector(".mass-upgrade-results").innerHTML = found.html;
    drawButtons(found.counts);
  }

  function soon() {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => load(1), PAUSE);
  }

  $(function () {
    place = document.getElementById("mass-upgrade-candidates");
    if (!place) {
      return;
    }
    $("#id_group, #id_location").on("change", () => load(1));
    $("#mass-upgrade-q").on("input", soon);
    $("#mass-upgrade-search").on("submit", function (event) {
      event.preventDefault();
      load(1);
    });
    $(place).on("click", "button[data-page]", function () {
      load(this.dataset.page);
    });
  });
})(django.jQuery);
