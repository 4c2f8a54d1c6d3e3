"""Upgrades under random faults, judged by what the devices remember.

``python tests/chaos_tests/run.py SEED`` runs one seed and, when it fails, finds
the smallest list of faults that still fails.
"""
