"""What people and their tools are shown of upgrades, beside the pages."""
