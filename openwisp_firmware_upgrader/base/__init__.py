"""The abstract models: fields, validation, and leaves that delegate."""
