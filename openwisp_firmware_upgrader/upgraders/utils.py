"""Kept because others import it; empty since 1.0."""
