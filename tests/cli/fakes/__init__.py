"""Verbs for tests of the frame."""
