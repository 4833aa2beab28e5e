"""The row of scripts/bench about alarms that come by the hundred: points that chatter, and the fires among them."""
import threading
import time

import rig
import rows
import stage

VALVES = 500
PERIOD = 3.0  # seconds between two changes of each
SHUT_RULE = "  - {id: shut, for: {kind: signal_valve}, when: {equals: 1}, class: supervisory}\n"


class Site(rig.Site):
    def valves(self, port):
        self.profile("valves", [f"v{i},signal_valve,1,{i},bool," for i in range(VALVES)])
        self.bus("valves", port, [("valves", 1, "valves", "1s")])

    def text(self, broker_port):
        return super().text(broker_port).replace("rules:\n", "rules:\n" + SHUT_RULE, 1)


def chatter(server, port, end):
    on = 1
    while not end.wait(PERIOD):
        for i in range(VALVES):
            server.set(port, 1, i, on)
        on = 1 - on


def row_chatter(ctx, figure):
    """Fires alone, then fires while 500 valves chatter: the same daemon, the same number."""
    samples = 60 if ctx.quick else max(120, 4 * ctx.seconds)
    with stage.Stage(ctx.folder) as st:
        server = st.add(rig.Server(st.folder, 2))
        broker = st.broker()
        console = st.add(rig.Console(st.folder, broker.port, ["fire/v1/+/+/+/+/event/+"]))
        site = Site(st.folder)
        site.detectors(server.ports[0], 2 * samples)
        site.valves(server.ports[1])
        rig.start_daemon(st, site, broker)
        rows.raise_fires(server, 0, range(samples), ctx.seconds)
        alone = rows.fire_latencies(server, console, 0, range(samples))
        end = threading.Event()
        thread = threading.Thread(target=chatter, args=(server, 1, end), daemon=True)
        began = time.monotonic()
        thread.start()
        time.sleep(4 * PERIOD)  # until it chatters
        rows.raise_fires(server, 0, range(samples, 2 * samples), ctx.seconds)
        among = rows.fire_latencies(server, console, 0, range(samples, 2 * samples))
        took = time.monotonic() - began
        end.set()
        thread.join()
        told = [e for _, e in console.live("/event/supervisory")]
    yield from rows.latency_figures("a fire among 500 points that chatter", among, alone)
    yield figure("changes of those points", VALVES * took / PERIOD, "", note=f"in {took:.0f} s")
    yield figure("events told of them", len(told), "", note=f"of them {sum(e['transition'] == 'chattering' for e in told)} reports that one chatters")
