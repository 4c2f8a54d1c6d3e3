"""Tests of the package; derived apps subclass their classes."""
