"""Fixtures of the end-to-end tests: the real daemon, a real broker, an independent Modbus server and an independent console. FIREGW_BIN names the folder of the programs."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import asyncapi
import stage


@pytest.fixture
def site(tmp_path):
    """A folder with a broker, equipment and a site file that fits them; everything is ended at the end of the test, and what its consoles got is held against docs/asyncapi.yaml."""
    with stage.Stage(tmp_path) as s:
        yield s
        asyncapi.judge_sample(part for part in s.parts if isinstance(part, stage.Console))


# What waits longest, longest first: tests of about 20 s and more.
LONG = ("test_overcommitted", "test_every_figure", "test_a_refused_replay_is_said", "test_a_console_that_was_away", "test_all_that_a_brigade_needs",
        "test_the_daemon_sees_a_healthy_house_then_a_fire", "test_the_story_twice_side_by_side", "test_a_dead_port_and_mute_brokers_beside_a_live_hub",
        "test_the_broker_is_killed_and_restarted", "test_a_gateway_is_killed", "test_the_towers_scenarios", "test_half_a_minute_of_chaos",
        "test_a_line_and_a_hub_that_come_back_while_the_daemon_is_away", "test_a_stopped_console_misses_nothing", "test_a_player_that_takes_no_sound_and_one_that_is_not_there",
        "test_a_line_and_a_hub_that_a_new_config_cures", "test_a_dead_resolver_beside_a_live_hub", "test_reloads_in_the_midst_of_a_backlog",
        "test_a_fire_does_not_stand_behind_a_million_readings", "test_a_stopped_broker_comes_back", "test_a_hub_closed_by_a_reload_keeps_its_cursors",
        "test_a_device_that_is_away_shows", "test_a_store_that_does_not_answer_refuses_it", "test_wrong_ways_in", "test_adapter_pulled_out_and_back")


def pytest_collection_modifyitems(items):
    """What waits longest begins first. A worker is given two at a time, first one each, then a second one each (--dist loadgroup): behind a long one comes one that is soon over."""
    cost = {name: i for i, name in enumerate(LONG)}
    unknown = set(cost) - {i.originalname for i in items}
    assert len(items) < 200 or not unknown, f"conftest.py's LONG names tests that are not there: {unknown}"
    long = sorted((i for i in items if i.originalname in cost), key=lambda i: cost[i.originalname])
    short = [i for i in items if i.originalname not in cost]
    n = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    items[:] = long[:n] + short[:n] + long[n:] + short[n:]
