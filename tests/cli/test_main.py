"""The frame of the command line, with verbs of its own."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import colocroute
from colocroute.cli import logs
from colocroute.cli.main import PACKAGE as VERBS_PACKAGE
from colocroute.cli.main import VERBS, main
from colocroute.config import DEFAULT_PATH

FAKES = ("echo", "daemonlike")
PACKAGE = "tests.cli.fakes"
PROGRAM = f"""
import sys
from colocroute.cli import main as frame
frame.main.__defaults__ = ({FAKES!r}, {PACKAGE!r})
frame.run()
"""


def fake(*argv: str) -> int:
    return main(argv, FAKES, PACKAGE)


def process(*argv: str, stdout: int = subprocess.PIPE, **env: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *argv],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
    )


@pytest.mark.parametrize(
    "argv", [("-c", "/x", "echo", "a"), ("echo", "-c", "/x", "a"), ("-c", "/y", "echo", "a", "-c", "/x")]
)
def test_the_configuration_is_named_before_or_after_the_verb(
    argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert fake(*argv) == 0
    assert capsys.readouterr().out == "/x False echo a\n"


def test_without_it_there_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert fake("echo") == 0
    assert capsys.readouterr().out == f"{DEFAULT_PATH} False echo\n"


@pytest.mark.parametrize("argv", [("--debug", "echo"), ("echo", "--debug")])
def test_debug_tells_everything(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert fake(*argv) == 0
    captured = capsys.readouterr()
    assert " True " in captured.out
    assert "DEBUG colocroute.echo: debugged" in captured.err


@pytest.mark.parametrize("code", [0, 1, 75])
def test_the_exit_code_is_the_verbs(code: int) -> None:
    assert fake("echo", "--number", str(code)) == code


FAILURES = [
    ("usage", 64, "colocroute: no such map\n"),
    ("config", 78, "colocroute: a.b: is wrong\ncolocroute: c.d: is wrong too\n"),
    ("store", 75, "colocroute: disk full\n"),
    ("temporary", 75, "colocroute: daemon down\n"),
    ("system", 75, "colocroute: /some/file: Permission denied\n"),
    ("interrupt", 130, ""),
    ("exit", 0, ""),
]


@pytest.mark.parametrize(("failure", "code", "text"), FAILURES)
def test_a_failure_is_an_exit_code_and_a_line(
    failure: str, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fake("echo", "--fail", failure) == code
    assert capsys.readouterr().err == "colocroute: warning: warned\nof two lines\n" + text


USAGE = [
    ((), "usage: colocroute"),
    (("ecko",), "colocroute: unknown command 'ecko', did you mean echo?"),
    (("frobnicate",), "colocroute: unknown command 'frobnicate', there are: echo, daemonlike"),
    (("--frobnicate",), "(see colocroute --help)"),
    (("-c",), "(see colocroute --help)"),
    (
        ("echo", "--frobnicate"),
        "colocroute: unrecognized arguments: --frobnicate (see colocroute echo --help)",
    ),
    (("echo", "--number", "x"), "invalid int value: 'x' (see colocroute echo --help)"),
    (("echo", "--num", "1"), "unrecognized arguments: --num"),
]


@pytest.mark.parametrize(("argv", "text"), USAGE)
def test_wrong_usage_is_64(argv: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert fake(*argv) == 64
    captured = capsys.readouterr()
    assert text in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("argv", [("--help",), ("-h",)])
def test_help_names_every_verb(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert fake(*argv) == 0
    out = capsys.readouterr().out
    assert "  echo       print what was given\n" in out
    assert "  daemonlike serve nothing\n" in out
    assert "exit codes:" in out


def test_a_verb_has_help_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert fake("echo", "--help") == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: colocroute echo ")
    assert "Print what was given." in out
    assert "examples:\n  colocroute echo a b\n" in out


@pytest.mark.parametrize("argv", [("--version",), ("echo", "--version"), ("echo", "a", "--version")])
def test_the_version(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert fake(*argv) == 0
    assert capsys.readouterr().out == f"colocroute {colocroute.__version__}\n"


def test_a_bug_is_one_line_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(logs, "SYSLOG_SOCKET", tmp_path / "none")
    assert fake("echo", "--fail", "bug") == 70
    (line,) = capsys.readouterr().err.splitlines()[2:]
    assert (
        line
        == r"colocroute: internal error: KeyError: 'many\nlines' (run again with --debug for the traceback)"
    )


@pytest.mark.parametrize("argv", [("--debug", "echo", "--fail", "bug"), ("daemonlike", "--bug")])
def test_a_bug_has_its_traceback_in_a_visible_log(
    argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert fake(*argv) == 70
    err = capsys.readouterr().err
    assert "Traceback (most recent call last):" in err
    assert err.splitlines()[-1].endswith("(traceback in the log)")


def test_a_verb_that_cannot_be_imported_is_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("missing",), ("missing",), PACKAGE) == 70
    assert "ModuleNotFoundError" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error() -> None:
    with process("echo", "--lines", "100000") as child:
        assert child.stdout is not None and child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(30) == 141
        assert child.stderr.read() == ""


def test_output_that_cannot_be_written_is_a_failure() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with process("echo", stdout=full) as child:
        os.close(full)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 75
    assert err.splitlines()[-1] == "colocroute: No space left on device"


ECHO = (sys.executable, "-c", PROGRAM)
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def in_shell(redirection: str, *argv: str) -> "subprocess.CompletedProcess[str]":
    """The outcome of a command whose output goes where a shell sends it."""
    command = ["bash", "-o", "pipefail", "-c", f'"$0" "$@" {redirection}', *argv]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=BUFFERED)


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "<&- 1>&- 2>&-"])
@pytest.mark.parametrize(
    ("argv", "code"), [(("--fail", "usage"), 64), (("--json",), 0), (("--number", "1"), 1)]
)
def test_closed_streams_do_no_harm(closed: str, argv: tuple[str, ...], code: int) -> None:
    assert in_shell(closed, *ECHO, "echo", *argv).returncode == code


LOOK = """
import os
from colocroute.cli import main as frame
saved = open(5, "w")
frame.main = lambda _: print(*(os.readlink(f"/proc/self/fd/{number}") for number in range(3)), file=saved) or 0
frame.run()
"""


def test_a_file_is_never_opened_in_the_place_of_a_closed_stream() -> None:
    assert (
        in_shell("5>&1 <&- 1>&- 2>&-", sys.executable, "-c", LOOK).stdout == "/dev/null /dev/null /dev/null\n"
    )


@pytest.mark.parametrize(
    ("argv", "code"), [(("echo", "--fail", "usage"), 64), (("echo", "--fail", "config"), 78), (("ecko",), 64)]
)
@pytest.mark.parametrize("broken", ["2>/dev/full", ">/dev/full 2>/dev/full", "2> >(true)"])
def test_an_error_that_cannot_be_told_has_its_exit_code(
    broken: str, argv: tuple[str, ...], code: int
) -> None:
    assert in_shell(broken, *ECHO, *argv).returncode == code


@pytest.mark.parametrize("argv", [("--help",), ("echo", "--help"), ("--version",)])
def test_help_that_cannot_be_written_is_a_failure_of_one_line(argv: tuple[str, ...]) -> None:
    done = in_shell(">/dev/full", *ECHO, *argv)
    assert (done.returncode, done.stderr) == (75, "colocroute: No space left on device\n")
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(
        [*ECHO, *argv], stdout=writer, stderr=subprocess.PIPE, text=True, env=BUFFERED
    ) as child:
        os.close(writer)
        _, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (141, "")


def test_any_text_can_be_printed_in_any_locale() -> None:
    with process("echo", "ü\udcff", PYTHONIOENCODING="ascii") as child:
        out, _ = child.communicate(timeout=30)
    assert out.endswith(" \\xfc\\udcff\n")


def test_the_frame_loads_nothing_heavy() -> None:
    code = "import colocroute.cli.main, sys; print({'ldap3', 'rich', 'lmdb', 'dns'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_keeps_to_the_frame(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    verb = importlib.import_module(f"{VERBS_PACKAGE}.{name}")
    assert name == verb.NAME
    assert main((name, "--help")) == 0
    assert capsys.readouterr().out.startswith(f"usage: colocroute {name} ")
