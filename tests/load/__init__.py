"""Measuring speed: the floors, the peers and the goals, everything interleaved in one run.

`python -m tests.load` writes one table of medians and ratios, and `docs/performance.md` if asked to.  No test is
in here: a benchmark is a program to run, never a timed assertion.
"""
