"""The pages of mass upgrades."""
