"""Ray's ports are open to whoever has the token, and to nobody else."""

import os
import subprocess
import sys

import pytest
import ray

from tune.engine.ray_tune import ray_runtime

pytestmark = pytest.mark.soak
JOIN = "import sys, ray; ray.init(address=sys.argv[1], logging_level='ERROR')"


@pytest.mark.parametrize("wrong", [{"RAY_AUTH_TOKEN": "wrong"}, {"RAY_AUTH_MODE": "disabled"}])
def test_who_has_not_the_token_does_not_get_in(wrong):
    with ray_runtime(None):
        address = ray.get_runtime_context().gcs_address
        codes = [
            subprocess.run([sys.executable, "-c", JOIN, address], env=os.environ | more, capture_output=True).returncode
            for more in ({}, wrong)
        ]
    assert codes == [0, 1]
