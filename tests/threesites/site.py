"""One site: its slapd, its colocroute, its Postfix and its mailboxes, in its own network namespace.

Owns their start and end and their wiring.  Whatever it starts is started inside the namespace.  The three sites
share one file system, so the configuration of colocroute is the same but for the directory of its files.
"""

import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from colocroute.model import Found, NotFound
from tests.lab.company import DOMAIN, SITES, SUFFIX, Person, company_ldif
from tests.lab.daemon import Client, Daemon, kill
from tests.lab.mailcompany import age
from tests.lab.postfix import Postfix
from tests.lab.slapd import Slapd
from tests.lab.slapd_conf import PASSWORD, ROOT_DN
from tests.threesites import ldaptables
from tests.threesites.network import Network
from tests.threesites.receiver import LMTP_PORT, receiver

CENTRAL = "central"
PROVIDER = f"ldap://{SITES[CENTRAL]}:389"
SYNCREPL = (
    f'syncrepl rid=001 provider={PROVIDER} type=refreshAndPersist retry="1 +" searchbase="{SUFFIX}"'
    f' bindmethod=simple binddn="{ROOT_DN}" credentials={PASSWORD} attrs="*,+" schemachecking=off'
    " network-timeout=2 keepalive=4:2:2"
)
LOCAL_TRANSPORT = f"lmtp:inet:127.0.0.1:{LMTP_PORT}"
MAIN_CF = {
    "inet_interfaces": "all",
    "mydomain": DOMAIN,
    "myhostname": "localhost.example",
    "mynetworks": "127.0.0.0/8 10.0.0.0/8",
    "mynetworks_style": "host",
    "mydestination": "$myhostname, localhost.$mydomain, localhost",
    # Notices to the postmaster of the machine itself are of no interest here.
    "local_transport": "discard:notice",
    "in_flow_delay": "0",
    # A transport lookup that failed sticks to an smtpd for its life (smtpd_resolve.c), which shall be short.
    "max_use": "20",
    "enable_long_queue_ids": "yes",
    "minimal_backoff_time": "1s",
    "queue_run_delay": "1s",
    "transport_retry_time": "1s",
    "smtp_connect_timeout": "2s",
    "smtp_helo_timeout": "5s",
}
SECTIONS: dict[str, dict[str, Any]] = {
    "routing": {"domains": [DOMAIN], "local_transport": LOCAL_TRANSPORT},
    "listen": {"policy": ["inet:127.0.0.1:2527"], "socket_mode": "0666"},
    "server": {"workers": 2},
}
NOBODY = f"nobody-at-all@{DOMAIN}"


class Site:
    """One office.  `ldap_tables`: Postfix asks slapd itself, and there is no colocroute."""

    def __init__(
        self, network: Network, name: str, relayhost: str, people: list[Person], *, ldap_tables: bool
    ) -> None:
        self.name = name
        self.domain = f"{name}.{DOMAIN}"
        self.ldap_tables = ldap_tables
        self._network = network
        self._relayhost = relayhost
        self._stack = ExitStack()
        self.directory = Path(tempfile.mkdtemp(prefix="cr", dir="/tmp"))
        self.directory.chmod(0o755)
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self._people = len(people)
        self.slapd = Slapd(company_ldif(self._people) if name == CENTRAL else "", extra=self._syncrepl())
        self._stack.callback(shutil.rmtree, self.slapd.folder, ignore_errors=True)
        self.slapd.folder.chmod(0o755)
        if name == CENTRAL:
            self.slapd.ldap = PROVIDER
        for part in ("service", "mail"):
            (self.directory / part).mkdir()
        self.service = Daemon(
            self.directory / "service",
            {"directory": {"uri": self.slapd.ldapi, "base": SUFFIX}, **SECTIONS},
        )
        mailboxes = {person.uid for person in people if person.site == name}
        self.receiver = self._stack.enter_context(receiver(network, name, mailboxes))
        self.mailboxes = mailboxes
        self.postfix = self._make_postfix()

    def _syncrepl(self) -> str:
        return "" if self.name == CENTRAL else SYNCREPL

    def _make_postfix(self) -> Postfix:
        main = {**MAIN_CF, "myhostname": f"{self.name}-mx.{DOMAIN}", "relayhost": f"[{self._relayhost}]"}
        master = "25 inet n - n - - smtpd\n"
        if self.ldap_tables:
            ldaptables.write_tables(self.directory, self.slapd.ldapi)
            main |= ldaptables.parameters(self.directory, self.name, LOCAL_TRANSPORT)
            master += ldaptables.master(self.directory)
        with self._network.inside(self.name):
            return Postfix(self.directory / "mail", main, master)

    def start(self) -> None:
        """Everything, in order: the directory, the service, and Postfix wired to it."""
        self.inside(self.slapd.start)
        self._stack.callback(self.slapd.kill)
        self._stack.callback(self.service.close)
        self.start_service()

    def open(self) -> None:
        """Wires and starts Postfix; the service must know the sites by now."""
        if not self.ldap_tables:
            age(self.postfix.config)
            done = self.service.run("postconf", "--apply", "--config-dir", str(self.postfix.config))
            assert done.returncode == 0, done.stderr.decode()
        age(self.postfix.config)
        self._stack.callback(self.postfix.stop)
        self.inside(self.postfix.start)

    def inside(self, action: Callable[[], object]) -> None:
        """Does it in the site's namespace."""
        with self._network.inside(self.name):
            action()

    def close(self) -> None:
        """Ends everything."""
        self._stack.close()

    def restart_slapd(self, *, syncrepl: bool = True, ldif: str | None = None) -> None:
        """Starts a slapd that is down; with `ldif` from nothing but that, an empty one from nothing at all."""
        self.slapd.options.extra = self._syncrepl() if syncrepl else ""
        if ldif is not None:
            self.slapd.wipe()
            if ldif:
                self.slapd.load(ldif)
        self.inside(self.slapd.start)

    def start_service(self) -> None:
        """Starts colocroute, if this site has it."""
        if not self.ldap_tables:
            self.inside(self.service.start)

    def halt_service(self) -> None:
        """Ends colocroute, if this site has it, as an administrator does."""
        if not self.ldap_tables:
            self.service.stop()

    def kill_service(self) -> None:
        """Ends the supervisor of colocroute at once."""
        kill(self.service.pid, signal.SIGKILL)
        assert self.service.process is not None
        self.service.process.wait()

    def has(self, person: Person) -> bool:
        """Whether this site has heard of a user."""
        if self.ldap_tables:
            return self.slapd.count(f"(uid={person.uid})") == 1
        return self.service.ask("virtual_alias", person.mail) == Found(person.route)

    def knows(self, routes: Mapping[str, str], nexthops: Mapping[str, str]) -> bool:
        """Whether this site has these routes of public addresses and these nexthops of site domains, live."""
        if self.ldap_tables:
            wanted = [f"(colocRouteAddress={route})" for route in routes.values()]
            wanted += [f"(suseMailTransportNexthop={nexthop})" for nexthop in nexthops.values()]
            return self.slapd.count(f"(|{''.join(wanted)})") == len(wanted)
        own = {self.domain: LOCAL_TRANSPORT}
        answers = {("virtual_alias", mail): route for mail, route in routes.items()}
        answers |= {("transport", f"x@{domain}"): to for domain, to in {**nexthops, **own}.items()}
        try:
            with Client(self.service.socket) as client:
                live = isinstance(client.ask("virtual_alias", NOBODY), NotFound)
                return live and all(client.ask(*question) == Found(to) for question, to in answers.items())
        except OSError:
            return False

    def queued(self) -> int:
        """Mails in the queue, from the moment that Postfix is responsible for them."""
        return self._files("maildrop", "incoming", "active", "deferred")

    def at_work(self) -> int:
        """Mails that are being received or delivered."""
        return self._files("incoming", "active")

    def deferred(self) -> int:
        """Mails that were tried and have to wait."""
        return self._files("deferred")

    def _files(self, *queues: str) -> int:
        place = self.postfix.directory / "queue"
        return sum(1 for name in queues for path in (place / name).rglob("*") if path.is_file())
