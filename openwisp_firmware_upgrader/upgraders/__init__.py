"""How a device is upgraded."""
