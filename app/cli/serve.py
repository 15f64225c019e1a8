"""`slipway serve`: checks the settings, then runs the server's processes (`app.hosting`)."""

from __future__ import annotations

import argparse
import sys

from app import log
from app.cli import announce
from app.cli.folder import add_option, environment_with
from app.cli.terminal import CommandError
from app.hosting.errors import StartError
from app.hosting.server import Server
from app.settings import Settings


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("serve", help="serve the models over HTTP")
    parser.add_argument("--port", metavar="PORT", help="instead of $PORT, by default 8080")
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; returns only where that cannot begin."""
    environment = environment_with(arguments)
    if arguments.port is not None:
        environment["PORT"] = arguments.port
    settings = Settings.from_environment(environment)
    log.configure(settings.log_level)
    try:
        server = Server(settings, environment)
    except StartError as error:
        raise CommandError(str(error), error.status) from None
    announce.start(server.listener, settings)
    sys.stdout.flush()
    return server.run()
