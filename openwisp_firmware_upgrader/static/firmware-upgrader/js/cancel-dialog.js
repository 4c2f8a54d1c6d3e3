"use strict";

/* The dialog that asks before an upgrade is cancelled, and the request after it. */
(function () {
  const firmware = (window.owFirmware = window.owFirmware || {});
  const { make } = firmware;
  const ID = "ow-cancel-confirmation-modal";
  const NIL = "00000000-0000-0000-0000-000000000000";
  let opener = null;
  let operationId = null;

  function buttons() {
    const confirm = make(
      "button",
      { type: "button", class: "button ow-cancel-btn-confirm ow-dialog-action" },
      firmware.text("dialog.confirm", "Yes, stop it"),
    );
    const dismiss = make(
      "button",
      { type: "button", class: "button ow-dialog-close" },
      firmware.text("dialog.dismiss", "No, go on"),
    );
    confirm.addEventListener("click", confirmed);
    dismiss.addEventListener("click", close);
    return make("div", { class: "ow-dialog-buttons" }, confirm, dismiss);
  }

  function cornerButton() {
    const corner = make(
      "button",
      {
        type: "button",
        class: "ow-dialog-close-x",
        "aria-label": firmware.text("dialog.close", "Close"),
      },
      "×",
    );
    corner.addEventListener("click", close);
    return corner;
  }

  function build() {
    const title = make(
      "h2",
      { class: "ow-cancel-confirmation-title", id: `${ID}-title` },
      firmware.text("dialog.title", "Stop upgrade operation"),
    );
    const question = make(
      "p",
      { id: `${ID}-question` },
      firmware.text(
        "dialog.question",
        "Do you want to stop this upgrade? The device keeps its present firmware.",
      ),
    );
    const box = make("div", { class: "ow-dialog-box" });
    box.append(cornerButton(), title, question, buttons());
    const modal = make(
      "div",
      {
        id: ID,
        class: "ow-dialog ow-hide",
        role: "dialog",
        "aria-modal": "true",
        "aria-labelledby": title.id,
        "aria-describedby": question.id,
      },
      box,
    );
    modal.addEventListener("click", (event) => event.target === modal && close());
    modal.addEventListener("keydown", keyPressed);
    document.body.append(modal);
    return modal;
  }

  function keyPressed(event) {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (event.key === "Tab") {
      keepFocus(event);
    }
  }

  function keepFocus(event) {
    const inside = [...document.getElementById(ID).querySelectorAll("button")];
    const edge = event.shiftKey ? inside[0] : inside[inside.length - 1];
    if (document.activeElement === edge) {
      event.preventDefault();
      (event.shiftKey ? inside[inside.length - 1] : inside[0]).focus();
    }
  }

  function open(button) {
    opener = button;
    operationId = button.dataset.operationId;
    const modal = document.getElementById(ID) || build();
    modal.classList.remove("ow-hide");
    modal.querySelector(".ow-dialog-close").focus();
  }

  function close() {
    document.getElementById(ID).classList.add("ow-hide");
    if (opener && opener.isConnected) {
      opener.focus();
    }
  }

  function confirmed() {
    close();
    cancel(operationId);
  }

  function overlay(shown) {
    const element = document.getElementById("ow-loading");
    if (element) {
      element.style.display = shown ? "block" : "none";
    }
  }

  async function cancel(id) {
    overlay(true);
    let reason = "";
    try {
      const response = await post(window.owUpgradeOperationCancelUrl.replace(NIL, id));
      reason = response.ok ? null : await explanation(response);
    } catch (error) {
      console.warn("The upgrade could not be cancelled:", error);
    }
    overlay(false);
    if (reason !== null) {
      window.alert(failure(reason));
    }
  }

  function post(url) {
    const token = document.querySelector("input[name=csrfmiddlewaretoken]");
    return fetch(url, {
      method: "POST",
      credentials: "include",
      headers: { "X-CSRFToken": token ? token.value : "", Accept: "application/json" },
    });
  }

  async function explanation(response) {
    try {
      const content = await response.json();
      return String(content.error || content.detail || "");
    } catch (error) {
      return "";
    }
  }

  function failure(reason) {
    const words = firmware.text(
      "cancel.failed",
      "The upgrade could not be stopped. Reload the page to see its present state.",
    );
    return reason ? `${words}\n${reason}` : words;
  }

  firmware.cancelDialog = { open, close };
})();
