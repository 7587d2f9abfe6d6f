"""From the directory through the guard into the mirror, one transaction at a time."""
