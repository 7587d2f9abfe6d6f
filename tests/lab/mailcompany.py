"""The white paper's company with real mail servers: two Postfixes, their mailboxes, the rest of the world.

Owns their life, and the wiring of each by `colocroute postconf --apply`.  What the maps and the policy
service answer comes from the map functions themselves, over a view that a test may replace.
"""

import os
import socketserver
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BufferedIOBase
from pathlib import Path
from smtplib import SMTP
from typing import Any

from colocroute.cli.main import main
from colocroute.daemon import build
from colocroute.model import Entry, Found, NotFound, Record, SiteEntry, State, UserEntry
from colocroute.routing import maps, policy
from colocroute.routing.memory import MemoryView
from colocroute.routing.records import record
from colocroute.routing.view import Rules
from tests.lab import recorder
from tests.lab.daemon import to_toml
from tests.lab.postfix import SECONDS, Postfix, postfix
from tests.lab.sink import Sink, lmtp_sink, smtp_sink

DOMAIN = "test.tux"
CENTRAL, EXTERNAL = f"central.{DOMAIN}", f"external.{DOMAIN}"

# All is on the loopback; the policy service is told of other addresses.
STRANGER, OWN_CLIENT = "127.0.0.1", "127.0.0.9"
SERVERS = {CENTRAL: "127.0.1.1", EXTERNAL: "127.0.1.2"}
ADDRESSES = {STRANGER: "192.0.2.1", SERVERS[CENTRAL]: "10.1.0.1", SERVERS[EXTERNAL]: "10.2.0.1"}

USERS: Mapping[str, UserEntry] = {
    "anna": UserEntry(
        addresses=(f"anna@{DOMAIN}", f"a.smith@{DOMAIN}"), routes=(f"anna@{EXTERNAL}",), logins=("anna",)
    ),
    "bob": UserEntry(
        addresses=(f"bob@{DOMAIN}", f"postmaster@{DOMAIN}"), routes=(f"bob@{CENTRAL}",), logins=("bob",)
    ),
    "carla": UserEntry(addresses=(f"carla@{DOMAIN}", f"team@{DOMAIN}"), routes=(f"carla@{CENTRAL}",)),
    "dora": UserEntry(addresses=(f"dora@{DOMAIN}", f"team@{DOMAIN}"), routes=(f"dora@{EXTERNAL}",)),
    "erik": UserEntry(addresses=(f"erik@{DOMAIN}",), routes=(f"erik@{EXTERNAL}",), enabled=False),
}
FORMER = {f"dora@{CENTRAL}": ["uid=dora"]}


class Site:
    """One mail server with its mailboxes, its maps and what they know."""

    def __init__(self, domain: str, server: Postfix, box: Sink, tables: recorder.Recorder) -> None:
        self.domain = domain
        self.server = server
        self.box = box
        self.tables = tables
        self.rules = Rules(domains=(DOMAIN,), local_transport=f"lmtp:inet:127.0.0.1:{box.port}")
        self.view = MemoryView(rules=self.rules, state=State.EMPTY)
        tables.script = self._answer

    def knows(self, records: list[Record], state: State = State.LIVE) -> None:
        """From now on the maps answer from these."""
        self.view = MemoryView(records, rules=self.rules, here=(self.domain,), state=state, former=FORMER)

    def _answer(self, request: recorder.Request) -> bytes:
        answer = maps.answer(self.view, request.map, request.key.decode())
        if isinstance(answer, Found):
            return b"OK " + answer.value.encode()
        return b"NOTFOUND " if isinstance(answer, NotFound) else b"TEMP " + answer.reason.encode()

    def judge(self, attributes: dict[str, str]) -> str:
        """The policy service's action."""
        client = attributes["client_address"]
        told = {**attributes, "client_address": ADDRESSES.get(client, client)}
        servers = {ADDRESSES[address] for address in SERVERS.values()}
        return policy.action(self.view, told, servers=servers, trusted=())

    def session(self, client: str = STRANGER) -> SMTP:
        """An SMTP session of a client with this address."""
        return SMTP("127.0.0.1", self.server.port, "client.example", SECONDS, (client, 0))

    def reply(self, recipient: str, *, sender: str = "x@example.com", client: str = STRANGER) -> str:
        """What the server says to a recipient."""
        with self.session(client) as session:
            session.ehlo()
            code, text = session.mail(sender)
            if code == 250:
                code, text = session.rcpt(recipient)
            return f"{code} {text.decode()}"

    def send(
        self, sender: str, *recipients: str, text: str = "Subject: t\n\nt\n", client: str = STRANGER
    ) -> None:
        """One mail."""
        with self.session(client) as session:
            session.sendmail(sender, recipients, text)

    def config(self, policy_address: str, **routing: str) -> Path:
        """The configuration file that describes this site, with a mirror."""
        path = self.server.directory / "colocroute.toml"
        sections: dict[str, dict[str, Any]] = {
            "directory": {"base": "dc=test,dc=tux"},
            "routing": {"domains": [DOMAIN], "local_transport": self.rules.local_transport, **routing},
            "listen": {
                "socketmap": [self.tables.table.removeprefix("socketmap:")],
                "policy": [policy_address],
            },
            "store": {"path": str(self.server.directory / "store")},
        }
        path.write_text(to_toml(sections))
        fill_mirror(path, records({CENTRAL: "smtp:[10.1.0.1]", EXTERNAL: "smtp:[10.2.0.1]"}))
        return path


class MailCompany:
    """Both sites and the rest of the world."""

    def __init__(self, central: Site, external: Site, world: Sink) -> None:
        self.central, self.external, self.world = central, external, world
        self.sites = (central, external)
        self.live()

    def live(self, state: State = State.LIVE, users: Mapping[str, UserEntry] = USERS) -> None:
        """Everybody knows everything."""
        nexthops = {site.domain: f"smtp:[127.0.0.1]:{site.server.port}" for site in self.sites}
        told = records(nexthops, users)
        for site in self.sites:
            site.knows(told, state)


def records(nexthops: Mapping[str, str], users: Mapping[str, UserEntry] = USERS) -> list[Record]:
    """What the directory says."""
    entries = [
        Entry(domain.encode(), f"cn={domain}", site=SiteEntry((domain,), (nexthop,)))
        for domain, nexthop in nexthops.items()
    ]
    entries += [Entry(uid.encode(), f"uid={uid}", user=user) for uid, user in users.items()]
    return [record(entry) for entry in entries]


def fill_mirror(config: Path, told: list[Record]) -> None:
    """Writes the mirror that a configuration names, as the replicator would."""
    mirror = build.open_mirror(build.load(config), writable=True)
    try:
        with mirror.transaction(time.time()) as txn:
            for each in told:
                txn.put(each.dn.encode(), each)
            txn.update_meta(complete=True)
    finally:
        mirror.close()


def wire(config: Path, etc: Path, *options: str) -> int:
    """`colocroute postconf --apply`."""
    age(etc)
    code = main(["postconf", "-c", str(config), "--config-dir", str(etc), "--apply", *options])
    age(etc)
    return code


def age(etc: Path) -> None:
    """Makes the files old: Postfix waits until a file has not been written for 2 s (`dict_load_file_xt`)."""
    for path in etc.iterdir():
        os.utime(path, (time.time() - 60, time.time() - 60))


def chroot(server: Postfix) -> None:
    """As Debian does: whatever asks maps is chrooted."""
    path = server.config / "master.cf"
    lines = path.read_text().splitlines(keepends=True)
    asking = ("smtpd\n", "cleanup\n", "trivial-rewrite\n")
    path.write_text(
        "".join(
            " ".join([*line.split()[:4], "y", *line.split()[5:]]) + "\n" if line.endswith(asking) else line
            for line in lines
        )
    )


@contextmanager
def site(domain: str, world: Sink, *options: str, chrooted: bool = False, **routing: str) -> Iterator[Site]:
    """One running site; `options` are those of the command, `routing` changes the configuration."""
    with ExitStack() as stack:
        box = stack.enter_context(lmtp_sink())
        parameters = {
            "myhostname": f"{domain.split('.')[0]}-mx.{DOMAIN}",
            "mydomain": DOMAIN,
            "mynetworks": f"{OWN_CLIENT}/32",
            "relayhost": f"[127.0.0.1]:{world.port}",
            "smtp_bind_address": SERVERS[domain],
            "mailbox_transport": f"lmtp:inet:127.0.0.1:{box.port}",
        }
        server = stack.enter_context(postfix(parameters, start=False))
        if chrooted:
            chroot(server)
        tables = stack.enter_context(recorder.socketmap(server.directory))
        here = Site(domain, server, box, tables)
        address = stack.enter_context(policy_service(here, in_queue=chrooted))
        assert wire(here.config(address, **routing), server.config, *options) == 0
        server.start()
        yield here


@contextmanager
def mail_company() -> Iterator[MailCompany]:
    """The company; the external site's Postfix is chrooted."""
    with (
        smtp_sink() as world,
        site(CENTRAL, world) as central,
        site(EXTERNAL, world, chrooted=True) as external,
    ):
        yield MailCompany(central, external, world)


@contextmanager
def policy_service(here: Site, *, in_queue: bool) -> Iterator[str]:
    """A policy service and its address: on the loopback, or `in_queue`, where a chroot sees it."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while attributes := _attributes(self.rfile):
                self.wfile.write(f"action={here.judge(attributes)}\n\n".encode())

    path = here.server.directory / "queue" / "policy.sock"
    server: socketserver.TCPServer
    if in_queue:
        server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        path.chmod(0o666)
        address = f"unix:{path}"
    else:
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        address = f"inet:127.0.0.1:{server.socket.getsockname()[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield address
    finally:
        server.shutdown()
        server.socket.close()


def _attributes(stream: BufferedIOBase) -> dict[str, str]:
    attributes: dict[str, str] = {}
    while (line := stream.readline().decode().rstrip("\n")) != "":
        name, _, value = line.partition("=")
        attributes[name] = value
    return attributes
