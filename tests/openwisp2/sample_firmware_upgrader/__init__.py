"""An app that extends the firmware upgrader, as the documentation tells."""
