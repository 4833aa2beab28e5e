"""The stage of the end-to-end tests, for runs under valgrind."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import stage


@pytest.fixture
def site(tmp_path):
    with stage.Stage(tmp_path) as s:
        yield s
