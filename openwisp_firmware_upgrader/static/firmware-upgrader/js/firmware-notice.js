"use strict";

/* Says what the choice of an image will do, as soon as it is made. */
(function ($) {
  const firmware = (window.owFirmware = window.owFirmware || {});

  function filled(words, values) {
    return words
      .replace(/%\((\w+)\)s/g, (whole, name) => (name in values ? values[name] : whole))
      .replace(/%%/g, "%");
  }

  function sentences(data, select) {
    const { labels, installed, running } = data;
    const option = select.options[select.selectedIndex];
    const image = option ? option.text : "";
    const isSame = installed && installed.image === select.value;
    const found = [];
    if (!isSame) {
      found.push(filled(labels.will_install, { image }));
    } else if (!installed.installed) {
      found.push(filled(labels.will_repeat, { image }));
    }
    if (found.length && running) {
      found.push(filled(labels.is_running, running));
    }
    return found;
  }

  function draw(data, select) {
    const place = document.getElementById("ow-firmware-notice");
    const found = select.value ? sentences(data, select) : [];
    place.hidden = found.length === 0;
    place.replaceChildren(...found.map((words) => firmware.make("p", {}, words)));
    const { running, labels } = data;
    if (found.length && running && running.url) {
      const link = firmware.make("a", { href: running.url }, labels.see_running);
      place.append(firmware.make("p", {}, link));
    }
  }

  $(document).on("ow:image-chosen", function (event, select) {
    const data = firmware.pageData("ow-firmware-notice-data");
    if (data && document.getElementById("ow-firmware-notice")) {
      draw(data, select);
    }
  });
})(django.jQuery);
