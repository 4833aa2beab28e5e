"""Every installed profile passes `check`, and what is awkward in them is read right from an independent server."""
import json
import pathlib
import re
import shutil
import struct
import subprocess
import time

import pytest

from stage import BIN, ROOT, site_text, wait_for

PROFILES = sorted(p.stem for p in (ROOT / "examples" / "profiles").glob("*.csv"))
FIRETROL_SMALL = "        max_registers: 29\n"


def bus(port, profile, more=""):
    return (f"  - name: line\n    url: tcp://127.0.0.1:{port}\n    timeout: 300ms\n    devices:\n      - name: d\n        unit: 1\n        every: 200ms\n"
            f"        building: a\n        floor: \"1\"\n        profile: {profile}\n{more}")


def copy_profiles(folder):
    shutil.copytree(ROOT / "examples" / "profiles", pathlib.Path(folder) / "profiles")


@pytest.mark.parametrize("profile", PROFILES)
def test_check(tmp_path, profile):
    """The profiles speak the rule pack's words: only limits, which are the site's, may be missing."""
    copy_profiles(tmp_path)
    pack = f"  - {ROOT}/examples/rules/high-rise.yaml\n"
    (tmp_path / "site.yaml").write_text(site_text(tmp_path, bus(502, profile, FIRETROL_SMALL).replace("every: 200ms", "every: 1s"), pack))
    done = subprocess.run([BIN / "firegw", "check", "-c", tmp_path / "site.yaml", "--json"], capture_output=True, text=True, timeout=60, check=False)
    found = [f["text"] for f in json.loads(done.stdout or "[]")]
    assert done.returncode == 0 and [t for t in found if not re.search(r"look for what they do not have: point\.[\w., ]+$", t)] == [], done.stdout + done.stderr


def test_the_page_lists_them():
    page = (ROOT / "docs" / "profiles.md").read_text()
    assert [p for p in PROFILES if f"`{p}`" not in page] == []
    assert len(PROFILES) >= 14


class Device:
    """One profile at one server; `expect` waits for values (or qualities, where there is none)."""

    def __init__(self, site, profile, size=2000, more=""):
        copy_profiles(site.folder)
        self.site, self.profile, self.more = site, profile, more
        self.equipment = site.equipment(size=size)
        self.set = self.equipment.set
        self.daemon = None

    def start(self, rules=""):
        self.daemon = self.site.daemon(site_text(self.site.folder, bus(self.equipment.ports[0], self.profile, self.more), rules))
        return self

    def expect(self, **wanted):
        wanted = {k.replace("_", "-"): v for k, v in wanted.items()}

        def seen():
            points = self.daemon.points()
            return {k: points[f"d.{k}"]["value"] if points[f"d.{k}"]["quality"] == "good" else points[f"d.{k}"]["quality"] for k in wanted}
        try:
            wait_for(lambda: seen() == wanted, what=f"{wanted}")
        except AssertionError as e:
            raise AssertionError(f"{e}, but {seen()}") from None


def floats(value, order):
    data = struct.pack(">f", value)
    words = [data[:2], data[2:]]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [w[::-1] for w in words]
    return [int.from_bytes(w, "big") for w in words]


def test_panel_whose_absent_points_say_so(site):
    d = Device(site, "panel-cgw-mb", size=25000)
    d.set(3, 8000, [0x0400, 0x00FF, 0x0C01, 0x6000])  # 408001 …: enabled; not there; active with type 1; prealarm and trouble
    d.set(3, 20000, [2])  # 420001
    d.set(4, 10000, [1234])  # 310001
    d.start()
    d.expect(z1_active=0, z1_event=0, z2_active=0, z2_event="device", z3_active=1, z3_event=1, z4_prealarm=1, z4_trouble=1, z4_active=0, panel_status=2, analog_l1m1=1234)


def test_tables_of_bits(site):
    d = Device(site, "panel-siemens-fc20", size=34000)
    d.set(4, 21000, [0x8001])
    d.set(4, 23000, [0x0004])
    d.set(4, 1010, [77])
    d.start()
    d.expect(z1_alarm=1, z2_alarm=0, z16_alarm=1, z3_not_ready=1, z3_alarm=0, z1_prealarm=0, life=77)


def test_fire_pump_with_short_reads(site):
    d = Device(site, "fire-pump-firetrol-mk3", more=FIRETROL_SMALL)
    d.set(3, 0, list(struct.unpack(">20H", b"FTA1100-123456".ljust(40, b"\0"))))
    d.set(3, 160, [400, 1255, 1])
    d.set(3, 1000, [1 << 1 | 1 << 5, 1 << 9])  # 41001, 41002
    d.start()
    d.expect(serial="FTA1100-123456", nominal_voltage=400, nominal_current=125.5, frequency=1, phase_loss_l1=1, fail_to_start=1, phase_reversal=0, board_2_lost=1, board_1_lost=0)


def test_signed_value_with_its_decimals(site):
    d = Device(site, "level-qdy30a")
    d.set(3, 2, [16, 3, 0x10000 - 123, 0, 0])
    d.start()
    d.expect(level=-0.123, unit_code=16)
    d.set(3, 3, [2, 345])
    d.expect(level=3.45)
    d.set(3, 4, [32767])
    d.expect(level="device")
    d.set(3, 3, [12, 345])
    d.expect(level="device")


def test_detector_with_its_log(site):
    rules = "  - id: action\n    for: {point: d.events}\n    when: {equals: action 1}\n    class: prealarm\n"
    d = Device(site, "aspirating-faast")
    at = int(time.time())
    old = [(at - 60 + i) >> 16 << 16 | ((at - 60 + i) & 0xFFFF) for i in range(2)]
    log = [[old[1] >> 16, old[1] & 0xFFFF, 1], [old[0] >> 16, old[0] & 0xFFFF, 3]]
    d.set(3, 88, sum(log, []))
    d.set(3, 85, [2])
    d.set(3, 7, [0x08, 0, 0, 0, 3200, 0x09, 0, 1])  # 40008 fire 1; 40012 fan; 40013 levels alert and fire 1; 40015 cover
    d.start(rules)
    d.expect(fire1=1, alert=0, fan=3200, level_alert=1, level_fire1=1, level_fire2=0, cover=1, events=None)
    for code in (28, 29):
        log.insert(0, [at >> 16, at & 0xFFFF, code])
    d.set(3, 88, sum(log, []))
    d.set(3, 85, [4])
    d.expect(events=29)
    alarm = wait_for(lambda: d.daemon.alarms().get("d.events/action"), what="the alarm")
    assert alarm["device_at"].startswith(time.strftime("%Y-%m-%dT", time.gmtime(at + 8 * 3600)))


def test_ambiguous_code(site):
    d = Device(site, "linear-heat-alarmline2")
    d.set(4, 0, [1, 65535, 2, 3])
    d.start()
    d.expect(z1=1, z2="device", z1_cable=2)
    d.set(4, 0, [0, 137])
    d.expect(z1=0, z2=137)
    d.set(4, 0, [40000])
    d.expect(z1="range")


def test_six_digits_and_floats(site):
    d = Device(site, "gas-msa-ultima", size=41000)
    d.set(3, 40200, [1 << 6, 0, 0, 1])
    d.set(3, 40206, floats(12.5, "ABCD"))
    d.set(3, 40216, [0x10000 - 7])
    d.start()
    d.expect(mid_alarm=1, low_alarm=0, level=12.5, temperature=-7, gas_type=1)


def test_reversed_floats_and_their_sentinel(site):
    d = Device(site, "electrical-float-dcba")
    d.set(3, 0, floats(231.5, "DCBA") + floats(23.25, "DCBA") + floats(-200.0, "DCBA") + floats(float("nan"), "DCBA") + floats(900.0, "DCBA"))
    d.start()
    d.expect(residual=231.5, t1=23.25, t2="device", t3="device", t4="range")


def test_bcd(site):
    d = Device(site, "meter-bcd")
    d.set(3, 10, floats(1.75, "ABCD") + [0x0002, 0x1243, 0x1116])
    d.start()
    d.expect(flow=1.75, total_high=20000, total_low=1243.1116)
    d.set(3, 13, [0x12A3])
    d.expect(total_low="device")


@pytest.mark.parametrize("profile,fc,address,point", [
    ("annunciator-rtk-smartalarm", 1, 10, "alarm1"), ("annunciator-rtk-smartalarm", 1, 20, "disabled1"), ("pump-set-technoforce", 2, 0, "failure1"),
    ("pump-set-2", 2, 9, "p2-fail")])
def test_coils_and_inputs(site, profile, fc, address, point):
    d = Device(site, profile)
    d.set(fc, address, [True])
    d.start()
    d.expect(**{point.replace("-", "_"): 1})
    assert sum(p["value"] or 0 for p in d.daemon.points().values()) == 1
