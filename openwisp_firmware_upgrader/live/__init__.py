"""What pages and programs hear of upgrades as they happen."""
