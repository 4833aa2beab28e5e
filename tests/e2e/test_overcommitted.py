"""A line that has more to ask than it has time for is reported, with what it could keep; what is urgent goes on in time."""
import socket
import struct
import threading
import time

from stage import site_text, wait_for


class Slow:
    """Takes its time for each answer."""

    def __init__(self, seconds):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.seconds, self.asked = self.listener.getsockname()[1], seconds, []

    def start(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def accept(self):
        while True:
            s, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        with s, s.makefile("rb") as requests:
            while len(rq := requests.read(12)) == 12:
                ident, _, _, unit, fc, address, count = struct.unpack(">HHHBBHH", rq)
                self.asked.append((time.monotonic(), unit))
                time.sleep(self.seconds)
                data = bytes(2 * count) if fc > 2 else bytes((count + 7) // 8)
                s.sendall(struct.pack(">HHHBBB", ident, 0, 3 + len(data), unit, fc, len(data)) + data)

    def stop(self):
        self.listener.close()


def test_overcommitted(site):
    slow = site.add(Slow(0.3)).start()
    devices = "      - name: facp\n        unit: 1\n        every: 1s\n        building: a\n        points: [{point: s, kind: smoke_detector, fc: 1, register: 0, type: bool}]\n"
    for u in range(2, 7):
        devices += f"      - name: d{u}\n        unit: {u}\n        every: 1s\n        building: a\n        points: [{{point: p, kind: generic, fc: 3, register: 0, type: u16}}]\n"
    daemon = site.daemon(site_text(site.folder, f"  - name: line\n    url: tcp://127.0.0.1:{slow.port}\n    timeout: 2s\n    devices:\n{devices}"))
    alarm = "_gw.bus-line/overcommitted"
    began = time.monotonic()
    wait_for(lambda: alarm in daemon.alarms(), seconds=90, what="the alarm")
    said = daemon.alarms()[alarm]["message"]["en"]
    assert said.startswith("line line cannot keep its intervals: of ") and said.endswith(" were kept"), said
    # The detector is urgent: it has its second, but for the turn in four that goes by due time alone.
    ours = [t for t, unit in slow.asked if unit == 1 and t > began + 20]
    others = [t for t, unit in slow.asked if unit == 2 and t > began + 20]
    assert len(ours) > 1.3 * len(others), (len(ours), len(others))
    slow.seconds = 0
    wait_for(lambda: alarm not in daemon.alarms() or daemon.alarms()[alarm]["state"] != "active", seconds=400, what="the alarm's end")
