"""Fixtures of the end-to-end tests: the real daemon, a real broker, an independent Modbus server and an independent console. FIREGW_BIN names the folder of the programs."""
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


def pytest_collection_modifyitems(items):
    """What waits longest begins first, each beside one that is soon over: workers take two at a time."""
    first = ("test_overcommitted", "test_demo", "test_chaos", "test_watch", "test_hubs", "test_own_faults", "test_sim", "test_backlog")
    long = sorted((i for i in items if i.path.stem.startswith(first)), key=lambda i: next(n for n, f in enumerate(first) if i.path.stem.startswith(f)))
    short = [i for i in items if i not in long]
    items[:] = [i for pair in zip(long, short) for i in pair] + long[len(short):] + short[len(long):]
