"""What the pages of several models share."""
