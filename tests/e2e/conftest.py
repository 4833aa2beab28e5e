"""Fixtures of the end-to-end tests: the real daemon, a real broker, an independent Modbus server and an independent console. FIREGW_BIN names the folder of the programs."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import stage


@pytest.fixture
def site(tmp_path):
    """A folder with a broker, equipment and a site file that fits them; everything is ended at the end of the test."""
    with stage.Stage(tmp_path) as s:
        yield s
