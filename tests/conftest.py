"""What every test file shares: how Hypothesis searches."""

from hypothesis import HealthCheck, settings

# Timing on a busy machine says nothing about correctness, and a run that differs from the last one cannot be compared.
settings.register_profile("metcn", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("metcn")
