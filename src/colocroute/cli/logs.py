"""Where log lines go, and in what form.

Owns the set-up of `logging` for a process.  Lines go to standard error: with the priority prefixes of
sd-daemon(3) if that is the journal, else with a time.  A command is quiet (warnings and worse, no
tracebacks); a service tells what happens to it (`INFO`); `debug` tells everything.
"""

import logging
import logging.handlers
import os
import sys
from pathlib import Path

SYSLOG_SOCKET = Path("/dev/log")

# sd-daemon(3): syslog priorities
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG_PRIORITY = 7

log = logging.getLogger("colocroute")


class JournalFormatter(logging.Formatter):
    """Each line with its priority, for the journal; the journal knows the time."""

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), _DEBUG_PRIORITY)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


class QuietFormatter(logging.Formatter):
    """One line for a person who gave a command: what, without when, where and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return f"colocroute: {record.levelname.lower()}: {record.getMessage()}"


def setup(*, debug: bool = False, service: bool = False) -> None:
    """Sends the log of this process to standard error; a second call replaces the first."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(debug=debug, service=service))
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(logging.DEBUG if debug else logging.INFO if service else logging.WARNING)
    logging.raiseExceptions = debug  # a log that cannot be written is no reason for a traceback on a terminal


def traceback_to_log(error: BaseException, *, visible: bool) -> str:
    """Leaves the traceback of an internal error where it helps, and says where that is.

    If `visible`, standard error is the place; else the system's log, if there is one.
    """
    if visible:
        log.critical("internal error", exc_info=error)
        return "traceback in the log"
    if not SYSLOG_SOCKET.exists():
        return "run again with --debug for the traceback"
    record = logging.LogRecord(
        log.name,
        logging.CRITICAL,
        __file__,
        0,
        "internal error",
        None,
        (type(error), error, error.__traceback__),
    )
    handler = logging.handlers.SysLogHandler(str(SYSLOG_SOCKET), logging.handlers.SysLogHandler.LOG_MAIL)
    handler.ident = f"colocroute[{os.getpid()}]: "
    handler.handle(record)
    handler.close()
    return "traceback in the system log"


def _formatter(*, debug: bool, service: bool) -> logging.Formatter:
    if _is_journal():
        return JournalFormatter()
    if debug or service:
        return logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    return QuietFormatter()


def _is_journal() -> bool:
    """Whether standard error is the journal's stream, not only some ancestor's (systemd.exec(5))."""
    try:
        stat = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"
