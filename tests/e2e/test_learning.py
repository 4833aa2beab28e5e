"""What a line finds out about a device is kept: a block that is refused as a whole is read in parts, also after a restart, and tried anew when the configuration changes."""
import contextlib
import signal
import socket
import struct
import threading

from stage import site_text, wait_for

SIZE = 20


class Short:
    """A device of twenty registers that refuses whatever reaches beyond them, and writes down what it was asked."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.asked = []

    def start(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def accept(self):
        while True:
            s, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        with contextlib.suppress(ConnectionError), s, s.makefile("rb") as requests:
            while len(rq := requests.read(12)) == 12:
                ident, _, _, unit, fc, address, count = struct.unpack(">HHHBBHH", rq)
                self.asked.append((address, count))
                if address + count > SIZE:
                    s.sendall(struct.pack(">HHHBBB", ident, 0, 3, unit, fc | 0x80, 2))
                else:
                    data = struct.pack(f">{count}H", *range(address, address + count))
                    s.sendall(struct.pack(">HHHBBB", ident, 0, 3 + len(data), unit, fc, len(data)) + data)

    def stop(self):
        self.listener.close()


def config(site, port, every="200ms"):
    points = "".join(f"          - {{point: r{a}, kind: generic, fc: 3, register: {a}, type: u16, every: {every}}}\n" for a in (0, 10, 19, 25))
    return site_text(site.folder, f"  - name: line\n    url: tcp://127.0.0.1:{port}\n    devices:\n      - name: d\n        max_gap: 50\n        building: a\n        points:\n{points}")


def test_split_is_remembered(site):
    device = site.add(Short()).start()
    daemon = site.daemon(config(site, device.port))

    def settled():
        p = daemon.points()
        return [p[f"d.r{a}"]["value"] for a in (0, 10, 19)] == [0, 10, 19] and p["d.r25"]["quality"] == "device"

    wait_for(settled, what="three values, and none where there is no register")
    assert (0, 26) in device.asked
    said = "d refuses to be read across address"
    wait_for(lambda: said in daemon.text(), what="a line in the log")
    told = daemon.text().count(said)
    daemon.terminate()
    device.asked.clear()
    daemon.start()
    wait_for(settled, what="the same after a restart")
    assert (0, 26) not in device.asked, device.asked
    assert daemon.text().count(said) == told
    # Another configuration of this line: what was refused may be there now.
    (site.folder / "site.yaml").write_text(config(site, device.port, every="300ms"))
    device.asked.clear()
    daemon.signal(signal.SIGHUP)
    wait_for(lambda: (0, 26) in device.asked, what="the whole block, tried anew")
    wait_for(settled, what="the same after the reload")
