"use strict";

/* Keeps a page up to date: by its websocket, and by polling while there is none. */
(function () {
  const firmware = (window.owFirmware = window.owFirmware || {});
  const POLL_EVERY = 10000;
  const SILENCE = 8000;
  const GONE = [401, 403, 404];

  class Connection {
    /* options: path, request (what asks for the state), policy, stateUrl,
     * receive (gets each message) */
    constructor(options) {
      this.options = options;
      this.lostSince = Date.now();
      this.timer = null;
      this.watch = null;
    }

    start() {
      const host = window.getFirmwareUpgraderApiHost();
      if (host) {
        this.socket = this.makeSocket(host);
        this.watch = window.setTimeout(() => this.lost(), SILENCE);
        this.socket.open();
      } else {
        this.lost();
      }
      return this.socket || null;
    }

    makeSocket(host) {
      const address = `${window.getWebSocketProtocol()}${host}${this.options.path}`;
      const socket = new window.ReconnectingWebSocket(address, null, {
        debug: false,
        automaticOpen: false,
        timeoutInterval: 7000,
        ...this.options.policy,
      });
      socket.addEventListener("open", () => this.opened());
      socket.addEventListener("close", () => this.lost());
      socket.addEventListener("message", (event) => this.parse(event.data));
      return socket;
    }

    get isOpen() {
      return Boolean(this.socket) && this.socket.readyState === WebSocket.OPEN;
    }

    opened() {
      this.wasOpen = true;
      window.clearTimeout(this.watch);
      window.clearInterval(this.timer);
      this.timer = null;
      firmware.notice.hide();
      this.requestState();
    }

    /* Asks for the present state, by whatever way there is. */
    requestState() {
      if (this.isOpen) {
        this.socket.send(JSON.stringify(this.options.request()));
      } else {
        this.poll();
      }
    }

    lost() {
      if (this.timer !== null) {
        return;
      }
      firmware.notice.show("lost");
      this.timer = window.setInterval(() => this.poll(), POLL_EVERY);
      if (!this.wasOpen) {
        this.poll();
      }
    }

    parse(data) {
      let message;
      try {
        message = JSON.parse(data);
      } catch (error) {
        console.error("A live update is no JSON:", error);
        return;
      }
      this.options.receive(message);
    }

    async poll() {
      if (!this.options.stateUrl) {
        return;
      }
      let response;
      try {
        response = await fetch(this.options.stateUrl(), {
          credentials: "same-origin",
          headers: { Accept: "application/json" },
        });
      } catch (error) {
        firmware.notice.show("unreachable");
        return;
      }
      await this.polled(response);
    }

    async polled(response) {
      if (GONE.includes(response.status) || response.redirected) {
        window.clearInterval(this.timer);
        firmware.notice.show("gone");
        return;
      }
      if (!response.ok) {
        firmware.notice.show("unreachable");
        return;
      }
      const found = await response.json();
      [].concat(found.messages || found).forEach(this.options.receive);
      if (!this.isOpen) {
        firmware.notice.show("polling");
      }
    }
  }

  /* Connects a page, see Connection; returns the connection. */
  firmware.connect = function (options) {
    const connection = new Connection(options);
    connection.start();
    return connection;
  };

  /* Returns a function that hands messages to handlers by their type. */
  firmware.dispatcher = function (handlers) {
    return function (message) {
      const kind = message && message.type;
      if (Object.prototype.hasOwnProperty.call(handlers, kind)) {
        handlers[kind](message);
      }
    };
  };
})();
