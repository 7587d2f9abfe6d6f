"""The mirror on disk, shared by all processes; the only package that imports lmdb."""
