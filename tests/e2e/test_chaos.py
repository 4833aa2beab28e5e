"""Half a minute of chaos on three kinds of line; scripts/soak chaos runs it for longer."""
import chaos


def test_half_a_minute_of_chaos(site):
    # A unit whose every answer breaks off ends connection after connection, and all wait for the next one meanwhile: hence the lower bound there.
    errors = chaos.run(site, 24, seed=20261124)
    assert not errors, "\n".join(errors)
