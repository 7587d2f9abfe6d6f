"""A verb that is a service."""

import argparse
import logging

NAME = "daemonlike"
HELP = "serve nothing"
SERVICE = True


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bug", action="store_true")


def run(args: argparse.Namespace) -> int:
    logging.getLogger("colocroute.x").info("started")
    if args.bug:
        raise KeyError("bug")
    return 0
