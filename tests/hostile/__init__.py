"""Attacks and faults, named by their numbers in the catalogue."""
