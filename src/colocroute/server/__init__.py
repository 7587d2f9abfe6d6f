"""Listeners, connections, the worker loop and the supervisor; what is answered is handed in."""
