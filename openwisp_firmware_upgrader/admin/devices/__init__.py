"""What the page of a device shows of its firmware."""
