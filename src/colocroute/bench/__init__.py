"""Measuring a server as Postfix sees it: requests prepared, sent at a rate or flat out, latencies counted.

Must not know how the server that is measured works, nor its configuration.
"""
