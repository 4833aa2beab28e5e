"""Half a minute of chaos on three kinds of line; scripts/soak chaos runs it for longer."""
import chaos


def test_half_a_minute_of_chaos(site):
    errors = chaos.run(site, 24, seed=20261124)
    assert not errors, "\n".join(errors)
