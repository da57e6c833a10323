"""Flow equivariance, measured and asserted: ``error`` of any network, ``trained`` of a trained one, by precision."""

from fernn.equivariance.error import assert_flow_equivariant, drift, equivariance_error

__all__ = ["assert_flow_equivariant", "drift", "equivariance_error"]
