"""More signals than the supervisor can take, and signals at its very end."""

import subprocess
import sys

PROGRAM = """
import os, signal, sys
from colocroute.server.children import Child
from colocroute.server.notify import Notifier
from colocroute.server.supervisor import Hooks, Supervisor

MORE_THAN_A_SOCKET_HOLDS = 5000

def idle(ready):
    ready()
    signal.pause()

class Storm(Hooks):
    reloads = 0
    def ready(self):
        os.kill(os.getpid(), signal.SIGHUP)
    def reload(self):
        self.reloads += 1
        for _ in range(MORE_THAN_A_SOCKET_HOLDS):
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)

storm = Storm()
code = Supervisor([Child("idle", idle, serves=True)], storm, Notifier()).run()
ignored = all(signal.getsignal(one) == signal.SIG_IGN for one in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT))
print(code, storm.reloads, ignored)
"""


def test_the_end_is_heard_in_a_storm_and_not_disturbed() -> None:
    argv = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (0, "0 1 True\n"), done.stderr
