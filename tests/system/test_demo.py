"""`serve --demo` as a newcomer meets it: started with nothing, every query it prints is asked."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.daemon import COMMAND, wait_for

MISSING = "postmap is missing: apt-get install postfix"

EXPECTED = {
    ("virtual_alias", "anna@test.tux"): "anna@external.test.tux",
    ("virtual_alias", "A.Smith+news@Test.Tux"): "anna+news@external.test.tux",
    ("virtual_alias", "nobody@test.tux"): "frontdesk@central.test.tux",
    ("virtual_alias", "team@test.tux"): None,
    ("transport", "anna@external.test.tux"): "smtp:[10.2.0.1]",
    ("transport", "bob@central.test.tux"): "",
    ("generic", "anna@external.test.tux"): "anna@test.tux",
    ("virtual_alias", "someone@example.com"): "",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    output = tmp_path_factory.mktemp("demo") / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--demo"], stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
    try:
        wait_for(lambda: "Ctrl-C" in output.read_text(), f"the demonstration's text: {output.read_text()}")
        yield output.read_text()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    store = re.search(r"unix:(\S+)/map\.sock", output.read_text())
    assert store is not None
    assert not Path(store[1]).exists(), "the temporary directory goes with it"


def commands(text: str, word: str) -> list[str]:
    found = [line.strip() for line in text.splitlines() if re.match(rf"\s+\S*{word} (-q|lookup) ", line)]
    assert len(found) == len(EXPECTED)
    return found


def test_every_postmap_query_it_prints(demo: str) -> None:
    assert shutil.which("postmap") or Path("/usr/sbin/postmap").exists(), MISSING
    for line in commands(demo, "postmap"):
        _, _, key, table = line.split()
        done = subprocess.run(
            ["/usr/sbin/postmap", "-q", key, table], capture_output=True, text=True, timeout=30, check=False
        )
        expected = EXPECTED[table.rpartition(":")[2], key]
        assert done.stdout.strip() == (expected or ""), line
        assert ("temporary error" in done.stderr) is (expected is None), line


def test_every_lookup_it_prints(demo: str) -> None:
    for line in commands(demo, "colocroute"):
        arguments = line.split()[1:]
        done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)
        expected = EXPECTED[arguments[4], arguments[5]]
        assert done.stdout.strip() == (expected or ""), line
        assert done.returncode == {None: 75, "": 1}.get(expected, 0), done.stderr


def test_its_tcp_table_answers(demo: str) -> None:
    port = re.search(r"virtual_alias 127\.0\.0\.1:(\d+)", demo)
    assert port is not None
    table = f"tcp:127.0.0.1:{port[1]}"
    done = subprocess.run(
        ["/usr/sbin/postmap", "-q", "bob@test.tux", table],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == "bob@central.test.tux"


def test_a_change_of_its_file_is_answered(demo: str) -> None:
    socket_path = re.search(r"unix:(\S+)/map\.sock", demo)
    assert socket_path is not None
    ldif = Path(socket_path[1]) / "users.ldif"
    ldif.write_text(ldif.read_text().replace("bob@central.test.tux", "bob@external.test.tux"))
    table = f"socketmap:unix:{socket_path[1]}/map.sock:virtual_alias"
    said: list[str] = []

    def moved() -> bool:
        done = subprocess.run(
            ["/usr/sbin/postmap", "-q", "robert@test.tux", table], capture_output=True, text=True, check=False
        )
        said.append(done.stdout + done.stderr)
        return said[-1] == "bob@external.test.tux\n"

    try:
        wait_for(moved, "the new route")
    except AssertionError as error:
        raise AssertionError(f"{error}; postmap said {said[-1]!r}; the file: {ldif.stat()}") from None
