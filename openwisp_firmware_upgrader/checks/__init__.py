"""System checks: of the settings, and of the state of the migrations."""
