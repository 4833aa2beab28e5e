"""firegw watch as strangers must connect: TLS with a CA of their own, a user with a password file, and the access rules that docs/mqtt.md gives for mosquitto."""
import re
import subprocess

import pytest
from stage import PREFIX, ROOT, SMOKE_RULE, Broker, Console, bus, free_port, hub, site_text, smoke_points, wait_for
from test_watch import Watch, drained, raise_fires

USERS = {"qj-test-01": "gateway's", "brigade": "brigade's", "hub": "hub's", "other-gateway": "other's"}


def rules():
    text = (ROOT / "docs" / "mqtt.md").read_text()
    return re.search(r"## Access rules at the broker.*?```\n(.*?)```", text, re.S).group(1)


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def guarded(site):
    """A broker with TLS, users and those rules; the files that clients need are in the stage's folder."""
    f = site.folder
    openssl(f, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA")
    openssl(f, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "broker.key", "-out", "broker.csr", "-subj", "/CN=127.0.0.1")
    (f / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl(f, "x509", "-req", "-in", "broker.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "broker.pem", "-days", "2", "-extfile", "san")
    (f / "acl").write_text(rules())
    (f / "users").write_text("".join(f"{u}:{p}\n" for u, p in USERS.items()))
    for name in ("acl", "users"):
        (f / name).chmod(0o600)
    subprocess.run(["mosquitto_passwd", "-U", f / "users"], check=True, capture_output=True)
    for user, word in USERS.items():
        (f / f"{user}.password").write_text(word + "\n")
        (f / f"{user}.password").chmod(0o600)
    plain = free_port()
    broker = Broker(f, anonymous=False, extra=f"cafile {f}/ca.pem\ncertfile {f}/broker.pem\nkeyfile {f}/broker.key\npassword_file {f}/users\nacl_file {f}/acl\n"
                                             f"listener {plain} 127.0.0.1\n")
    broker.plain = plain  # for the tests' own eyes
    return site.add(broker).start()


def console(site, broker, user):
    return site.add(Console(broker.plain, user=(user, USERS[user]))).start()


def gateway(site, broker, eq, version):
    hubs = hub(broker.port, more=f", username: qj-test-01, password_file: qj-test-01.password, version: {version}, tls: {{ca: ca.pem}}").replace("mqtt://", "mqtts://")
    return site.daemon(site_text(site.folder, bus(eq.ports[0], smoke_points(12)), rules=SMOKE_RULE, hubs=hubs)).hub_up()


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_all_that_a_brigade_needs(site, guarded, version):
    eq = site.equipment()
    d = gateway(site, guarded, eq, version)
    f = site.folder
    w = site.add(Watch(f, f"mqtts://127.0.0.1:{guarded.port}", "--username", "brigade", "--password-file", f / "brigade.password", "--ca", f / "ca.pem", "--mqtt", version,
                       "--region", "500110")).start()
    w.online()
    raise_fires(eq, d, [1])
    wait_for(lambda: w.seqs() == [1], what="the first fire")
    w.miss(lambda: (raise_fires(eq, d, [2, 3]), drained(d)))
    wait_for(lambda: len([n for n in w.notes("broker", state="up")]) == 2, 60, "the console is back")
    raise_fires(eq, d, [4])
    wait_for(lambda: sorted(w.seqs()) == [1, 2, 3, 4], 60, "what was missed is fetched")
    assert not w.notes("broker", state="refused") and not w.notes("gap", state="refused")
    assert w.end()["missing"] == 0
    assert "brigade's" not in w.text() + d.text() and "gateway's" not in d.text()


def test_what_others_may_not(site, guarded):
    """A gateway of another name can neither speak in this one's name nor command it, and a brigade cannot either."""
    eq = site.equipment()
    d = gateway(site, guarded, eq, 5)
    looker = console(site, guarded, "hub")
    for user in ("other-gateway", "brigade"):
        c = console(site, guarded, user)
        c.client.publish(PREFIX + "qj-test-01/event/fire", b'{"forged":true}', 1)
        c.client.publish(PREFIX + "qj-test-01/command/refresh", b'{"v":1}', 1)
    console(site, guarded, "other-gateway").client.publish(PREFIX + "qj-test-01/command/snapshot", b'{"v":1}', 1)
    assert looker.command("snapshot")[0]["ok"]
    raise_fires(eq, d, [1])
    wait_for(lambda: looker.events(alarm="facp.smoke1/smoke"), what="the true one")
    assert not [e for e in looker.got("/event/") if "forged" in e]
    commands = [t for _, t, _, _ in looker.all() if "/command/" in t]
    assert set(commands) <= {PREFIX + "qj-test-01/command/snapshot"} and len(commands) <= 1


def test_wrong_ways_in(site, guarded):
    f = site.folder
    (f / "brigade.password").write_text("guessed\n")
    url = f"mqtts://127.0.0.1:{guarded.port}"
    for more, why in ((["--username", "brigade", "--password-file", f / "brigade.password", "--ca", f / "ca.pem"], "uthori"), ([], "certificate")):
        w = site.add(Watch(f, url, "--for", "15s", *more, name=f"watch-{why}")).start()
        assert w.child.wait(60) == 3
        assert any(why in (n.get("text") or "") for n in w.notes("broker", state="down")), w.text()
        assert "guessed" not in w.text()
