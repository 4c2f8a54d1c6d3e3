"""Runs the parts of the test suite, repeats what may have met a busy machine."""
