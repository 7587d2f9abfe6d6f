"""`colocroute serve`: runs the service in the foreground, for real or as a demonstration.

Owns the choice between the two; the work is `daemon.service`'s.
"""

import argparse

NAME = "serve"
HELP = "run the service in the foreground"
SERVICE = True
EPILOG = """\
examples:
  colocroute serve --demo
  colocroute serve -c /etc/colocroute/colocroute.toml

SIGHUP reloads the configuration, SIGTERM ends the service within 5 seconds."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.epilog = EPILOG
    parser.add_argument(
        "--demo",
        action="store_true",
        help="serve the white paper's company from a temporary directory; needs no configuration",
    )


def run(args: argparse.Namespace) -> int:
    """Serves until told to stop; returns the exit code."""
    from colocroute.daemon import build, demo, service

    if not args.demo:
        return service.serve(build.load(args.config, for_service=True), args.config)
    with demo.prepared() as prepared:
        config = build.load(prepared.path)
        demo.announce_when_live(prepared, config)
        return service.serve(config, prepared.path)
