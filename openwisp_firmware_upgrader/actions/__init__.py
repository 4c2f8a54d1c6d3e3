"""What people and tasks do, one verb per file."""
