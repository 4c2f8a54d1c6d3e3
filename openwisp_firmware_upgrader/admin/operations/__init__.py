"""The pages of upgrade operations."""
