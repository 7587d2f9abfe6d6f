"""Mail addresses, and one pure function for each map: `(view, key) -> answer`."""
