"""npm's modbus-serial as the other side, over TCP and over a serial line. Not part of scripts/test, as it takes the module from npm's registry: scripts/soak peers runs it."""
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import stage  # noqa: E402
from stage import SMOKE_RULE, free_port, hub, listens, site_text, wait_for  # noqa: E402
from test_serial import Cable, line  # noqa: E402

SERVER = r"""
const [folder, kind, where] = process.argv.slice(2);
const Server = require(folder + "/servers/" + (kind === "tcp" ? "servertcp.js" : "serverserial.js"));
let fire = false;
const vector = {
  getCoil: (address, unit) => fire && unit === 2 && address === 1,
  getHoldingRegister: (address, unit) => address === 7 ? 100 * unit + 23 : 0,
  getInputRegister: (address) => address === 101 ? 0x43fa : 0,   // 500.0, low word first
};
process.stdin.on("data", () => { fire = true; });
if (kind === "tcp") {
  new Server(vector, { host: "127.0.0.1", port: Number(where), debug: false, unitID: 255 });
  console.log("ready");
} else {
  const port = new Server(vector, { path: where, port: where, baudRate: 19200, parity: "none", debug: false, unitID: 255 }, { unitID: 255 });
  port.on("initialized", () => console.log("ready"));
}
"""


@pytest.fixture(scope="session")
def module(tmp_path_factory):
    """The module, fetched once."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("npm")
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "modbus-serial"], cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip("npm install modbus-serial: " + done.stderr[-300:])
    return folder / "node_modules" / "modbus-serial"


@pytest.fixture
def site(tmp_path):
    with stage.Stage(tmp_path) as s:
        yield s


class Node:
    def __init__(self, folder, module, kind, where):
        (folder / "server.cjs").write_text(SERVER)
        self.args = ["node", str(folder / "server.cjs"), str(module), kind, str(where)]
        self.child = None

    def start(self):
        self.child = subprocess.Popen(self.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout.readline() == "ready\n"
        return self

    def fire(self):
        self.child.stdin.write("fire\n")
        self.child.stdin.flush()

    def stop(self):
        self.child.kill()
        self.child.wait()


@pytest.mark.parametrize("kind", ["tcp", "rtu"])
def test_values_and_an_alarm(site, module, kind):
    if kind == "tcp":
        where = free_port()
        url = f"tcp://127.0.0.1:{where}"
    else:
        cable = site.add(Cable(site.folder)).start()
        where, url = cable.theirs, f"\"rtu://{cable.ours}?baud=19200&parity=none\""
    server = site.add(Node(site.folder, module, kind, where)).start()
    if kind == "tcp":
        wait_for(lambda: listens(where), what="the equipment")
    broker = site.broker()
    console = site.console(broker)
    daemon = site.daemon(site_text(site.folder, line(url, 3), SMOKE_RULE, hub(broker.port)))
    daemon.hub_up()

    def right():
        p = daemon.points()
        return all(p[f"d{u}.level"]["value"] == u + 0.23 and p[f"d{u}.current"]["value"] == 500 for u in (1, 2, 3))

    wait_for(right, what="the values")
    server.fire()
    wait_for(lambda: console.events(transition="raised", alarm="d2.smoke2/smoke"), what="the alarm")
    assert len(console.events(transition="raised")) == 1
    state = daemon.status()["lines"][0]
    assert state["up"] and state["timeouts"] == 0 and state["wrong"] == 0, state
