"""Puts the parts together: configuration, directory, mirror, answering, and what is here.  Must not know bytes."""
