"""The page of a build, and the mass upgrades launched from it."""
